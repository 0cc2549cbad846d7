// SPDX-License-Identifier: Apache-2.0
// trace_level: see trace_level.hpp.
#include "mgmt/trace_level.hpp"

#include "log/log.hpp"
#include "mgmt/command_line.hpp"
#include "mgmt/values.hpp"

#include <atomic>
#include <cerrno>
#include <optional>

namespace scstd::mgmt {

namespace {

constexpr std::string_view tokens[] = {"trace", "debug", "info", "warning", "error"}; // by log::level
std::atomic<log::level> configured{log::level::info};

std::optional<log::level> level_of(std::string_view token) {
    for (std::size_t i = 0; i < std::size(tokens); ++i)
        if (equal_without_case(token, tokens[i]))
            return static_cast<log::level>(i);
    return std::nullopt;
}

// The lowest level that is written.
log::level present(std::string_view component) {
    for (std::size_t i = 0; i < std::size(tokens); ++i)
        if (log::enabled(static_cast<log::level>(i), component))
            return static_cast<log::level>(i);
    return log::level::off;
}

void use(std::string_view component, log::level lowest) {
    if (component.empty())
        log::set_level(lowest);
    else
        log::set_component_level(component, lowest);
}

result<log::level> changed(std::string_view verb, std::string_view token, log::level now) {
    const auto level = level_of(token);
    if (!level)
        return fail(EINVAL, "'{}' is not one of error, warning, info, debug, trace", token);
    if (equal_without_case(verb, "add"))
        return std::min(now, *level);
    // A level can't be left out alone: without it, those below it are off as well.
    return std::max(now, static_cast<log::level>(static_cast<int>(*level) + 1));
}

} // namespace

void set_default_trace_level(std::string_view level) {
    if (const auto found = level_of(level))
        configured = *found;
}

std::string trace_level_text(std::string_view component) {
    std::string active;
    for (auto i = std::size(tokens); i-- > 0;)
        if (log::enabled(static_cast<log::level>(i), component)) {
            active += active.empty() ? "" : " | ";
            active += tokens[i];
        }
    return active + "\n\n\nUsage:\n\techo \"all|none|default\" >trace_level\n\techo \"value 0..5\" >trace_level\n"
                    "\techo \"add|del TOKEN\" >trace_level\n\nwhere TOKEN is one of [error, warning, info, debug, "
                    "trace]; each includes those before it\n";
}

result<> set_trace_level(std::string_view component, std::string_view text) {
    command_line line{text};
    const auto verb = line.word();
    const auto token = line.word();
    if (auto good = line.end(); !good)
        return good;
    const bool alone = token.empty();
    if (alone && equal_without_case(verb, "all")) {
        use(component, log::level::trace);
    } else if (alone && (equal_without_case(verb, "none") || equal_without_case(verb, "null"))) {
        use(component, log::level::error);
    } else if (alone && equal_without_case(verb, "default")) {
        use(component, configured);
    } else if (!alone && equal_without_case(verb, "value")) {
        auto number = parse_unsigned(token);
        if (!number)
            return number.error();
        if (number.value() > static_cast<unsigned>(log::level::off))
            return fail(EINVAL, "{} is not between 0 (trace) and 5 (off)", number.value());
        use(component, static_cast<log::level>(number.value()));
    } else if (!alone && (equal_without_case(verb, "add") || equal_without_case(verb, "del"))) {
        auto level = changed(verb, token, present(component));
        if (!level)
            return level.error();
        use(component, level.value());
    } else {
        return fail(EINVAL, "'{}' is not one of all, none, default, add TOKEN, del TOKEN, value N", trim(text));
    }
    return ok();
}

} // namespace scstd::mgmt
