// SPDX-License-Identifier: Apache-2.0
// The end of a command: what its status means for others, what its initiator is told, what is given back.
#include "core/core.hpp"
#include "device/device.hpp"
#include "device/handler.hpp"
#include "engine/drain.hpp"
#include "engine/engine.hpp"
#include "engine/extended_copy.hpp"
#include "engine/gates.hpp"
#include "engine/status.hpp"
#include "engine/task_management.hpp"
#include "session/session.hpp"
#include "session/target.hpp"

#include <algorithm>
#include <utility>

namespace scstd::engine {

namespace gate = session::gate;

namespace {

void stop_executing(command &cmd) {
    if (!cmd.executing)
        return;
    cmd.executing = false;
    --cmd.nex->executing;
    if (!cmd.nex->drains.empty())
        drain_recheck(*cmd.nex);
}

void release_range(command &cmd) {
    if (!cmd.holds_range)
        return;
    cmd.holds_range = false;
    const std::lock_guard guard{cmd.dev->lock};
    cmd.dev->ranges.release(&cmd);
    if (cmd.dev->ranges.empty())
        set_gate_all(*cmd.dev, gate::ranges, false);
    wake(*cmd.dev);
}

void release_serialized(command &cmd) {
    if (!cmd.serialized_hold)
        return;
    cmd.serialized_hold = false;
    const std::lock_guard guard{cmd.dev->lock};
    unblock(*cmd.dev);
}

void establish_aca(command &cmd) {
    if (cmd.in_shared_set) {
        const std::lock_guard guard{cmd.dev->lock};
        if (!cmd.dev->shared_tasks.aca())
            cmd.dev->shared_tasks.establish_aca(*cmd.nex);
        set_gate_all(*cmd.dev, gate::aca, true);
    } else if (!cmd.nex->tasks.aca()) {
        cmd.nex->tasks.establish_aca(*cmd.nex);
    }
}

// QERR (SPC-4 7.5.9): a CHECK CONDITION aborts the other commands of the task set (1) or of the nexus (3).
void apply_qerr(command &cmd) {
    const std::uint8_t qerr = cmd.dev->qerr.load(std::memory_order_relaxed);
    if (qerr != 1 && qerr != 3)
        return;
    abort_nexus_commands(*cmd.nex, &cmd, abort_flag::aborted);
    if (qerr == 1 && cmd.dev->tst.load(std::memory_order_relaxed) == 0)
        abort_other_nexuses(*cmd.dev, *cmd.nex, codes::cleared_by_another_initiator);
}

// UA_INTLCK 11b (SPC-4 7.5.9): certain statuses leave a unit attention behind.
void interlock(command &cmd) {
    if (cmd.dev->ua_intlck.load(std::memory_order_relaxed) != 3)
        return;
    std::uint8_t ascq = 0;
    if (cmd.status == SCST_STATUS_RESERVATION_CONFLICT)
        ascq = 0x06;
    else if (cmd.status == SCST_STATUS_BUSY)
        ascq = 0x07;
    else if (cmd.status == SCST_STATUS_TASK_SET_FULL)
        ascq = 0x08;
    if (ascq == 0)
        return;
    const std::lock_guard guard{cmd.dev->lock};
    queue_attention(*cmd.nex, {SCST_SENSE_UNIT_ATTENTION, 0x2c, ascq});
}

void look_at_status(command &cmd) {
    if (cmd.status == SCST_STATUS_GOOD || cmd.nex == nullptr)
        return;
    if (cmd.status != SCST_STATUS_CHECK_CONDITION) {
        interlock(cmd);
        return;
    }
    auto &stored = cmd.nex->stored_sense;
    stored.length = std::min<std::uint32_t>(cmd.sense_length, SCST_MAX_SENSE_SIZE);
    std::copy_n(cmd.sense, stored.length, stored.bytes.begin());
    if (cmd.order == task_order::aca && cmd.in_set && !cmd.naca)
        clear_aca(*cmd.nex);
    if (cmd.naca && cmd.in_set)
        establish_aca(cmd);
    apply_qerr(cmd);
}

void leave_task_set(command &cmd) {
    if (!cmd.in_set)
        return;
    if (cmd.in_shared_set) {
        const std::lock_guard guard{cmd.dev->lock};
        if (cmd.dev->shared_tasks.leave(cmd))
            wake(*cmd.dev);
    } else if (cmd.nex->tasks.leave(cmd)) {
        resume_later(*cmd.nex);
    }
}

// What the initiator of an aborted command sees (SAM-5 5.6; TAS).
void settle_abort(command &cmd) {
    const std::uint8_t why = cmd.abort_flags.load(std::memory_order_acquire);
    if (why == 0)
        return;
    cmd.response_length = 0;
    const bool only_late =
        (why & ~(abort_flag::aborted | abort_flag::timed_out)) == 0 && (why & abort_flag::timed_out) != 0;
    if (only_late) {
        // COMMAND TIMEOUT DURING or BEFORE PROCESSING (SPC-4 annex D): what it had done is not told.
        cmd.status = SCST_STATUS_GOOD;
        set_sense(cmd, {SCST_SENSE_ABORTED_COMMAND, 0x2e, static_cast<std::uint8_t>(cmd.started ? 0x02 : 0x01)});
    } else if ((why & abort_flag::task_aborted) != 0 && (why & abort_flag::silent) == 0) {
        cmd.status = SCST_STATUS_TASK_ABORTED;
        cmd.sense_length = 0;
    } else {
        cmd.suppressed = true;
    }
}

// RFC 7143 11.4.5: the difference between what was announced and what moved.
void settle_residual(command &cmd) noexcept {
    std::uint64_t moved = 0;
    if (cmd.data_direction == SCST_DATA_READ)
        moved = cmd.response_length;
    else if (cmd.data_direction == SCST_DATA_WRITE)
        moved = std::min(cmd.data_length, cmd.expected_length);
    const bool failed_read = cmd.data_direction == SCST_DATA_READ && cmd.status == SCST_STATUS_CHECK_CONDITION;
    const bool wanted_more =
        cmd.data_length > cmd.expected_length && cmd.data_direction != SCST_DATA_NONE && !failed_read;
    if (wanted_more && moved == cmd.expected_length) {
        cmd.residual_kind = 2;
        cmd.residual_count = cmd.data_length - cmd.expected_length;
    } else if (cmd.expected_length > moved) {
        cmd.residual_kind = 1;
        cmd.residual_count = cmd.expected_length - moved;
    }
}

void count(command &cmd, std::array<session::io_counters, 3> &counters) noexcept {
    const auto add = [](std::atomic<std::uint64_t> &counter, std::uint64_t by) {
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    };
    auto &of = counters[cmd.data_direction];
    add(of.commands, 1);
    if (cmd.data_direction == SCST_DATA_NONE)
        return;
    add(of.bytes, cmd.data_direction == SCST_DATA_READ ? cmd.response_length : cmd.transfer_length);
    const std::uint64_t first =
        cmd.block_count == 0 ? 0 : cmd.lba * cmd.dev->block_size.load(std::memory_order_relaxed);
    if (((first | cmd.transfer_length) & 4095u) != 0)
        add(of.unaligned, 1);
}

void give_back(command &cmd) {
    if (cmd.handler_saw_it) {
        const auto &table = cmd.dev->hnd().table();
        if (table.on_free != nullptr)
            table.on_free(cmd.dev->handler_device, &cmd);
    }
    if (cmd.buffer != nullptr)
        core::instance().buffers().put(std::exchange(cmd.buffer, nullptr));
}

void tell_waiters(command &cmd) {
    if (cmd.awaited_by.empty())
        return;
    const auto jobs = std::exchange(cmd.awaited_by, {});
    for (task_management_job *job : jobs)
        job->one_done();
}

} // namespace

void complete(command &cmd) {
    enter(cmd, command_state::dev_done);
    stop_executing(cmd);
    if (cmd.copy) [[unlikely]]
        finish_extended_copy(cmd);
    release_range(cmd);
    release_serialized(cmd);
    if (cmd.abort_flags.load(std::memory_order_relaxed) == 0) [[likely]]
        look_at_status(cmd);
    else
        settle_abort(cmd);
    leave_task_set(cmd);
    enter(cmd, command_state::pre_xmit_resp);
    settle_residual(cmd);
    if (!cmd.awaited_by.empty() && (cmd.abort_flags.load(std::memory_order_relaxed) & abort_flag::by_other) != 0)
        tell_waiters(cmd);
    enter(cmd, command_state::xmit_wait);
    cmd.driver_has_it = true;
    cmd.sess->tgt().driver().table().xmit_response(&cmd);
}

void response_sent(command &cmd, std::int32_t delivery) {
    session::session &sess = *cmd.sess;
    session::nexus *nex = cmd.nex;
    enter(cmd, command_state::finished);
    if (nex != nullptr) {
        if (delivery != SCST_DELIVERED && cmd.carries_attention) {
            const std::lock_guard guard{cmd.dev->lock};
            queue_attention_front(*nex, parse_sense({cmd.sense, cmd.sense_length}));
        }
        count(cmd, sess.counters);
        count(cmd, nex->counters);
        give_back(cmd);
        nex->commands.remove(cmd);
        --nex->live;
        nex->active_commands.store(nex->live, std::memory_order_relaxed);
    } else {
        sess.unknown_commands.store(sess.unknown_commands.load(std::memory_order_relaxed) + 1,
                                    std::memory_order_relaxed);
        give_back(cmd);
        sess.unattached.remove(cmd);
    }
    tell_waiters(cmd);
    sess.free_command(cmd);
    --sess.live;
    sess.active_commands.store(sess.active_commands.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    if (nex != nullptr && nex->removed) [[unlikely]]
        check_nexus_gone(*nex);
    if (sess.ending) [[unlikely]]
        check_session_ended(sess);
}

void abort(command &cmd, std::uint8_t flags) {
    if (cmd.state >= command_state::dev_done)
        return; // its status is decided already
    cmd.abort_flags.fetch_or(static_cast<std::uint8_t>(flags | abort_flag::aborted), std::memory_order_acq_rel);
    switch (cmd.state) {
    case command_state::data_wait: {
        const auto &table = cmd.sess->tgt().driver().table();
        if (table.abort_transfer != nullptr)
            table.abort_transfer(&cmd);
        return;
    }
    case command_state::exec_check_sn:
    case command_state::exec_check_blocking:
        if (!(cmd.serialized_hold && !cmd.serialized_ready) && !(cmd.holds_range && !cmd.range_ready))
            execute(cmd); // ends it; otherwise its drain does
        return;
    case command_state::exec_wait:
        if (cmd.dev->hnd().table().abort != nullptr)
            cmd.dev->hnd().table().abort(cmd.dev->handler_device, &cmd);
        return;
    case command_state::init_wait:
    case command_state::parse:
    case command_state::prepare_space:
    case command_state::rdy_to_xfer:
    case command_state::local_exec:
    case command_state::real_exec:
    case command_state::dev_done:
    case command_state::pre_xmit_resp:
    case command_state::xmit_resp:
    case command_state::xmit_wait:
    case command_state::finished:
        return; // on its way on this very thread: it looks at the flags itself
    }
}

void check_nexus_gone(session::nexus &nex) {
    if (!nex.removed || nex.live != 0 || nex.resume_scheduled || nex.when_removed == nullptr)
        return;
    std::erase(nex.sess.removed_nexuses, &nex);
    std::exchange(nex.when_removed, nullptr)(nex);
}

void check_session_ended(session::session &sess) {
    if (sess.live != 0 || sess.ended == nullptr)
        return;
    const auto ended = std::exchange(sess.ended, nullptr);
    // After the round: the driver may still be in the middle of the call that finished the last command.
    sess.reactor().defer(ended, sess.ended_argument);
}

void end_session(session::session &sess, void (*ended)(void *), void *argument) {
    sess.ending = true;
    sess.ended = ended;
    sess.ended_argument = argument;
    for (session::nexus *nex : sess.table()) {
        if (nex != nullptr)
            abort_nexus_commands(*nex, nullptr, abort_flag::aborted | abort_flag::silent);
    }
    for (session::nexus *nex : sess.removed_nexuses)
        abort_nexus_commands(*nex, nullptr, abort_flag::aborted | abort_flag::silent);
    check_session_ended(sess);
}

} // namespace scstd::engine
