// SPDX-License-Identifier: Apache-2.0
// See file_medium.hpp.
#include "file_medium.hpp"

#include "file_io.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

namespace scstd::fileio {
namespace {

// From here on lending a file range (mincore, sendfile) is cheaper than a copy.
constexpr std::uint64_t lend_from = 65536;

int open_flags(const scst_block_open &request) noexcept {
    const bool read_only = (request.flags & SCST_BLOCK_OPEN_READ_ONLY) != 0;
    const bool direct = (request.flags & SCST_BLOCK_OPEN_DIRECT) != 0;
    return (read_only ? O_RDONLY : O_RDWR) | (direct ? O_DIRECT : 0) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
}

// Makes a missing file of the size that was asked for; an existing one is never changed in size.
int create(const scst_block_open &request, int &fd) noexcept {
    fd = ::open(request.filename, open_flags(request) | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return errno == EEXIST ? 0 : -errno;
    if (::ftruncate(fd, static_cast<off_t>(request.size)) == 0)
        return 0;
    const int result = -errno;
    ::close(fd);
    ::unlink(request.filename);
    fd = -1;
    return result;
}

} // namespace

file_medium::file_medium(int fd, bool direct) noexcept : fd_{fd} {
    if (direct)
        direct_ = std::make_unique<direct_file>(fd, direct_alignment(fd));
}

file_medium::~file_medium() {
    residency_.reset();
    ::close(fd_);
}

int file_medium::open(const scst_block_open &request, std::unique_ptr<file_medium> &opened, std::string &why) {
    int fd = -1;
    const bool may_create = (request.flags & SCST_BLOCK_OPEN_CREATING) != 0;
    if (may_create && (request.flags & SCST_BLOCK_OPEN_READ_ONLY) == 0) {
        if (const int result = create(request, fd); result != 0) {
            why = std::string{"can't create "} + request.filename + ": " + std::strerror(-result);
            return result;
        }
    }
    if (fd < 0)
        fd = ::open(request.filename, open_flags(request));
    if (fd < 0) {
        const int result = -errno;
        why = std::string{"can't open "} + request.filename + ": " + std::strerror(-result);
        return result;
    }
    std::unique_ptr<file_medium> made{new file_medium{fd, (request.flags & SCST_BLOCK_OPEN_DIRECT) != 0}};
    struct ::stat status {};
    if (::fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
        why = std::string{request.filename} + " is neither a regular file nor a block device";
        return -EINVAL;
    }
    if (const int result = made->measure(); result != 0) {
        why = std::string{"can't tell the size of "} + request.filename + ": " + std::strerror(-result);
        return result;
    }
    // Holes can be punched where an empty punch at the end is taken.
    made->can_punch_ = (request.flags & SCST_BLOCK_OPEN_READ_ONLY) == 0 &&
                       ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                   static_cast<off_t>((made->size_ + 4095) & ~std::uint64_t{4095}), 4096) == 0;
    if (S_ISBLK(status.st_mode))
        made->can_punch_ = false;
    opened = std::move(made);
    return 0;
}

int file_medium::measure() noexcept {
    struct ::stat status {};
    if (::fstat(fd_, &status) != 0)
        return -errno;
    std::uint64_t size = static_cast<std::uint64_t>(status.st_size);
    if (S_ISBLK(status.st_mode) && ::ioctl(fd_, BLKGETSIZE64, &size) != 0)
        return -errno;
    size_ = size;
    if (direct_ == nullptr)
        residency_ = std::make_unique<residency>(fd_, size_);
    return 0;
}

int file_medium::describe(scst_block_info &info) const noexcept {
    info.size = size_;
    info.flags = can_punch_ ? SCST_BLOCK_CAN_UNMAP : 0u;
    return 0;
}

int file_medium::refresh(scst_block_info &info) noexcept {
    if (const int result = measure(); result != 0)
        return result;
    return describe(info);
}

// On a reactor: what the page cache has, at once.
std::int32_t file_medium::try_read(scst_block_io &io) noexcept {
    if (direct_ != nullptr)
        return SCST_BLOCK_WOULD_BLOCK;
    int flags = RWF_NOWAIT;
    if (!read_nowait_.load(std::memory_order_relaxed)) {
        if (!residency_->resident(io.offset, io.length))
            return SCST_BLOCK_WOULD_BLOCK;
        flags = 0;
    }
    const iovec piece{io.buffer, io.length};
    const ssize_t got = ::preadv2(fd_, &piece, 1, static_cast<off_t>(io.offset), flags);
    if (got == static_cast<ssize_t>(io.length))
        return 0;
    if (got < 0 && errno == EOPNOTSUPP)
        read_nowait_.store(false, std::memory_order_relaxed);
    return SCST_BLOCK_WOULD_BLOCK; // whatever it is, a worker finds out
}

std::int32_t file_medium::read(scst_block_io &io) noexcept {
    if ((io.flags & SCST_BLOCK_IO_MAY_BLOCK) == 0)
        return try_read(io);
    const std::span<std::uint8_t> to{io.buffer, static_cast<std::size_t>(io.length)};
    return direct_ != nullptr ? direct_->read(io.offset, to) : read_all(fd_, io.offset, to);
}

// On a reactor: into the page cache, when the file system can say that it will not wait.
std::int32_t file_medium::try_write(scst_block_io &io) noexcept {
    if (direct_ != nullptr || (io.flags & SCST_BLOCK_IO_FUA) != 0 || !write_nowait_.load(std::memory_order_relaxed))
        return SCST_BLOCK_WOULD_BLOCK;
    const iovec piece{io.buffer, io.length};
    const ssize_t written = ::pwritev2(fd_, &piece, 1, static_cast<off_t>(io.offset), RWF_NOWAIT);
    if (written == static_cast<ssize_t>(io.length))
        return 0;
    if (written < 0 && errno == EOPNOTSUPP)
        write_nowait_.store(false, std::memory_order_relaxed);
    return SCST_BLOCK_WOULD_BLOCK; // a part that was written is written again
}

std::int32_t file_medium::write(scst_block_io &io) noexcept {
    if ((io.flags & SCST_BLOCK_IO_MAY_BLOCK) == 0)
        return try_write(io);
    const std::span<const std::uint8_t> from{io.buffer, static_cast<std::size_t>(io.length)};
    const bool sync = (io.flags & SCST_BLOCK_IO_FUA) != 0;
    return direct_ != nullptr ? direct_->write(io.offset, from, sync) : write_all(fd_, io.offset, from, sync);
}

int file_medium::flush() noexcept {
    return ::fdatasync(fd_) == 0 ? 0 : -errno;
}

int file_medium::unmap(std::uint64_t offset, std::uint64_t length) noexcept {
    return ::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                       static_cast<off_t>(length)) == 0
               ? 0
               : -errno;
}

