// SPDX-License-Identifier: Apache-2.0
// seed: what a finished login hands over to the session it begins, and with it to another reactor. A value with one
// owner.
#pragma once

#include "login/login_machine.hpp"
#include "net/address.hpp"
#include "net/unique_fd.hpp"
#include "text/session_keys.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace scstd::iscsi {

struct connection_seed {
    unique_fd socket;
    address peer;
    address local;
    login_identity identity;
    key_values keys{};
    std::uint32_t stat_sn = 0;
    std::uint32_t exp_cmd_sn = 0;
    login_response_pdu response{}; // the last login response, to be sent when the session exists
    std::string response_text;
    std::vector<std::uint8_t> leftover; // received behind the last login request
};

} // namespace scstd::iscsi
