// SPDX-License-Identifier: Apache-2.0
// See direct_file.hpp.
#include "direct_file.hpp"

#include "file_io.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/stat.h>
#include <memory>
#include <mutex>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace scstd::fileio {
namespace {

constexpr std::size_t bounce_size = 1u << 20;
constexpr std::size_t usual_alignment = 4096;

struct free_memory {
    void operator()(std::uint8_t *memory) const noexcept { std::free(memory); }
};
using aligned_buffer = std::unique_ptr<std::uint8_t[], free_memory>;

aligned_buffer make_buffer(std::size_t alignment, std::size_t size) noexcept {
    return aligned_buffer{static_cast<std::uint8_t *>(std::aligned_alloc(alignment, size))};
}

} // namespace

bool direct_file::aligned(std::uint64_t offset, const void *address, std::size_t length) const noexcept {
    const std::uint64_t mask = alignment_ - 1;
    return ((offset | length | reinterpret_cast<std::uintptr_t>(address)) & mask) == 0;
}

int direct_file::read(std::uint64_t offset, std::span<std::uint8_t> to) {
    const std::shared_lock lock{mutex_};
    return aligned(offset, to.data(), to.size()) ? read_all(fd_, offset, to) : bounce_read(offset, to);
}

int direct_file::write(std::uint64_t offset, std::span<const std::uint8_t> from, bool sync) {
    if (aligned(offset, from.data(), from.size())) {
        const std::shared_lock lock{mutex_};
        return write_all(fd_, offset, from, sync);
    }
    const std::lock_guard lock{mutex_};
    return bounce_write(offset, from, sync);
}

int direct_file::bounce_read(std::uint64_t offset, std::span<std::uint8_t> to) {
    const aligned_buffer buffer = make_buffer(alignment_, bounce_size);
    if (buffer == nullptr)
        return -ENOMEM;
    while (!to.empty()) {
        const std::uint64_t start = offset & ~(std::uint64_t{alignment_} - 1);
        const std::size_t skip = offset - start;
        const std::size_t piece = std::min(to.size(), bounce_size - skip);
        const std::size_t span = (skip + piece + alignment_ - 1) & ~(alignment_ - 1);
        // The end of the file may lie within the last aligned piece.
        if (const int result = read_some(fd_, start, {buffer.get(), span}, skip + piece); result != 0)
            return result;
        std::memcpy(to.data(), buffer.get() + skip, piece);
        to = to.subspan(piece);
        offset += piece;
    }
    return 0;
}

int direct_file::bounce_write(std::uint64_t offset, std::span<const std::uint8_t> from, bool sync) {
    const aligned_buffer buffer = make_buffer(alignment_, bounce_size);
    if (buffer == nullptr)
        return -ENOMEM;
    struct ::stat status {};
    if (::fstat(fd_, &status) != 0)
        return -errno;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    while (!from.empty()) {
        const std::uint64_t start = offset & ~(std::uint64_t{alignment_} - 1);
        const std::size_t skip = offset - start;
        const std::size_t piece = std::min(from.size(), bounce_size - skip);
        const std::size_t span = (skip + piece + alignment_ - 1) & ~(alignment_ - 1);
        if (skip != 0 || skip + piece != span) {
            std::memset(buffer.get(), 0, span);
            const std::uint64_t there = size > start ? std::min<std::uint64_t>(size - start, span) : 0;
            if (const int result = read_some(fd_, start, {buffer.get(), span}, there); result != 0)
                return result;
        }
        std::memcpy(buffer.get() + skip, from.data(), piece);
        if (const int result = write_all(fd_, start, {buffer.get(), span}, sync); result != 0)
            return result;
        // A file whose end is not aligned keeps its size.
        if (start + span > size && S_ISREG(status.st_mode) && ::ftruncate(fd_, status.st_size) != 0)
            return -errno;
        from = from.subspan(piece);
        offset += piece;
    }
    return 0;
}

std::size_t direct_alignment(int fd) noexcept {
#if defined(STATX_DIOALIGN) && defined(SYS_statx)
    struct ::statx status {};
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 && (status.stx_mask & STATX_DIOALIGN) != 0) {
        const std::size_t wanted = std::max<std::size_t>({status.stx_dio_mem_align, status.stx_dio_offset_align, 512});
        if (std::has_single_bit(wanted))
            return wanted;
    }
#endif
    static_cast<void>(fd);
    return usual_alignment;
}

} // namespace scstd::fileio
