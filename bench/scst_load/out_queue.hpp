// SPDX-License-Identifier: Apache-2.0
// out_queue: the bytes of one connection that wait to be sent: all headers of a batch in one buffer, large payloads by
// reference, and one system call for all of it.
//
// Belongs to its connection's thread. Referenced payload must stay as it is until flush() says that all is sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace scstd::bench {

class out_queue {
  public:
    // Appends `size` zeroed bytes; the pointer is good until the next call.
    std::uint8_t *append(std::size_t size);

    // Appends payload: a copy when it is small, else a reference.
    void append_payload(std::span<const std::uint8_t> data);

    [[nodiscard]] bool empty() const noexcept { return pieces_.empty(); }

    // Sends as much as the socket takes. True when nothing is left. Throws when the connection is broken.
    bool flush(int fd);

  private:
    struct piece {
        const std::uint8_t *data = nullptr; // nullptr: in buffer_ at `offset`
        std::size_t offset = 0;
        std::size_t length = 0;
    };
    static constexpr std::size_t copy_limit = 1024;
    static constexpr std::size_t pieces_per_call = 256;

    [[nodiscard]] const std::uint8_t *bytes_of(const piece &p) const noexcept {
        return p.data != nullptr ? p.data : buffer_.data() + p.offset;
    }
    std::size_t send_some(int fd);
    void consume(std::size_t sent) noexcept;

    std::vector<std::uint8_t> buffer_;
    std::vector<piece> pieces_;
    std::size_t first_ = 0; // piece that is sent next
};

} // namespace scstd::bench
