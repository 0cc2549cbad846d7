// SPDX-License-Identifier: Apache-2.0
// session: see the header.
#include "session.hpp"

#include <cerrno>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>

namespace scstd::bench {

std::size_t receive_bytes(int fd, std::uint8_t *buffer, std::size_t size, bool wait) {
    const int flags = (wait ? 0 : MSG_DONTWAIT) | (buffer == nullptr ? MSG_TRUNC : 0);
    const ssize_t got = recv(fd, buffer, size, flags);
    if (got > 0)
        return static_cast<std::size_t>(got);
    if (got == 0)
        throw std::runtime_error("the target closed the connection");
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        fail_with_errno("receive");
    return 0;
}

void set_receive_slice(int fd) {
    timeval slice{};
    slice.tv_usec = 200'000;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice) != 0)
        fail_with_errno("SO_RCVTIMEO");
}

} // namespace scstd::bench
