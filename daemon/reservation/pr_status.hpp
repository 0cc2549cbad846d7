// SPDX-License-Identifier: Apache-2.0
// pr_status makers: the answers that PERSISTENT RESERVE IN and OUT know. Internal to this folder; pure functions.
#pragma once

#include "reservation/persistent_reservations.hpp"

#include <cstdint>
#include <optional>

namespace scstd::reservation {

inline pr_status conflict() noexcept {
    return {SCST_STATUS_RESERVATION_CONFLICT, 0, 0, 0, std::nullopt};
}
inline pr_status illegal(std::uint8_t asc, std::uint8_t ascq, std::optional<field_pointer> field = {}) noexcept {
    return {SCST_STATUS_CHECK_CONDITION, SCST_SENSE_ILLEGAL_REQUEST, asc, ascq, field};
}
inline pr_status invalid_opcode() noexcept {
    return illegal(0x20, 0x00);
}
inline pr_status invalid_in_cdb(std::uint16_t byte, std::uint8_t bit) noexcept {
    return illegal(0x24, 0x00, field_pointer{true, byte, bit});
}
inline pr_status invalid_in_list(std::uint16_t byte, std::optional<std::uint8_t> bit = {}) noexcept {
    return illegal(0x26, 0x00, field_pointer{false, byte, bit});
}
inline pr_status list_length_error() noexcept {
    return illegal(0x1a, 0x00);
}

} // namespace scstd::reservation
