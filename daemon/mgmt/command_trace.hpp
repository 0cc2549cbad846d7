// SPDX-License-Identifier: Apache-2.0
// command_trace: one line for each command that is under way, for the file trace_cmds (management.md 1.2.2): what hangs
// where. Management thread; each session's commands are looked at on its reactor.
#pragma once

#include <string>

namespace scstd {
class core;
}

namespace scstd::mgmt {

[[nodiscard]] std::string command_trace(core &registry);

} // namespace scstd::mgmt
