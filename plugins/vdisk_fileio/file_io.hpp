// SPDX-License-Identifier: Apache-2.0
// file_io: whole reads and writes at an offset: pread and pwrite until all is done. 0 or -errno; may block.
#pragma once

#include <cerrno>
#include <cstdint>
#include <span>
#include <sys/uio.h>
#include <unistd.h>

namespace scstd::fileio {

// Reads into `to` until at least `enough` bytes are there.
inline int read_some(int fd, std::uint64_t offset, std::span<std::uint8_t> to, std::uint64_t enough) noexcept {
    std::uint64_t done = 0;
    while (done < enough) {
        const ssize_t got = ::pread(fd, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
        if (got == 0)
            return -EIO; // the file ends where the device does not
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got > 0)
            done += static_cast<std::uint64_t>(got);
    }
    return 0;
}

inline int read_all(int fd, std::uint64_t offset, std::span<std::uint8_t> to) noexcept {
    return read_some(fd, offset, to, to.size());
}

// `sync`: on stable storage when it returns.
inline int write_all(int fd, std::uint64_t offset, std::span<const std::uint8_t> from, bool sync) noexcept {
    std::size_t done = 0;
    while (done < from.size()) {
        const iovec piece{const_cast<std::uint8_t *>(from.data()) + done, from.size() - done};
        const ssize_t written = ::pwritev2(fd, &piece, 1, static_cast<off_t>(offset + done), sync ? RWF_DSYNC : 0);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written == 0)
            return -EIO;
        if (written > 0)
            done += static_cast<std::size_t>(written);
    }
    return 0;
}

} // namespace scstd::fileio
