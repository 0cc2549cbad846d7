// SPDX-License-Identifier: Apache-2.0
// crc32c: the checksum of iSCSI's header and data digests (RFC 7143 13.1).
//
// Pure functions, any thread. Uses the CPU's instruction where it exists.
#pragma once

#include <cstdint>
#include <span>

namespace scstd::bench {

// Continues a checksum; start with crc32c(bytes). The result's bytes go on the wire in little-endian order.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::uint8_t> bytes, std::uint32_t before = 0) noexcept;

// The same by table, as on a CPU without the instruction.
[[nodiscard]] std::uint32_t crc32c_by_table(std::span<const std::uint8_t> bytes, std::uint32_t before = 0) noexcept;

} // namespace scstd::bench
