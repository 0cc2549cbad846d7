// SPDX-License-Identifier: Apache-2.0
// raw_hello: how scst-load tells scst-ceiling the sizes of a connection: 16 bytes, once, big-endian.
#pragma once

#include <scst/bytes.hpp>

#include <array>
#include <cstdint>

namespace scstd::bench {

struct raw_sizes {
    std::uint32_t request = 0;
    std::uint32_t reply = 0;
};

inline constexpr std::uint64_t raw_magic = 0x73637374'72617731U; // "scstraw1"
inline constexpr std::uint32_t largest_raw = (64U << 20) + 48;
using raw_hello = std::array<std::uint8_t, 16>;

inline raw_hello put_raw_hello(const raw_sizes &sizes) noexcept {
    raw_hello bytes{};
    scst::store_be64(bytes.data(), raw_magic);
    scst::store_be32(bytes.data() + 8, sizes.request);
    scst::store_be32(bytes.data() + 12, sizes.reply);
    return bytes;
}

// False when this is no hello or its sizes are not served.
inline bool get_raw_hello(const raw_hello &bytes, raw_sizes &sizes) noexcept {
    sizes = {scst::load_be32(bytes.data() + 8), scst::load_be32(bytes.data() + 12)};
    return scst::load_be64(bytes.data()) == raw_magic && sizes.request != 0 && sizes.request <= largest_raw &&
           sizes.reply != 0 && sizes.reply <= largest_raw;
}

} // namespace scstd::bench
