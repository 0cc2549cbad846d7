// SPDX-License-Identifier: Apache-2.0
// digest: CRC32C as iSCSI uses it for headers and data (RFC 7143 13.1): initial value all ones, inverted at the end,
// stored little-endian on the wire. The CPU's instruction is used where it exists, a table elsewhere. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace scstd::iscsi {

inline constexpr std::size_t digest_size = 4;

// A CRC32C over pieces of bytes that arrive one after another.
class crc32c {
  public:
    void update(const std::uint8_t *bytes, std::size_t length) noexcept;
    [[nodiscard]] std::uint32_t value() const noexcept { return ~state_; }

  private:
    std::uint32_t state_ = 0xffffffff;
};

[[nodiscard]] std::uint32_t crc32c_of(const std::uint8_t *bytes, std::size_t length) noexcept;

// The digest as on the wire.
void store_digest(std::uint8_t *to, std::uint32_t value) noexcept;
[[nodiscard]] std::uint32_t load_digest(const std::uint8_t *from) noexcept;

// The two implementations, for the test that compares them. Both take and give the inner (not inverted) state.
[[nodiscard]] std::uint32_t crc32c_by_table(std::uint32_t state, const std::uint8_t *bytes,
                                            std::size_t length) noexcept;
[[nodiscard]] bool crc32c_has_instruction() noexcept;
// Only when crc32c_has_instruction().
[[nodiscard]] std::uint32_t crc32c_by_instruction(std::uint32_t state, const std::uint8_t *bytes,
                                                  std::size_t length) noexcept;

} // namespace scstd::iscsi
