// SPDX-License-Identifier: Apache-2.0
// See block_medium.hpp.
#include "block_medium.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace scstd::blockio {
namespace {

// The folder of a device's queue limits; a partition's are its disk's.
std::string queue_folder(dev_t device) {
    const std::string base = "/sys/dev/block/" + std::to_string(major(device)) + ":" + std::to_string(minor(device));
    for (const char *tail : {"/queue", "/../queue"}) {
        if (::access((base + tail).c_str(), F_OK) == 0)
            return base + tail;
    }
    return {};
}

// A value of sysfs, or "" when there is none.
std::string read_limit(const std::string &folder, const char *name) {
    const int fd = ::open((folder + "/" + name).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return {};
    std::array<char, 64> text{};
    const ssize_t got = ::read(fd, text.data(), text.size() - 1);
    ::close(fd);
    return got > 0 ? std::string{text.data(), static_cast<std::size_t>(got)} : std::string{};
}

std::uint64_t read_number(const std::string &folder, const char *name) {
    return std::strtoull(read_limit(folder, name).c_str(), nullptr, 10);
}

std::uint32_t in_32_bits(std::uint64_t value) noexcept {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, 0xffffffff));
}

int open_device(const scst_block_open &request, int &fd, std::string &why) {
    const bool read_only = (request.flags & SCST_BLOCK_OPEN_READ_ONLY) != 0;
    struct ::stat status {};
    int result = ::stat(request.filename, &status) != 0 ? -errno : 0;
    if (result == 0 && !S_ISBLK(status.st_mode)) {
        why = std::string{request.filename} + " is not a block device";
        return S_ISREG(status.st_mode) ? -ENOTBLK : -EINVAL;
    }
    if (result == 0) {
        // O_EXCL: nobody else may have it mounted or opened for himself.
        fd = ::open(request.filename, (read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_EXCL | O_CLOEXEC);
        result = fd < 0 ? -errno : 0;
    }
    if (result != 0)
        why = std::string{"can't open "} + request.filename + ": " + std::strerror(-result);
    return result;
}

} // namespace

block_medium::block_medium(int fd, std::size_t alignment)
    : fd_{fd}, alignment_{alignment}, direct_{fd, alignment}, queue_{aio_queue::make(fd)} {}

block_medium::~block_medium() {
    queue_.reset();
    ::close(fd_);
}

int block_medium::open(const scst_block_open &request, std::unique_ptr<block_medium> &opened, std::string &why) {
    int fd = -1;
    if (const int result = open_device(request, fd, why); result != 0)
        return result;
    int sector = 0;
    if (::ioctl(fd, BLKSSZGET, &sector) != 0 || sector <= 0)
        sector = 4096;
    opened.reset(new block_medium{fd, static_cast<std::size_t>(sector)});
    struct ::stat status {};
    if (::fstat(fd, &status) != 0)
        return -errno;
    opened->queue_folder_ = queue_folder(status.st_rdev);
    return 0;
}

int block_medium::describe(scst_block_info &info) const {
    unsigned int physical = 0;
    unsigned int optimal = 0;
    if (::ioctl(fd_, BLKGETSIZE64, &info.size) != 0)
        return -errno;
    info.flags = 0;
    if (::ioctl(fd_, BLKPBSZGET, &physical) == 0)
        info.physical_block_size = physical;
    if (::ioctl(fd_, BLKIOOPT, &optimal) == 0)
        info.optimal_io = optimal;
    const std::uint64_t discard_max = read_number(queue_folder_, "discard_max_bytes");
    const std::uint64_t granularity = read_number(queue_folder_, "discard_granularity");
    const std::uint64_t alignment = read_number(queue_folder_, "../discard_alignment");
    if (discard_max != 0) {
        info.flags |= SCST_BLOCK_CAN_UNMAP;
        info.max_unmap = discard_max;
        info.unmap_granularity = in_32_bits(granularity);
        info.unmap_alignment = alignment == granularity ? 0 : in_32_bits(alignment);
    }
    if (read_limit(queue_folder_, "write_cache").starts_with("write through"))
        info.flags |= SCST_BLOCK_NO_VOLATILE_CACHE;
    return 0;
}

std::int32_t block_medium::transfer(scst_block_io &io, bool writing) noexcept {
    if ((io.flags & SCST_BLOCK_IO_MAY_BLOCK) == 0) {
        const std::uint64_t all = io.offset | io.length | reinterpret_cast<std::uintptr_t>(io.buffer);
        if (queue_ != nullptr && (all & (alignment_ - 1)) == 0 && queue_->submit(io, writing))
            return SCST_BLOCK_PENDING;
        return SCST_BLOCK_WOULD_BLOCK;
    }
    const std::span<std::uint8_t> bytes{io.buffer, static_cast<std::size_t>(io.length)};
    return writing ? direct_.write(io.offset, bytes, (io.flags & SCST_BLOCK_IO_FUA) != 0)
                   : direct_.read(io.offset, bytes);
}

int block_medium::flush() noexcept {
    return ::fdatasync(fd_) == 0 ? 0 : -errno;
}

int block_medium::unmap(std::uint64_t offset, std::uint64_t length) noexcept {
    return ::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                       static_cast<off_t>(length)) == 0
               ? 0
               : -errno;
}

int block_medium::discard(std::uint64_t offset, std::uint64_t length) noexcept {
    const std::array<std::uint64_t, 2> range{offset, length};
    if (::ioctl(fd_, BLKDISCARD, range.data()) == 0 || errno == EOPNOTSUPP) // only a hint, as in SCST
        return 0;
    return -errno;
}

int block_medium::write_zeroes(std::uint64_t offset, std::uint64_t length) noexcept {
    const std::array<std::uint64_t, 2> range{offset, length};
    return ::ioctl(fd_, BLKZEROOUT, range.data()) == 0 ? 0 : -errno;
}

} // namespace scstd::blockio
