// SPDX-License-Identifier: Apache-2.0
#include "connection/send_queue.hpp"

#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace scstd::iscsi {

send_queue::~send_queue() {
    abandon([](task *) {});
}

void send_queue::give_back(std::unique_ptr<send_batch> batch) noexcept {
    batch->clear();
    buffers_.send.give(std::move(batch));
}

send_batch &send_queue::batch_with_room(std::size_t arena, std::size_t vectors) {
    if (!batches_.empty()) {
        send_batch &last = *batches_.back();
        if (last.arena_used + arena <= batch_arena_size && last.vector_count + vectors <= batch_iovecs)
            return last;
    }
    batches_.push_back(buffers_.send.take());
    newest_ = batches_.back().get();
    growing_ = nullptr;
    return *newest_;
}

// The new piece joins the iovec before it when it lies right behind it (consecutive headers and small data in the
// arena).
void send_queue::add_vector(send_batch &batch, const std::uint8_t *bytes, std::size_t length) {
    const bool open_run = !batch.runs.empty() && batch.runs.back().fd < 0;
    if (open_run) {
        iovec &last = batch.vectors[batch.vector_count - 1];
        // A vector that is being sent has moved base and length alike, so its end is where it was.
        if (static_cast<std::uint8_t *>(last.iov_base) + last.iov_len == bytes && last.iov_len != 0) {
            last.iov_len += length;
            return;
        }
    }
    batch.vectors[batch.vector_count] = {const_cast<std::uint8_t *>(bytes), length};
    ++batch.vector_count;
    if (open_run)
        batch.runs.back().last = batch.vector_count;
    else
        batch.runs.push_back(
            {.fd = -1, .first = batch.vector_count - 1, .last = batch.vector_count, .offset = 0, .length = 0});
}

std::uint8_t *send_queue::reserve_slowly(std::size_t size) {
    send_batch &batch = batch_with_room(size, 1);
    std::uint8_t *where = batch.arena.data() + batch.arena_used;
    batch.arena_used += static_cast<std::uint32_t>(size);
    arena_bytes_ += size;
    pending_bytes_ += size;
    add_vector(batch, where, size);
    growing_ = &batch.vectors[batch.vector_count - 1];
    return where;
}

void send_queue::append_memory(const std::uint8_t *bytes, std::size_t length) {
    add_vector(batch_with_room(0, 1), bytes, length);
    growing_ = nullptr;
    pending_bytes_ += length;
}

void send_queue::append_file(int fd, std::uint64_t offset, std::uint64_t length) {
    growing_ = nullptr;
    batch_with_room(0, 0).runs.push_back({.fd = fd, .first = 0, .last = 0, .offset = offset, .length = length});
    pending_bytes_ += length;
}

void send_queue::append_finished(task *done) {
    batch_with_room(0, 0).finished.push_back(done);
}

send_queue::result send_queue::send_front(int socket) {
    send_batch &batch = *batches_.front();
    while (run_ < batch.runs.size()) {
        send_run &run = batch.runs[run_];
        const bool more = run_ + 1 < batch.runs.size() || batches_.size() > 1;
        const result outcome = run.fd < 0 ? send_memory(socket, batch, run, more) : send_file(socket, run);
        if (outcome != result::drained)
            return outcome;
        ++run_;
    }
    return result::drained;
}

send_queue::result send_queue::send_memory(int socket, send_batch &batch, send_run &run, bool more) {
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
    while (run.first < run.last) {
        msghdr message{};
        message.msg_iov = &batch.vectors[run.first];
        message.msg_iovlen = run.last - run.first;
        const ssize_t sent = ::sendmsg(socket, &message, flags);
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN || errno == EWOULDBLOCK ? result::blocked : result::failed;
        }
        auto rest = static_cast<std::size_t>(sent);
        pending_bytes_ -= rest;
        while (run.first < run.last && rest >= batch.vectors[run.first].iov_len) {
            rest -= batch.vectors[run.first].iov_len;
            ++run.first;
        }
        if (rest != 0) {
            iovec &part = batch.vectors[run.first];
            part.iov_base = static_cast<std::uint8_t *>(part.iov_base) + rest;
            part.iov_len -= rest;
        }
    }
    return result::drained;
}

send_queue::result send_queue::send_file(int socket, send_run &run) {
    constexpr std::uint64_t most = 0x7ffff000; // what one sendfile() moves at most
    while (run.length != 0) {
        auto offset = static_cast<off_t>(run.offset);
        const ssize_t sent = ::sendfile(socket, run.fd, &offset, std::min(run.length, most));
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN || errno == EWOULDBLOCK ? result::blocked : result::failed;
        }
        if (sent == 0) { // the file is shorter than promised, and the header has left
            errno = EIO;
            return result::failed;
        }
        const auto moved = static_cast<std::uint64_t>(sent);
        run.offset += moved;
        run.length -= moved;
        pending_bytes_ -= moved;
    }
    return result::drained;
}

} // namespace scstd::iscsi
