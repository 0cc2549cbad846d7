// SPDX-License-Identifier: Apache-2.0
// fake_target: see the header. Trusts its initiator no more than a test needs: what is wrong ends the connection, which
// the test sees as a failure of the load.
#include "fake_target.hpp"

#include "crc32c.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>

namespace scstd::bench {
namespace {

constexpr std::uint32_t block_size = 512;
constexpr std::uint8_t status_good = 0;
constexpr std::uint8_t status_check_condition = 2;
constexpr std::uint8_t status_busy = 8;

std::vector<std::uint8_t> fixed_sense(std::uint8_t key, std::uint8_t asc) {
    std::vector<std::uint8_t> sense(20); // two bytes of length, then fixed format
    sense[1] = 18;
    sense[2] = 0x70;
    sense[4] = key;
    sense[9] = 10;
    sense[14] = asc;
    return sense;
}

bool at(unsigned every, unsigned number) {
    return every != 0 && (number - 1) % every == 0;
}

} // namespace

fake_target::fake_target(const behaviour &how, std::uint32_t blocks)
    : how_{how}, disk_(std::size_t{blocks} * block_size), listener_{listen_on({.host = "127.0.0.1", .port = "0"})},
      thread_{[this] { serve(); }} {}

fake_target::~fake_target() {
    join();
}

void fake_target::join() {
    shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable())
        thread_.join();
}

portal_address fake_target::portal() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    if (getsockname(listener_.get(), reinterpret_cast<sockaddr *>(&address), &length) != 0)
        fail_with_errno("getsockname");
    return {.host = "127.0.0.1", .port = std::to_string(ntohs(address.sin_port))};
}

void fake_target::serve() {
    connection_ = unique_fd{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!connection_)
        return;
    try {
        set_no_delay(connection_.get());
        for (;;) {
            const auto request = read_pdu();
            switch (static_cast<opcode>(opcode_of(request.header.data()))) {
            case opcode::login_request:
                serve_login(request);
                continue;
            case opcode::scsi_command:
                serve_command(request);
                continue;
            case opcode::data_out:
                serve_data_out(request);
                continue;
            case opcode::nop_out:
                ++pings_answered_;
                continue;
            case opcode::logout_request:
            case opcode::nop_in:
            case opcode::scsi_response:
            case opcode::login_response:
            case opcode::data_in:
            case opcode::logout_response:
            case opcode::ready_to_transfer:
            case opcode::async_message:
            case opcode::reject:
                break;
            }
            break;
        }
    } catch (const std::exception &) {
        // The initiator left, or sent what it must not.
    }
    connection_ = unique_fd{};
}

fake_target::pdu fake_target::read_pdu() {
    pdu request;
    read_exactly(connection_.get(), request.header);
    std::array<std::uint8_t, 4> digest{};
    const auto check = [&digest](std::span<const std::uint8_t> bytes) {
        std::uint32_t wanted = 0;
        for (unsigned i = 4; i-- != 0;)
            wanted = (wanted << 8) | digest[i];
        if (crc32c(bytes) != wanted)
            throw std::runtime_error("wrong digest");
    };
    if (full_feature_ && how_.header_digest) {
        read_exactly(connection_.get(), digest);
        check(request.header);
    }
    const std::size_t length = data_length(request.header.data());
    request.data.resize(padded(length));
    read_exactly(connection_.get(), request.data);
    if (full_feature_ && how_.data_digest && length != 0) {
        read_exactly(connection_.get(), digest);
        check(request.data);
    }
    request.data.resize(length);
    return request;
}

