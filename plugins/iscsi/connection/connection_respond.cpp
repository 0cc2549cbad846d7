// SPDX-License-Identifier: Apache-2.0
// Data-In and SCSI Response (RFC 7143 11.4, 11.7): written straight into the send queue.
//
// The last Data-In carries a status without sense (phase collapse). A small read is copied next to its header, and its
// command is over at once: that is cheaper than an iovec, and the command's memory is free for the next one while it is
// still in the cache.
#include "connection/connection.hpp"
#include "connection/pdu_writer.hpp"

#include "target/target.hpp"

#include <algorithm>
#include <cstring>

namespace scstd::iscsi {
namespace {

constexpr std::size_t small_read = 4096; // bytes that are copied rather than referred to

} // namespace

// Where in a command's segments the next byte to be sent is.
struct segment_cursor {
    std::uint32_t index = 0;
    std::uint64_t offset = 0; // in that segment
};

sequence_numbers connection::numbers() noexcept {
    const std::uint32_t depth = live_.queued_commands.load(std::memory_order_relaxed);
    return {.stat_sn = stat_sn_, .exp_cmd_sn = window_.expected(), .max_cmd_sn = window_.announce(depth)};
}

sequence_numbers connection::numbers_advancing() noexcept {
    const sequence_numbers now = numbers();
    ++stat_sn_;
    return now;
}

std::uint8_t *connection::reserve_pdu(std::size_t extra) {
    return queue_.reserve(bhs_size + (header_digest_ ? digest_size : 0) + extra);
}

void connection::finish_header(std::uint8_t *at) const noexcept {
    if (header_digest_)
        store_digest(at + bhs_size, crc32c_of(at, bhs_size));
}

// The common case in one piece: a single PDU whose data is copied behind its header.
bool connection::send_small_read(task &one, const residual &rest) {
    const scst_cmd &command = *one.command;
    const auto length = static_cast<std::uint32_t>(command.response_length);
    if (command.response_length > small_read || command.segment_count != 1 || length > their_max_segment_ ||
        length > max_burst_ || command.segments[0].kind != SCST_SEGMENT_MEMORY || data_digest_)
        return false;
    const std::uint32_t padding = padding_of(length);
    std::uint8_t *at = reserve_pdu(length + padding);
    encode(bhs_out{at, bhs_size},
           data_in_pdu{.final = true,
                       .has_status = true,
                       .status = command.status,
                       .rest = rest,
                       .itt = one.itt,
                       .data_sn = 0,
                       .buffer_offset = 0,
                       .data_length = length},
           numbers_advancing());
    finish_header(at);
    std::uint8_t *data = at + bhs_size + (header_digest_ ? digest_size : 0);
    std::memcpy(data, command.segments[0].address, length);
    if (padding != 0)
        std::memset(data + length, 0, padding);
    schedule_flush();
    return true;
}

// Ends the bookkeeping of a command whose status is known and answers it.
void connection::respond(task &one) {
    table_.erase(&one); // its tag is free as soon as the initiator reads the response
    window_.end_command();
    if (one.command == nullptr) {
        send_scsi_response(one, {.kind = one.expected_length != 0 ? 1u : 0u, .count = one.expected_length});
        finish_when_sent(one);
        return;
    }
    const scst_cmd &command = *one.command;
    const residual rest{.kind = command.residual_kind,
                        .count =
                            static_cast<std::uint32_t>(std::min<std::uint64_t>(command.residual_count, 0xffffffff))};
    const bool with_sense = command.status == SCST_STATUS_CHECK_CONDITION;
    if (command.data_direction != SCST_DATA_READ || command.response_length == 0) {
        send_scsi_response(one, rest);
        if (with_sense)
            finish_when_sent(one);
        else
            finish_task(&one, SCST_DELIVERED);
        schedule_flush();
        return;
    }
    if (!with_sense && send_small_read(one, rest)) {
        finish_task(&one, SCST_DELIVERED);
        return;
    }
    send_data_in(one, rest, !with_sense);
    if (with_sense)
        send_scsi_response(one, rest);
    finish_when_sent(one);
}

// Sequences of at most MaxBurstLength, PDUs of at most what the initiator takes.
void connection::send_data_in(task &one, const residual &rest, bool with_status) {
    const scst_cmd &command = *one.command;
    const auto total = static_cast<std::uint32_t>(command.response_length);
    segment_cursor cursor;
    std::uint32_t burst = 0;
    std::uint32_t data_sn = 0;
    for (std::uint32_t offset = 0; offset < total;) {
        const std::uint32_t length = std::min({their_max_segment_, max_burst_ - burst, total - offset});
        const bool last = offset + length == total;
        burst += length;
        const bool end_of_burst = last || burst == max_burst_;
        sequence_numbers sn = last && with_status ? numbers_advancing() : numbers();
        if (!last || !with_status)
            sn.stat_sn = 0; // reserved without S
        std::uint8_t *at = reserve_pdu(0);
        encode(bhs_out{at, bhs_size},
               data_in_pdu{.final = end_of_burst,
                           .has_status = last && with_status,
                           .status = command.status,
                           .rest = rest,
                           .itt = one.itt,
                           .data_sn = data_sn++,
                           .buffer_offset = offset,
                           .data_length = length},
               sn);
        finish_header(at);
        const std::uint32_t crc = append_segments(command, cursor, length);
        const std::uint32_t padding = padding_of(length);
        const std::size_t tail = padding + (data_digest_ ? digest_size : 0);
        if (tail != 0) {
            std::uint8_t *end = queue_.reserve(tail);
            std::memset(end, 0, padding);
            if (data_digest_)
                store_digest(end + padding, crc);
        }
        if (end_of_burst)
            burst = 0;
        offset += length;
    }
    schedule_flush();
}

// Queues `length` bytes of the command's data; their digest, padding included, when digests are on.
std::uint32_t connection::append_segments(const scst_cmd &cmd, segment_cursor &cursor, std::uint32_t length) {
    crc32c crc;
    std::uint64_t left = length;
    while (left != 0 && cursor.index < cmd.segment_count) {
        const scst_segment &segment = cmd.segments[cursor.index];
        const std::uint64_t part = std::min(segment.length - cursor.offset, left);
        if (segment.kind == SCST_SEGMENT_FILE) {
            queue_.append_file(segment.fd, segment.offset + cursor.offset, part);
        } else {
            queue_.append_memory(segment.address + cursor.offset, static_cast<std::size_t>(part));
            if (data_digest_)
                crc.update(segment.address + cursor.offset, static_cast<std::size_t>(part));
        }
        left -= part;
        cursor.offset += part;
        if (cursor.offset == segment.length)
            cursor = {.index = cursor.index + 1, .offset = 0};
    }
    static constexpr std::uint8_t zeros[512] = {};
    while (left != 0) { // less data than promised: keep the stream in step
        const std::uint64_t part = std::min<std::uint64_t>(left, sizeof zeros);
        queue_.append_memory(zeros, static_cast<std::size_t>(part));
        crc.update(zeros, static_cast<std::size_t>(part));
        left -= part;
    }
    crc.update(zeros, padding_of(length));
    return crc.value();
}

void connection::send_scsi_response(task &one, const residual &rest) {
    const scst_cmd *command = one.command;
    const std::uint8_t status = command != nullptr ? command->status : one.status;
    std::uint32_t sense_length = one.sense_length;
    const std::uint8_t *sense = one.sense.data();
    if (command != nullptr) {
        sense = command->sense;
        sense_length = std::min<std::uint32_t>(command->sense_length, SCST_MAX_SENSE_SIZE);
    }
    if (status != SCST_STATUS_CHECK_CONDITION)
        sense_length = 0;
    std::array<std::uint8_t, 2 + SCST_MAX_SENSE_SIZE> segment;
    std::span<const std::uint8_t> data;
    if (sense_length != 0) { // RFC 7143 11.4.7
        scst::store_be16(segment.data(), static_cast<std::uint16_t>(sense_length));
        std::memcpy(&segment[2], sense, sense_length);
        data = std::span<const std::uint8_t>{segment}.first(2 + sense_length);
    }
    send_pdu(scsi_response_pdu{.response = 0,
                               .status = status,
                               .rest = rest,
                               .itt = one.itt,
                               .exp_data_sn = 0,
                               .data_length = static_cast<std::uint32_t>(data.size())},
             numbers_advancing(), data);
}

void connection::finish_when_sent(task &one) {
    queue_.append_finished(&one);
    schedule_flush();
}

} // namespace scstd::iscsi
