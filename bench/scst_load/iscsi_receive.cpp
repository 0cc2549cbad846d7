// SPDX-License-Identifier: Apache-2.0
// iscsi_session, the receiving half: bytes to PDUs, PDUs to completed commands. See iscsi_session.hpp.
//
// The target is not trusted: every length, tag and offset is checked, a breach ends the session with a message.
#include "iscsi_session.hpp"

#include "clock.hpp"
#include "crc32c.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace scstd::bench {
namespace {

constexpr std::uint8_t status_good = 0x00;
constexpr std::uint8_t status_check_condition = 0x02;
constexpr std::uint8_t status_busy = 0x08;
constexpr std::uint8_t status_task_set_full = 0x28;
constexpr std::uint8_t sense_unit_attention = 6;
constexpr unsigned most_retries = 1000;

[[noreturn]] void breach(const std::string &what) {
    throw std::runtime_error("the target broke the protocol: " + what);
}

bool digest_matches(std::span<const std::uint8_t> bytes, const std::uint8_t *digest) noexcept {
    const std::uint32_t value = crc32c(bytes);
    return digest[0] == (value & 0xffU) && digest[1] == ((value >> 8) & 0xffU) &&
           digest[2] == ((value >> 16) & 0xffU) && digest[3] == (value >> 24);
}

} // namespace

bool iscsi_session::receive(bool wait) {
    if (discard_left_ != 0)
        return discard(wait);
    make_room();
    const std::size_t got =
        receive_bytes(fd_.get(), buffer_.data() + end_, std::min(chunk_, buffer_.size() - end_), wait);
    if (got == 0)
        return false;
    now_ = now_ns();
    end_ += got;
    parse();
    return true;
}

bool iscsi_session::discard(bool wait) {
    const std::size_t got = receive_bytes(fd_.get(), nullptr, discard_left_, wait);
    if (got == 0)
        return false;
    now_ = now_ns();
    discard_left_ -= got;
    if (discard_left_ == 0)
        handle(pending_.data(), {});
    return true;
}

// Moves a partial PDU to the front when its rest, or a whole receive, would not fit behind it.
void iscsi_session::make_room() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
        return;
    }
    if (buffer_.size() - end_ >= chunk_ && buffer_.size() - begin_ >= needed_)
        return;
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
}

bool iscsi_session::may_discard(const std::uint8_t *header) const noexcept {
    return opcode_of(header) == static_cast<std::uint8_t>(opcode::data_in) && data_length(header) >= discard_from &&
           !work_.verifies() && !parameters_.data_digest;
}

void iscsi_session::parse() {
    const std::size_t header_digest = parameters_.header_digest ? 4 : 0;
    needed_ = 0;
    while (end_ - begin_ >= bhs_size + header_digest) {
        const std::uint8_t *pdu = buffer_.data() + begin_;
        const std::size_t header_size = bhs_size + ahs_length(pdu);
        const std::size_t data_size = data_length(pdu);
        if (data_size > parameters_.own_segment)
            breach("a data segment of " + std::to_string(data_size) + " bytes");
        const std::size_t total =
            header_size + header_digest + padded(data_size) + (parameters_.data_digest && data_size != 0 ? 4 : 0);
        if (end_ - begin_ < total) {
            if (may_discard(pdu) && end_ - begin_ >= header_size + header_digest) {
                check_digests(pdu, header_size, 0);
                std::memcpy(pending_.data(), pdu, bhs_size);
                discard_left_ = total - (end_ - begin_);
                begin_ = end_ = 0;
                return;
            }
            needed_ = total;
            return;
        }
        check_digests(pdu, header_size, data_size);
        handle(pdu, {pdu + header_size + header_digest, data_size});
        begin_ += total;
    }
}

void iscsi_session::check_digests(const std::uint8_t *pdu, std::size_t header_size, std::size_t data_size) const {
    if (parameters_.header_digest && !digest_matches({pdu, header_size}, pdu + header_size))
        breach("wrong header digest");
    if (!parameters_.data_digest || data_size == 0)
        return;
    const std::uint8_t *data = pdu + header_size + (parameters_.header_digest ? 4 : 0);
    if (!digest_matches({data, padded(data_size)}, data + padded(data_size)))
        breach("wrong data digest");
}

void iscsi_session::handle(const std::uint8_t *header, std::span<const std::uint8_t> data) {
    switch (static_cast<opcode>(opcode_of(header))) {
    case opcode::data_in:
        return on_data_in(header, data);
    case opcode::scsi_response:
        return on_response(header, data);
    case opcode::ready_to_transfer:
        return on_ready_to_transfer(header);
    case opcode::nop_in:
        return on_nop_in(header);
    case opcode::async_message:
        note_numbers(header, true);
        if (header[36] != 0) // 0 is SCSI's own event, others announce the end of the session
            throw std::runtime_error("the target asks to end the session, event " + std::to_string(header[36]));
        return;
    case opcode::reject:
        throw std::runtime_error("the target rejected a PDU, reason " + std::to_string(header[2]));
    case opcode::logout_response:
        return note_numbers(header, true);
    case opcode::nop_out:
    case opcode::scsi_command:
    case opcode::login_request:
    case opcode::data_out:
    case opcode::logout_request:
    case opcode::login_response:
        break;
    }
    breach("a PDU with opcode " + std::to_string(opcode_of(header)));
}

