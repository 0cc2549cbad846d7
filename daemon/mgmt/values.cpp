// SPDX-License-Identifier: Apache-2.0
// values: see values.hpp.
#include "mgmt/values.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

namespace scstd::mgmt {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

} // namespace

std::string shown(std::string_view value, bool key) {
    std::string text{value};
    text += '\n';
    if (key)
        text += key_mark;
    return text;
}

read_value split_value(std::string_view text) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto rest = text.substr(std::min(end + 1, text.size()));
    return {std::string{text.substr(0, end)}, rest.substr(0, rest.find('\n')).find("[key]") != std::string_view::npos};
}

std::string_view chomp(std::string_view text) noexcept {
    if (text.ends_with('\n'))
        text.remove_suffix(1);
    return text;
}

std::string_view trim(std::string_view text) noexcept {
    constexpr std::string_view blanks = " \t\r\n";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

result<std::uint64_t> parse_unsigned(std::string_view text) {
    std::string_view digits = chomp(text);
    if (digits.starts_with('+'))
        digits.remove_prefix(1);
    int base = 10;
    if (digits.size() > 2 && digits[0] == '0' && lower(digits[1]) == 'x') {
        base = 16;
        digits.remove_prefix(2);
    } else if (digits.size() > 1 && digits[0] == '0') {
        base = 8;
        digits.remove_prefix(1);
    }
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
    if (failed == std::errc::result_out_of_range)
        return fail(ERANGE, "'{}' is too big", chomp(text));
    if (failed != std::errc{} || end != digits.data() + digits.size())
        return fail(EINVAL, "'{}' is not a number", chomp(text));
    return number;
}

result<std::int64_t> parse_integer(std::string_view text) {
    const bool negative = text.starts_with('-');
    auto number = parse_unsigned(negative ? text.substr(1) : text);
    if (!number || (negative && text.substr(1).starts_with('+')))
        return fail(number ? EINVAL : number.error().code, "'{}' is not a number", chomp(text));
    constexpr auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (number.value() > limit)
        return fail(ERANGE, "'{}' is too big", chomp(text));
    const auto value = static_cast<std::int64_t>(number.value());
    return negative ? -value : value;
}

result<bool> parse_first_boolean(std::string_view text) {
    if (text.starts_with('0'))
        return false;
    if (text.starts_with('1'))
        return true;
    return fail(EINVAL, "'{}' is neither 0 nor 1", chomp(text));
}

result<bool> parse_zero_or_one(std::string_view text) {
    auto number = parse_integer(text);
    if (!number)
        return number.error();
    if (number.value() != 0 && number.value() != 1)
        return fail(EINVAL, "'{}' is neither 0 nor 1", chomp(text));
    return number.value() == 1;
}

bool equal_without_case(std::string_view left, std::string_view right) noexcept {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

bool word_matches(std::string_view text, std::string_view word) noexcept {
    const auto length = std::min(text.size(), word.size());
    return length != 0 && equal_without_case(text.substr(0, length), word.substr(0, length));
}

} // namespace scstd::mgmt
