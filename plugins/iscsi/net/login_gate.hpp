// SPDX-License-Identifier: Apache-2.0
// login_gate: how many connections may be before full-feature phase (or in a discovery session) at once, in all and per
// host, so that one host can't lock the others out. Any thread; one small lock, taken when a connection comes and goes
// only.
#pragma once

#include "net/address.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <mutex>

namespace scstd::iscsi {

class login_gate {
  public:
    struct limits {
        std::uint32_t total = 1024;
        std::uint32_t per_host = 256;
    };
    login_gate() = default;
    explicit login_gate(limits limit) noexcept : limits_{limit} {}

    // Whether one more connection of this host may come; each success needs one leave().
    [[nodiscard]] bool enter(const address &peer) {
        const std::lock_guard lock{mutex_};
        if (total_ >= limits_.total)
            return false;
        std::uint32_t &mine = hosts_[peer.host_key()];
        if (mine >= limits_.per_host)
            return false;
        ++mine;
        ++total_;
        return true;
    }
    // Lets one in although the limit is reached: the caller closes another one for it.
    void enter_for_another(const address &peer) {
        const std::lock_guard lock{mutex_};
        ++hosts_[peer.host_key()];
        ++total_;
    }
    void leave(const address &peer) noexcept {
        const std::lock_guard lock{mutex_};
        const auto host = hosts_.find(peer.host_key());
        if (host == hosts_.end())
            return;
        --total_;
        if (--host->second == 0)
            hosts_.erase(host);
    }

  private:
    std::mutex mutex_;
    limits limits_{};
    std::uint32_t total_ = 0;
    std::map<std::array<std::uint8_t, 16>, std::uint32_t> hosts_; // hosts with a connection only
};

} // namespace scstd::iscsi
