// SPDX-License-Identifier: Apache-2.0
// compare_and_write: COMPARE AND WRITE (SBC-3 5.2). A worker thread; the engine has given the command its blocks for
// itself, so nobody else reads or writes them between the comparison and the write.
#pragma once

namespace scstd::engine {

struct command;
void run_compare_and_write(command &cmd);

} // namespace scstd::engine
