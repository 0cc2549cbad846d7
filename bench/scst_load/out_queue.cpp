// SPDX-License-Identifier: Apache-2.0
// out_queue: see the header.
#include "out_queue.hpp"

#include "net.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/uio.h>

namespace scstd::bench {

std::uint8_t *out_queue::append(std::size_t size) {
    const std::size_t offset = buffer_.size();
    buffer_.resize(offset + size);
    if (pieces_.empty() || pieces_.back().data != nullptr)
        pieces_.push_back({nullptr, offset, size});
    else
        pieces_.back().length += size;
    return buffer_.data() + offset;
}

void out_queue::append_payload(std::span<const std::uint8_t> data) {
    if (data.size() <= copy_limit) {
        if (!data.empty())
            std::memcpy(append(data.size()), data.data(), data.size());
        return;
    }
    pieces_.push_back({data.data(), 0, data.size()});
}

std::size_t out_queue::send_some(int fd) {
    std::array<iovec, pieces_per_call> vector;
    const std::size_t count = std::min(pieces_.size() - first_, vector.size());
    for (std::size_t i = 0; i < count; ++i) {
        const auto &p = pieces_[first_ + i];
        vector[i] = {const_cast<std::uint8_t *>(bytes_of(p)), p.length};
    }
    msghdr message{};
    message.msg_iov = vector.data();
    message.msg_iovlen = count;
    const ssize_t sent = count == 1 ? send(fd, vector[0].iov_base, vector[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL)
                                    : sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
        return static_cast<std::size_t>(sent);
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        fail_with_errno("send");
    return 0;
}

void out_queue::consume(std::size_t sent) noexcept {
    while (sent != 0) {
        auto &p = pieces_[first_];
        const std::size_t part = std::min(sent, p.length);
        if (p.data != nullptr)
            p.data += part;
        p.offset += part;
        p.length -= part;
        sent -= part;
        if (p.length == 0)
            ++first_;
    }
}

bool out_queue::flush(int fd) {
    while (first_ < pieces_.size()) {
        const std::size_t sent = send_some(fd);
        if (sent == 0)
            return false;
        consume(sent);
    }
    pieces_.clear();
    buffer_.clear();
    first_ = 0;
    return true;
}

} // namespace scstd::bench
