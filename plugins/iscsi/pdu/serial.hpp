// SPDX-License-Identifier: Apache-2.0
// serial: comparison of 32-bit sequence numbers that wrap (RFC 1982, as RFC 7143 4.2.2 demands for CmdSN, StatSN,
// DataSN). Pure functions, any thread.
#pragma once

#include <cstdint>

namespace scstd::iscsi {

// Whether `a` comes before `b`. Distances of exactly 2^31 count as "before" both ways, as RFC 1982 leaves them
// undefined.
constexpr bool serial_less(std::uint32_t a, std::uint32_t b) noexcept {
    return static_cast<std::int32_t>(a - b) < 0;
}
constexpr bool serial_less_equal(std::uint32_t a, std::uint32_t b) noexcept {
    return static_cast<std::int32_t>(a - b) <= 0;
}

} // namespace scstd::iscsi
