// SPDX-License-Identifier: Apache-2.0
// send_queue: what waits to be sent on one connection, as batches that leave with one system call each.
//
// PDUs are written straight into the newest batch: header and small data copied next to each other, large data referred
// to. Belongs to the connection's reactor thread. See io_buffers.hpp for the batch.
#pragma once

#include "connection/io_buffers.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

namespace scstd::iscsi {

class send_queue {
  public:
    explicit send_queue(io_buffers &buffers) noexcept : buffers_{buffers} {}
    ~send_queue();
    send_queue(const send_queue &) = delete;
    send_queue &operator=(const send_queue &) = delete;

    // ---- filling ----
    // `size` contiguous bytes (at most batch_arena_size) that will be sent next; the caller fills them at once.
    std::uint8_t *reserve(std::size_t size) {
        if (growing_ == nullptr || newest_->arena_used + size > batch_arena_size)
            return reserve_slowly(size);
        std::uint8_t *where = newest_->arena.data() + newest_->arena_used;
        newest_->arena_used += static_cast<std::uint32_t>(size);
        growing_->iov_len += size;
        arena_bytes_ += size;
        pending_bytes_ += size;
        return where;
    }
    void append_memory(const std::uint8_t *bytes, std::size_t length);
    void append_file(int fd, std::uint64_t offset, std::uint64_t length);
    // The task is given to the receiver of finished() once all bytes up to here are sent.
    void append_finished(task *done);

    // ---- emptying ----
    enum class result : std::uint8_t {
        drained, // all is sent
        blocked, // the socket takes no more now
        failed,  // errno says why; a file that became shorter gives EIO
    };
    // Sends as much as the socket takes. `finished(task *)` is called for the tasks of each batch that left; it may
    // append.
    template <class Finished>
    result send(int socket, Finished &&finished) {
        while (!batches_.empty()) {
            const result outcome = send_front(socket);
            if (outcome != result::drained)
                return outcome;
            auto batch = std::move(batches_.front());
            batches_.pop_front();
            if (batches_.empty()) {
                newest_ = nullptr;
                growing_ = nullptr;
            }
            run_ = 0;
            arena_bytes_ -= batch->arena_used;
            for (task *done : batch->finished)
                finished(done);
            give_back(std::move(batch));
        }
        return result::drained;
    }
    // Gives up all bytes; `finished(task *)` is called for every task.
    template <class Finished>
    void abandon(Finished &&finished) {
        newest_ = nullptr;
        growing_ = nullptr;
        while (!batches_.empty()) {
            auto batch = std::move(batches_.front());
            batches_.pop_front();
            for (task *done : batch->finished)
                finished(done);
            give_back(std::move(batch));
        }
        run_ = 0;
        arena_bytes_ = 0;
        pending_bytes_ = 0;
    }

    [[nodiscard]] bool empty() const noexcept { return batches_.empty(); }
    [[nodiscard]] std::uint64_t pending_bytes() const noexcept { return pending_bytes_; }
    // Bytes that were copied: what a peer that does not read could make grow.
    [[nodiscard]] std::uint64_t arena_bytes() const noexcept { return arena_bytes_; }

  private:
    std::uint8_t *reserve_slowly(std::size_t size);
    result send_front(int socket);
    result send_memory(int socket, send_batch &batch, send_run &run, bool more);
    result send_file(int socket, send_run &run);
    send_batch &batch_with_room(std::size_t arena, std::size_t vectors);
    void add_vector(send_batch &batch, const std::uint8_t *bytes, std::size_t length);
    void give_back(std::unique_ptr<send_batch> batch) noexcept;

    io_buffers &buffers_;
    std::deque<std::unique_ptr<send_batch>> batches_;
    send_batch *newest_ = nullptr; // the last of batches_
    iovec *growing_ = nullptr;     // of *newest_: ends where the used part of its arena ends and may grow
    std::size_t run_ = 0;          // of the front batch: the first run that is not sent whole
    std::uint64_t pending_bytes_ = 0;
    std::uint64_t arena_bytes_ = 0;
};

} // namespace scstd::iscsi
