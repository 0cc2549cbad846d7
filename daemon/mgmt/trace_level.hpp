// SPDX-License-Identifier: Apache-2.0
// trace_level: the trace_level files: what of a component goes to the log. SCST's verbs and layout
// (management.md 1.2.1) with our levels as tokens; a level includes those above it. Any thread.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace scstd::mgmt {

// `component` as in the log; empty: all that have no level of their own.
[[nodiscard]] std::string trace_level_text(std::string_view component);
[[nodiscard]] result<> set_trace_level(std::string_view component, std::string_view text);

// What "default" means for the whole daemon: the level of scstd.conf. Called once by main().
void set_default_trace_level(std::string_view level);

} // namespace scstd::mgmt
