// SPDX-License-Identifier: Apache-2.0
// client: see client.hpp.
#include "client.hpp"

#include <nlohmann/json.hpp>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace scstctl {

namespace {

// Longer than the longest thing that the daemon waits for (a device that does not become idle).
constexpr int patience_s = 180;

std::string advice() {
    switch (errno) {
    case ENOENT:
    case ECONNREFUSED:
        return "; is scstd running, and with this socket (--socket, SCST_SOCKET)?";
    case EACCES:
    case EPERM:
        return "; only root and the user that runs scstd may control it";
    default:
        return "";
    }
}

[[noreturn]] void fail(const std::string &what) {
    throw unreachable{what + ": " + std::strerror(errno) + advice()};
}

} // namespace

client::~client() {
    if (fd_ >= 0)
        ::close(fd_);
}

void client::connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.empty() || path_.size() >= sizeof address.sun_path)
        throw unreachable{"the socket's path '" + path_ + "' is empty or too long"};
    std::copy(path_.begin(), path_.end(), address.sun_path);
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0)
        fail("no socket");
    const timeval patience{patience_s, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(fd_, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0)
        fail("can't reach scstd at " + path_);
}

void client::send(const std::string &line) {
    for (std::size_t sent = 0; sent < line.size();) {
        const auto done = ::send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            fail("the request could not be sent to " + path_);
        sent += static_cast<std::size_t>(done);
    }
}

std::string client::receive() {
    for (;;) {
        const auto end = pending_.find('\n');
        if (end != std::string::npos) {
            std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            return line;
        }
        constexpr std::size_t piece = 65536;
        const auto before = pending_.size();
        pending_.resize(before + piece);
        const auto got = ::recv(fd_, pending_.data() + before, piece, 0);
        pending_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got == 0)
            throw unreachable{"scstd at " + path_ +
                              " closed the connection without an answer (is this user allowed to "
                              "control it, or did it just end?)"};
        if (got < 0 && errno == EAGAIN)
            throw unreachable{"no answer from scstd at " + path_ + " in " + std::to_string(patience_s) +
                              " s; it goes on with what it was asked"};
        if (got < 0 && errno != EINTR)
            fail("no answer from " + path_);
    }
}

nlohmann::json client::call(const std::string &method, const nlohmann::json &params) {
    if (fd_ < 0)
        connect();
    const auto id = next_id_++;
    const nlohmann::json request{{"id", id}, {"method", method}, {"params", params}};
    send(request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
    auto answer = nlohmann::json::parse(receive(), nullptr, false);
    if (!answer.is_object())
        throw unreachable{"what answers at " + path_ + " is not scstd"};
    if (const auto error = answer.find("error"); error != answer.end())
        throw refused{error->value("name", std::string{"EIO"}),
                      error->value("message", std::string{"no reason given"})};
    if (answer.value("id", nlohmann::json{}) != id || !answer.contains("result"))
        throw unreachable{"what answers at " + path_ + " is not scstd"};
    return std::move(answer["result"]);
}

std::string default_socket() {
    if (const char *const given = std::getenv("SCST_SOCKET"); given != nullptr && *given != '\0')
        return given;
    const std::string of_system = "/run/scstd/scstd.sock";
    if (::geteuid() == 0 || ::access(of_system.c_str(), W_OK) == 0)
        return of_system;
    if (const char *const runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime == '/')
        return std::string{runtime} + "/scstd/scstd.sock";
    const char *const state = std::getenv("XDG_STATE_HOME");
    if (state != nullptr && *state == '/')
        return std::string{state} + "/scstd/scstd.sock";
    const char *const home = std::getenv("HOME");
    return std::string{home == nullptr ? "" : home} + "/.local/state/scstd/scstd.sock";
}

} // namespace scstctl
