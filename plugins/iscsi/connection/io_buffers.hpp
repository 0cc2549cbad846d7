// SPDX-License-Identifier: Apache-2.0
// io_buffers: the large buffers that connections of one reactor need only while they are busy: receive buffers and send
// batches. Belongs to one reactor's thread. Idle connections hold none, so many sessions cost little memory, and the
// one just given back is the one handed out next, while it is still in the CPU's cache.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace scstd::iscsi {

struct task;

inline constexpr std::size_t receive_buffer_size = 256 * 1024;
inline constexpr std::size_t batch_arena_size = 64 * 1024;
inline constexpr std::size_t batch_iovecs = 512; // below IOV_MAX

struct receive_buffer {
    std::array<std::uint8_t, receive_buffer_size> bytes;
};

// A stretch of a batch that one system call can send.
struct send_run {
    int fd = -1;              // of a file range, or -1: memory
    std::uint32_t first = 0;  // memory: the iovecs first..last
    std::uint32_t last = 0;   // one past the last
    std::uint64_t offset = 0; // file range
    std::uint64_t length = 0;
};

// Bytes to be sent, in order, and the tasks that are finished when all of them are. Headers and small data are copied
// into the arena; the iovecs point there or into the tasks' own buffers.
struct send_batch {
    std::array<std::uint8_t, batch_arena_size> arena;
    std::array<iovec, batch_iovecs> vectors;
    std::vector<send_run> runs;
    std::vector<task *> finished;
    std::uint32_t arena_used = 0;
    std::uint32_t vector_count = 0;

    void clear() noexcept {
        runs.clear();
        finished.clear();
        arena_used = 0;
        vector_count = 0;
    }
};

template <class Buffer>
class buffer_pool {
  public:
    // May throw std::bad_alloc.
    std::unique_ptr<Buffer> take() {
        if (free_.empty())
            return std::unique_ptr<Buffer>{new Buffer}; // default-initialised: the bytes are left as they are
        auto buffer = std::move(free_.back());
        free_.pop_back();
        return buffer;
    }
    void give(std::unique_ptr<Buffer> buffer) noexcept {
        if (free_.size() < keep && free_.size() < free_.capacity())
            free_.push_back(std::move(buffer));
    }
    buffer_pool() { free_.reserve(keep); }

  private:
    static constexpr std::size_t keep = 16;
    std::vector<std::unique_ptr<Buffer>> free_;
};

struct io_buffers {
    buffer_pool<receive_buffer> receive;
    buffer_pool<send_batch> send;
};

} // namespace scstd::iscsi
