// SPDX-License-Identifier: Apache-2.0
// file_medium: the backend of vdisk_fileio: a regular file or block device through the page cache, or with O_DIRECT.
//
// Reads are tried on the reactor with RWF_NOWAIT, large cached ones are lent as file ranges for sendfile(). Buffered
// writes are tried with RWF_NOWAIT where the file system can; whatever would wait goes to a worker. FUA is RWF_DSYNC,
// flush is fdatasync, unmap punches holes. Threads: as <scst/block.h> says.
#pragma once

#include "direct_file.hpp"
#include "residency.hpp"

#include <scst/block.h>

#include <atomic>
#include <memory>
#include <string>

namespace scstd::fileio {

class file_medium {
  public:
    // 0 or -errno; `why` is empty when strerror() says it all.
    static int open(const scst_block_open &request, std::unique_ptr<file_medium> &opened, std::string &why);
    ~file_medium();
    file_medium(const file_medium &) = delete;
    file_medium &operator=(const file_medium &) = delete;

    int describe(scst_block_info &info) const noexcept;
    int refresh(scst_block_info &info) noexcept;

    std::int32_t read(scst_block_io &io) noexcept;
    std::int32_t write(scst_block_io &io) noexcept;
    int flush() noexcept;
    int unmap(std::uint64_t offset, std::uint64_t length) noexcept;
    int write_zeroes(std::uint64_t offset, std::uint64_t length) noexcept;
    int block_status(std::uint64_t offset, scst_block_extent &extent) noexcept;
    int lend(std::uint64_t offset, std::uint64_t length, scst_block_loan &loan) noexcept;
    void prefetch(std::uint64_t offset, std::uint64_t length) noexcept;
    int space(std::uint64_t &used, std::uint64_t &available) noexcept;

  private:
    file_medium(int fd, bool direct) noexcept;
    int measure() noexcept;
    std::int32_t try_read(scst_block_io &io) noexcept;
    std::int32_t try_write(scst_block_io &io) noexcept;

    int fd_;
    std::uint64_t size_ = 0;
    bool can_punch_ = false;
    std::unique_ptr<direct_file> direct_;   // o_direct only
    std::unique_ptr<residency> residency_;  // without o_direct only; replaced while the device is quiet
    std::atomic<bool> read_nowait_ = true;  // the file system knows RWF_NOWAIT for reads
    std::atomic<bool> write_nowait_ = true; // … for writes
};

} // namespace scstd::fileio
