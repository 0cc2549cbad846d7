// SPDX-License-Identifier: Apache-2.0
// command_line: see command_line.hpp. Unlike SCST, blanks at the end of a line are harmless.
#include "mgmt/command_line.hpp"

#include "mgmt/values.hpp"

#include <algorithm>
#include <cerrno>

namespace scstd::mgmt {

namespace {

constexpr std::string_view token_ends = ";\n";

bool separates(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f' || c == '=';
}

std::string_view next_token(std::string_view &text) {
    const auto end = std::min(text.find_first_of(token_ends), text.size());
    const auto token = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return token;
}

std::string_view next_word(std::string_view &token) {
    while (!token.empty() && separates(token.front()))
        token.remove_prefix(1);
    const auto end = std::find_if(token.begin(), token.end(), separates);
    const auto word = token.substr(0, static_cast<std::size_t>(end - token.begin()));
    token.remove_prefix(word.size());
    return word;
}

} // namespace

command_line::command_line(std::string_view text) noexcept : more_{text} {
    token_ = next_token(more_);
}

std::string_view command_line::word() noexcept {
    return next_word(token_);
}

result<std::string> command_line::required(std::string_view what) {
    const auto found = word();
    if (found.empty())
        return fail(EINVAL, "{} is missing", what);
    return std::string{found};
}

result<> command_line::end() const {
    const auto left = trim(token_);
    if (!left.empty())
        return fail(EINVAL, "'{}' is too much", left);
    const auto after = trim(more_);
    if (!after.empty() && after != ";")
        return fail(EINVAL, "'{}' is too much", after);
    return ok();
}

result<std::vector<std::pair<std::string, std::string>>> command_line::parameters() {
    std::vector<std::pair<std::string, std::string>> found;
    std::string_view token = token_;
    std::string_view more = more_;
    // What follows the fixed words in their token may be nothing; an empty token after that is the end.
    for (bool first = true; first || !trim(token).empty(); token = next_token(more), first = false) {
        if (trim(token).empty())
            continue;
        const auto name = next_word(token);
        const auto value = next_word(token);
        if (value.empty())
            return fail(EINVAL, "the parameter {} has no value", name);
        if (!trim(token).empty())
            return fail(EINVAL, "the parameter {} has more than one value: '{}' is too much", name, trim(token));
        found.emplace_back(name, value);
    }
    return found;
}

std::string_view command_line::rest() const noexcept {
    return trim(token_);
}

} // namespace scstd::mgmt
