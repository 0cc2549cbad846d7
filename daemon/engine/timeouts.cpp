// SPDX-License-Identifier: Apache-2.0
#include "engine/timeouts.hpp"

#include "device/device.hpp"
#include "engine/engine.hpp"
#include "log/log.hpp"
#include "session/session.hpp"

#include <vector>

namespace scstd::engine {

namespace {

constexpr std::uint64_t look_every_ms = 1000;

bool is_late(const command &cmd, std::uint64_t now) noexcept {
    const std::uint64_t limit_ms = std::uint64_t{cmd.dev->command_timeout_s.load(std::memory_order_relaxed)} * 1000;
    const bool stuck = cmd.state == command_state::exec_check_sn || cmd.state == command_state::exec_check_blocking ||
                       cmd.state == command_state::exec_wait;
    return limit_ms != 0 && cmd.arrived_ms != 0 && stuck && now - cmd.arrived_ms >= limit_ms && !cmd.aborted();
}

// True while commands are left that may become late.
bool look_at(session::nexus &nex, std::uint64_t now) {
    if (nex.dev.command_timeout_s.load(std::memory_order_relaxed) == 0)
        return false;
    std::vector<command *> late;
    for (command &cmd : nex.commands) {
        if (is_late(cmd, now))
            late.push_back(&cmd);
    }
    for (command *cmd : late) {
        if (cmd->nex != &nex || !is_late(*cmd, now))
            continue;
        log::warning("core", "device {}: {} of {} ended after {} s by its command_timeout", nex.dev.name(),
                     cmd->entry_of_opcode->name, nex.sess.name, (now - cmd->arrived_ms) / 1000);
        abort(*cmd, abort_flag::timed_out);
    }
    return nex.live != 0;
}

void look(void *argument) {
    auto &sess = *static_cast<session::session *>(argument);
    const std::uint64_t now = threads::now_ms();
    bool again = false;
    for (session::nexus *nex : sess.table()) {
        if (nex != nullptr && look_at(*nex, now))
            again = true;
    }
    if (again && !sess.ending)
        sess.timeout_watch->start(look_every_ms);
}

} // namespace

void watch_timeouts(session::session &sess) {
    if (!sess.timeout_watch)
        sess.timeout_watch = std::make_unique<threads::timer>(sess.reactor(), look, &sess);
    if (!sess.timeout_watch->is_armed())
        sess.timeout_watch->start(look_every_ms);
}

} // namespace scstd::engine
