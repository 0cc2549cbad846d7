// SPDX-License-Identifier: Apache-2.0
// gate: the bits of a nexus' gate word. While the bits that concern a command are zero, the command takes the fast
// path: nothing is pending that it would have to look at. Written under the device's lock, read by the reactor.
#pragma once

#include <cstdint>

namespace scstd::session::gate {

inline constexpr std::uint32_t unit_attention = 1u << 0;     // a unit attention is pending
inline constexpr std::uint32_t reserved = 1u << 1;           // SPC-2 reservation of another nexus
inline constexpr std::uint32_t pr_write_exclusive = 1u << 2; // persistent reservation lets only WX commands pass
inline constexpr std::uint32_t pr_exclusive = 1u << 3;       // persistent reservation lets only XA commands pass
inline constexpr std::uint32_t blocked = 1u << 4;            // device suspended, or a serialized command waits or runs
inline constexpr std::uint32_t alua = 1u << 5;               // the port's ALUA state filters commands
inline constexpr std::uint32_t shared_task_set = 1u << 6;    // TST=0: the device keeps the order of all nexuses
inline constexpr std::uint32_t aca = 1u << 7;                // an ACA condition exists in the task set
inline constexpr std::uint32_t ranges = 1u << 8;             // some command has blocks for itself
inline constexpr std::uint32_t read_only = 1u << 9;          // writes are refused: LUN, device or SWP
inline constexpr std::uint32_t no_reservations = 1u << 10;   // the transport has no TransportID: PR commands refused

} // namespace scstd::session::gate
