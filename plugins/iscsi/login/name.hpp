// SPDX-License-Identifier: Apache-2.0
// name: which iSCSI names are accepted from initiators (RFC 7143 4.2.7, RFC 3722 as far as SCST checks it). Pure
// function.
#pragma once

#include <string_view>

namespace scstd::iscsi {

inline constexpr std::size_t max_name_length = 223;

// At most 223 bytes; ASCII only lower case letters, digits, '-', '.' and ':'; beyond ASCII well-formed UTF-8 without
// the characters that RFC 3722 prohibits.
[[nodiscard]] bool valid_initiator_name(std::string_view name) noexcept;

} // namespace scstd::iscsi
