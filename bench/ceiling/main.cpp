// SPDX-License-Identifier: Apache-2.0
// scst-ceiling: what a perfect server of the same bytes would do. It knows no SCSI and looks at no byte: for every
// whole request that one receive brought it sends one reply of fixed size, all of them with one send.
//
// The peer (scst-load --raw) says the sizes in the first 16 bytes. One thread per connection, blocking calls.
#include "net.hpp"
#include "raw_hello.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <vector>

namespace scstd::bench {
namespace {

constexpr std::size_t receive_size = 262144;
constexpr std::size_t replies_size = 1048576; // bytes of ready-made replies, sent in one call

// Sends `count` replies out of a buffer that holds as many as fit.
void send_replies(int fd, const std::vector<std::uint8_t> &replies, std::size_t reply_size, std::size_t count) {
    const std::size_t held = replies.size() / reply_size;
    while (count != 0) {
        const std::size_t now = std::min(count, held);
        write_exactly(fd, {replies.data(), now * reply_size});
        count -= now;
    }
}

void serve(int fd) {
    set_no_delay(fd);
    raw_hello hello{};
    read_exactly(fd, hello);
    raw_sizes sizes;
    if (!get_raw_hello(hello, sizes)) {
        std::fprintf(stderr, "scst-ceiling: a peer that is not scst-load --raw\n");
        return;
    }
    std::vector<std::uint8_t> input(receive_size);
    const std::vector<std::uint8_t> replies(std::max<std::size_t>(replies_size / sizes.reply, 1) * sizes.reply);
    std::size_t partial = 0;
    for (;;) {
        const ssize_t got = recv(fd, input.data(), input.size(), 0);
        if (got <= 0)
            return;
        partial += static_cast<std::size_t>(got);
        send_replies(fd, replies, sizes.reply, partial / sizes.request);
        partial %= sizes.request;
    }
}

void serve_quietly(unique_fd fd) {
    try {
        serve(fd.get());
    } catch (const std::exception &) {
        // The peer went away; the next one connects anew.
    }
}

int run(const portal_address &portal) {
    const auto listener = listen_on(portal);
    std::printf("scst-ceiling: listening on %s:%s\n", portal.host.c_str(), portal.port.c_str());
    std::fflush(stdout);
    for (;;) {
        unique_fd fd{accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (!fd)
            fail_with_errno("accept");
        std::thread{serve_quietly, std::move(fd)}.detach();
    }
}

} // namespace
} // namespace scstd::bench

int main(int argc, char **argv) {
    using namespace scstd::bench;
    if (argc != 3 || std::string_view{argv[1]} != "--portal") {
        std::fprintf(stderr, "usage: scst-ceiling --portal HOST:PORT\n");
        return 2;
    }
    try {
        return run(parse_portal(argv[2]));
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "scst-ceiling: %s\n", failure.what());
        return 3;
    }
}
