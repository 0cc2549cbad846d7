// SPDX-License-Identifier: Apache-2.0
// aptpl_format: the bytes of a reservation file (ACTIVATE PERSIST THROUGH POWER LOSS), in SCST's format, so that files
// move between the two.
//
// Pure functions, any thread. Host byte order, except keys and TransportIDs, which stay as on the wire:
//     u64 signature, u64 version, u8 aptpl, u8 reserved?, u8 type, u8 scope
//     per registrant: u8 holder, TransportID, u64 key, u16 relative target port
#pragma once

#include "base/result.hpp"
#include "reservation/pr_state.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace scstd::reservation {

inline constexpr std::uint64_t aptpl_signature = 0xBBEEEEAAEEBBDD77;
inline constexpr std::uint64_t aptpl_version = 1;
// A file must be smaller.
inline constexpr std::size_t aptpl_size_limit = std::size_t{15} << 20;

[[nodiscard]] std::vector<std::uint8_t> encode_aptpl(const pr_state &state);
// EINVAL and what is wrong with the bytes.
[[nodiscard]] result<pr_state> decode_aptpl(std::span<const std::uint8_t> bytes);

} // namespace scstd::reservation
