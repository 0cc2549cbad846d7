// SPDX-License-Identifier: Apache-2.0
// SCSI Command PDUs (RFC 7143 11.3), and what the core says about a command afterwards.
#include "connection/connection.hpp"

#include "target/target.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace scstd::iscsi {
namespace {

// Immediate commands are not limited by CmdSN; so many may run beside a full window.
constexpr std::uint32_t spare_commands = 64;
constexpr std::size_t cdb_in_header = 16;

} // namespace

[[gnu::always_inline]] inline bool connection::command_allowed(const scsi_command_pdu &pdu, bhs_view header,
                                                               std::uint32_t immediate_length) {
    if (pdu.itt == reserved_tag) {
        reject(header, reject_reason::protocol_error);
        note("a command bears the reserved task tag; closing the connection");
        close_when_sent();
    } else if (table_.find(pdu.itt) != nullptr) {
        reject(header, reject_reason::task_in_progress);
        note("task tag 0x%x is in use; closing the connection", pdu.itt);
        close_when_sent();
    } else if (pdu.write && !pdu.final && initial_r2t_) {
        violation("unsolicited data announced, but InitialR2T=Yes was agreed");
    } else if (immediate_length != 0 && !immediate_data_) {
        violation("immediate data, but ImmediateData=No was agreed");
    } else if (immediate_length > first_burst_) {
        violation("%u bytes of immediate data are more than FirstBurstLength %u", immediate_length, first_burst_);
    } else {
        return true;
    }
    return false;
}

[[gnu::always_inline]] inline task *connection::new_task(const scsi_command_pdu &pdu) {
    task *one = pool_.take();
    one->owner = this;
    one->itt = pdu.itt;
    one->cmd_sn = pdu.cmd_sn;
    one->lun = pdu.lun;
    one->expected_length = pdu.expected_length;
    table_.insert(one);
    ++live_tasks_;
    window_.begin_command();
    return one;
}

[[gnu::always_inline]] inline bool connection::refused_locally(task &one, const scsi_command_pdu &pdu,
                                                               bool bidirectional_length,
                                                               std::uint32_t immediate_length) {
    const std::uint32_t depth = live_.queued_commands.load(std::memory_order_relaxed);
    if (window_.active() > depth + spare_commands)
        answer_locally(one, SCST_STATUS_TASK_SET_FULL);
    else if (pdu.read && pdu.write) // bidirectional commands are not supported
        answer_locally(one, SCST_SENSE_ILLEGAL_REQUEST, bidirectional_length ? 0x20 : 0x26,
                       bidirectional_length ? 0x00 : 0x02);
    else if (!pdu.write && (immediate_length != 0 || !pdu.final))
        answer_locally(one, SCST_SENSE_ABORTED_COMMAND, 0x0c, 0x0c); // UNEXPECTED UNSOLICITED DATA
    else if (immediate_length > pdu.expected_length)
        answer_locally(one, SCST_SENSE_ABORTED_COMMAND, 0x0c, 0x0d); // more or less data than announced
    else
        return false;
    return true;
}

[[gnu::always_inline]] inline void connection::fill_command(scst_cmd &cmd, task &one, const scsi_command_pdu &pdu,
                                                            bhs_view header) const {
    cmd.driver_data = &one;
    cmd.tag = pdu.itt;
    std::memcpy(cmd.lun_bytes, &header[8], sizeof cmd.lun_bytes);
    cmd.transport_sn = pdu.cmd_sn;
    std::memcpy(cmd.cdb, pdu.cdb, cdb_in_header);
    cmd.cdb_length = cdb_in_header;
    cmd.task_attribute = pdu.attribute <= SCST_TASK_ACA ? pdu.attribute : std::uint8_t{SCST_TASK_ORDERED};
    cmd.expected_direction = pdu.read ? SCST_DATA_READ : pdu.write ? SCST_DATA_WRITE : SCST_DATA_NONE;
    cmd.expected_length = pdu.read || pdu.write ? pdu.expected_length : 0;
    if ((header[0] & 0x40) != 0)
        cmd.flags |= SCST_CMD_IMMEDIATE;
    if (!data_digest_)
        cmd.flags |= SCST_CMD_FILE_RANGES_OK;
}

task *connection::begin_command(bhs_view header, std::span<const std::uint8_t> ahs, std::uint32_t immediate_length,
                                bool immediate_intact) {
    const scsi_command_pdu pdu = decode_scsi_command(header);
    if (!command_allowed(pdu, header, immediate_length)) [[unlikely]]
        return nullptr;
    if (!management_.empty() && (header[0] & 0x40) == 0 && aborted_on_arrival(pdu.cmd_sn, pdu.lun)) [[unlikely]]
        return nullptr; // no response: the task management function has ended it (RFC 7143 11.6.2)
    std::optional<ahs_content> extra;
    if (!ahs.empty()) [[unlikely]] {
        extra = parse_ahs(ahs);
        if (!extra->valid || cdb_in_header + extra->long_cdb.size() > SCST_MAX_CDB_SIZE) {
            reject(header, reject_reason::invalid_pdu_field);
            return nullptr;
        }
    }
    task *one = new_task(pdu);
    if (pdu.write || immediate_length != 0 || !pdu.final) {
        one->is_write = true;
        one->unsolicited_open = pdu.write && !pdu.final;
        one->unsolicited_offset = immediate_length;
        if (!immediate_intact)
            one->failure = {.asc = 0x47, .ascq = 0x05}; // PROTOCOL SERVICE CRC ERROR (RFC 7143 7.8)
    }
    const bool bidirectional_length = extra && extra->has_bidirectional_length;
    if (refused_locally(*one, pdu, bidirectional_length, immediate_length)) [[unlikely]]
        return nullptr;
    scst_cmd *command = core().cmd_alloc(session_.core_session());
    if (command == nullptr) [[unlikely]] {
        answer_locally(*one, SCST_STATUS_TASK_SET_FULL);
        return nullptr;
    }
    one->command = command;
    fill_command(*command, *one, pdu, header);
    if (extra && !extra->long_cdb.empty()) {
        std::memcpy(command->cdb + cdb_in_header, extra->long_cdb.data(), extra->long_cdb.size());
        command->cdb_length = static_cast<std::uint32_t>(cdb_in_header + extra->long_cdb.size());
    }
    immediate_task_ = one;
    one->receiving = immediate_ == nullptr && immediate_length != 0; // its data is still in the socket
    core().cmd_submit(command);
    // The command may be over by now, and its task with it.
    if (immediate_length == 0 || state_ != state::open)
        return nullptr;
    return table_.find(pdu.itt) == one ? one : nullptr;
}

