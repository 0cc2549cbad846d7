// SPDX-License-Identifier: Apache-2.0
// crc32c: see the header. The polynomial is 0x1edc6f41, here in its bit-reversed form.
#include "crc32c.hpp"

#include <array>
#include <cstddef>
#include <cstring>

namespace scstd::bench {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
        table[byte] = crc;
    }
    return table;
}

constexpr auto crc_table = make_table();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_cpu(std::span<const std::uint8_t> bytes,
                                                              std::uint32_t before) noexcept {
    std::uint64_t crc = ~before;
    const std::uint8_t *at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) {
        std::uint64_t word;
        std::memcpy(&word, at, sizeof word);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    auto narrow = static_cast<std::uint32_t>(crc);
    for (; left != 0; --left, ++at)
        narrow = __builtin_ia32_crc32qi(narrow, *at);
    return ~narrow;
}

const bool cpu_has_crc32 = __builtin_cpu_supports("sse4.2") != 0;
#endif

} // namespace

std::uint32_t crc32c_by_table(std::span<const std::uint8_t> bytes, std::uint32_t before) noexcept {
    std::uint32_t crc = ~before;
    for (const std::uint8_t byte : bytes)
        crc = (crc >> 8) ^ crc_table[(crc ^ byte) & 0xffU];
    return ~crc;
}

std::uint32_t crc32c(std::span<const std::uint8_t> bytes, std::uint32_t before) noexcept {
#if defined(__x86_64__)
    if (cpu_has_crc32)
        return crc32c_by_cpu(bytes, before);
#endif
    return crc32c_by_table(bytes, before);
}

} // namespace scstd::bench
