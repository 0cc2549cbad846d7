// SPDX-License-Identifier: Apache-2.0
// key_value: the text format of login and text PDUs: "key=value" pairs, each ended by a NUL (RFC 7143 6.1).
// The input is a peer's: every byte sequence is survived, nothing is copied, nothing is believed. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::iscsi {

inline constexpr std::size_t max_key_length = 63; // RFC 7143 6.1

struct key_value {
    std::string_view key;
    std::string_view value;
};

struct parsed_text {
    bool valid = true; // false: a pair without '=', without a key, or with a key longer than max_key_length
    std::vector<key_value> pairs;
};

// Splits at NULs; a missing last NUL is forgiven, empty strings between NULs (padding) are skipped. The pairs point
// into `text`.
[[nodiscard]] parsed_text parse_text(std::string_view text);

// Appends "key=value" and its NUL.
void append_pair(std::string &to, std::string_view key, std::string_view value);

// The value of the first pair with this key (compared without case, as SCST does), or nullptr.
[[nodiscard]] const key_value *find_key(const std::vector<key_value> &pairs, std::string_view key) noexcept;

[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] std::string lower_case(std::string_view text);

// Calls visit(word) for each part of a comma separated list until it returns true; whether it did.
template <class Visit>
bool any_of_list(std::string_view list, Visit &&visit) {
    while (true) {
        const auto comma = list.find(',');
        if (visit(list.substr(0, comma)))
            return true;
        if (comma == std::string_view::npos)
            return false;
        list.remove_prefix(comma + 1);
    }
}

} // namespace scstd::iscsi
