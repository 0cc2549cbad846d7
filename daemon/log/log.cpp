// SPDX-License-Identifier: Apache-2.0
// log: see the header. spdlog formats and writes; what is wanted, and that a line is one line, is decided here.
//
// One mutex guards the sinks and the components' levels; the sinks themselves have no locks (spdlog's _st).
#include "log.hpp"

#include "base/unique_fd.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>
#include <vector>

namespace scstd::log {

namespace {

constexpr std::array<std::string_view, 6> level_names{"trace", "debug", "info", "warning", "error", "off"};
constexpr const char *pattern_with_time = "%Y-%m-%d %H:%M:%S.%f [%l] %n: %v";
constexpr const char *pattern_without_time = "[%l] %n: %v";
constexpr const char *pattern_of_syslog = "%n: %v"; // which has level and time

using sink_pointer = std::shared_ptr<spdlog::sinks::sink>;

struct sink_set {
    sink_pointer stderr_sink;
    sink_pointer file;
    sink_pointer syslog;
};

struct component_level {
    std::string component;
    level lowest;
};

struct state {
    std::mutex mutex;
    std::string file; // what sinks.file writes to
    sink_set sinks;
    level lowest = level::info;
    std::vector<component_level> overrides;
};

sink_pointer make_stderr_sink(bool with_time) {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_st>();
    sink->set_pattern(with_time ? pattern_with_time : pattern_without_time);
    return sink;
}

// Never destroyed: threads may log until the process ends.
state &shared() {
    static state &instance = *[] {
        auto made = std::make_unique<state>();
        made->sinks.stderr_sink = make_stderr_sink(true);
        return made.release();
    }();
    return instance;
}

spdlog::level::level_enum spdlog_level(level severity) {
    switch (severity) {
    case level::trace:
        return spdlog::level::trace;
    case level::debug:
        return spdlog::level::debug;
    case level::info:
        return spdlog::level::info;
    case level::warning:
        return spdlog::level::warn;
    case level::error:
        return spdlog::level::err;
    case level::off:
        break;
    }
    return spdlog::level::off;
}

// The file is made here, so that its mode and the reason of a failure are ours; spdlog opens it once more.
result<sink_pointer> open_file(const std::string &path) {
    const unique_fd made{::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640)};
    if (!made) {
        const int code = errno;
        return fail(code, "cannot open the log file {}: {}", path, std::generic_category().message(code));
    }
    try {
        sink_pointer sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(path);
        sink->set_pattern(pattern_with_time);
        return sink;
    } catch (const spdlog::spdlog_ex &problem) {
        return fail(EIO, "cannot open the log file: {}", problem.what());
    }
}

// "dev" matches "dev" and "dev.disk1".
bool covers(std::string_view override, std::string_view component) {
    return component.starts_with(override) &&
           (component.size() == override.size() || component[override.size()] == '.');
}

// With the mutex held.
level level_of(const state &now, std::string_view component) {
    const component_level *best = nullptr;
    for (const component_level &each : now.overrides) {
        if (covers(each.component, component) && (best == nullptr || each.component.size() > best->component.size()))
            best = &each;
    }
    return best == nullptr ? now.lowest : best->lowest;
}

void publish_lowest(const state &now) {
    level lowest = now.lowest;
    for (const component_level &each : now.overrides)
        lowest = std::min(lowest, each.lowest);
    detail::lowest_wanted.store(lowest, std::memory_order_relaxed);
}

// A full disk or a closed stderr must not stop the daemon; there is nobody left to tell.
void write_to(const sink_pointer &sink, const spdlog::details::log_msg &message) noexcept {
    if (sink == nullptr)
        return;
    try {
        sink->log(message);
        sink->flush();
    } catch (const std::exception &) {
        return;
    }
}

void write_line(level severity, std::string_view component, std::string_view text) noexcept {
    const std::string safe_component = escape(component);
    const std::string safe_text = escape(text);
    const spdlog::details::log_msg message{spdlog::log_clock::now(), spdlog::source_loc{}, safe_component,
                                           spdlog_level(severity), safe_text};
    state &now = shared();
    const std::lock_guard lock{now.mutex};
    if (severity < level_of(now, component))
        return;
    write_to(now.sinks.stderr_sink, message);
    write_to(now.sinks.file, message);
    write_to(now.sinks.syslog, message);
}

bool is_control(unsigned char c) {
    return c < 0x20 || c == 0x7f;
}

// U+0080 … U+009F: terminals obey them, too.
bool is_c1_control(std::string_view text, std::size_t at) {
    return text[at] == '\xc2' && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0x80 &&
           static_cast<unsigned char>(text[at + 1]) <= 0x9f;
}

std::uint64_t monotonic_ms() {
    const auto since_boot = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_boot).count());
}

} // namespace

