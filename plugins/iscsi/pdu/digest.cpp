// SPDX-License-Identifier: Apache-2.0
#include "pdu/digest.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace scstd::iscsi {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78; // 0x1EDC6F41 with its bits reversed
constexpr std::size_t slices = 8;
using slice_tables = std::array<std::array<std::uint32_t, 256>, slices>;

// tables[k][b]: the effect of byte b that is followed by k zero bytes.
constexpr slice_tables make_tables() noexcept {
    slice_tables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit)
            value = (value & 1) != 0 ? (value >> 1) ^ polynomial : value >> 1;
        tables[0][byte] = value;
    }
    for (std::size_t k = 1; k < slices; ++k)
        for (std::size_t byte = 0; byte < 256; ++byte)
            tables[k][byte] = (tables[k - 1][byte] >> 8) ^ tables[0][tables[k - 1][byte] & 0xff];
    return tables;
}

constexpr slice_tables tables = make_tables();

std::uint32_t load_le32(const std::uint8_t *from) noexcept {
    return from[0] | (std::uint32_t{from[1]} << 8) | (std::uint32_t{from[2]} << 16) | (std::uint32_t{from[3]} << 24);
}

using implementation = std::uint32_t (*)(std::uint32_t, const std::uint8_t *, std::size_t) noexcept;

const implementation best = crc32c_has_instruction() ? &crc32c_by_instruction : &crc32c_by_table;

} // namespace

std::uint32_t crc32c_by_table(std::uint32_t state, const std::uint8_t *bytes, std::size_t length) noexcept {
    for (; length >= slices; bytes += slices, length -= slices) {
        const std::uint32_t low = load_le32(bytes) ^ state;
        const std::uint32_t high = load_le32(bytes + 4);
        state = tables[7][low & 0xff] ^ tables[6][(low >> 8) & 0xff] ^ tables[5][(low >> 16) & 0xff] ^
                tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][(high >> 8) & 0xff] ^
                tables[1][(high >> 16) & 0xff] ^ tables[0][high >> 24];
    }
    for (; length != 0; ++bytes, --length)
        state = (state >> 8) ^ tables[0][(state ^ *bytes) & 0xff];
    return state;
}

#if defined(__x86_64__)

bool crc32c_has_instruction() noexcept {
    return __builtin_cpu_supports("sse4.2") != 0;
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(std::uint32_t state, const std::uint8_t *bytes,
                                                                      std::size_t length) noexcept {
    std::uint64_t wide = state;
    for (; length >= 8; bytes += 8, length -= 8) {
        std::uint64_t word;
        std::memcpy(&word, bytes, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    auto narrow = static_cast<std::uint32_t>(wide);
    for (; length != 0; ++bytes, --length)
        narrow = _mm_crc32_u8(narrow, *bytes);
    return narrow;
}

#else

bool crc32c_has_instruction() noexcept {
    return false;
}
std::uint32_t crc32c_by_instruction(std::uint32_t state, const std::uint8_t *bytes, std::size_t length) noexcept {
    return crc32c_by_table(state, bytes, length);
}

#endif

void crc32c::update(const std::uint8_t *bytes, std::size_t length) noexcept {
    state_ = best(state_, bytes, length);
}

std::uint32_t crc32c_of(const std::uint8_t *bytes, std::size_t length) noexcept {
    return ~best(0xffffffff, bytes, length);
}

void store_digest(std::uint8_t *to, std::uint32_t value) noexcept {
    for (int i = 0; i < 4; ++i)
        to[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::uint32_t load_digest(const std::uint8_t *from) noexcept {
    return load_le32(from);
}

} // namespace scstd::iscsi
