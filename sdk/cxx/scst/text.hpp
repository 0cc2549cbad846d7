// SPDX-License-Identifier: Apache-2.0
// text: numbers as SCST's management files read them, and values as they print them.
//
// Pure functions, any thread. The formats are those of SCST's sysfs tree: one value, a newline, and a line "[key]" when
// the value is not the default and has to be saved.
#pragma once

#include <scst/types.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace scst {

inline std::string_view trim(std::string_view text) noexcept {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// An unsigned number with base prefix (0x hex, 0 octal, else decimal). errno-style failure: EINVAL or ERANGE.
inline int parse_unsigned(std::string_view text, std::uint64_t &value) noexcept {
    std::uint64_t base = 10;
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.size() > 1 && text[0] == '0') {
        base = 8;
        text.remove_prefix(1);
    }
    if (text.empty())
        return EINVAL;
    std::uint64_t sum = 0;
    for (const char c : text) {
        std::uint64_t digit = 99;
        if (c >= '0' && c <= '9')
            digit = static_cast<std::uint64_t>(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = static_cast<std::uint64_t>(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = static_cast<std::uint64_t>(c - 'A' + 10);
        if (digit >= base)
            return EINVAL;
        if (sum > (std::numeric_limits<std::uint64_t>::max() - digit) / base)
            return ERANGE;
        sum = sum * base + digit;
    }
    value = sum;
    return 0;
}

// As parse_unsigned(), limited to minimum..maximum (outside: EINVAL).
inline int parse_unsigned_in(std::string_view text, std::uint64_t minimum, std::uint64_t maximum,
                             std::uint64_t &value) noexcept {
    std::uint64_t parsed = 0;
    if (const int error = parse_unsigned(text, parsed))
        return error;
    if (parsed < minimum || parsed > maximum)
        return EINVAL;
    value = parsed;
    return 0;
}

inline void write(scst_writer *out, std::string_view text) {
    out->write(out, text.data(), text.size());
}

// VALUE, newline and, when `key`, the line that marks it for saving.
inline void write_value(scst_writer *out, std::string_view value, bool key) {
    write(out, value);
    write(out, key ? "\n[key]\n" : "\n");
}
inline void write_value(scst_writer *out, std::uint64_t value, bool key) {
    write_value(out, std::string_view{std::to_string(value)}, key);
}

} // namespace scst
