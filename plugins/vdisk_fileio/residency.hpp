// SPDX-License-Identifier: Apache-2.0
// residency: asks the kernel whether a range of a file is in the page cache, so that a reactor never waits for a disk.
//
// The file is mapped, but no byte of the mapping is ever touched: a file that shrinks can't hurt. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace scstd::fileio {

class residency {
  public:
    residency() = default;
    residency(int fd, std::uint64_t size) noexcept;
    ~residency();
    residency(const residency &) = delete;
    residency &operator=(const residency &) = delete;

    // False also when it can't be told.
    [[nodiscard]] bool resident(std::uint64_t offset, std::uint64_t length) const noexcept;

  private:
    void *mapping_ = nullptr;
    std::uint64_t size_ = 0;
};

} // namespace scstd::fileio
