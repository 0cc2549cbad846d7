// SPDX-License-Identifier: Apache-2.0
// control_socket: see control_socket.hpp.
#include "mgmt/control_socket.hpp"

#include "log/log.hpp"
#include "threads/reactor.hpp"

#include <scst/core.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace scstd::mgmt {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t read_size = 64 * 1024;

error errno_error(const std::string &what) {
    const int why = errno;
    return fail(why, "{}: {}", what, std::strerror(why));
}

result<sockaddr_un> address_of(const std::string &path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return fail(ENAMETOOLONG, "control socket {}: a path has 1 to {} characters", path,
                    sizeof address.sun_path - 1);
    std::copy(path.begin(), path.end(), address.sun_path);
    return address;
}

// Whoever may write to the folder could put a socket of his own in our place.
result<> check_folder(const std::string &path) {
    const auto folder = fs::path{path}.parent_path();
    std::error_code failed;
    if (!fs::exists(folder, failed)) {
        if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
            return errno_error("folder " + folder.string() + " of the control socket");
    }
    struct stat state {};
    if (::stat(folder.c_str(), &state) != 0)
        return errno_error("folder " + folder.string() + " of the control socket");
    if (!S_ISDIR(state.st_mode))
        return fail(ENOTDIR, "{} for the control socket is not a folder", folder.string());
    if ((state.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(EPERM, "folder {} of the control socket: others may write to it", folder.string());
    if (state.st_uid != ::geteuid() && state.st_uid != 0)
        return fail(EPERM, "folder {} of the control socket belongs to another user", folder.string());
    return ok();
}

// A socket that a daemon left behind when it was killed is removed; one that answers is not, and nothing else is.
result<> remove_stale(const std::string &path, const sockaddr_un &address) {
    struct stat state {};
    if (::lstat(path.c_str(), &state) != 0)
        return errno == ENOENT ? ok() : result<>{errno_error("control socket " + path)};
    if (!S_ISSOCK(state.st_mode))
        return fail(EEXIST, "control socket {}: something else is there", path);
    const unique_fd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!probe)
        return errno_error("control socket " + path);
    if (::connect(probe.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0 || errno == EAGAIN)
        return fail(EADDRINUSE, "control socket {}: another daemon answers there", path);
    if (::unlink(path.c_str()) != 0)
        return errno_error("control socket " + path);
    return ok();
}

bool may_control(int fd, ucred &peer) {
    socklen_t length = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || length != sizeof peer)
        return false;
    return peer.uid == 0 || peer.uid == ::geteuid();
}

} // namespace

// A client. Reads only while it has taken its answers.
class control_socket::connection {
  public:
    connection(control_socket &owner, unique_fd socket) : owner_{owner}, socket_{std::move(socket)} {}
    connection(const connection &) = delete;
    connection &operator=(const connection &) = delete;
    ~connection() {
        if (watch_ != nullptr)
            watch_->remove();
    }

    bool start() {
        watch_ = owner_.reactor_.watch_add(socket_.get(), SCST_WATCH_READ, &ready, this);
        return watch_ != nullptr;
    }

  private:
    static void ready(void *argument, std::uint32_t events) {
        auto &self = *static_cast<connection *>(argument);
        if (!self.serve(events))
            self.owner_.drop(self); // destroys self
    }
    // false: the connection has ended.
    bool serve(std::uint32_t events);
    bool receive();
    void answer_lines();
    bool send();

    control_socket &owner_;
    unique_fd socket_;
    threads::watch *watch_ = nullptr;
    std::string in_;
    std::string out_;
    std::size_t sent_ = 0;
    bool ended_ = false; // no more requests: closes when everything is sent
};

bool control_socket::connection::serve(std::uint32_t events) {
    if ((events & SCST_WATCH_READ) != 0 && out_.empty() && !receive())
        return false;
    if (!send())
        return false;
    if (out_.empty())
        answer_lines();
    if (ended_ && out_.empty())
        return false;
    watch_->modify(out_.empty() ? SCST_WATCH_READ : SCST_WATCH_WRITE);
    return true;
}

