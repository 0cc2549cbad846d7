// SPDX-License-Identifier: Apache-2.0
// engine: the way of a command, from the driver to the handler and back.
//
//     driver ── submit() ─▶ admit: LUN, CDB, limits, task set        submit.cpp
//                          ▼
//            (WRITE) ready_to_transfer ◀──▶ driver ── data_received()
//                          ▼
//                      execute(): one test of the gate word           execute.cpp
//                          │      (open: straight on; else the admission checks, or wait)
//                          ▼
//                      handler exec() · core command · worker thread
//                          ▼
//                      complete(): status, abort outcome, residual    complete.cpp
//                          ▼
//            driver xmit_response ── response_sent() ─▶ counted, freed
//
// All of it runs on the session's reactor except what a worker thread executes; handler_done() brings a command back.
#pragma once

#include <cstdint>

struct scst_cmd;

namespace scstd::session {
class nexus;
class session;
} // namespace scstd::session

namespace scstd::engine {

struct command;
enum class command_state : std::uint8_t;

// ---- from the driver (the session's reactor) ----
void submit(command &cmd);
void data_received(command &cmd, std::int32_t result, std::uint64_t received);
void response_sent(command &cmd, std::int32_t delivery);

// ---- from the handler (any thread) ----
void handler_done(command &cmd);

// ---- between the parts of the engine (the session's reactor) ----
// The data is there: check and start, or let it wait.
void execute(command &cmd);
// Calls the handler or the core's function; the checks are over.
void start(command &cmd);
// The status is decided.
void complete(command &cmd);
// Looks again at the commands of the nexus that wait. Deferred to the end of the round when called by resume_later().
void resume(session::nexus &nex);
void resume_later(session::nexus &nex);
// Marks a command as aborted (abort_flag bits) and takes it out of wherever it waits.
void abort(command &cmd, std::uint8_t flags);
// Management's wish to know that a removed nexus is idle; session end.
void check_nexus_gone(session::nexus &nex);
void check_session_ended(session::session &sess);
// Aborts everything of a session that goes; its `ended` is called when nothing is left.
void end_session(session::session &sess, void (*ended)(void *), void *argument);

inline command &from_abi(scst_cmd *cmd) noexcept;
// The command goes on to its next state; measured while measure_latency is on.
inline void enter(command &cmd, command_state next) noexcept;

} // namespace scstd::engine

#include "engine/command.hpp"
#include "session/session.hpp"

inline scstd::engine::command &scstd::engine::from_abi(scst_cmd *cmd) noexcept {
    return *static_cast<command *>(cmd);
}

inline void scstd::engine::enter(command &cmd, command_state next) noexcept {
    if (cmd.sess->latency) [[unlikely]]
        cmd.sess->latency->left_state(cmd, threads::now_ns());
    cmd.state = next;
}