void fake_target::send_pdu(bhs header, std::span<const std::uint8_t> data, bool has_status) {
    scst::store_be24(header.data() + 5, static_cast<std::uint32_t>(data.size()));
    scst::store_be32(header.data() + 24, stat_sn_);
    scst::store_be32(header.data() + 28, exp_cmd_sn_);
    scst::store_be32(header.data() + 32, exp_cmd_sn_ + how_.window - 1);
    if (has_status)
        ++stat_sn_;
    std::vector<std::uint8_t> bytes(header.begin(), header.end());
    const auto add_digest = [&bytes](std::size_t from) {
        const std::uint32_t digest = crc32c(std::span{bytes}.subspan(from));
        for (unsigned shift = 0; shift < 32; shift += 8)
            bytes.push_back(static_cast<std::uint8_t>(digest >> shift));
    };
    if (full_feature_ && how_.header_digest)
        add_digest(0);
    const std::size_t from = bytes.size();
    bytes.insert(bytes.end(), data.begin(), data.end());
    bytes.resize(from + padded(data.size()));
    if (full_feature_ && how_.data_digest && !data.empty())
        add_digest(from);
    write_exactly(connection_.get(), bytes);
}

void fake_target::serve_login(const pdu &request) {
    const std::uint8_t stages = request.header[1];
    const bool operational = (stages & 0x0c) == 0x04;
    bhs header{};
    header[0] = static_cast<std::uint8_t>(opcode::login_response);
    header[1] = stages;
    scst::store_be16(header.data() + 14, 1);
    const auto text = encode_text(operational ? how_.answers : text_keys{{"AuthMethod", "None"}});
    send_pdu(header, {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()}, true);
    full_feature_ = operational;
}

bool fake_target::misbehave(const bhs &request) {
    const std::uint32_t tag = task_tag(request.data());
    if (commands_ == how_.leave_at)
        throw std::runtime_error("leaving, as asked for");
    if (commands_ == how_.wrong_tag_at)
        respond(0x00abcdef, status_good);
    else if (commands_ == how_.fail_command)
        respond(tag, status_check_condition, fixed_sense(3, 0x11));
    else if (at(how_.attention_every, commands_))
        respond(tag, status_check_condition, fixed_sense(6, 0x29));
    else if (at(how_.busy_every, commands_))
        respond(tag, status_busy);
    else
        return false;
    return true;
}

void fake_target::serve_command(const pdu &request) {
    const std::uint8_t *header = request.header.data();
    const std::uint8_t *cdb = header + 32;
    if (scst::load_be32(header + 24) != exp_cmd_sn_)
        throw std::runtime_error("CmdSN out of order");
    ++exp_cmd_sn_;
    ++commands_;
    if (at(how_.ping_every, commands_))
        ping();
    // A write that fails early would have its data on the way: only commands without data are refused.
    if ((header[1] & flag_write) == 0 && misbehave(request.header))
        return;
    const std::uint32_t tag = task_tag(header);
    const std::uint64_t lba = scst::load_be32(cdb + 2);
    const std::uint32_t length = scst::load_be16(cdb + 7) * block_size;
    if (cdb[0] == 0x00)
        return respond(tag, status_good);
    if (cdb[0] == 0x9e) {
        std::vector<std::uint8_t> capacity(32);
        scst::store_be64(capacity.data(), disk_.size() / block_size - 1);
        scst::store_be32(capacity.data() + 8, block_size);
        return send_data(tag, capacity, 32);
    }
    if ((lba * block_size) + length > disk_.size())
        throw std::runtime_error("beyond the disk");
    if (cdb[0] == 0x28)
        return serve_read(request.header, lba, length);
    if (cdb[0] == 0x2a)
        return start_write(request, lba, length);
    throw std::runtime_error("an unknown command");
}

void fake_target::serve_read(const bhs &request, std::uint64_t lba, std::uint32_t length) {
    const auto from = disk_.begin() + static_cast<std::ptrdiff_t>(lba * block_size);
    std::vector<std::uint8_t> data(from, from + length);
    if (++reads_ == how_.corrupt_read)
        data[data.size() / 2 + 100] ^= 1; // past the head of a block
    send_data(task_tag(request.data()), data, length);
}

