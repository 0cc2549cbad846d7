// SPDX-License-Identifier: Apache-2.0
// attention: how a pending unit attention reaches a command (SAM-5 5.14). The session's reactor; takes the device's
// lock.
#pragma once

#include "engine/sense.hpp"

#include <optional>

namespace scstd::session {
class nexus;
class session;
} // namespace scstd::session

namespace scstd::engine {

struct command;

// Ends the command with the oldest unit attention of its nexus, if there still is one.
void take_attention(command &cmd);
// REQUEST SENSE: takes the oldest one as data.
std::optional<sense_code> take_attention_for_sense(session::nexus &nex);
// REPORTED LUNS DATA HAS CHANGED is one event for the whole session: told once, it is gone from all LUNs.
void drop_reported_luns(session::session &sess);

} // namespace scstd::engine
