// SPDX-License-Identifier: Apache-2.0
// help_texts: what a read of a mgmt file shows: usage lines and the lines that scstadmin parses (management.md part 3).
// Pure functions, any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace scstd::mgmt {

// A list that a machine-readable line announces; no line when it has no names.
struct announced {
    std::string_view prefix;
    std::span<const char *const> names;
};

inline constexpr std::string_view announces_parameters = "The following parameters available: ";
inline constexpr std::string_view announces_driver_attributes = "The following target driver attributes available: ";
inline constexpr std::string_view announces_target_attributes = "The following target attributes available: ";

// One line per command in SCST's form: Usage: echo "COMMAND" >mgmt
[[nodiscard]] std::string usage(std::span<const std::string_view> commands);
// The same, how parameters are written, and the announcements.
[[nodiscard]] std::string usage_with_parameters(std::span<const std::string_view> commands,
                                                std::span<const announced> lists);

} // namespace scstd::mgmt
