// SPDX-License-Identifier: Apache-2.0
// client: the control socket seen from scstctl: one request, one answer (docs/control-protocol.md). Single-threaded.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <stdexcept>
#include <string>

namespace scstctl {

// The daemon can't be reached, or the connection broke.
class unreachable : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// The daemon refused; `name` is the errno's.
class refused : public std::runtime_error {
  public:
    refused(std::string errno_name, const std::string &message)
        : std::runtime_error{message}, name_{std::move(errno_name)} {}
    [[nodiscard]] const std::string &name() const noexcept { return name_; }

  private:
    std::string name_;
};

class client {
  public:
    // Connects with the first request.
    explicit client(std::string socket_path) : path_{std::move(socket_path)} {}
    client(const client &) = delete;
    client &operator=(const client &) = delete;
    ~client();

    // The result; throws refused or unreachable.
    nlohmann::json call(const std::string &method, const nlohmann::json &params);

  private:
    void connect();
    void send(const std::string &line);
    std::string receive();

    std::string path_;
    std::string pending_;
    int fd_ = -1;
    unsigned next_id_ = 1;
};

// $SCST_SOCKET, or where a daemon of this user has it.
[[nodiscard]] std::string default_socket();

} // namespace scstctl
