// SPDX-License-Identifier: Apache-2.0
// values: how attributes are written and read: numbers and booleans as the kernel parses them, the [key] mark
// (management.md 0.2, 0.3, 1.4). Pure functions, any thread.
#pragma once

#include "base/result.hpp"

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace scstd::mgmt {

inline constexpr std::string_view key_mark = "[key]\n";

// "VALUE\n", with the mark when the value has to be saved.
[[nodiscard]] std::string shown(std::string_view value, bool key = false);
template <std::integral Number>
[[nodiscard]] std::string shown(Number value, bool key = false) {
    return shown(std::string_view{std::to_string(value)}, key);
}
inline std::string shown(const std::string &value, bool key = false) {
    return shown(std::string_view{value}, key);
}
inline std::string shown(const char *value, bool key = false) {
    return shown(std::string_view{value}, key);
}

// The value (first line) and the mark of a text that a file gave.
struct read_value {
    std::string value;
    bool key = false;
};
[[nodiscard]] read_value split_value(std::string_view text);

// Without one newline at the end.
[[nodiscard]] std::string_view chomp(std::string_view text) noexcept;
// Without blanks and newlines at both ends.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

// Base by prefix (0x, 0), one trailing newline. EINVAL, ERANGE.
[[nodiscard]] result<std::int64_t> parse_integer(std::string_view text);
[[nodiscard]] result<std::uint64_t> parse_unsigned(std::string_view text);
// Only the first character counts: 0 or 1.
[[nodiscard]] result<bool> parse_first_boolean(std::string_view text);
// A number that is 0 or 1.
[[nodiscard]] result<bool> parse_zero_or_one(std::string_view text);
// SCST's comparison of words: without case, over the shorter of both lengths; a newline counts as text.
[[nodiscard]] bool word_matches(std::string_view text, std::string_view word) noexcept;
[[nodiscard]] bool equal_without_case(std::string_view left, std::string_view right) noexcept;

} // namespace scstd::mgmt
