// SPDX-License-Identifier: Apache-2.0
// syntax: the form of scst.conf: words, quotes, comments and blocks, without any meaning (management.md 5.1, 5.2).
//
// Where SCST's own reader silently drops or cuts text (a '#' right behind a word, text before a '}' on its line, a
// fourth word, a '{' with nothing before it), this one reports an error: such a file does not mean what it says. What
// is more than SCST: \" \{ \} stand for the characters themselves, so that any one-line value can be saved. Pure
// functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::mgmt::scst_conf {

struct position {
    std::uint32_t line = 0; // from 1; 0: not from a file
    std::uint32_t column = 0;
};

struct diagnostic {
    position at;
    std::string text;
};
// "FILE:LINE:COLUMN: text".
[[nodiscard]] std::string format(const diagnostic &found, std::string_view file);

struct word {
    std::string text;
    position at;
};

struct statement {
    std::vector<word> words; // 1 to 3
    bool has_block = false;
    std::vector<statement> block;

    [[nodiscard]] const position &at() const noexcept { return words.front().at; }
};

inline constexpr std::size_t max_errors = 20;
inline constexpr std::size_t max_file_size = std::size_t{16} << 20;

// The statements of a file; what is wrong goes to `errors`, at most max_errors of them.
[[nodiscard]] std::vector<statement> parse(std::string_view text, std::vector<diagnostic> &errors);

// A value as it is written in a file: quoted and escaped where needed. It must hold no newline.
[[nodiscard]] std::string quoted(std::string_view value);

} // namespace scstd::mgmt::scst_conf
