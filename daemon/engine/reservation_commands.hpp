// SPDX-License-Identifier: Apache-2.0
// reservation_commands: RESERVE, RELEASE, PERSISTENT RESERVE IN and OUT, between the engine and daemon/reservation.
#pragma once

#include <cstdint>
#include <vector>

namespace scstd::device {
class device;
}
namespace scstd::reservation {
struct pr_outcome;
}

namespace scstd::engine {

struct command;

// START STOP UNIT to start and PREVENT ALLOW to allow pass any reservation (SPC-4 table 66, notes). Any thread.
bool reservation_exempt(const command &cmd) noexcept;

// The reactor.
void run_reserve(command &cmd);
void run_release(command &cmd);
void run_persistent_reserve_in(command &cmd);
// A worker thread: waits for the disk (APTPL) and for aborted commands.
void run_persistent_reserve_out(command &cmd);

// Saves and commits what prepare_out() or prepare_restore() decided, queues its attentions, refreshes the gates. The
// caller holds dev.pr_serial, not dev.lock. False: the state could not be saved; nothing has changed. Worker or
// management.
bool carry_out(device::device &dev, reservation::pr_outcome &&outcome);

} // namespace scstd::engine
