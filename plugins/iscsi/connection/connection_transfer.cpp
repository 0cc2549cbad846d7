// SPDX-License-Identifier: Apache-2.0
// Data of writes: immediate, unsolicited and asked for (RFC 7143 4.2.4, 11.7, 11.8).
//
// A PDU that breaks the rules of its burst does not end the connection: the command fails once all its data has passed,
// so that initiator and target agree again about what is outstanding.
#include "connection/connection.hpp"
#include "connection/pdu_writer.hpp"

#include <algorithm>
#include <cstring>

namespace scstd::iscsi {

void connection::on_data_out(const whole_pdu &pdu) {
    const auto length = static_cast<std::uint32_t>(pdu.data.size());
    task *one = begin_data_out(pdu.header, length);
    if (one == nullptr)
        return;
    write_to_task(*one, payload_offset_, pdu.data.data(), length);
    const data_out_pdu header = decode_data_out(pdu.header);
    end_data_out(*one, header.final, header.ttt, length, pdu.data_intact);
}

task *connection::begin_data_out(bhs_view header, std::uint32_t length) {
    const data_out_pdu pdu = decode_data_out(header);
    task *one = table_.find(pdu.itt);
    if (one == nullptr)
        return nullptr; // of a command that is over, or of none
    payload_offset_ = pdu.buffer_offset;
    if (pdu.ttt == reserved_tag) {
        if (!one->unsolicited_open)
            return nullptr;
        if (one->state != task_state::answering && !one->failure.happened() && !check_unsolicited(*one, pdu, length))
            fail_transfer(*one, 0x0c, 0x0d); // NOT ENOUGH UNSOLICITED DATA, which SCST says for any wrong amount
        return one;
    }
    const auto burst = std::find_if(one->requests.begin(), one->requests.end(),
                                    [&](const r2t &request) { return request.ttt == pdu.ttt; });
    if (burst == one->requests.end() || one->state != task_state::fetching)
        return nullptr;
    if (!one->failure.happened() && !check_solicited(*one, *burst, pdu, length))
        fail_transfer(*one, 0x4b, 0x05); // DATA OFFSET ERROR
    return one;
}

bool connection::check_unsolicited(task &one, const data_out_pdu &pdu, std::uint32_t length) {
    const std::uint32_t limit = std::min(first_burst_, one.expected_length);
    const bool fits = pdu.buffer_offset <= limit && length <= limit - pdu.buffer_offset;
    const bool follows =
        (in_order_ || one.state == task_state::submitted) ? pdu.buffer_offset == one.unsolicited_offset : true;
    const bool in_sequence = pdu.data_sn == one.unsolicited_data_sn;
    if (fits && follows && in_sequence && one.unsolicited_offset + length <= limit)
        return true;
    note("unsolicited data for task 0x%x: offset %u length %u DataSN %u, expected offset %u DataSN %u up to %u",
         one.itt, pdu.buffer_offset, length, pdu.data_sn, one.unsolicited_offset, one.unsolicited_data_sn, limit);
    return false;
}

bool connection::check_solicited(task &one, r2t &burst, const data_out_pdu &pdu, std::uint32_t length) {
    const bool inside = pdu.buffer_offset >= burst.offset && pdu.buffer_offset - burst.offset <= burst.length &&
                        length <= burst.length - (pdu.buffer_offset - burst.offset);
    const bool follows = !in_order_ || pdu.buffer_offset == burst.offset + burst.received;
    const bool in_sequence = pdu.data_sn == burst.data_sn;
    if (inside && follows && in_sequence && length <= burst.length - burst.received)
        return true;
    note("data for task 0x%x: offset %u length %u DataSN %u, expected offset %u DataSN %u up to %u", one.itt,
         pdu.buffer_offset, length, pdu.data_sn, burst.offset + burst.received, burst.data_sn,
         burst.offset + burst.length);
    return false;
}

// Into the command's buffer, or aside as long as the core has not lent it; bytes that nobody wants go nowhere.
void connection::write_to_task(task &one, std::uint32_t offset, const std::uint8_t *bytes, std::uint32_t length) {
    if (one.failure.happened() || length == 0)
        return;
    if (one.state == task_state::submitted) { // unsolicited and in order: at most FirstBurstLength
        if (offset == one.held.size() && one.held.size() + length <= first_burst_)
            one.held.insert(one.held.end(), bytes, bytes + length);
        return;
    }
    if (one.state != task_state::fetching || one.command == nullptr)
        return;
    std::uint64_t skip = offset;
    for (std::uint32_t i = 0; i < one.command->segment_count && length != 0; ++i) {
        const scst_segment &segment = one.command->segments[i];
        if (skip >= segment.length) {
            skip -= segment.length;
            continue;
        }
        const auto part = static_cast<std::uint32_t>(std::min<std::uint64_t>(segment.length - skip, length));
        std::memcpy(segment.address + skip, bytes, part);
        bytes += part;
        length -= part;
        skip = 0;
    }
}

void connection::end_immediate(task &one, std::uint32_t, bool intact) {
    if (!intact)
        fail_transfer(one, 0x47, 0x05); // PROTOCOL SERVICE CRC ERROR
    continue_transfer(one);
}

void connection::end_data_out(task &one, bool final, std::uint32_t ttt, std::uint32_t length, bool intact) {
    if (!intact)
        fail_transfer(one, 0x47, 0x05);
    if (ttt == reserved_tag) {
        one.unsolicited_offset += length;
        ++one.unsolicited_data_sn;
        if (final)
            one.unsolicited_open = false;
    } else {
        const auto burst = std::find_if(one.requests.begin(), one.requests.end(),
                                        [&](const r2t &request) { return request.ttt == ttt; });
        if (burst != one.requests.end()) { // else the transfer was aborted meanwhile
            burst->received += length;
            ++burst->data_sn;
            const bool all = burst->received >= burst->length;
            if (final && !all && !one.failure.happened())
                fail_transfer(one, 0x0c, 0x0d);
            if (final || all) {
                one.received += burst->length;
                solicited_bytes_ -= burst->length;
                one.requests.erase(burst);
            }
        }
    }
    continue_transfer(one);
}

// The first error counts.
void connection::fail_transfer(task &one, std::uint8_t asc, std::uint8_t ascq) {
    if (!one.failure.happened())
        one.failure = {.asc = asc, .ascq = ascq};
}

void connection::continue_transfer(task &one) {
    if (one.receiving || one.unsolicited_open) {
        if (!one.waiting && one.state != task_state::submitted)
            wait_for_data(one);
        return;
    }
    switch (one.state) {
    case task_state::submitted: // the core has not asked yet: all there is is held
        return;
    case task_state::answering:
        if (one.waiting)
            stop_waiting(one);
        respond(one);
        return;
    case task_state::fetching:
        break;
    }
    if (one.r2t_sn == 0 && one.requests.empty() && one.received == 0) {
        one.received = std::min(one.unsolicited_offset, one.transfer_length);
        one.r2t_offset = one.received;
    }
    while (!one.failure.happened() && one.requests.size() < max_outstanding_r2t_ &&
           one.r2t_offset < one.transfer_length)
        send_r2t(one);
    if (one.requests.empty())
        complete_transfer(one);
    else if (!one.waiting)
        wait_for_data(one);
}

void connection::send_r2t(task &one) {
    if (next_ttt_ == reserved_tag)
        next_ttt_ = 1;
    const r2t request{.ttt = next_ttt_++,
                      .offset = one.r2t_offset,
                      .length = std::min(max_burst_, one.transfer_length - one.r2t_offset),
                      .received = 0,
                      .data_sn = 0};
    one.r2t_offset += request.length;
    solicited_bytes_ += request.length;
    one.requests.push_back(request);
    send_pdu(r2t_pdu{.lun = one.lun,
                     .itt = one.itt,
                     .ttt = request.ttt,
                     .r2t_sn = one.r2t_sn++,
                     .buffer_offset = request.offset,
                     .desired_length = request.length},
             numbers());
}

void connection::complete_transfer(task &one) {
    if (one.waiting)
        stop_waiting(one);
    one.state = task_state::submitted;
    std::int32_t result = SCST_RX_SUCCESS;
    if (one.failure.happened()) {
        core().cmd_set_sense(one.command, SCST_SENSE_ABORTED_COMMAND, one.failure.asc, one.failure.ascq);
        result = SCST_RX_SENSE_SET;
    }
    core().cmd_data_received(one.command, result, one.received);
}

void connection::wait_for_data(task &one) {
    if (one.waiting)
        return;
    const std::uint64_t now = core().now_ms();
    const bool first = waiting_.oldest() == nullptr;
    waiting_.add(&one, now);
    if (first)
        arm_timer(now);
}

void connection::stop_waiting(task &one) noexcept {
    waiting_.remove(&one);
}

void connection::forget_requests(task &one) noexcept {
    for (const r2t &request : one.requests)
        solicited_bytes_ -= request.length;
    one.requests.clear();
}

} // namespace scstd::iscsi
