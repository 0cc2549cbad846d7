// SPDX-License-Identifier: Apache-2.0
// The admission checks at execution time, in the order of reference/scsi.md 3, and the start of execution.
#include "alua/alua_state.hpp"
#include "device/device.hpp"
#include "device/handler.hpp"
#include "engine/attention.hpp"
#include "engine/core_commands.hpp"
#include "engine/drain.hpp"
#include "engine/engine.hpp"
#include "engine/extended_copy.hpp"
#include "engine/gates.hpp"
#include "engine/internal_io.hpp"
#include "engine/reservation_commands.hpp"
#include "engine/status.hpp"
#include "session/session.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

namespace scstd::engine {

namespace gate = session::gate;

namespace {

enum class verdict { go, wait, ended };

void hold_back(command &cmd, command_state why) {
    if (cmd.state != command_state::exec_check_sn && cmd.state != command_state::exec_check_blocking)
        ++cmd.nex->waiting;
    enter(cmd, why);
}

void stop_waiting(command &cmd) {
    if (cmd.state == command_state::exec_check_sn || cmd.state == command_state::exec_check_blocking)
        --cmd.nex->waiting;
    enter(cmd, command_state::local_exec);
}

// Task order and ACA.
verdict check_order(command &cmd) {
    bool may = false;
    if (cmd.in_shared_set) {
        const std::lock_guard guard{cmd.dev->lock};
        may = cmd.dev->shared_tasks.may_start(cmd);
    } else {
        may = cmd.nex->tasks.may_start(cmd);
    }
    if (may)
        return verdict::go;
    hold_back(cmd, command_state::exec_check_sn);
    return verdict::wait;
}

// The port's asymmetric access state. A command in `transitioning` is looked at once more after a while.
verdict check_alua(command &cmd) {
    const auto state = static_cast<alua::access_state>(cmd.nex->alua_state.load(std::memory_order_relaxed));
    if (alua::allowed(state, cmd.cdb[0], cmd.entry_of_opcode->service_action))
        return verdict::go;
    if (state == alua::access_state::transitioning && cmd.alua_delays == 0) {
        cmd.alua_delays = 1;
        hold_back(cmd, command_state::exec_check_blocking);
        cmd.sess->wake_later(alua::transition_hold_ms);
        return verdict::wait;
    }
    set_sense(cmd, {SCST_SENSE_NOT_READY, 0x04, alua::refusal_qualifier(state)});
    complete(cmd);
    return verdict::ended;
}

// Commands that must not wait behind a suspension: they are needed to find out or to end it.
bool passes_blocking(const command &cmd) noexcept {
    switch (cmd.cdb[0]) {
    case 0x03: // REQUEST SENSE
    case 0x12: // INQUIRY
    case 0xa0: // REPORT LUNS
        return true;
    default:
        return false;
    }
}

verdict check_blocked(command &cmd) {
    if (cmd.serialized_hold || passes_blocking(cmd))
        return verdict::go;
    const std::lock_guard guard{cmd.dev->lock};
    if (cmd.dev->block_total == 0)
        return verdict::go;
    hold_back(cmd, command_state::exec_check_blocking);
    return verdict::wait;
}

verdict check_ranges(command &cmd) {
    const std::lock_guard guard{cmd.dev->lock};
    const bool unknown_blocks = cmd.block_count == 0 && cmd.cdb[0] == 0x42; // UNMAP: anywhere
    const std::uint64_t count = unknown_blocks ? cmd.dev->block_count.load() : cmd.block_count;
    if (!cmd.dev->ranges.overlaps(unknown_blocks ? 0 : cmd.lba, count, &cmd))
        return verdict::go;
    hold_back(cmd, command_state::exec_check_blocking);
    return verdict::wait;
}

// Reservations, then the unit attention, then write protection; under the device's lock.
verdict check_conditions(command &cmd, std::uint32_t gates) {
    if ((gates & (gate::reserved | gate::pr_write_exclusive | gate::pr_exclusive)) != 0 && !reservation_exempt(cmd)) {
        set_status(cmd, SCST_STATUS_RESERVATION_CONFLICT);
    } else if ((gates & gate::no_reservations) != 0) {
        set_sense(cmd, codes::invalid_opcode);
    } else if ((gates & gate::unit_attention) != 0) {
        take_attention(cmd);
    }
    if (cmd.status == SCST_STATUS_GOOD && (gates & gate::read_only) != 0)
        set_sense(cmd, codes::write_protected);
    if (cmd.status == SCST_STATUS_GOOD)
        return verdict::go;
    complete(cmd);
    return verdict::ended;
}

// Runs alone on its device: blocks newcomers, then waits until what runs has ended.
verdict begin_serialized(command &cmd) {
    if (cmd.serialized_ready)
        return verdict::go;
    if (!cmd.serialized_hold) {
        hold_back(cmd, command_state::exec_check_blocking);
        {
            const std::lock_guard guard{cmd.dev->lock};
            if (cmd.dev->block_total != 0)
                return verdict::wait; // behind another one
            block(*cmd.dev);
        }
        cmd.serialized_hold = true;
        drain(*cmd.dev, {.except = &cmd}, cmd.sess->reactor(), [&cmd] {
            cmd.serialized_ready = true;
            resume(*cmd.nex);
        });
    }
    return verdict::wait;
}

// Takes its blocks, then waits until those who were there before are done.
verdict begin_exclusive(command &cmd) {
    if (cmd.range_ready)
        return verdict::go;
    if (!cmd.holds_range) {
        hold_back(cmd, command_state::exec_check_blocking);
        {
            const std::lock_guard guard{cmd.dev->lock};
            if (cmd.dev->ranges.overlaps(cmd.lba, cmd.block_count, &cmd))
                return verdict::wait; // behind another one
            cmd.dev->ranges.hold(cmd.lba, cmd.block_count, &cmd);
            set_gate_all(*cmd.dev, gate::ranges, true);
        }
        cmd.holds_range = true;
        drain(*cmd.dev, {.only_range = true, .lba = cmd.lba, .count = cmd.block_count, .except = &cmd},
              cmd.sess->reactor(), [&cmd] {
                  cmd.range_ready = true;
                  resume(*cmd.nex);
              });
    }
    return verdict::wait;
}

// True when the command goes on; false when it waits or has ended.
bool passes(command &cmd) {
    const opcode_entry &entry = *cmd.entry_of_opcode;
    if (check_order(cmd) != verdict::go)
        return false;
    const std::uint32_t gates = cmd.nex->gate.load(std::memory_order_acquire) & entry.gate_mask;
    if ((gates & gate::alua) != 0 && check_alua(cmd) != verdict::go)
        return false;
    if ((gates & gate::blocked) != 0 && check_blocked(cmd) != verdict::go)
        return false;
    if ((gates & gate::ranges) != 0 && check_ranges(cmd) != verdict::go)
        return false;
    constexpr std::uint32_t conditions = gate::reserved | gate::pr_write_exclusive | gate::pr_exclusive |
                                         gate::no_reservations | gate::unit_attention | gate::read_only;
    if ((gates & conditions) != 0 && check_conditions(cmd, gates & conditions) != verdict::go)
        return false;
    if (entry.has(op::serialized) && begin_serialized(cmd) != verdict::go)
        return false;
    return !entry.has(op::exclusive) || cmd.block_count == 0 || begin_exclusive(cmd) == verdict::go;
}

constexpr std::uint32_t slow_operation = op::serialized | op::exclusive;

// Calls exec() and says whether the command is done. On a worker thread or the reactor.
std::int32_t call_handler(command &cmd) {
    device::device &dev = *cmd.dev;
    const auto &table = dev.hnd().table();
    cmd.handler_saw_it = true;
    if (dev.hnd().parallel())
        return table.exec(dev.handler_device, &cmd);
    const std::lock_guard guard{dev.exec_serial};
    return table.exec(dev.handler_device, &cmd);
}

void finish_on_reactor(command &cmd) {
    cmd.completion::run = [](threads::completion *self) { complete(*static_cast<command *>(self)); };
    cmd.sess->reactor().complete(cmd);
}

// A worker thread has the command.
void run_on_worker(command &cmd) {
    if (cmd.aborted()) {
        finish_on_reactor(cmd);
        return;
    }
    if (cmd.entry_of_opcode->has(op::core)) {
        if (run_core_command(cmd) == core_outcome::done) {
            finish_on_reactor(cmd);
            return;
        }
    }
    const std::int32_t answer = call_handler(cmd);
    if (answer == SCST_EXEC_PENDING)
        return;
    if (answer != SCST_EXEC_DONE)
        set_sense(cmd, codes::internal_failure); // NEED_THREAD on a thread: a broken handler
    finish_on_reactor(cmd);
}

void send_to_worker(command &cmd) {
    cmd.flags |= SCST_CMD_ON_WORKER; // here, not there: task management on this reactor reads the flags
    cmd.work_item::run = [](threads::work_item *self) { run_on_worker(*static_cast<command *>(self)); };
    if (cmd.dev->workers().submit(cmd))
        return;
    set_sense(cmd, codes::lun_not_supported); // the device is going
    complete(cmd);
}

// Core operations on the reactor. True: the command has ended.
bool run_core_here(command &cmd) {
    if (run_core_command(cmd) == core_outcome::pass_to_handler)
        return false;
    complete(cmd);
    return true;
}

} // namespace

void start(command &cmd) {
    enter(cmd, command_state::real_exec);
    if ((cmd.flags & SCST_CMD_WRITE_TRUNCATED) != 0 && cmd.entry_of_opcode->has(op::blocks) &&
        cmd.transfer_length % cmd.dev->block_size.load(std::memory_order_relaxed) != 0) {
        set_sense(cmd, codes::invalid_field_in_command_iu);
        complete(cmd);
        return;
    }
    cmd.started = true;
    const bool core_on_worker = cmd.entry_of_opcode->has(op::on_worker);
    if (cmd.cdb[0] == 0x83 && !plan_extended_copy(cmd)) {
        complete(cmd);
        return;
    }
    if (cmd.entry_of_opcode->has(op::core) && !core_on_worker && run_core_here(cmd))
        return;
    const auto &hnd = cmd.dev->hnd();
    if (!core_on_worker && cmd.data_direction == SCST_DATA_READ && cmd.transfer_length != 0 && cmd.buffer == nullptr &&
        (hnd.table().flags & SCST_HANDLER_OWN_BUFFERS) == 0 && !allocate_buffer(cmd, cmd.transfer_length)) {
        complete(cmd);
        return;
    }
    cmd.executing = true;
    ++cmd.nex->executing;
    enter(cmd, command_state::exec_wait);
    if (!hnd.nonblocking() || core_on_worker) {
        send_to_worker(cmd);
        return;
    }
    switch (call_handler(cmd)) {
    case SCST_EXEC_DONE:
        complete(cmd);
        return;
    case SCST_EXEC_PENDING:
        return;
    case SCST_EXEC_NEED_THREAD:
        send_to_worker(cmd);
        return;
    default:
        set_sense(cmd, codes::internal_failure);
        complete(cmd);
    }
}

void execute(command &cmd) {
    if (cmd.aborted()) {
        stop_waiting(cmd);
        complete(cmd);
        return;
    }
    const session::nexus &nex = *cmd.nex;
    const bool open = (nex.gate.load(std::memory_order_acquire) & cmd.entry_of_opcode->gate_mask) == 0 &&
                      cmd.order == task_order::simple && !cmd.in_shared_set && nex.tasks.plain() &&
                      !cmd.entry_of_opcode->has(slow_operation);
    if (!open && !passes(cmd))
        return;
    stop_waiting(cmd);
    start(cmd);
}

void resume(session::nexus &nex) {
    if (nex.waiting == 0)
        return;
    std::vector<command *> held;
    held.reserve(nex.waiting);
    for (command &cmd : nex.commands) {
        if (cmd.state == command_state::exec_check_sn || cmd.state == command_state::exec_check_blocking)
            held.push_back(&cmd);
    }
    for (command *cmd : held) { // running one may end others: look again at each
        if (cmd->nex == &nex &&
            (cmd->state == command_state::exec_check_sn || cmd->state == command_state::exec_check_blocking))
            execute(*cmd);
    }
}

void resume_later(session::nexus &nex) {
    if (nex.resume_scheduled || nex.waiting == 0)
        return;
    nex.resume_scheduled = true;
    nex.sess.reactor().defer(
        [](void *argument) {
            auto &at = *static_cast<session::nexus *>(argument);
            at.resume_scheduled = false;
            resume(at);
            check_nexus_gone(at);
        },
        &nex);
}

void handler_done(command &cmd) {
    if ((cmd.flags & SCST_CMD_INTERNAL) != 0)
        internal_done(cmd);
    else
        finish_on_reactor(cmd);
}

} // namespace scstd::engine
