// SPDX-License-Identifier: Apache-2.0
// port_group_commands: the bytes of REPORT TARGET PORT GROUPS and SET TARGET PORT GROUPS (SPC-4 6.37, 6.45).
//
// Pure functions over device_groups; the caller holds its lock. The daemon itself decides on a change that an initiator
// asks for: there is no user-space agent to ask.
#pragma once

#include "alua/device_groups.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace scstd::alua {

// GOOD when key is 0.
struct command_error {
    std::uint8_t key = 0;
    std::uint8_t asc = 0;
    std::uint8_t ascq = 0;
    struct cdb_field {
        std::uint16_t byte = 0;
        std::optional<std::uint8_t> bit;
    };
    std::optional<cdb_field> field; // in the CDB

    [[nodiscard]] bool good() const noexcept { return key == 0; }
};

struct report_answer {
    command_error error;
    std::vector<std::uint8_t> data; // at most `allocation_length` bytes; RETURN DATA LENGTH counts all
};
// `cdb` has at least 12 bytes.
[[nodiscard]] report_answer report_target_port_groups(const device_groups &groups, std::string_view device,
                                                      std::span<const std::uint8_t> cdb);

struct set_answer {
    command_error error;
    // What apply() is to be called with; empty: nothing changes.
    std::vector<std::pair<std::uint16_t, access_state>> wanted;
};
// `parameters` are the bytes that arrived; `explicit_allowed` is the device's expl_alua.
[[nodiscard]] set_answer decide_set_target_port_groups(const device_groups &groups, std::string_view device,
                                                       bool explicit_allowed, std::span<const std::uint8_t> parameters);

} // namespace scstd::alua
