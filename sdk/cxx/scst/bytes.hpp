// SPDX-License-Identifier: Apache-2.0
// bytes: big- and little-endian loads and stores, and a reader that can't run past its end.
//
// Pure functions over bytes, any thread, no allocation. SCSI and iSCSI are big-endian; only CRC32C digests are not.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace scst {

template <std::unsigned_integral Value>
constexpr Value swap_bytes(Value value) noexcept {
    if constexpr (sizeof(Value) == 2)
        return static_cast<Value>(__builtin_bswap16(value));
    else if constexpr (sizeof(Value) == 4)
        return __builtin_bswap32(value);
    else if constexpr (sizeof(Value) == 8)
        return __builtin_bswap64(value);
    else
        return value;
}

// Reads sizeof(Value) bytes at `from`, big-endian, any alignment.
template <std::unsigned_integral Value>
inline Value load_be(const std::uint8_t *from) noexcept {
    Value value;
    std::memcpy(&value, from, sizeof value);
    return swap_bytes(value);
}

// Writes sizeof(Value) bytes at `to`, big-endian, any alignment.
template <std::unsigned_integral Value>
inline void store_be(std::uint8_t *to, Value value) noexcept {
    const Value swapped = swap_bytes(value);
    std::memcpy(to, &swapped, sizeof swapped);
}

inline std::uint16_t load_be16(const std::uint8_t *from) noexcept {
    return load_be<std::uint16_t>(from);
}
inline std::uint32_t load_be32(const std::uint8_t *from) noexcept {
    return load_be<std::uint32_t>(from);
}
inline std::uint64_t load_be64(const std::uint8_t *from) noexcept {
    return load_be<std::uint64_t>(from);
}
inline std::uint32_t load_be24(const std::uint8_t *from) noexcept {
    return (std::uint32_t{from[0]} << 16) | (std::uint32_t{from[1]} << 8) | from[2];
}
inline void store_be16(std::uint8_t *to, std::uint16_t value) noexcept {
    store_be(to, value);
}
inline void store_be32(std::uint8_t *to, std::uint32_t value) noexcept {
    store_be(to, value);
}
inline void store_be64(std::uint8_t *to, std::uint64_t value) noexcept {
    store_be(to, value);
}
inline void store_be24(std::uint8_t *to, std::uint32_t value) noexcept {
    to[0] = static_cast<std::uint8_t>(value >> 16);
    to[1] = static_cast<std::uint8_t>(value >> 8);
    to[2] = static_cast<std::uint8_t>(value);
}

// Walks over bytes that someone else sent. A read past the end gives zero and makes the reader fail for good, so one
// check of ok() after a series of reads is enough.
class byte_reader {
  public:
    explicit byte_reader(std::span<const std::uint8_t> bytes) noexcept : rest_{bytes} {}

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] std::size_t remaining() const noexcept { return rest_.size(); }

    template <std::unsigned_integral Value>
    Value be() noexcept {
        const auto piece = bytes(sizeof(Value));
        return piece.empty() ? Value{0} : load_be<Value>(piece.data());
    }
    std::uint8_t u8() noexcept { return be<std::uint8_t>(); }
    std::uint16_t u16() noexcept { return be<std::uint16_t>(); }
    std::uint32_t u32() noexcept { return be<std::uint32_t>(); }
    std::uint64_t u64() noexcept { return be<std::uint64_t>(); }

    // The next `count` bytes, or an empty span and failure when fewer remain.
    std::span<const std::uint8_t> bytes(std::size_t count) noexcept {
        if (count > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        const auto piece = rest_.first(count);
        rest_ = rest_.subspan(count);
        return piece;
    }
    void skip(std::size_t count) noexcept { static_cast<void>(bytes(count)); }

  private:
    std::span<const std::uint8_t> rest_;
    bool ok_ = true;
};

} // namespace scst
