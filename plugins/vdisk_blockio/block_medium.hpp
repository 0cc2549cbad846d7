// SPDX-License-Identifier: Apache-2.0
// block_medium: the backend of vdisk_blockio: a block device past the page cache.
//
// Aligned transfers are submitted asynchronously from the reactor; others, and those the kernel does not take, go to a
// worker through direct_file. FUA is RWF_DSYNC, flush is fdatasync (a cache flush of the device), unmap is a discard.
// Threads: as <scst/block.h> says.
#pragma once

#include "aio_queue.hpp"

#include <direct_file.hpp>

#include <scst/block.h>

#include <memory>
#include <string>

namespace scstd::blockio {

class block_medium {
  public:
    // 0 or -errno; `why` is empty when strerror() says it all.
    static int open(const scst_block_open &request, std::unique_ptr<block_medium> &opened, std::string &why);
    ~block_medium();
    block_medium(const block_medium &) = delete;
    block_medium &operator=(const block_medium &) = delete;

    int describe(scst_block_info &info) const;
    std::int32_t transfer(scst_block_io &io, bool writing) noexcept;
    int flush() noexcept;
    int unmap(std::uint64_t offset, std::uint64_t length) noexcept;
    int discard(std::uint64_t offset, std::uint64_t length) noexcept;
    int write_zeroes(std::uint64_t offset, std::uint64_t length) noexcept;

  private:
    block_medium(int fd, std::size_t alignment);

    int fd_;
    std::size_t alignment_;
    std::string queue_folder_; // /sys/dev/block/…/queue
    fileio::direct_file direct_;
    std::unique_ptr<aio_queue> queue_; // NULL: everything goes to workers
};

} // namespace scstd::blockio
