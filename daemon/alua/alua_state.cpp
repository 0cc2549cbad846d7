// SPDX-License-Identifier: Apache-2.0
#include "alua/alua_state.hpp"

#include <array>

namespace scstd::alua {

namespace {

struct state_name {
    access_state state;
    std::string_view name;
};
constexpr std::array<state_name, 6> names{{{access_state::active, "active"},
                                           {access_state::nonoptimized, "nonoptimized"},
                                           {access_state::standby, "standby"},
                                           {access_state::unavailable, "unavailable"},
                                           {access_state::offline, "offline"},
                                           {access_state::transitioning, "transitioning"}}};

constexpr std::uint8_t everywhere = pass::standby | pass::unavailable | pass::transitioning;

} // namespace

std::string_view name_of(access_state state) noexcept {
    for (const state_name &entry : names)
        if (entry.state == state)
            return entry.name;
    return "unknown";
}

std::optional<access_state> state_named(std::string_view name) noexcept {
    for (const state_name &entry : names)
        if (entry.name == name)
            return entry.state;
    return std::nullopt;
}

// SPC-4 5.15.2.4.4 to 5.15.2.4.7 list what has to pass; everything else is refused.
std::uint8_t pass_mask(std::uint8_t opcode, std::uint16_t service_action) noexcept {
    switch (opcode) {
    case 0x03: // REQUEST SENSE
    case 0x12: // INQUIRY
    case 0x25: // READ CAPACITY(10)
    case 0x3b: // WRITE BUFFER
    case 0x3c: // READ BUFFER
    case 0xa0: // REPORT LUNS
        return everywhere;
    case 0x15: // MODE SELECT(6)
    case 0x16: // RESERVE(6)
    case 0x17: // RELEASE(6)
    case 0x1a: // MODE SENSE(6)
    case 0x1c: // RECEIVE DIAGNOSTIC RESULTS
    case 0x1d: // SEND DIAGNOSTIC
    case 0x4c: // LOG SELECT
    case 0x4d: // LOG SENSE
    case 0x55: // MODE SELECT(10)
    case 0x56: // RESERVE(10)
    case 0x57: // RELEASE(10)
    case 0x5a: // MODE SENSE(10)
    case 0x5e: // PERSISTENT RESERVE IN
    case 0x5f: // PERSISTENT RESERVE OUT
        return pass::standby;
    case 0x9e: // READ CAPACITY(16)
        return service_action == 0x10 ? everywhere : std::uint8_t{0};
    case 0xa3: // REPORT TARGET PORT GROUPS
        return service_action == 0x0a ? everywhere : std::uint8_t{0};
    case 0xa4: // SET TARGET PORT GROUPS
        return service_action == 0x0a ? pass::standby | pass::unavailable : std::uint8_t{0};
    default: // a number from outside
        return 0;
    }
}

bool allowed(access_state state, std::uint8_t mask) noexcept {
    switch (state) {
    case access_state::active:
    case access_state::nonoptimized:
        return true;
    case access_state::standby:
        return (mask & pass::standby) != 0;
    case access_state::unavailable:
    case access_state::offline:
        return (mask & pass::unavailable) != 0;
    case access_state::transitioning:
        return (mask & pass::transitioning) != 0;
    }
    return false;
}

bool allowed(access_state state, std::uint8_t opcode, std::uint16_t service_action) noexcept {
    return allowed(state, pass_mask(opcode, service_action));
}

std::uint8_t refusal_qualifier(access_state state) noexcept {
    switch (state) {
    case access_state::transitioning:
        return 0x0a;
    case access_state::standby:
        return 0x0b;
    case access_state::unavailable:
    case access_state::offline:
        return 0x0c;
    case access_state::active:
    case access_state::nonoptimized:
        break; // nothing is refused
    }
    return 0;
}

} // namespace scstd::alua
