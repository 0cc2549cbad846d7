// SPDX-License-Identifier: Apache-2.0
#include "net/pattern.hpp"

namespace scstd::iscsi {
namespace {

constexpr char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

} // namespace

bool wildcard_matches(std::string_view pattern, std::string_view text) noexcept {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos; // where to go on after a mismatch: the last '*' and what it ate so far
    std::size_t eaten = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            eaten = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || to_lower(pattern[p]) == to_lower(text[t]))) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++eaten;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

bool patterns_allow(const std::vector<std::string> &patterns, std::string_view text) noexcept {
    bool any_positive = false;
    bool positive_matches = false;
    for (const std::string &pattern : patterns) {
        if (!pattern.empty() && pattern[0] == '!') {
            if (wildcard_matches(std::string_view{pattern}.substr(1), text))
                return false;
        } else {
            any_positive = true;
            positive_matches = positive_matches || wildcard_matches(pattern, text);
        }
    }
    return positive_matches || !any_positive;
}

} // namespace scstd::iscsi
