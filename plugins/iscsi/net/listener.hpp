// SPDX-License-Identifier: Apache-2.0
// listener: one portal: a listening socket and what is accepted from it. Opened on the management thread, watched, used
// and destroyed on the first reactor.
#pragma once

#include "net/address.hpp"
#include "net/unique_fd.hpp"

#include <scst/core.h>

#include <cstdint>

namespace scstd::iscsi {

class driver;

class listener {
  public:
    listener(driver &owner, unique_fd socket, const address &portal) noexcept;
    listener(const listener &) = delete;
    listener &operator=(const listener &) = delete;
    ~listener();

    // Opens and binds; 0 and the socket, or an errno and the name of the call that failed.
    static int open(const address &portal, unique_fd &socket, const char *&failed);

    // Reactor: starts to accept. false: no memory.
    bool watch(scst_reactor *reactor);

  private:
    static void ready(void *self, std::uint32_t events);
    static void retry(void *self);
    void accept_all();
    void accept_one(unique_fd socket, const sockaddr *raw, socklen_t length);
    void pause(int error);

    driver &owner_;
    unique_fd socket_;
    address portal_;
    scst_watch *watch_ = nullptr;
    scst_timer *timer_ = nullptr; // runs while out of descriptors
};

} // namespace scstd::iscsi
