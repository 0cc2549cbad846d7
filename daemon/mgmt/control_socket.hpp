// SPDX-License-Identifier: Apache-2.0
// control_socket: the unix socket of scstctl. One request and one answer per line (docs/control-protocol.md); only root
// and the daemon's own user are let in. Lives on the management reactor: made, used and destroyed there.
//
// A client can cost no more than its share: a line is at most 1 MiB, a client that does not take its answers is not
// read any further, and there are at most 32 of them.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "mgmt/control_methods.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>

namespace scstd::threads {
class reactor;
class watch;
} // namespace scstd::threads

namespace scstd::mgmt {

class control_socket {
  public:
    static constexpr std::size_t max_line = std::size_t{1} << 20;
    static constexpr std::size_t max_connections = 32;

    control_socket(threads::reactor &on, control_methods &methods);
    control_socket(const control_socket &) = delete;
    control_socket &operator=(const control_socket &) = delete;
    ~control_socket();

    // Makes the socket, and its folder when that is missing.
    [[nodiscard]] result<> open(const std::string &path);
    // Closes all connections and removes the socket.
    void close() noexcept;

  private:
    class connection;

    void accept_ready();
    void drop(connection &gone);

    threads::reactor &reactor_;
    control_methods &methods_;
    std::string path_;
    unique_fd listener_;
    threads::watch *watch_ = nullptr;
    std::list<std::unique_ptr<connection>> connections_;
};

} // namespace scstd::mgmt