void connection::on_command(const whole_pdu &pdu) {
    immediate_ = pdu.data.data();
    immediate_length_ = static_cast<std::uint32_t>(pdu.data.size());
    task *one = begin_command(pdu.header, pdu.ahs, immediate_length_, pdu.data_intact);
    immediate_ = nullptr;
    immediate_task_ = nullptr;
    // Still set: the core has not asked for the data yet, so it has to be kept.
    if (one != nullptr && immediate_length_ != 0 && one->state == task_state::submitted)
        one->held.assign(pdu.data.begin(), pdu.data.end());
}

// A command whose CmdSN lies before that of a task management function that is under way came too late: it counts as
// aborted by it (RFC 7143 4.2.2.3.3).
bool connection::aborted_on_arrival(std::uint32_t cmd_sn, const wire_lun &lun) const noexcept {
    for (const management_slot &slot : management_) {
        if (!serial_less(cmd_sn, slot.cmd_sn))
            continue;
        wire_lun affected;
        for (const std::uint8_t byte : slot.request.lun_bytes)
            affected.value = (affected.value << 8) | byte;
        switch (slot.request.function) {
        case SCST_TM_ABORT_TASK_SET:
        case SCST_TM_CLEAR_TASK_SET:
        case SCST_TM_LUN_RESET:
            if (affected == lun)
                return true;
            break;
        case SCST_TM_TARGET_RESET:
        case SCST_TM_I_T_NEXUS_RESET:
            return true;
        default:
            break;
        }
    }
    return false;
}

void connection::answer_locally(task &one, std::uint8_t status) {
    one.state = task_state::answering;
    one.status = status;
    if (one.unsolicited_open || one.receiving)
        wait_for_data(one);
    else
        respond(one);
}

void connection::answer_locally(task &one, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq) {
    one.sense = {0x70, 0, key, 0, 0, 0, 0, 10}; // fixed format (SPC-4 4.5.3)
    one.sense[12] = asc;
    one.sense[13] = ascq;
    one.sense_length = static_cast<std::uint8_t>(one.sense.size());
    answer_locally(one, SCST_STATUS_CHECK_CONDITION);
}

// ---- from the core ----

void connection::ready_to_transfer(task &ready) {
    scst_cmd &command = *ready.command;
    ready.state = task_state::fetching;
    ready.is_write = true;
    if (state_ != state::open && state_ != state::draining) {
        core().cmd_data_received(&command, SCST_RX_ABORTED, 0);
        return;
    }
    ready.transfer_length = static_cast<std::uint32_t>(command.transfer_length);
    if (!in_order_) // data may overlap and leave holes: nothing of an earlier command may show through
        for (std::uint32_t i = 0; i < command.segment_count; ++i)
            std::memset(command.segments[i].address, 0, static_cast<std::size_t>(command.segments[i].length));
    if (immediate_task_ == &ready && immediate_ != nullptr) {
        write_to_task(ready, 0, immediate_, immediate_length_);
        immediate_length_ = 0;
    } else if (!ready.held.empty()) {
        write_to_task(ready, 0, ready.held.data(), static_cast<std::uint32_t>(ready.held.size()));
        ready.held = {};
    }
    continue_transfer(ready);
}

void connection::abort_transfer(task &aborted) {
    if (payload_task_ == &aborted) { // the rest of the PDU that is coming in is thrown away
        payload_task_ = nullptr;
        sink_ = sink::discard;
        aborted.receiving = false;
    }
    if (aborted.state != task_state::fetching)
        return;
    if (aborted.waiting)
        stop_waiting(aborted);
    // What the peer still sends for it bears a transfer tag that no one knows any more and is thrown away too.
    forget_requests(aborted);
    aborted.unsolicited_open = false;
    aborted.state = task_state::submitted;
    core().cmd_data_received(aborted.command, SCST_RX_ABORTED, aborted.received);
}

void connection::xmit_response(task &done) {
    const bool suppressed = core().cmd_response_suppressed(done.command) != 0;
    if (suppressed || state_ == state::closed) {
        if (payload_task_ == &done) {
            payload_task_ = nullptr;
            sink_ = sink::discard;
        }
        if (done.waiting)
            stop_waiting(done);
        table_.erase(&done);
        window_.end_command();
        finish_task(&done, SCST_DELIVERY_FAILED);
        return;
    }
    done.state = task_state::answering;
    if (done.unsolicited_open || done.receiving) { // what was announced has to pass first
        wait_for_data(done);
        return;
    }
    respond(done);
}

} // namespace scstd::iscsi
