// SPDX-License-Identifier: Apache-2.0
// What is neither a command nor its data: NOP (RFC 7143 11.18, 11.19), text (11.10, 11.11), logout (11.14, 11.15),
// Reject (11.17) and asynchronous messages (11.9).
#include "connection/connection.hpp"
#include "connection/pdu_writer.hpp"

#include "discovery/send_targets.hpp"
#include "target/target.hpp"
#include "text/key_value.hpp"

#include <scst/text.hpp>

#include <algorithm>
#include <cerrno>

namespace scstd::iscsi {

void connection::on_nop_out(const whole_pdu &pdu) {
    const nop_out_pdu nop = decode_nop_out(pdu.header);
    if (!pdu.data_intact)
        return; // as if it had been lost
    if (!nop.final) {
        reject(pdu.header, reject_reason::protocol_error);
        return;
    }
    if (nop.itt == reserved_tag) { // the answer to a ping, or nothing
        if (ping_outstanding_ && nop.ttt == ping_ttt_)
            ping_outstanding_ = false;
        return;
    }
    const auto echo = pdu.data.first(std::min<std::size_t>(pdu.data.size(), their_max_segment_));
    send_pdu(
        nop_in_pdu{
            .lun = {}, .itt = nop.itt, .ttt = reserved_tag, .data_length = static_cast<std::uint32_t>(echo.size())},
        numbers_advancing(), echo);
}

void connection::ping(std::uint64_t now_ms) {
    if (++ping_ttt_ == reserved_tag)
        ping_ttt_ = 1;
    ping_outstanding_ = true;
    ping_sent_ms_ = now_ms;
    send_pdu(nop_in_pdu{.lun = {}, .itt = reserved_tag, .ttt = ping_ttt_, .data_length = 0}, numbers());
}

void connection::on_text(const whole_pdu &pdu) {
    const text_request_pdu text = decode_text_request(pdu.header);
    if (!pdu.data_intact) {
        reject(pdu.header, reject_reason::data_digest_error);
        return;
    }
    const std::string_view data{reinterpret_cast<const char *>(pdu.data.data()), pdu.data.size()};
    switch (text_.receive(text, data)) {
    case text_exchange::step::ask:
        send_pdu(text_.ask(text.itt), numbers_advancing());
        break;
    case text_exchange::step::request: {
        const std::string request = text_.take_request();
        if (!parse_text(request).valid) {
            reject(pdu.header, reject_reason::protocol_error);
            break;
        }
        answer_text(request);
        send_text_piece(text.itt);
        break;
    }
    case text_exchange::step::piece:
        send_text_piece(text.itt);
        break;
    case text_exchange::step::bad_field:
        reject(pdu.header, reject_reason::invalid_pdu_field);
        break;
    case text_exchange::step::violation:
        reject(pdu.header, reject_reason::protocol_error);
        break;
    }
}

void connection::answer_text(std::string_view request) {
    std::string answer;
    const parsed_text text = parse_text(request);
    for (const key_value &pair : text.pairs) {
        const bool own_name = pair.value.empty() || equal_ignoring_case(pair.value, session_.port().name());
        std::uint64_t number = 0;
        if (pair.key == "SendTargets" && own_name) {
            append_target(answer, session_.port().name(),
                          portal_addresses(session_.owner(), *session_.port().view(), local_));
        } else if (pair.key == "SendTargets") {
            append_pair(answer, pair.key, "Reject"); // All and other names: in discovery sessions only (RFC 7143 C)
        } else if (pair.key == "MaxRecvDataSegmentLength" &&
                   scst::parse_unsigned_in(pair.value, 512, 0xffffff, number) == 0) {
            const auto limit = value_of(session_.port().view()->keys, session_key::max_xmit_data_segment_length);
            their_max_segment_ =
                std::min(static_cast<std::uint32_t>(number), limit); // may be declared anew at any time
        } else {
            append_pair(answer, pair.key, "NotUnderstood");
        }
    }
    text_.set_answer(std::move(answer));
}

void connection::send_text_piece(std::uint32_t itt) {
    const auto [header, piece] = text_.next_piece(itt, their_max_segment_);
    send_pdu(header, numbers_advancing(),
             std::span{reinterpret_cast<const std::uint8_t *>(piece.data()), piece.size()});
}

// Whatever the reason, the one connection of the session goes and the session with it, as ErrorRecoveryLevel 0 keeps
// nothing.
void connection::on_logout(const whole_pdu &pdu) {
    const logout_request_pdu logout = decode_logout_request(pdu.header);
    session_.owner().log().debug("%s: logout, reason %u", tag_.c_str(), logout.reason);
    send_pdu(logout_response_pdu{.response = 0, .itt = logout.itt}, numbers_advancing());
    close_when_sent();
}

void connection::reject(bhs_view header, reject_reason reason) {
    note("rejected a PDU with opcode 0x%02x, reason 0x%02x", header[0] & 0x3f, static_cast<unsigned>(reason));
    send_pdu(reject_pdu{.reason = reason, .data_length = bhs_size}, numbers_advancing(), header);
}

std::int32_t connection::report_event(const scst_event &event) {
    if (state_ != state::open)
        return -ENOTCONN;
    const std::uint32_t length = std::min<std::uint32_t>(event.sense_length, SCST_MAX_SENSE_SIZE);
    std::array<std::uint8_t, 2 + SCST_MAX_SENSE_SIZE> segment;
    scst::store_be16(segment.data(), static_cast<std::uint16_t>(length));
    std::memcpy(&segment[2], event.sense, length);
    async_message_pdu message{.event = 0, .lun = {scst::load_be64(event.lun_bytes)}, .data_length = 2 + length};
    send_pdu(message, numbers_advancing(), std::span<const std::uint8_t>{segment}.first(2 + length));
    return 0;
}

} // namespace scstd::iscsi