bool control_socket::connection::receive() {
    const auto before = in_.size();
    in_.resize(before + read_size);
    const auto got = ::recv(socket_.get(), in_.data() + before, read_size, MSG_DONTWAIT);
    in_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        ended_ = true;
    return true;
}

// As long as the answers are taken; the rest of the requests waits for the client.
void control_socket::connection::answer_lines() {
    std::size_t at = 0;
    while (out_.empty()) {
        const auto end = in_.find('\n', at);
        if (end == std::string::npos)
            break;
        const std::string_view line{in_.data() + at, end - at};
        at = end + 1;
        if (line.size() > max_line) {
            ended_ = true;
            break;
        }
        if (!line.empty())
            out_ = owner_.methods_.answer(line) + '\n';
        static_cast<void>(send());
    }
    in_.erase(0, at);
    if (in_.size() > max_line && in_.find('\n') == std::string::npos) {
        log::warning("control", "a request of more than {} bytes: connection closed", max_line);
        out_ += R"({"id":null,"error":{"code":90,"name":"EMSGSIZE","message":"a line is at most 1 MiB"}})"
                "\n";
        in_.clear();
        ended_ = true;
    }
}

bool control_socket::connection::send() {
    while (sent_ < out_.size()) {
        const auto done = ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno == EAGAIN;
        sent_ += static_cast<std::size_t>(done);
    }
    out_.clear();
    sent_ = 0;
    return true;
}

control_socket::control_socket(threads::reactor &on, control_methods &methods) : reactor_{on}, methods_{methods} {}

control_socket::~control_socket() {
    close();
}

result<> control_socket::open(const std::string &path) {
    auto address = address_of(path);
    if (!address)
        return address.error();
    if (auto good = check_folder(path); !good)
        return good;
    if (auto good = remove_stale(path, address.value()); !good)
        return good;
    unique_fd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!listener)
        return errno_error("control socket " + path);
    // The mode of the socket's inode becomes that of the file, so there is no moment at which it is open to others.
    if (::fchmod(listener.get(), 0600) != 0 ||
        ::bind(listener.get(), reinterpret_cast<const sockaddr *>(&address.value()), sizeof(sockaddr_un)) != 0)
        return errno_error("control socket " + path);
    path_ = path;
    listener_ = std::move(listener);
    if (::chmod(path.c_str(), 0600) != 0 || ::listen(listener_.get(), static_cast<int>(max_connections)) != 0) {
        auto why = errno_error("control socket " + path);
        close();
        return why;
    }
    watch_ = reactor_.watch_add(
        listener_.get(), SCST_WATCH_READ,
        [](void *argument, std::uint32_t) { static_cast<control_socket *>(argument)->accept_ready(); }, this);
    if (watch_ == nullptr) {
        auto why = errno_error("control socket " + path);
        close();
        return why;
    }
    return ok();
}

void control_socket::close() noexcept {
    connections_.clear();
    if (watch_ != nullptr)
        watch_->remove();
    watch_ = nullptr;
    if (listener_)
        ::unlink(path_.c_str());
    listener_.reset();
}

void control_socket::accept_ready() {
    unique_fd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!client)
        return; // gone again, or out of descriptors: the next readiness tries again
    ucred peer{};
    if (!may_control(client.get(), peer)) {
        log::warning("control", "a connection of user {} was refused", peer.uid);
        return;
    }
    if (connections_.size() >= max_connections) {
        log::warning("control", "a connection was refused: there are {} already", connections_.size());
        return;
    }
    auto made = std::make_unique<connection>(*this, std::move(client));
    if (made->start())
        connections_.push_back(std::move(made));
}

void control_socket::drop(connection &gone) {
    std::erase_if(connections_, [&](const auto &each) { return each.get() == &gone; });
}

} // namespace scstd::mgmt
