// SPDX-License-Identifier: Apache-2.0
// log: the daemon's log. Lines look like
//     2026-11-28 14:00:01.123456 [info] iscsi: text
//
// Any thread, at any time (before open() and after close() lines go to stderr). A line that is not wanted costs one
// relaxed load. Text may come from a peer: control characters are written as \xNN, so a line stays a line.
// Levels: error: someone must act. warning: peer or configuration is odd. info: life cycle. debug: transitions.
// trace: every PDU and CDB.
#pragma once

#include "../base/result.hpp"

#include <fmt/core.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace scstd::log {

// The numbers are those of SCST_LOG_* (sdk/include/scst/types.h).
enum class level : std::uint8_t { trace, debug, info, warning, error, off };

[[nodiscard]] std::string_view name_of(level severity) noexcept;
// "trace" … "error", "off"; EINVAL names the choices.
[[nodiscard]] result<level> parse_level(std::string_view text);

struct options {
    bool to_stderr = true;
    bool stderr_time = true;  // false under systemd, which has its own time stamps
    std::string file;         // empty: none
    std::string syslog_ident; // empty: no syslog
};

// Opens the sinks; replaces those that were open. On error those stay.
[[nodiscard]] result<> open(const options &sinks);
// Opens the file anew (logrotate, SIGHUP). On error the old file stays in use.
[[nodiscard]] result<> reopen();
// Back to stderr; flushes and closes file and syslog.
void close() noexcept;

// The level of all components without one of their own. info at start.
void set_level(level lowest) noexcept;
[[nodiscard]] level current_level() noexcept;
// Overrides for a component and its dotted parts: "dev" also means "dev.disk1"; the longest match wins.
void set_component_level(std::string_view component, level lowest);
void clear_component_levels() noexcept;

namespace detail {
extern std::atomic<level> lowest_wanted; // of all components: the quick test
void vwrite(level severity, std::string_view component, fmt::string_view format, fmt::format_args arguments) noexcept;
} // namespace detail

// false: nobody wants lines of this level.
[[nodiscard]] inline bool enabled(level severity) noexcept {
    return severity >= detail::lowest_wanted.load(std::memory_order_relaxed);
}
[[nodiscard]] bool enabled(level severity, std::string_view component) noexcept;

// Writes one line if its level is wanted.
void write(level severity, std::string_view component, std::string_view text) noexcept;

template <class... Args>
void line(level severity, std::string_view component, fmt::format_string<Args...> format, Args &&...arguments) {
    if (enabled(severity))
        detail::vwrite(severity, component, format, fmt::make_format_args(arguments...));
}
template <class... Args>
void trace(std::string_view component, fmt::format_string<Args...> format, Args &&...arguments) {
    line(level::trace, component, format, std::forward<Args>(arguments)...);
}
template <class... Args>
void debug(std::string_view component, fmt::format_string<Args...> format, Args &&...arguments) {
    line(level::debug, component, format, std::forward<Args>(arguments)...);
}
template <class... Args>
void info(std::string_view component, fmt::format_string<Args...> format, Args &&...arguments) {
    line(level::info, component, format, std::forward<Args>(arguments)...);
}
template <class... Args>
void warning(std::string_view component, fmt::format_string<Args...> format, Args &&...arguments) {
    line(level::warning, component, format, std::forward<Args>(arguments)...);
}
template <class... Args>
void error(std::string_view component, fmt::format_string<Args...> format, Args &&...arguments) {
    line(level::error, component, format, std::forward<Args>(arguments)...);
}

// Text with control characters (C0, DEL, C1 in UTF-8) escaped as \xNN, byte by byte.
[[nodiscard]] std::string escape(std::string_view text);

// Lets `lines` lines pass per interval, so that a peer cannot fill the disk. The first line after a silence is preceded
// by one that tells how many were suppressed. Any thread.
class rate_limiter {
  public:
    rate_limiter(std::uint32_t lines, std::uint64_t interval_ms) noexcept : lines_{lines}, interval_ms_{interval_ms} {}

    struct verdict {
        bool pass;
        std::uint64_t suppressed; // lines swallowed in the interval that ended; only with pass
    };
    // `now_ms` of a clock that never jumps.
    [[nodiscard]] verdict admit(std::uint64_t now_ms) noexcept;

    // Writes the line, or counts it.
    void write(level severity, std::string_view component, std::string_view text) noexcept;
    void write_at(std::uint64_t now_ms, level severity, std::string_view component, std::string_view text) noexcept;

  private:
    std::mutex mutex_;
    const std::uint32_t lines_;
    const std::uint64_t interval_ms_;
    std::uint64_t interval_start_ = 0;
    std::uint64_t suppressed_ = 0;
    std::uint32_t passed_ = 0;
    bool started_ = false;
};

} // namespace scstd::log
