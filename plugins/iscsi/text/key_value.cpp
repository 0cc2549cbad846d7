// SPDX-License-Identifier: Apache-2.0
#include "text/key_value.hpp"

#include <algorithm>

namespace scstd::iscsi {
namespace {

constexpr char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

} // namespace

parsed_text parse_text(std::string_view text) {
    parsed_text result;
    while (!text.empty()) {
        const auto end = text.find('\0');
        const auto pair = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (pair.empty())
            continue;
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos || equals == 0 || equals > max_key_length) {
            result.valid = false;
            return result;
        }
        result.pairs.push_back({pair.substr(0, equals), pair.substr(equals + 1)});
    }
    return result;
}

void append_pair(std::string &to, std::string_view key, std::string_view value) {
    to.append(key);
    to.push_back('=');
    to.append(value);
    to.push_back('\0');
}

const key_value *find_key(const std::vector<key_value> &pairs, std::string_view key) noexcept {
    const auto found = std::find_if(pairs.begin(), pairs.end(),
                                    [&](const key_value &one) { return equal_ignoring_case(one.key, key); });
    return found == pairs.end() ? nullptr : &*found;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return to_lower(x) == to_lower(y); });
}

std::string lower_case(std::string_view text) {
    std::string lower{text};
    std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
    return lower;
}

} // namespace scstd::iscsi
