// SPDX-License-Identifier: Apache-2.0
// The receive machine: three stages and a few counters. Bytes are received many PDUs at a time into one buffer; what is
// still missing of a large payload is received straight to where it belongs, with the bytes behind it into the buffer.
#include "connection/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace scstd::iscsi {
namespace {

// A PDU up to this size is waited for in the buffer; of a larger one the payload is steered.
constexpr std::size_t small_pdu = 8192;
constexpr std::size_t most_vectors = 16;
// While large data is on its way only so much is received beside it, so that little of it has to be copied.
constexpr std::size_t bulk_data = 16384;
constexpr std::size_t room_beside_bulk = 4096;
constexpr std::size_t most_held_bytes = 16 * 1024 * 1024;

constexpr bool carries_cmd_sn(std::uint8_t code) noexcept {
    switch (static_cast<opcode>(code)) {
    case opcode::nop_out:
    case opcode::scsi_command:
    case opcode::task_management_request:
    case opcode::text_request:
    case opcode::logout_request:
        return true;
    default: // not an enumeration of ours: any value may come
        return false;
    }
}

} // namespace

// One recvmsg(). false: the connection is closed. `drained`: the socket had less than there was room for.
bool connection::receive_some(bool &drained) {
    if (!buffer_) {
        buffer_ = session_.buffers().receive.take();
        head_ = tail_ = 0;
    }
    if (head_ != 0) { // what is left of the last round is part of one PDU
        std::memmove(buffer_->bytes.data(), buffer_->bytes.data() + head_, buffered());
        tail_ -= head_;
        head_ = 0;
    }
    std::array<iovec, most_vectors + 1> vectors;
    std::size_t direct = 0;
    std::size_t count = 0;
    if (stage_ == stage::payload && buffered() == 0) {
        count = payload_vectors(vectors.data(), most_vectors);
        for (std::size_t i = 0; i < count; ++i)
            direct += vectors[i].iov_len;
    }
    const bool bulk = solicited_bytes_ >= bulk_data || last_data_length_ >= bulk_data;
    const std::size_t room = std::min(receive_buffer_size - tail_, bulk ? room_beside_bulk : receive_buffer_size);
    vectors[count++] = {buffer_->bytes.data() + tail_, room};
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        drained = true;
        return true;
    }
    if (got <= 0) {
        close(got == 0 ? "the peer closed it" : std::strerror(errno));
        return false;
    }
    const auto size = static_cast<std::size_t>(got);
    const std::size_t steered = std::min(size, direct);
    if (data_digest_)
        for (std::size_t i = 0, rest = steered; rest != 0; ++i) {
            const std::size_t part = std::min(rest, vectors[i].iov_len);
            payload_crc_.update(static_cast<const std::uint8_t *>(vectors[i].iov_base), part);
            rest -= part;
        }
    advance_payload(steered);
    tail_ += size - steered;
    drained = size < direct + room;
    return true;
}

void connection::process() {
    while (state_ == state::open) {
        bool go_on = false;
        switch (stage_) {
        case stage::header:
            go_on = take_header();
            break;
        case stage::payload:
            go_on = take_payload();
            break;
        case stage::trailer:
            go_on = take_trailer();
            break;
        }
        if (!go_on)
            return;
    }
}

// ---- whole PDUs, in CmdSN order ----

connection::order connection::order_of(bhs_view header, const basic_header &basic) {
    const bool command = basic.code == static_cast<std::uint8_t>(opcode::scsi_command);
    if (basic.immediate || (!command && !carries_cmd_sn(basic.code)))
        return order::now;
    switch (window_.arrive(cmd_sn_of(header))) {
        [[likely]] case command_window::place::now : return order::now;
    case command_window::place::later:
        return order::later;
    case command_window::place::outside:
        session_.owner().log().debug("%s: CmdSN %u is outside the window %u..%u; ignored", tag_.c_str(),
                                     cmd_sn_of(header), window_.expected(), window_.announced());
        return order::drop;
    }
    return order::drop;
}

[[gnu::always_inline]] inline void connection::dispatch(const whole_pdu &pdu) {
    switch (order_of(pdu.header, pdu.basic)) {
    case order::now:
        execute(pdu);
        if (!held_.empty() || !management_.empty())
            execute_held();
        break;
    case order::later:
        hold(pdu);
        break;
    case order::drop:
        break;
    }
}

