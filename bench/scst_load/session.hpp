// SPDX-License-Identifier: Apache-2.0
// session: what the worker drives: one connection with I/Os in flight. Batches are the point: receive() takes one large
// receive and all answers in it, start() builds all next requests, flush() sends them with one call.
//
// A session belongs to one worker thread. Failures of the connection are std::runtime_error.
#pragma once

#include "net.hpp"
#include "tally.hpp"
#include "workload.hpp"

#include <cstddef>
#include <cstdint>

namespace scstd::bench {

class session {
  public:
    session() = default;
    session(const session &) = delete;
    session &operator=(const session &) = delete;
    virtual ~session() = default;

    [[nodiscard]] virtual int fd() const noexcept = 0;
    [[nodiscard]] virtual unsigned in_flight() const noexcept = 0;
    [[nodiscard]] virtual bool wants_send() const noexcept = 0;
    [[nodiscard]] virtual workload &work() noexcept = 0;

    // Builds requests while the depth, the target's window and the workload allow.
    virtual void start(std::uint64_t now) = 0;
    virtual void flush() = 0;

    // One receive and what follows from it. `wait`: block for bytes up to the socket's time limit. False: no bytes
    // came.
    virtual bool receive(bool wait) = 0;
    // When receive() last got bytes; the time of completion of all that was in them.
    [[nodiscard]] virtual std::uint64_t last_received() const noexcept = 0;

    // Ends the session in order, as far as the peer plays along. Nothing is in flight.
    virtual void close() = 0;
};

// Reads from `fd` into `buffer`, or throws bytes away in the kernel when there is no buffer (MSG_TRUNC on TCP).
// Returns the number of bytes, 0 when none are there; an ended connection is a failure.
[[nodiscard]] std::size_t receive_bytes(int fd, std::uint8_t *buffer, std::size_t size, bool wait);

// Payload from which up to this size the receiver reads headers alone and throws the data away unread.
inline constexpr std::size_t discard_from = 16384;
inline constexpr std::size_t header_chunk = 1024;

// The time after which a blocking receive comes back to look at the clock.
void set_receive_slice(int fd);

} // namespace scstd::bench
