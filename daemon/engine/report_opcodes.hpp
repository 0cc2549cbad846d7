// SPDX-License-Identifier: Apache-2.0
// report_opcodes: REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS (SPC-4 6.35, 6.36), from the opcode
// table and the handler's list. The session's reactor.
#pragma once

namespace scstd::engine {

struct command;

void report_supported_opcodes(command &cmd);
void report_supported_task_management(command &cmd);

} // namespace scstd::engine