bool connection::take_header() {
    if (buffered() < bhs_size)
        return false;
    const std::uint8_t *at = buffer_->bytes.data() + head_;
    const bhs_view header{at, bhs_size};
    const basic_header basic = decode_basic_header(header);
    if (basic.data_length > our_max_segment_) {
        violation("a data segment of %u bytes is longer than the agreed %u", basic.data_length, our_max_segment_);
        return false;
    }
    last_data_length_ = basic.data_length;
    const std::size_t bare = bhs_size + basic.ahs_length;
    const std::size_t with_digest = bare + (header_digest_ ? digest_size : 0);
    if (buffered() < with_digest)
        return false;
    const std::uint32_t padded = basic.data_length + padding_of(basic.data_length);
    const bool digested = data_digest_ && basic.data_length != 0;
    const std::size_t total = with_digest + padded + (digested ? digest_size : 0);
    const bool whole = buffered() >= total;
    if (!whole && total <= small_pdu)
        return false; // its header digest is checked once, when all is here
    if (header_digest_ && crc32c_of(at, bare) != load_digest(at + bare)) {
        violation("header digest error");
        return false;
    }
    const std::span<const std::uint8_t> ahs{at + bhs_size, basic.ahs_length};
    if (!whole) {
        head_ += with_digest;
        begin_payload(header, ahs, basic.data_length);
        return true;
    }
    const std::uint8_t *data = at + with_digest;
    head_ += total;
    const bool intact = !digested || crc32c_of(data, padded) == load_digest(data + padded);
    dispatch({.header = header, .basic = basic, .ahs = ahs, .data = {data, basic.data_length}, .data_intact = intact});
    return true;
}

// ---- large payloads ----

void connection::begin_payload(bhs_view header, std::span<const std::uint8_t> ahs, std::uint32_t length) {
    collected_header_.assign(header.begin(), header.end());
    collected_header_.insert(collected_header_.end(), ahs.begin(), ahs.end());
    stage_ = stage::payload;
    sink_ = sink::discard;
    payload_task_ = nullptr;
    payload_offset_ = 0;
    payload_length_ = length;
    payload_left_ = length;
    payload_crc_ = {};
    const basic_header basic = decode_basic_header(header);
    if (basic.code == static_cast<std::uint8_t>(opcode::data_out)) {
        payload_task_ = begin_data_out(header, length);
    } else {
        const order when = order_of(header, basic);
        if (basic.code != static_cast<std::uint8_t>(opcode::scsi_command) || when == order::later) {
            begin_collecting(header, ahs, length, when);
            return;
        }
        if (when == order::now)
            payload_task_ = begin_command(header, ahs, length, true);
    }
    if (payload_task_ != nullptr && state_ == state::open) {
        sink_ = sink::task_buffer;
        payload_task_->receiving = true;
    }
}

void connection::begin_collecting(bhs_view, std::span<const std::uint8_t>, std::uint32_t length, order when) {
    collected_order_ = when;
    if (when == order::drop)
        return;
    if (held_bytes_ + length > most_held_bytes) {
        violation("more than %zu bytes of commands came out of order", most_held_bytes);
        return;
    }
    sink_ = sink::collect;
    collected_.resize(length);
}

// Where the next bytes of the payload can be received directly.
std::size_t connection::payload_vectors(iovec *vectors, std::size_t most) {
    if (sink_ == sink::collect) {
        vectors[0] = {collected_.data() + (payload_length_ - payload_left_), payload_left_};
        return 1;
    }
    if (sink_ != sink::task_buffer || payload_task_->state != task_state::fetching)
        return 0;
    const scst_cmd &command = *payload_task_->command;
    std::uint64_t skip = payload_offset_;
    std::uint64_t left = payload_left_;
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < command.segment_count && count < most && left != 0; ++i) {
        const scst_segment &segment = command.segments[i];
        if (skip >= segment.length) {
            skip -= segment.length;
            continue;
        }
        const std::uint64_t part = std::min(segment.length - skip, left);
        vectors[count++] = {segment.address + skip, static_cast<std::size_t>(part)};
        left -= part;
        skip = 0;
    }
    return count;
}

void connection::advance_payload(std::size_t count) noexcept {
    payload_left_ -= static_cast<std::uint32_t>(count);
    payload_offset_ += static_cast<std::uint32_t>(count);
}

bool connection::take_payload() {
    const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(buffered(), payload_left_));
    const std::uint8_t *bytes = buffer_ ? buffer_->bytes.data() + head_ : nullptr;
    if (count != 0) {
        if (data_digest_)
            payload_crc_.update(bytes, count);
        if (sink_ == sink::collect)
            std::memcpy(collected_.data() + (payload_length_ - payload_left_), bytes, count);
        else if (sink_ == sink::task_buffer)
            write_to_task(*payload_task_, payload_offset_, bytes, count);
        head_ += count;
        advance_payload(count);
    }
    if (payload_left_ != 0)
        return false;
    stage_ = stage::trailer;
    return true;
}