void iscsi_session::note_numbers(const std::uint8_t *header, bool has_status) noexcept {
    if (has_status)
        numbers_.exp_stat_sn = stat_sn(header) + 1;
    const std::uint32_t maximum = max_cmd_sn(header);
    if (serial_not_after(numbers_.max_cmd_sn, maximum))
        numbers_.max_cmd_sn = maximum;
}

std::uint32_t iscsi_session::slot_number(const std::uint8_t *header) const {
    const std::uint32_t number = task_tag(header);
    if (number >= slots_.size() || !slots_[number].busy)
        breach("an answer to task " + std::to_string(number) + " that is not there");
    return number;
}

void iscsi_session::on_data_in(const std::uint8_t *header, std::span<const std::uint8_t> data) {
    const std::uint32_t number = slot_number(header);
    auto &s = slots_[number];
    const std::uint32_t length = data_length(header);
    const std::uint32_t offset = buffer_offset(header);
    if (s.request.write || offset > io_size_ || length > io_size_ - offset)
        breach("data that nobody asked for");
    if (work_.verifies())
        std::memcpy(s.data.data() + offset, data.data(), data.size());
    s.received += length;
    const bool has_status = (header[1] & data_in_status) != 0;
    note_numbers(header, has_status);
    if (has_status)
        complete(number, header[3], {});
}

void iscsi_session::on_response(const std::uint8_t *header, std::span<const std::uint8_t> data) {
    const std::uint32_t number = slot_number(header);
    note_numbers(header, true);
    if (header[2] != 0)
        return fail_io(slots_[number], "iSCSI response code " + std::to_string(header[2]));
    std::span<const std::uint8_t> sense;
    if (data.size() > 2)
        sense = data.subspan(2, std::min<std::size_t>(scst::load_be16(data.data()), data.size() - 2));
    complete(number, header[3], sense);
}

void iscsi_session::on_ready_to_transfer(const std::uint8_t *header) {
    const std::uint32_t number = slot_number(header);
    note_numbers(header, false);
    const std::uint32_t offset = buffer_offset(header);
    const std::uint32_t length = last_word(header);
    if (!slots_[number].request.write || length == 0 || offset > io_size_ || length > io_size_ - offset)
        breach("a request for data beyond the command's");
    send_data(number, transfer_tag(header), offset, length);
}

void iscsi_session::on_nop_in(const std::uint8_t *header) {
    note_numbers(header, false);
    if (transfer_tag(header) == reserved_tag)
        return;
    last_header_ = out_.append(bhs_size);
    put_ping_answer(last_header_, scst::load_be64(header + 8), transfer_tag(header), numbers_.cmd_sn,
                    numbers_.exp_stat_sn);
    end_header();
}

void iscsi_session::complete(std::uint32_t number, std::uint8_t status, std::span<const std::uint8_t> sense) {
    auto &s = slots_[number];
    if (status != status_good) [[unlikely]] {
        const auto summary = read_sense(sense);
        if (retry(number, status, summary))
            return;
        std::array<char, 80> text;
        std::snprintf(text.data(), text.size(), "status %02xh, sense key %xh asc %02xh ascq %02xh", status, summary.key,
                      summary.asc, summary.ascq);
        return fail_io(s, text.data());
    }
    if (!s.request.write && s.received != io_size_)
        return fail_io(s, "only " + std::to_string(s.received) + " bytes were read");
    if (work_.verifies() && !s.request.write && !verify_read(s))
        ++counts_.verify_errors;
    work_.finished(s.request, true);
    counts_.record(s.request.write, now_ - s.started);
    s.busy = false;
    free_.push_back(number);
}

bool iscsi_session::verify_read(const slot &s) {
    const auto result = work_.check(s.request, s.data);
    counts_.blocks_verified += work_.blocks_per_unit();
    if (result.fault == pattern_fault::none)
        return true;
    counts_.note_error(describe(result, s.request.generation));
    return false;
}

void iscsi_session::fail_io(slot &s, const std::string &why) {
    ++counts_.errors;
    counts_.note_error((s.request.write ? "write of LBA " : "read of LBA ") +
                       std::to_string(work_.lba_of(s.request.unit)) + ": " + why);
    work_.finished(s.request, false);
    s.busy = false;
    free_.push_back(static_cast<std::uint32_t>(&s - slots_.data()));
}

// Unit attentions and a full target say "again", not "failed".
bool iscsi_session::retry(std::uint32_t number, std::uint8_t status, const sense_summary &sense) {
    const bool attention = status == status_check_condition && sense.key == sense_unit_attention;
    if (!attention && status != status_busy && status != status_task_set_full)
        return false;
    ++(attention ? counts_.unit_attentions : counts_.busy_answers);
    if (++slots_[number].retries > most_retries)
        return false;
    retry_.push_back(number);
    return true;
}

} // namespace scstd::bench
