// SPDX-License-Identifier: Apache-2.0
// Admission: which LUN, which operation, is there room, where in the task set.
#include "core/core.hpp"
#include "device/device.hpp"
#include "device/handler.hpp"
#include "engine/core_commands.hpp"
#include "engine/decode.hpp"
#include "engine/engine.hpp"
#include "engine/status.hpp"
#include "engine/timeouts.hpp"
#include "session/session.hpp"
#include "session/target.hpp"

#include <algorithm>

namespace scstd::engine {

namespace {

void attach(command &cmd, session::session &sess) {
    ++sess.live;
    sess.active_commands.store(sess.active_commands.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    std::uint32_t lun = 0;
    session::nexus *nex = decode_lun(cmd.lun_bytes, lun) ? sess.find(lun) : nullptr;
    cmd.lun = lun;
    if (nex == nullptr) {
        sess.unattached.push_back(cmd);
        return;
    }
    cmd.nex = nex;
    cmd.dev = &nex->dev;
    cmd.reset_epoch = nex->dev.reset_epoch.load(std::memory_order_acquire);
    nex->commands.push_back(cmd);
    ++nex->live;
    nex->active_commands.store(nex->live, std::memory_order_relaxed);
    if (nex->read_only)
        cmd.flags |= SCST_CMD_READ_ONLY_LUN;
}

// SCST's order of a task, after promotion and restriction (reference/scsi.md 15).
task_order order_of(const command &cmd) noexcept {
    switch (cmd.task_attribute) {
    case SCST_TASK_HEAD_OF_QUEUE:
        return task_order::head_of_queue;
    case SCST_TASK_ORDERED:
        return task_order::ordered;
    case SCST_TASK_ACA:
        return task_order::aca;
    default:
        break;
    }
    if (cmd.entry_of_opcode == nullptr)
        return task_order::simple; // unknown: it ends at once
    if (cmd.entry_of_opcode->has(op::head_of_queue))
        return task_order::head_of_queue;
    return cmd.dev->queue_algorithm.load(std::memory_order_relaxed) == 0 ? task_order::ordered : task_order::simple;
}

// What ACA says comes before what is wrong with the CDB (SAM-5 5.9.3).
bool refuse_by_aca(command &cmd, const task_set &set) {
    const bool preempt_and_abort = cmd.cdb[0] == 0x5f && (cmd.cdb[1] & 0x1f) == 0x05;
    const aca_verdict verdict =
        set.admission(*cmd.nex, cmd.task_attribute == SCST_TASK_ACA, cmd.naca, preempt_and_abort);
    if (verdict == aca_verdict::admit)
        return false;
    cmd.status = SCST_STATUS_GOOD;
    cmd.sense_length = 0;
    switch (verdict) {
    case aca_verdict::admit:
        return false;
    case aca_verdict::aca_active:
        set_status(cmd, SCST_STATUS_ACA_ACTIVE);
        return true;
    case aca_verdict::busy:
        set_status(cmd, SCST_STATUS_BUSY);
        return true;
    case aca_verdict::invalid_message:
        set_sense(cmd, codes::invalid_message);
        return true;
    }
    return false;
}

// False: refused, status is set.
bool enter_task_set(command &cmd) {
    if (cmd.task_attribute > SCST_TASK_ACA) {
        set_sense(cmd, codes::invalid_message);
        return false;
    }
    session::nexus &nex = *cmd.nex;
    const bool plain_simple = cmd.task_attribute <= SCST_TASK_SIMPLE;
    if ((nex.gate.load(std::memory_order_acquire) & session::gate::shared_task_set) == 0) {
        if ((!plain_simple || nex.tasks.aca()) && refuse_by_aca(cmd, nex.tasks))
            return false;
        nex.tasks.enter(cmd, order_of(cmd), nex);
        return true;
    }
    const std::lock_guard guard{cmd.dev->lock};
    if (refuse_by_aca(cmd, cmd.dev->shared_tasks))
        return false;
    cmd.in_shared_set = true;
    cmd.dev->shared_tasks.enter(cmd, order_of(cmd), nex);
    return true;
}

// management.md 9.10: modes 1 and 2 take every command, 3 and 4 those with data.
bool swallowed(const command &cmd) noexcept {
    const std::uint8_t mode = cmd.sess->black_hole.load(std::memory_order_relaxed);
    return mode == 1 || mode == 2 || (mode >= 3 && cmd.data_direction != SCST_DATA_NONE);
}

void fetch_data(command &cmd) {
    enter(cmd, command_state::prepare_space);
    if (!allocate_buffer(cmd, cmd.transfer_length)) {
        complete(cmd);
        return;
    }
    const auto &table = cmd.sess->tgt().driver().table();
    if (table.ready_to_transfer == nullptr) {
        cmd.written = cmd.transfer_length;
        execute(cmd);
        return;
    }
    enter(cmd, command_state::data_wait);
    cmd.driver_has_it = true;
    table.ready_to_transfer(&cmd);
}

} // namespace

void submit(command &cmd) {
    enter(cmd, command_state::parse);
    attach(cmd, *cmd.sess);
    if (cmd.nex == nullptr) {
        answer_without_lun(cmd);
        complete(cmd);
        return;
    }
    if (cmd.nex->live > cmd.dev->max_commands_per_nexus.load(std::memory_order_relaxed)) {
        set_busy(cmd);
        complete(cmd);
        return;
    }
    if (cmd.cdb_length < 6 || cmd.cdb_length > SCST_MAX_CDB_SIZE) {
        set_sense(cmd, codes::invalid_field_in_cdb);
        complete(cmd);
        return;
    }
    const bool decoded = decode_cdb(cmd);
    if (!enter_task_set(cmd) || !decoded) { // a broken CDB is a task, too: it may establish ACA
        complete(cmd);
        return;
    }
    if (cmd.dev->command_timeout_s.load(std::memory_order_relaxed) != 0) [[unlikely]] {
        cmd.arrived_ms = threads::now_ms();
        watch_timeouts(*cmd.sess);
    }
    if (swallowed(cmd)) {
        cmd.abort_flags.fetch_or(abort_flag::aborted | abort_flag::silent, std::memory_order_acq_rel);
        complete(cmd);
        return;
    }
    cmd.response_length = cmd.data_direction == SCST_DATA_READ ? cmd.transfer_length : 0;
    if (cmd.data_direction == SCST_DATA_WRITE && cmd.transfer_length != 0)
        fetch_data(cmd);
    else
        execute(cmd);
}

void data_received(command &cmd, std::int32_t result, std::uint64_t received) {
    cmd.driver_has_it = false;
    cmd.written = std::min(received, cmd.transfer_length);
    if (result == SCST_RX_SUCCESS) {
        execute(cmd);
        return;
    }
    if (result == SCST_RX_ABORTED)
        cmd.abort_flags.fetch_or(abort_flag::aborted, std::memory_order_acq_rel);
    else if (result == SCST_RX_ERROR || cmd.status == SCST_STATUS_GOOD)
        set_sense(cmd, codes::hardware_error);
    complete(cmd);
}

} // namespace scstd::engine
