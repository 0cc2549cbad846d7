// SPDX-License-Identifier: Apache-2.0
// direct_file: reads and writes of any alignment on a file that was opened with O_DIRECT.
//
// What is aligned goes straight through. The rest passes an aligned bounce buffer; for a write that means to read the
// ends first, so such writes have the file for themselves (an exclusive lock) while all others share it. Workers only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <shared_mutex>
#include <span>

namespace scstd::fileio {

class direct_file {
  public:
    // `alignment`: of memory, offset and length; a power of two.
    direct_file(int fd, std::size_t alignment) noexcept : fd_{fd}, alignment_{alignment} {}

    // All bytes or -errno.
    int read(std::uint64_t offset, std::span<std::uint8_t> to);
    int write(std::uint64_t offset, std::span<const std::uint8_t> from, bool sync);

  private:
    [[nodiscard]] bool aligned(std::uint64_t offset, const void *address, std::size_t length) const noexcept;
    int bounce_read(std::uint64_t offset, std::span<std::uint8_t> to);
    int bounce_write(std::uint64_t offset, std::span<const std::uint8_t> from, bool sync);

    int fd_;
    std::size_t alignment_;
    std::shared_mutex mutex_;
};

// What O_DIRECT asks for on this file; 4096 when the kernel does not tell.
std::size_t direct_alignment(int fd) noexcept;

} // namespace scstd::fileio