bool connection::take_trailer() {
    const std::uint32_t padding = padding_of(payload_length_);
    const std::size_t size = padding + (data_digest_ ? digest_size : 0);
    if (buffered() < size)
        return false;
    bool intact = true;
    if (size != 0) {
        const std::uint8_t *at = buffer_->bytes.data() + head_;
        if (data_digest_) {
            payload_crc_.update(at, padding);
            intact = payload_crc_.value() == load_digest(at + padding);
        }
        head_ += size;
    }
    stage_ = stage::header;
    end_payload(intact);
    return true;
}

void connection::end_payload(bool intact) {
    const sink where = sink_;
    task *one = payload_task_;
    sink_ = sink::discard;
    payload_task_ = nullptr;
    const bhs_view header{collected_header_.data(), bhs_size};
    if (where == sink::collect) {
        const std::span<const std::uint8_t> ahs{collected_header_.data() + bhs_size,
                                                collected_header_.size() - bhs_size};
        const std::vector<std::uint8_t> data = std::move(collected_);
        collected_ = {};
        const whole_pdu pdu{
            .header = header, .basic = decode_basic_header(header), .ahs = ahs, .data = data, .data_intact = intact};
        if (collected_order_ == order::later) {
            hold(pdu);
        } else {
            execute(pdu);
            execute_held();
        }
    } else if (where == sink::task_buffer) {
        one->receiving = false;
        if (decode_basic_header(header).code == static_cast<std::uint8_t>(opcode::data_out)) {
            const data_out_pdu pdu = decode_data_out(header);
            end_data_out(*one, pdu.final, pdu.ttt, payload_length_, intact);
        } else {
            end_immediate(*one, payload_length_, intact);
        }
        execute_held();
    } else {
        execute_held();
    }
}

// ---- PDUs that came before their turn ----

void connection::hold(const whole_pdu &pdu) {
    const std::uint32_t sn = cmd_sn_of(pdu.header);
    auto place = held_.begin();
    while (place != held_.end() && serial_less(place->cmd_sn, sn))
        ++place;
    if (place != held_.end() && place->cmd_sn == sn)
        return; // came twice
    held_pdu copy{.cmd_sn = sn, .intact = pdu.data_intact, .ahs_length = pdu.ahs.size(), .bytes = {}};
    copy.bytes.reserve(bhs_size + pdu.ahs.size() + pdu.data.size());
    copy.bytes.insert(copy.bytes.end(), pdu.header.begin(), pdu.header.end());
    copy.bytes.insert(copy.bytes.end(), pdu.ahs.begin(), pdu.ahs.end());
    copy.bytes.insert(copy.bytes.end(), pdu.data.begin(), pdu.data.end());
    held_bytes_ += copy.bytes.size();
    if (held_bytes_ > most_held_bytes) {
        violation("more than %zu bytes of commands came out of order", most_held_bytes);
        return;
    }
    held_.insert(place, std::move(copy));
}

void connection::execute_held() {
    while (state_ == state::open && !held_.empty() && window_.take(held_.front().cmd_sn)) {
        const held_pdu next = std::move(held_.front());
        held_.pop_front();
        held_bytes_ -= next.bytes.size();
        if (next.bytes.empty())
            continue;
        const std::span<const std::uint8_t> bytes{next.bytes};
        execute({.header = bytes.first<bhs_size>(),
                 .basic = decode_basic_header(bytes.first<bhs_size>()),
                 .ahs = bytes.subspan(bhs_size, next.ahs_length),
                 .data = bytes.subspan(bhs_size + next.ahs_length),
                 .data_intact = next.intact});
    }
    if (!management_.empty())
        release_management();
}

void connection::execute(const whole_pdu &pdu) {
    switch (static_cast<opcode>(pdu.basic.code)) {
    case opcode::scsi_command:
        on_command(pdu);
        break;
    case opcode::data_out:
        on_data_out(pdu);
        break;
    case opcode::nop_out:
        on_nop_out(pdu);
        break;
    case opcode::task_management_request:
        on_task_management(pdu);
        break;
    case opcode::text_request:
        on_text(pdu);
        break;
    case opcode::logout_request:
        on_logout(pdu);
        break;
    case opcode::snack_request: // ErrorRecoveryLevel 0: nothing is kept that could be sent again
    case opcode::login_request:
    default: // target opcodes and reserved ones
        reject(pdu.header, reject_reason::command_not_supported);
        break;
    }
}

} // namespace scstd::iscsi
