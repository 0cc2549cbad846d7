// SPDX-License-Identifier: Apache-2.0
// extended_copy: EXTENDED COPY(LID1) and RECEIVE COPY RESULTS (SPC-4 6.4, 6.20; reference/scsi.md 13).
//
// run_extended_copy() needs a worker thread, the other the session's reactor. A nexus copies only between logical units
// that it may see itself, unless targets/copy_manager/allow_not_connected_copy is set.
#pragma once

namespace scstd::device {
class device;
}

namespace scstd::engine {

struct command;

bool extended_copy_supported(const device::device &dev) noexcept;
void run_extended_copy(command &cmd);
void run_receive_copy_results(command &cmd);

} // namespace scstd::engine
