// SPDX-License-Identifier: Apache-2.0
#include "pdu/bhs.hpp"

#include <scst/bytes.hpp>

#include <cstring>

namespace scstd::iscsi {

using scst::load_be16;
using scst::load_be32;
using scst::load_be64;
using scst::store_be16;
using scst::store_be24;
using scst::store_be32;
using scst::store_be64;

namespace {

constexpr std::uint8_t final_bit = 0x80;
constexpr std::uint8_t more_bit = 0x40; // C of text and login PDUs

constexpr std::uint8_t bits(opcode code) noexcept {
    return static_cast<std::uint8_t>(code);
}

// Opcode, flags, data length and the sequence numbers; all else zero.
void begin(bhs_out to, opcode code, std::uint8_t flags, std::uint32_t data_length,
           const sequence_numbers &numbers) noexcept {
    std::memset(to.data(), 0, bhs_size);
    to[0] = bits(code);
    to[1] = flags;
    store_be24(&to[5], data_length);
    store_be32(&to[24], numbers.stat_sn);
    store_be32(&to[28], numbers.exp_cmd_sn);
    store_be32(&to[32], numbers.max_cmd_sn);
}

constexpr std::uint8_t residual_bits(const residual &rest) noexcept {
    return rest.kind == 1 ? 0x02 : rest.kind == 2 ? 0x04 : 0x00; // U, O
}

isid_bytes load_isid(const std::uint8_t *from) noexcept {
    return (isid_bytes{load_be16(from)} << 32) | load_be32(from + 2);
}

} // namespace

data_out_pdu decode_data_out(bhs_view from) noexcept {
    return {.final = (from[1] & final_bit) != 0,
            .lun = {load_be64(&from[8])},
            .itt = load_be32(&from[16]),
            .ttt = load_be32(&from[20]),
            .exp_stat_sn = load_be32(&from[28]),
            .data_sn = load_be32(&from[36]),
            .buffer_offset = load_be32(&from[40])};
}

task_management_pdu decode_task_management(bhs_view from) noexcept {
    return {.function = static_cast<std::uint8_t>(from[1] & 0x7f),
            .lun = {load_be64(&from[8])},
            .itt = load_be32(&from[16]),
            .referenced_task_tag = load_be32(&from[20]),
            .cmd_sn = load_be32(&from[24]),
            .exp_stat_sn = load_be32(&from[28]),
            .ref_cmd_sn = load_be32(&from[32])};
}

nop_out_pdu decode_nop_out(bhs_view from) noexcept {
    return {.final = (from[1] & final_bit) != 0,
            .lun = {load_be64(&from[8])},
            .itt = load_be32(&from[16]),
            .ttt = load_be32(&from[20]),
            .cmd_sn = load_be32(&from[24]),
            .exp_stat_sn = load_be32(&from[28])};
}

text_request_pdu decode_text_request(bhs_view from) noexcept {
    return {.final = (from[1] & final_bit) != 0,
            .more = (from[1] & more_bit) != 0,
            .lun = {load_be64(&from[8])},
            .itt = load_be32(&from[16]),
            .ttt = load_be32(&from[20]),
            .cmd_sn = load_be32(&from[24]),
            .exp_stat_sn = load_be32(&from[28])};
}

logout_request_pdu decode_logout_request(bhs_view from) noexcept {
    return {.reason = static_cast<std::uint8_t>(from[1] & 0x7f),
            .itt = load_be32(&from[16]),
            .cid = load_be16(&from[20]),
            .cmd_sn = load_be32(&from[24]),
            .exp_stat_sn = load_be32(&from[28])};
}

login_request_pdu decode_login_request(bhs_view from) noexcept {
    return {.transit = (from[1] & final_bit) != 0,
            .more = (from[1] & more_bit) != 0,
            .current_stage = static_cast<std::uint8_t>((from[1] >> 2) & 3),
            .next_stage = static_cast<std::uint8_t>(from[1] & 3),
            .version_max = from[2],
            .version_min = from[3],
            .isid = load_isid(&from[8]),
            .tsih = load_be16(&from[14]),
            .itt = load_be32(&from[16]),
            .cid = load_be16(&from[20]),
            .cmd_sn = load_be32(&from[24]),
            .exp_stat_sn = load_be32(&from[28])};
}

void encode(bhs_out to, const scsi_response_pdu &pdu, const sequence_numbers &numbers) noexcept {
    begin(to, opcode::scsi_response, static_cast<std::uint8_t>(final_bit | residual_bits(pdu.rest)), pdu.data_length,
          numbers);
    to[2] = pdu.response;
    to[3] = pdu.status;
    store_be32(&to[16], pdu.itt);
    store_be32(&to[36], pdu.exp_data_sn);
    store_be32(&to[44], pdu.rest.count);
}

void encode(bhs_out to, const r2t_pdu &pdu, const sequence_numbers &numbers) noexcept {
    begin(to, opcode::r2t, final_bit, 0, numbers);
    store_be64(&to[8], pdu.lun.value);
    store_be32(&to[16], pdu.itt);
    store_be32(&to[20], pdu.ttt);
    store_be32(&to[36], pdu.r2t_sn);
    store_be32(&to[40], pdu.buffer_offset);
    store_be32(&to[44], pdu.desired_length);
}

void encode(bhs_out to, const task_management_response_pdu &pdu, const sequence_numbers &numbers) noexcept {
    begin(to, opcode::task_management_response, final_bit, 0, numbers);
    to[2] = pdu.response;
    store_be24(&to[8], pdu.additional_information);
    store_be32(&to[16], pdu.itt);
}

void encode(bhs_out to, const nop_in_pdu &pdu, const sequence_numbers &numbers) noexcept {
    begin(to, opcode::nop_in, final_bit, pdu.data_length, numbers);
    store_be64(&to[8], pdu.lun.value);
    store_be32(&to[16], pdu.itt);
    store_be32(&to[20], pdu.ttt);
}

void encode(bhs_out to, const text_response_pdu &pdu, const sequence_numbers &numbers) noexcept {
    const auto flags = static_cast<std::uint8_t>((pdu.final ? final_bit : 0) | (pdu.more ? more_bit : 0));
    begin(to, opcode::text_response, flags, pdu.data_length, numbers);
    store_be64(&to[8], pdu.lun.value);
    store_be32(&to[16], pdu.itt);
    store_be32(&to[20], pdu.ttt);
}

void encode(bhs_out to, const logout_response_pdu &pdu, const sequence_numbers &numbers) noexcept {
    begin(to, opcode::logout_response, final_bit, 0, numbers);
    to[2] = pdu.response;
    store_be32(&to[16], pdu.itt); // Time2Wait and Time2Retain stay 0: ErrorRecoveryLevel 0 retains nothing
}

void encode(bhs_out to, const reject_pdu &pdu, const sequence_numbers &numbers) noexcept {
    begin(to, opcode::reject, final_bit, pdu.data_length, numbers);
    to[2] = static_cast<std::uint8_t>(pdu.reason);
    store_be32(&to[16], reserved_tag);
}

void encode(bhs_out to, const async_message_pdu &pdu, const sequence_numbers &numbers) noexcept {
    begin(to, opcode::async_message, final_bit, pdu.data_length, numbers);
    store_be64(&to[8], pdu.lun.value);
    store_be32(&to[16], reserved_tag);
    to[36] = pdu.event;
}

void encode(bhs_out to, const login_response_pdu &pdu, const sequence_numbers &numbers) noexcept {
    std::uint8_t flags = static_cast<std::uint8_t>(pdu.current_stage << 2);
    if (pdu.transit)
        flags = static_cast<std::uint8_t>(flags | final_bit | pdu.next_stage);
    if (pdu.more)
        flags = static_cast<std::uint8_t>(flags | more_bit);
    begin(to, opcode::login_response, flags, pdu.data_length, numbers);
    store_be16(&to[8], static_cast<std::uint16_t>(pdu.isid >> 32));
    store_be32(&to[10], static_cast<std::uint32_t>(pdu.isid));
    store_be16(&to[14], pdu.tsih);
    store_be32(&to[16], pdu.itt);
    store_be16(&to[36], static_cast<std::uint16_t>(pdu.status));
}

} // namespace scstd::iscsi
