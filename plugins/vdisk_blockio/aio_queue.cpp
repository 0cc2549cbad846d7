// SPDX-License-Identifier: Apache-2.0
// See aio_queue.hpp. The system calls are made directly: they are five, and no library is needed for them.
#include "aio_queue.hpp"

#include <array>
#include <cerrno>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <system_error>
#include <unistd.h>

namespace scstd::blockio {
namespace {

constexpr unsigned queue_depth = 1024;
constexpr std::size_t reap_at_once = 64;

// The control block lives on the submitter's stack: the kernel copies it. What comes back is aio_data.
iocb control_block(int fd, int ended_fd, scst_block_io &io, bool writing) noexcept {
    iocb block{};
    block.aio_data = reinterpret_cast<std::uintptr_t>(&io);
    block.aio_lio_opcode = writing ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
    block.aio_fildes = static_cast<std::uint32_t>(fd);
    block.aio_buf = reinterpret_cast<std::uintptr_t>(io.buffer);
    block.aio_nbytes = io.length;
    block.aio_offset = static_cast<std::int64_t>(io.offset);
    block.aio_flags = IOCB_FLAG_RESFD;
    block.aio_resfd = static_cast<std::uint32_t>(ended_fd);
    if (writing && (io.flags & SCST_BLOCK_IO_FUA) != 0)
        block.aio_rw_flags = RWF_DSYNC;
    return block;
}

} // namespace

std::unique_ptr<aio_queue> aio_queue::make(int fd) {
    std::unique_ptr<aio_queue> made{new aio_queue{fd}};
    return made->start() ? std::move(made) : nullptr;
}

bool aio_queue::start() {
    ended_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    stop_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ended_fd_ < 0 || stop_fd_ < 0 || ::syscall(SYS_io_setup, queue_depth, &context_) != 0)
        return false;
    try {
        thread_ = std::thread{[this] { run(); }};
    } catch (const std::system_error &) {
        return false;
    }
    return true;
}

aio_queue::~aio_queue() {
    if (thread_.joinable()) {
        ::eventfd_write(stop_fd_, 1);
        thread_.join();
    }
    if (context_ != 0)
        ::syscall(SYS_io_destroy, context_);
    for (const int fd : {ended_fd_, stop_fd_}) {
        if (fd >= 0)
            ::close(fd);
    }
}

bool aio_queue::submit(scst_block_io &io, bool writing) noexcept {
    iocb block = control_block(fd_, ended_fd_, io, writing);
    iocb *list = &block;
    submitted_.fetch_add(1, std::memory_order_release);
    return ::syscall(SYS_io_submit, context_, 1L, &list) == 1;
}

void aio_queue::run() noexcept {
    pthread_setname_np(pthread_self(), "scst_blockio");
    std::array<pollfd, 2> waiting{{{ended_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
    while (::poll(waiting.data(), waiting.size(), -1) >= 0 || errno == EINTR) {
        if ((waiting[0].revents & POLLIN) != 0) {
            eventfd_t ignored = 0;
            ::eventfd_read(ended_fd_, &ignored);
            reap();
        }
        if ((waiting[1].revents & POLLIN) != 0)
            return;
    }
}

void aio_queue::reap() noexcept {
    std::array<io_event, reap_at_once> events{};
    timespec none{};
    for (;;) {
        const long count =
            ::syscall(SYS_io_getevents, context_, 0L, static_cast<long>(events.size()), events.data(), &none);
        if (count <= 0)
            return;
        static_cast<void>(submitted_.load(std::memory_order_acquire));
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            auto *io = reinterpret_cast<scst_block_io *>(static_cast<std::uintptr_t>(events[i].data));
            const auto result = static_cast<std::int64_t>(events[i].res);
            // A short transfer is what an error in the middle looks like.
            const bool whole = result == static_cast<std::int64_t>(io->length);
            scst_block_done(io, whole ? 0 : result < 0 ? static_cast<std::int32_t>(result) : -EIO);
        }
    }
}

} // namespace scstd::blockio
