// SPDX-License-Identifier: Apache-2.0
// log: printf-like logging and error texts through the core's table. Any thread; costs one call when the level is off.
#pragma once

#include <scst/core.h>

#include <cstdarg>
#include <cstdio>
#include <string>
#include <utility>

namespace scst {

// One component's view of the daemon's log: lines bear its name ("iscsi", "dev.disk1").
class logger {
  public:
    logger(const scst_core *core, scst_plugin_ref *plugin, std::string component)
        : core_{core}, plugin_{plugin}, component_{std::move(component)} {}

    [[nodiscard]] bool enabled(std::uint32_t level) const noexcept { return core_->log_enabled(plugin_, level) != 0; }

    [[gnu::format(printf, 2, 3)]] void error(const char *format, ...) const noexcept {
        va_list arguments;
        va_start(arguments, format);
        line(SCST_LOG_ERROR, format, arguments);
        va_end(arguments);
    }
    [[gnu::format(printf, 2, 3)]] void warning(const char *format, ...) const noexcept {
        va_list arguments;
        va_start(arguments, format);
        line(SCST_LOG_WARNING, format, arguments);
        va_end(arguments);
    }
    [[gnu::format(printf, 2, 3)]] void info(const char *format, ...) const noexcept {
        va_list arguments;
        va_start(arguments, format);
        line(SCST_LOG_INFO, format, arguments);
        va_end(arguments);
    }
    [[gnu::format(printf, 2, 3)]] void debug(const char *format, ...) const noexcept {
        va_list arguments;
        va_start(arguments, format);
        line(SCST_LOG_DEBUG, format, arguments);
        va_end(arguments);
    }
    [[gnu::format(printf, 2, 3)]] void trace(const char *format, ...) const noexcept {
        va_list arguments;
        va_start(arguments, format);
        line(SCST_LOG_TRACE, format, arguments);
        va_end(arguments);
    }

  private:
    void line(std::uint32_t level, const char *format, va_list arguments) const noexcept {
        if (!enabled(level))
            return;
        char text[1024];
        const int length = std::vsnprintf(text, sizeof text, format, arguments);
        if (length < 0)
            return;
        const auto size = static_cast<std::size_t>(length);
        core_->log(plugin_, level, component_.c_str(), text, size < sizeof text ? size : sizeof text - 1);
    }

    const scst_core *core_;
    scst_plugin_ref *plugin_;
    std::string component_;
};

// Fills `error` and hands back -code, so that a failing callback can `return refuse(...)`.
[[gnu::format(printf, 4, 5)]] inline std::int32_t refuse(const scst_core *core, scst_error *error, int code,
                                                         const char *format, ...) noexcept {
    char text[252];
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0) {
        const auto size = static_cast<std::size_t>(length);
        core->error_set(error, text, size < sizeof text ? size : sizeof text - 1);
    }
    return -code;
}

} // namespace scst