int file_medium::write_zeroes(std::uint64_t offset, std::uint64_t length) noexcept {
    return ::fallocate(fd_, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                       static_cast<off_t>(length)) == 0
               ? 0
               : -errno;
}

int file_medium::block_status(std::uint64_t offset, scst_block_extent &extent) noexcept {
    const auto at = static_cast<off_t>(offset);
    const off_t data = ::lseek(fd_, at, SEEK_DATA);
    if (data < 0 && errno != ENXIO)
        return -errno;
    extent.allocated = data == at ? 1 : 0;
    if (data == at) {
        const off_t hole = ::lseek(fd_, at, SEEK_HOLE);
        if (hole < 0)
            return -errno;
        extent.length = static_cast<std::uint64_t>(hole - at);
    } else {
        // ENXIO: nothing but a hole to the end
        extent.length = (data < 0 ? std::max(size_, offset + 1) : static_cast<std::uint64_t>(data)) - offset;
    }
    return 0;
}

int file_medium::lend(std::uint64_t offset, std::uint64_t length, scst_block_loan &loan) noexcept {
    if (length < lend_from || (loan.flags & SCST_BLOCK_LOAN_FILE_OK) == 0 || residency_ == nullptr)
        return -EOPNOTSUPP;
    if (!residency_->resident(offset, length))
        return -EAGAIN;
    loan.flags = 0;
    loan.kind = SCST_SEGMENT_FILE;
    loan.fd = fd_;
    loan.offset = offset;
    return 0;
}

void file_medium::prefetch(std::uint64_t offset, std::uint64_t length) noexcept {
    // Only asks for read-ahead; a kernel that can't is no error.
    static_cast<void>(
        ::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_WILLNEED));
}

int file_medium::space(std::uint64_t &used, std::uint64_t &available) noexcept {
    struct ::stat status {};
    struct ::statvfs system {};
    if (::fstat(fd_, &status) != 0 || ::fstatvfs(fd_, &system) != 0)
        return -errno;
    used = static_cast<std::uint64_t>(status.st_blocks) * 512;
    available = std::uint64_t{system.f_bavail} * system.f_frsize;
    return 0;
}

} // namespace scstd::fileio
