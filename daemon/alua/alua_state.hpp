// SPDX-License-Identifier: Apache-2.0
// alua_state: the asymmetric access states of a target port group, their names, and which commands pass in each (SPC-4
// 5.15.2.4).
//
// Pure functions, any thread, no allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace scstd::alua {

// Values as in REPORT TARGET PORT GROUPS (SPC-4 table 301).
enum class access_state : std::uint8_t {
    active = 0x0, // active/optimized
    nonoptimized = 0x1,
    standby = 0x2,
    unavailable = 0x3,
    offline = 0xe,
    transitioning = 0xf,
};

// The names of scst.conf.
[[nodiscard]] std::string_view name_of(access_state state) noexcept;
[[nodiscard]] std::optional<access_state> state_named(std::string_view name) noexcept;

// Media can be read and written.
[[nodiscard]] constexpr bool is_active(access_state state) noexcept {
    return state == access_state::active || state == access_state::nonoptimized;
}
// INQUIRY shows that the device is not connected through this port.
[[nodiscard]] constexpr bool is_unavailable(access_state state) noexcept {
    return state == access_state::unavailable || state == access_state::offline;
}

// In which of the limited states a command passes: a mask of these.
namespace pass {
inline constexpr std::uint8_t standby = 1;
inline constexpr std::uint8_t unavailable = 2; // and offline
inline constexpr std::uint8_t transitioning = 4;
} // namespace pass

// The mask of a command; `service_action` counts only for operation codes that have one. For opcode tables and gates.
[[nodiscard]] std::uint8_t pass_mask(std::uint8_t opcode, std::uint16_t service_action) noexcept;
[[nodiscard]] bool allowed(access_state state, std::uint8_t mask) noexcept;
[[nodiscard]] bool allowed(access_state state, std::uint8_t opcode, std::uint16_t service_action) noexcept;

// The additional sense code of a refused command: 04h and this qualifier, NOT READY. In `transitioning` the command
// is first held for transition_hold_ms and looked at once more.
[[nodiscard]] std::uint8_t refusal_qualifier(access_state state) noexcept;
inline constexpr unsigned transition_hold_ms = 500;

} // namespace scstd::alua
