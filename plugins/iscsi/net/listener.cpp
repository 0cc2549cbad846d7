// SPDX-License-Identifier: Apache-2.0
#include "net/listener.hpp"

#include "driver.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>

namespace scstd::iscsi {
namespace {

constexpr int backlog = 512;
constexpr std::uint64_t pause_ms = 200; // until the next try when descriptors ran out
constexpr int accepts_per_event = 64;   // then others get their turn

bool set_option(int socket, int level, int option, int value) noexcept {
    return ::setsockopt(socket, level, option, &value, sizeof value) == 0;
}

} // namespace

listener::listener(driver &owner, unique_fd socket, const address &portal) noexcept
    : owner_{owner}, socket_{std::move(socket)}, portal_{portal} {}

listener::~listener() {
    if (watch_ != nullptr)
        owner_.core().watch_remove(watch_);
    if (timer_ != nullptr)
        owner_.core().timer_destroy(timer_);
}

int listener::open(const address &portal, unique_fd &socket, const char *&failed) {
    failed = "socket";
    socket = unique_fd{::socket(portal.raw()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket.valid())
        return errno;
    failed = "setsockopt";
    if (!set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1))
        return errno;
    if (portal.is_v6() && !set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1))
        return errno;
    failed = "bind";
    if (::bind(socket.get(), portal.raw(), portal.length()) != 0)
        return errno;
    failed = "listen";
    if (::listen(socket.get(), backlog) != 0)
        return errno;
    return 0;
}

bool listener::watch(scst_reactor *reactor) {
    timer_ = owner_.core().timer_create(reactor, &listener::retry, this);
    watch_ = owner_.core().watch_add(reactor, socket_.get(), SCST_WATCH_READ, &listener::ready, this);
    return watch_ != nullptr && timer_ != nullptr;
}

void listener::ready(void *self, std::uint32_t) {
    static_cast<listener *>(self)->accept_all();
}

void listener::retry(void *self) {
    auto &mine = *static_cast<listener *>(self);
    mine.owner_.core().watch_modify(mine.watch_, SCST_WATCH_READ);
}

void listener::accept_all() {
    for (int i = 0; i < accepts_per_event; ++i) {
        sockaddr_storage raw{};
        socklen_t length = sizeof raw;
        unique_fd socket{
            ::accept4(socket_.get(), reinterpret_cast<sockaddr *>(&raw), &length, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (socket.valid()) {
            accept_one(std::move(socket), reinterpret_cast<sockaddr *>(&raw), length);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause(errno);
            return;
        }
        // The connection went away while it waited (ECONNABORTED and others): go on with the next.
    }
}

void listener::accept_one(unique_fd socket, const sockaddr *raw, socklen_t length) {
    const auto peer = address::from(raw, length);
    sockaddr_storage mine{};
    socklen_t mine_length = sizeof mine;
    if (!peer || ::getsockname(socket.get(), reinterpret_cast<sockaddr *>(&mine), &mine_length) != 0)
        return;
    const auto local = address::from(reinterpret_cast<sockaddr *>(&mine), mine_length);
    if (!local)
        return;
    // Replies leave when they are ready; dead peers are noticed even without NOP-In.
    set_option(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(socket.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(socket.get(), IPPROTO_TCP, TCP_KEEPIDLE, 50);
    owner_.accepted(std::move(socket), *peer, *local);
}

void listener::pause(int error) {
    if (owner_.may_complain())
        owner_.log().error("portal %s: can't accept connections: %s; trying again", portal_.text().c_str(),
                           std::strerror(error));
    owner_.core().watch_modify(watch_, 0);
    owner_.core().timer_start(timer_, pause_ms);
}

} // namespace scstd::iscsi
