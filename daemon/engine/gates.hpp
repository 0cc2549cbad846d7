// SPDX-License-Identifier: Apache-2.0
// gates: keeps the gate words of a device's nexuses true to its state, and wakes what waits behind them.
//
// Every function needs the device's lock unless it says otherwise. Whoever changes reservations, suspension, ranges,
// mode page fields or unit attentions calls the fitting one before it lets go of the lock.
#pragma once

#include "engine/sense.hpp"

#include <cstdint>

namespace scstd::device {
class device;
}
namespace scstd::session {
class nexus;
}

namespace scstd::engine {

void set_gate(session::nexus &nex, std::uint32_t bit, bool on) noexcept;
void set_gate_all(device::device &dev, std::uint32_t bit, bool on) noexcept;

// What SPC-2 and persistent reservations mean for each nexus.
void update_reservation_gates(device::device &dev);
void update_reservation_gate(device::device &dev, session::nexus &nex);
// Read-only LUN, device or SWP; TST=0; ALUA.
void update_mode_gates(device::device &dev) noexcept;

// Nested: new commands wait while any blocker is left.
void block(device::device &dev) noexcept;
void unblock(device::device &dev); // wakes at the last one

// Posts to the reactors: look at the waiting commands again.
void wake(device::device &dev);

// Unit attentions.
void queue_attention(session::nexus &nex, sense_code code);
void queue_attention_front(session::nexus &nex, sense_code code);
// To all nexuses of the device but `except` (may be nullptr); sent as an event, too, where that is wanted and possible.
void attention_to_all(device::device &dev, sense_code code, const session::nexus *except);
// Tells the session's initiator without waiting for a command, when its transport can; any thread, device's lock held
// or not.
void report_event(session::nexus &nex, sense_code code);

} // namespace scstd::engine
