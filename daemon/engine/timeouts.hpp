// SPDX-License-Identifier: Apache-2.0
// timeouts: the command_timeout of a device: a command that has waited or run longer is ended with ABORTED COMMAND,
// COMMAND TIMEOUT (2E/01 before, 2E/02 during processing), so that an initiator hears of a stuck LUN before its own
// patience ends.
//
// The session's reactor. One slow timer per session, armed only while commands of such a device are live. A command
// that a handler holds is answered when the handler gives it back; the handler is asked to by its abort().
#pragma once

namespace scstd::session {
class session;
}

namespace scstd::engine {

// A command of a device with a timeout has arrived.
void watch_timeouts(session::session &sess);

} // namespace scstd::engine
