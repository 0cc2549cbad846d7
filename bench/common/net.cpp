// SPDX-License-Identifier: Apache-2.0
// net: see the header.
#include "net.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace scstd::bench {
namespace {

struct free_addresses {
    void operator()(addrinfo *list) const noexcept { freeaddrinfo(list); }
};
using address_list = std::unique_ptr<addrinfo, free_addresses>;

address_list resolve(const portal_address &portal, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    addrinfo *found = nullptr;
    const int error = getaddrinfo(portal.host.c_str(), portal.port.c_str(), &hints, &found);
    if (error != 0)
        throw std::runtime_error(portal.host + ":" + portal.port + ": " + gai_strerror(error));
    return address_list{found};
}

} // namespace

unique_fd::~unique_fd() {
    if (fd_ >= 0)
        close(fd_);
}

void fail_with_errno(const std::string &what) {
    const int error = errno;
    throw std::runtime_error(what + ": " + std::strerror(error));
}

portal_address parse_portal(const std::string &text) {
    portal_address portal;
    if (text.empty())
        throw std::runtime_error("the portal is empty");
    std::string rest = text;
    if (text.front() == '[') {
        const auto end = text.find(']');
        if (end == std::string::npos)
            throw std::runtime_error(text + ": no ']' after an IPv6 address");
        portal.host = text.substr(1, end - 1);
        rest = text.substr(end + 1);
        if (!rest.empty() && rest.front() != ':')
            throw std::runtime_error(text + ": expected ':' and a port after ']'");
        if (!rest.empty())
            portal.port = rest.substr(1);
        return portal;
    }
    const auto colon = text.rfind(':');
    portal.host = text.substr(0, colon);
    if (colon != std::string::npos)
        portal.port = text.substr(colon + 1);
    return portal;
}

unique_fd connect_to(const portal_address &portal) {
    const auto addresses = resolve(portal, 0);
    for (const addrinfo *at = addresses.get(); at != nullptr; at = at->ai_next) {
        unique_fd fd{socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol)};
        if (fd && connect(fd.get(), at->ai_addr, at->ai_addrlen) == 0) {
            set_no_delay(fd.get());
            return fd;
        }
    }
    fail_with_errno("cannot connect to " + portal.host + ":" + portal.port);
}

unique_fd listen_on(const portal_address &portal) {
    const auto addresses = resolve(portal, AI_PASSIVE);
    unique_fd fd{socket(addresses->ai_family, addresses->ai_socktype | SOCK_CLOEXEC, addresses->ai_protocol)};
    const int on = 1;
    if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd.get(), addresses->ai_addr, addresses->ai_addrlen) != 0 || listen(fd.get(), 64) != 0)
        fail_with_errno("cannot listen on " + portal.host + ":" + portal.port);
    return fd;
}

void set_no_delay(int fd) {
    const int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        fail_with_errno("TCP_NODELAY");
}

void read_exactly(int fd, std::span<std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t got = recv(fd, bytes.data(), bytes.size(), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            fail_with_errno("receive");
        if (got == 0)
            throw std::runtime_error("the peer closed the connection");
        bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
}

void write_exactly(int fd, std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            fail_with_errno("send");
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
}

void pin_to_cpu(unsigned cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu >= CPU_SETSIZE)
        throw std::runtime_error("no CPU " + std::to_string(cpu));
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        fail_with_errno("cannot run on CPU " + std::to_string(cpu));
}

} // namespace scstd::bench
