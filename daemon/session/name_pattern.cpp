// SPDX-License-Identifier: Apache-2.0
// Matches with two cursors and one restart point: after a '*' the text position can only move forward, so the work is
// bounded by pattern length times name length whatever a peer sends.
#include "session/name_pattern.hpp"

#include <cctype>

namespace scstd::session {

namespace {

bool same(char a, char b) noexcept {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

bool wildcard_matches(std::string_view pattern, std::string_view name) noexcept {
    std::size_t p = 0;
    std::size_t n = 0;
    std::size_t star = std::string_view::npos;
    std::size_t restart = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            restart = n;
        } else if (p < pattern.size() && (pattern[p] == '?' || same(pattern[p], name[n]))) {
            ++p;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++restart;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

} // namespace

bool name_matches(std::string_view pattern, std::string_view name) noexcept {
    if (!pattern.empty() && pattern.front() == '!')
        return !wildcard_matches(pattern.substr(1), name);
    return wildcard_matches(pattern, name);
}

} // namespace scstd::session