void fake_target::send_data(std::uint32_t tag, const std::vector<std::uint8_t> &data, std::uint32_t expected) {
    std::uint32_t data_sn = 0;
    for (std::uint32_t offset = 0; offset < expected;) {
        const std::uint32_t part = std::min(how_.data_in_size, expected - offset);
        const bool last = offset + part == expected;
        bhs header{};
        header[0] = static_cast<std::uint8_t>(opcode::data_in);
        header[1] = last ? flag_final : 0;
        const bool status = last && !how_.separate_status;
        if (status)
            header[1] |= data_in_status;
        scst::store_be32(header.data() + 16, tag);
        scst::store_be32(header.data() + 20, reserved_tag);
        scst::store_be32(header.data() + 36, data_sn++);
        scst::store_be32(header.data() + 40, offset);
        send_pdu(header, std::span{data}.subspan(offset, part), status);
        offset += part;
    }
    if (how_.separate_status)
        respond(tag, status_good);
}

void fake_target::respond(std::uint32_t tag, std::uint8_t status, const std::vector<std::uint8_t> &sense) {
    bhs header{};
    header[0] = static_cast<std::uint8_t>(opcode::scsi_response);
    header[1] = flag_final;
    header[3] = status;
    scst::store_be32(header.data() + 16, tag);
    send_pdu(header, sense, true);
}

void fake_target::ping() {
    bhs header{};
    header[0] = static_cast<std::uint8_t>(opcode::nop_in);
    header[1] = flag_final;
    scst::store_be32(header.data() + 16, reserved_tag);
    scst::store_be32(header.data() + 20, 0x1234);
    send_pdu(header, {}, false);
}

void fake_target::start_write(const pdu &request, std::uint64_t lba, std::uint32_t length) {
    const auto immediate = static_cast<std::uint32_t>(request.data.size());
    if ((immediate != 0 && !how_.immediate_data) || immediate > how_.first_burst)
        throw std::runtime_error("more immediate data than was agreed on");
    const std::uint32_t tag = task_tag(request.header.data());
    const bool more = (request.header[1] & flag_final) == 0;
    if (more && how_.initial_r2t)
        throw std::runtime_error("unsolicited data that was not agreed on");
    auto &task = writes_[tag];
    task = {.lba = lba,
            .length = length,
            .received = immediate,
            .asked = more ? std::min(length, how_.first_burst) : immediate};
    std::copy(request.data.begin(), request.data.end(), disk_.begin() + static_cast<std::ptrdiff_t>(lba * block_size));
    continue_write(tag);
}

void fake_target::continue_write(std::uint32_t tag) {
    auto &task = writes_.at(tag);
    if (task.received < task.asked)
        return;
    if (task.received == task.length) {
        writes_.erase(tag);
        return respond(tag, status_good);
    }
    const std::uint32_t missing = task.length - task.asked;
    const std::uint32_t part = how_.r2t_size == 0 ? missing : std::min(missing, how_.r2t_size);
    bhs header{};
    header[0] = static_cast<std::uint8_t>(opcode::ready_to_transfer);
    header[1] = flag_final;
    scst::store_be32(header.data() + 16, tag);
    scst::store_be32(header.data() + 20, 0x77);
    scst::store_be32(header.data() + 40, task.asked);
    scst::store_be32(header.data() + 44, part);
    task.asked += part;
    send_pdu(header, {}, false);
}

void fake_target::serve_data_out(const pdu &request) {
    const std::uint8_t *header = request.header.data();
    auto &task = writes_.at(task_tag(header));
    const std::uint32_t offset = buffer_offset(header);
    const auto length = static_cast<std::uint32_t>(request.data.size());
    if (offset != task.received || length > task.asked - task.received)
        throw std::runtime_error("data that was not asked for");
    const bool final = (header[1] & flag_final) != 0;
    task.received += length;
    if (final != (task.received == task.asked))
        throw std::runtime_error("the F bit is not at the end of the sequence");
    std::copy(request.data.begin(), request.data.end(),
              disk_.begin() + static_cast<std::ptrdiff_t>(task.lba * block_size + offset));
    continue_write(task_tag(header));
}

} // namespace scstd::bench