namespace detail {

std::atomic<level> lowest_wanted{level::info};

void vwrite(level severity, std::string_view component, fmt::string_view format, fmt::format_args arguments) noexcept {
    if (enabled(severity, component))
        write_line(severity, component, fmt::vformat(format, arguments));
}

} // namespace detail

std::string_view name_of(level severity) noexcept {
    return level_names[static_cast<std::size_t>(severity)];
}

result<level> parse_level(std::string_view text) {
    const auto found = std::find(level_names.begin(), level_names.end(), text);
    if (found == level_names.end())
        return fail(EINVAL, "the log level is one of trace, debug, info, warning, error, off");
    return static_cast<level>(found - level_names.begin());
}

result<> open(const options &sinks) {
    sink_set opened;
    if (sinks.to_stderr)
        opened.stderr_sink = make_stderr_sink(sinks.stderr_time);
    if (!sinks.file.empty()) {
        result<sink_pointer> file = open_file(sinks.file);
        if (!file)
            return file.error();
        opened.file = file.take();
    }
    state &now = shared();
    const std::lock_guard lock{now.mutex};
    now.file = sinks.file;
    now.sinks = {}; // closes syslog before it is opened again: it is one per process
    if (!sinks.syslog_ident.empty()) {
        opened.syslog = std::make_shared<spdlog::sinks::syslog_sink_st>(sinks.syslog_ident, LOG_PID, LOG_DAEMON, true);
        opened.syslog->set_pattern(pattern_of_syslog);
    }
    now.sinks = std::move(opened);
    return ok();
}

result<> reopen() {
    state &now = shared();
    std::string path;
    {
        const std::lock_guard lock{now.mutex};
        path = now.file;
    }
    if (path.empty())
        return ok();
    result<sink_pointer> file = open_file(path);
    if (!file)
        return file.error();
    sink_pointer fresh = file.take();
    const std::lock_guard lock{now.mutex};
    if (now.file == path)
        now.sinks.file.swap(fresh);
    return ok();
}

void close() noexcept {
    state &now = shared();
    const std::lock_guard lock{now.mutex};
    now.file.clear();
    now.sinks = {};
    now.sinks.stderr_sink = make_stderr_sink(true);
}

void set_level(level lowest) noexcept {
    state &now = shared();
    const std::lock_guard lock{now.mutex};
    now.lowest = lowest;
    publish_lowest(now);
}

level current_level() noexcept {
    state &now = shared();
    const std::lock_guard lock{now.mutex};
    return now.lowest;
}

void set_component_level(std::string_view component, level lowest) {
    state &now = shared();
    const std::lock_guard lock{now.mutex};
    const auto found = std::find_if(now.overrides.begin(), now.overrides.end(),
                                    [&](const component_level &each) { return each.component == component; });
    if (found != now.overrides.end())
        found->lowest = lowest;
    else
        now.overrides.push_back({std::string{component}, lowest});
    publish_lowest(now);
}

void clear_component_levels() noexcept {
    state &now = shared();
    const std::lock_guard lock{now.mutex};
    now.overrides.clear();
    publish_lowest(now);
}

bool enabled(level severity, std::string_view component) noexcept {
    if (!enabled(severity))
        return false;
    state &now = shared();
    const std::lock_guard lock{now.mutex};
    return severity >= level_of(now, component);
}

void write(level severity, std::string_view component, std::string_view text) noexcept {
    if (enabled(severity))
        write_line(severity, component, text);
}

std::string escape(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); i++) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (is_c1_control(text, i)) {
            safe += fmt::format("\\xc2\\x{:02x}", static_cast<unsigned char>(text[i + 1]));
            i++;
        } else if (is_control(c)) {
            safe += fmt::format("\\x{:02x}", c);
        } else {
            safe += text[i];
        }
    }
    return safe;
}

rate_limiter::verdict rate_limiter::admit(std::uint64_t now_ms) noexcept {
    const std::lock_guard lock{mutex_};
    std::uint64_t swallowed = 0;
    if (!started_ || now_ms - interval_start_ >= interval_ms_) {
        started_ = true;
        interval_start_ = now_ms;
        passed_ = 0;
        swallowed = std::exchange(suppressed_, 0);
    }
    if (passed_ >= lines_) {
        suppressed_ += swallowed + 1;
        return {false, 0};
    }
    passed_++;
    return {true, swallowed};
}

void rate_limiter::write(level severity, std::string_view component, std::string_view text) noexcept {
    write_at(monotonic_ms(), severity, component, text);
}

void rate_limiter::write_at(std::uint64_t now_ms, level severity, std::string_view component,
                            std::string_view text) noexcept {
    if (!enabled(severity, component))
        return;
    const verdict decided = admit(now_ms);
    if (!decided.pass)
        return;
    if (decided.suppressed > 0)
        log::write(severity, component, fmt::format("suppressed {} lines like the next one", decided.suppressed));
    log::write(severity, component, text);
}

} // namespace scstd::log
