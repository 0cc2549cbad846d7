// SPDX-License-Identifier: Apache-2.0
// view: what logins need to know of a target, as one immutable value that management replaces whole; and the few
// numbers that also live sessions follow. Any thread reads both.
#pragma once

#include "text/session_keys.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace scstd::iscsi {

struct target_view {
    std::string name;
    std::string alias;
    bool enabled = false;
    bool per_portal_acl = false;              // access groups see "<initiator>#<portal>"
    key_values keys = our_defaults();         // what this target brings to the negotiation
    std::vector<std::string> allowed_portals; // patterns, see net/pattern.hpp
};

// Written by management, read by reactors; each number stands for itself, so relaxed order is enough.
struct live_parameters {
    std::atomic<std::uint32_t> queued_commands{32};
    std::atomic<std::uint32_t> rsp_timeout_s{90};
    std::atomic<std::uint32_t> nop_in_interval_s{30}; // 0: no pings
    std::atomic<std::uint32_t> nop_in_timeout_s{30};
    std::atomic<std::uint32_t> max_sessions{0}; // 0: no limit
};

} // namespace scstd::iscsi
