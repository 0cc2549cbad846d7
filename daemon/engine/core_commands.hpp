// SPDX-License-Identifier: Apache-2.0
// core_commands: the operations that the core answers itself. Each sets status, sense and data of its command; the
// thread that has the command (the reactor, or a worker for rows marked on_worker).
#pragma once

namespace scstd::engine {

struct command;

// A command for a LUN that the session does not have (SPC-4 6.6, 6.33, 6.39; reference/scsi.md 1.4).
void answer_without_lun(command &cmd);

enum class core_outcome { done, pass_to_handler };
// A row marked op::core; may leave it to the handler (REQUEST SENSE when there is nothing to tell).
core_outcome run_core_command(command &cmd);

} // namespace scstd::engine
