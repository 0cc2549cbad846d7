// SPDX-License-Identifier: Apache-2.0
#include "target.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace loop {
namespace {

constexpr std::uint64_t max_idle_timeout_s = 86400;
constexpr std::size_t max_connections = 1024;

sockaddr_un address_of(const std::string &path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1); // the constructor checked the length
    return address;
}

// A socket file that a dead process left behind refuses connections; only such a file is removed.
void remove_stale_socket(const std::string &path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode))
        return;
    const sockaddr_un address = address_of(path);
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return;
    if (::connect(probe, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0 && errno == ECONNREFUSED)
        ::unlink(path.c_str());
    ::close(probe);
}

} // namespace

target::target(const scst::target_start &start)
    : target_base{start}, reactor_{core()->reactor_select(handle())}, path_{start.params.text("socket", "")},
      idle_timeout_s_{start.params.number("idle_timeout", 0, 0, max_idle_timeout_s)} {
    start.params.allow_only(parameter_names);
    if (path_.empty() || path_.front() != '/')
        throw scst::failure{EINVAL, "socket must be an absolute path"};
    if (path_.size() >= sizeof sockaddr_un::sun_path)
        throw scst::failure{ENAMETOOLONG, "socket must be a path of at most 107 bytes"};
}

target::~target() {
    stop_listening();
    call_on_reactor(core(), reactor_, [this]() noexcept {
        leaving_ = true;
        std::erase_if(connections_, [](std::unique_ptr<connection> &one) {
            if (!one->outlive_target())
                return false;
            static_cast<void>(one.release()); // it owns itself now
            return true;
        });
        if (connections_.empty())
            empty_.open();
        return 0;
    });
    empty_.wait(); // no callback of the others can come any more
}

// ---- listening ----

void target::enable(bool on) {
    if (on && listener_ < 0)
        listen();
    else if (!on)
        stop_listening();
}

void target::listen() {
    const sockaddr_un address = address_of(path_);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener_ < 0)
        throw scst::failure{errno, "no socket: " + std::string{std::strerror(errno)}};
    remove_stale_socket(path_);
    const bool bound = ::bind(listener_, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0;
    // Between bind() and listen() nobody can connect, so the mode is right from the first connection on.
    if (!bound || ::chmod(path_.c_str(), 0600) != 0 || ::listen(listener_, 64) != 0) {
        const int code = errno;
        if (bound)
            ::unlink(path_.c_str());
        ::close(std::exchange(listener_, -1));
        throw scst::failure{code, path_ + ": " + std::strerror(code)};
    }
    if (call_on_reactor(core(), reactor_, [this]() noexcept { return start_accepting(); }) != 0) {
        stop_listening();
        throw scst::failure{ENOMEM, path_ + ": out of memory"};
    }
    log().info("listening on %s", path_.c_str());
}

void target::stop_listening() noexcept {
    if (listener_ < 0)
        return;
    call_on_reactor(core(), reactor_, [this]() noexcept {
        if (watch_ != nullptr)
            core()->watch_remove(std::exchange(watch_, nullptr));
        if (accept_again_ != nullptr)
            core()->timer_destroy(std::exchange(accept_again_, nullptr));
        return 0;
    });
    ::unlink(path_.c_str());
    ::close(std::exchange(listener_, -1)); // after the watch: a watched descriptor must outlive it
}

// ---- on the reactor ----

int target::start_accepting() noexcept {
    watch_ = core()->watch_add(
        reactor_, listener_, SCST_WATCH_READ,
        [](void *self, std::uint32_t) noexcept { static_cast<target *>(self)->accept(); }, this);
    accept_again_ = core()->timer_create(
        reactor_,
        [](void *self) noexcept {
            static_cast<target *>(self)->core()->watch_modify(static_cast<target *>(self)->watch_, SCST_WATCH_READ);
        },
        this);
    return watch_ != nullptr && accept_again_ != nullptr ? 0 : ENOMEM;
}

void target::accept() noexcept {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            pause_accepting();
        return; // anything else concerns the one connection that is gone again
    }
    if (connections_.size() >= max_connections) {
        ::close(fd);
        return;
    }
    try {
        connections_.reserve(connections_.size() + 1);
        connections_.push_back(std::make_unique<connection>(*this, fd));
    } catch (const std::bad_alloc &) {
        ::close(fd);
        pause_accepting();
    }
}

// The listener stays readable, and its watch is level triggered: without a pause this would be a busy loop.
void target::pause_accepting() noexcept {
    log().warning("no descriptor or memory for another connection on %s: waiting", path_.c_str());
    core()->watch_modify(watch_, 0);
    core()->timer_start(accept_again_, 1000);
}

void target::forget(connection &gone) noexcept {
    std::erase_if(connections_, [&](const auto &one) { return one.get() == &gone; });
    if (leaving_ && connections_.empty())
        empty_.open();
}

// ---- attributes ----

void target::show_socket(scst_writer *out) const {
    scst::write_value(out, std::string_view{path_}, true);
}

void target::show_idle_timeout(scst_writer *out) const {
    scst::write_value(out, idle_timeout_s_.load(), idle_timeout_s_ != 0);
}

void target::store_idle_timeout(std::string_view text) {
    std::uint64_t seconds = 0;
    if (scst::parse_unsigned_in(scst::trim(text), 0, max_idle_timeout_s, seconds) != 0)
        throw scst::failure{EINVAL, "idle_timeout must be 0 (never) or a number of seconds up to 86400"};
    idle_timeout_s_ = seconds;
}

} // namespace loop
