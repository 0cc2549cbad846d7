// SPDX-License-Identifier: Apache-2.0
// control: see the header.
#include "control.hpp"

#include "crc32c.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace scstd::bench {
namespace {

constexpr std::uint8_t stage_security = 0;
constexpr std::uint8_t stage_operational = 1;
constexpr std::uint8_t stage_full_feature = 3;
constexpr std::uint8_t status_good = 0x00;
constexpr std::uint8_t sense_unit_attention = 6;
constexpr int ready_attempts = 32;
constexpr int login_rounds = 16;

std::uint32_t number_of(const std::string &key, const std::string &value) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || number == 0)
        throw std::runtime_error("the target answers " + key + "=" + value);
    return number;
}

std::string hex_status(const sense_summary &sense, std::uint8_t status) {
    std::array<char, 64> text;
    std::snprintf(text.data(), text.size(), "status %02xh, sense key %xh asc %02xh ascq %02xh", status, sense.key,
                  sense.asc, sense.ascq);
    return text.data();
}

const char *yes_no(bool value) noexcept {
    return value ? "Yes" : "No";
}

} // namespace

void apply_answers(const text_keys &answers, const load_options &wishes, session_parameters &parameters) {
    for (const auto &[key, value] : answers) {
        if (value == "Reject" || value == "NotUnderstood")
            throw std::runtime_error("the target answers " + key + "=" + value);
        if (key == "HeaderDigest")
            parameters.header_digest = wishes.header_digest && value == "CRC32C";
        else if (key == "DataDigest")
            parameters.data_digest = wishes.data_digest && value == "CRC32C";
        else if (key == "InitialR2T")
            parameters.initial_r2t = value != "No";
        else if (key == "ImmediateData")
            parameters.immediate_data = value == "Yes";
        else if (key == "MaxRecvDataSegmentLength")
            parameters.target_segment = number_of(key, value);
        else if (key == "MaxBurstLength")
            parameters.max_burst = std::min(wishes.max_burst, number_of(key, value));
        else if (key == "FirstBurstLength")
            parameters.first_burst = std::min(wishes.first_burst, number_of(key, value));
    }
}

control_channel::control_channel(const load_options &options, std::uint32_t number)
    : options_{options}, number_{number}, fd_{connect_to(options.portal)} {
    timeval limit{};
    limit.tv_sec = static_cast<time_t>(options.timeout);
    limit.tv_usec = static_cast<suseconds_t>((options.timeout - static_cast<double>(limit.tv_sec)) * 1e6);
    if (setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
        fail_with_errno("SO_RCVTIMEO");
    login();
}

text_keys control_channel::operational_keys() const {
    const auto digest = [](bool wanted) { return wanted ? "CRC32C" : "None"; };
    return {
        {"HeaderDigest", digest(options_.header_digest)},
        {"DataDigest", digest(options_.data_digest)},
        {"InitialR2T", yes_no(false)},
        {"ImmediateData", yes_no(true)},
        {"MaxRecvDataSegmentLength", std::to_string(options_.max_recv_segment)},
        {"MaxBurstLength", std::to_string(options_.max_burst)},
        {"FirstBurstLength", std::to_string(options_.first_burst)},
        {"MaxOutstandingR2T", std::to_string(options_.max_outstanding_r2t)},
        {"MaxConnections", "1"},
        {"DataPDUInOrder", yes_no(true)},
        {"DataSequenceInOrder", yes_no(true)},
        {"DefaultTime2Wait", "2"},
        {"DefaultTime2Retain", "0"},
        {"ErrorRecoveryLevel", "0"},
    };
}

void control_channel::login() {
    login_stage(stage_security, stage_operational,
                {{"InitiatorName", options_.initiator},
                 {"SessionType", "Normal"},
                 {"TargetName", options_.target},
                 {"AuthMethod", "None"}});
    login_stage(stage_operational, stage_full_feature, operational_keys());
    parameters_.own_segment = options_.max_recv_segment;
    full_feature_ = true;
    if (options_.header_digest != parameters_.header_digest || options_.data_digest != parameters_.data_digest)
        throw std::runtime_error("the target does not agree to the digests asked for");
}

void control_channel::login_stage(std::uint8_t stage, std::uint8_t next, const text_keys &keys) {
    std::string text = encode_text(keys);
    for (int round = 0; round < login_rounds; ++round) {
        bhs header{};
        put_login(header.data(), {.current_stage = stage,
                                  .next_stage = next,
                                  .transit = true,
                                  .text_length = static_cast<std::uint32_t>(text.size()),
                                  .isid_qualifier = (static_cast<std::uint32_t>(getpid()) << 12) + number_,
                                  .tsih = tsih_,
                                  .tag = 0,
                                  .cmd_sn = numbers_.cmd_sn,
                                  .exp_stat_sn = numbers_.exp_stat_sn});
        send_pdu(header, {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()});
        text.clear();
        const auto answer = read_pdu();
        check_login_answer(answer);
        text_keys answers;
        if (!decode_text({reinterpret_cast<const char *>(answer.data.data()), answer.data.size()}, answers))
            throw std::runtime_error("the target's login answer is no list of key=value");
        apply_answers(answers, options_, parameters_);
        note_numbers(answer.header);
        tsih_ = scst::load_be16(answer.header.data() + 14);
        if ((answer.header[1] & login_transit) != 0)
            return;
    }
    throw std::runtime_error("the login does not come to an end");
}

void control_channel::check_login_answer(const received_pdu &answer) const {
    if (opcode_of(answer.header.data()) != static_cast<std::uint8_t>(opcode::login_response))
        throw std::runtime_error("the login was not answered by a login response");
    const unsigned status_class = answer.header[36];
    if (status_class == 0)
        return;
    std::array<char, 96> text;
    std::snprintf(text.data(), text.size(), "login to %.40s refused with status %02x%02xh", options_.target.c_str(),
                  status_class, unsigned{answer.header[37]});
    throw std::runtime_error(text.data());
}

received_pdu control_channel::read_pdu() {
    received_pdu pdu;
    read_exactly(fd_.get(), pdu.header);
    std::vector<std::uint8_t> skipped(ahs_length(pdu.header.data()) +
                                      (full_feature_ && parameters_.header_digest ? 4 : 0));
    read_exactly(fd_.get(), skipped);
    const std::size_t length = data_length(pdu.header.data());
    if (length > std::max(options_.max_recv_segment, 8192U))
        throw std::runtime_error("the target sends longer segments than it may");
    pdu.data.resize(padded(length) + (full_feature_ && parameters_.data_digest && length != 0 ? 4 : 0));
    read_exactly(fd_.get(), pdu.data);
    pdu.data.resize(length);
    return pdu;
}

void control_channel::send_pdu(const bhs &header, std::span<const std::uint8_t> data) {
    std::vector<std::uint8_t> bytes(header.begin(), header.end());
    const auto append_digest = [&bytes](std::size_t from) {
        const std::uint32_t digest = crc32c(std::span{bytes}.subspan(from));
        for (unsigned shift = 0; shift < 32; shift += 8)
            bytes.push_back(static_cast<std::uint8_t>(digest >> shift));
    };
    if (full_feature_ && parameters_.header_digest)
        append_digest(0);
    const std::size_t data_at = bytes.size();
    bytes.insert(bytes.end(), data.begin(), data.end());
    bytes.resize(data_at + padded(data.size()));
    if (full_feature_ && parameters_.data_digest && !data.empty())
        append_digest(data_at);
    write_exactly(fd_.get(), bytes);
}

void control_channel::note_numbers(const bhs &header) noexcept {
    numbers_.exp_stat_sn = stat_sn(header.data()) + 1;
    numbers_.max_cmd_sn = max_cmd_sn(header.data());
}

void control_channel::answer_ping(const bhs &ping) {
    if (transfer_tag(ping.data()) == reserved_tag)
        return;
    bhs answer{};
    put_ping_answer(answer.data(), scst::load_be64(ping.data() + 8), transfer_tag(ping.data()), numbers_.cmd_sn,
                    numbers_.exp_stat_sn);
    send_pdu(answer, {});
}

// True when the PDU ends the command.
bool control_channel::take_answer(const received_pdu &pdu, command_result &result) {
    const std::uint8_t *header = pdu.header.data();
    switch (static_cast<opcode>(opcode_of(header))) {
    case opcode::nop_in:
        answer_ping(pdu.header);
        return false;
    case opcode::data_in:
        result.data.insert(result.data.end(), pdu.data.begin(), pdu.data.end());
        result.status = header[3];
        if ((header[1] & data_in_status) == 0)
            return false;
        note_numbers(pdu.header);
        return true;
    case opcode::scsi_response:
        note_numbers(pdu.header);
        result.status = header[3];
        if (pdu.data.size() > 2)
            result.sense = read_sense(std::span{pdu.data}.subspan(2));
        return true;
    case opcode::nop_out:
    case opcode::scsi_command:
    case opcode::login_request:
    case opcode::data_out:
    case opcode::logout_request:
    case opcode::login_response:
    case opcode::logout_response:
    case opcode::ready_to_transfer:
    case opcode::async_message:
    case opcode::reject:
        break;
    }
    throw std::runtime_error("unexpected PDU " + std::to_string(opcode_of(header)) + " before the load");
}

command_result control_channel::execute(std::span<const std::uint8_t> cdb, std::uint32_t read_length) {
    bhs header{};
    put_scsi_command(header.data(),
                     {.flags = static_cast<std::uint8_t>(flag_final | (read_length != 0 ? flag_read : 0)),
                      .lun = lun_field(options_.lun),
                      .tag = 1,
                      .expected_length = read_length,
                      .cmd_sn = numbers_.cmd_sn++,
                      .exp_stat_sn = numbers_.exp_stat_sn});
    std::copy_n(cdb.begin(), std::min<std::size_t>(cdb.size(), 16), header.begin() + 32);
    send_pdu(header, {});
    command_result result;
    while (!take_answer(read_pdu(), result)) {
    }
    return result;
}

disk_geometry control_channel::prepare_disk() {
    constexpr std::array<std::uint8_t, 6> test_unit_ready{};
    command_result result;
    for (int attempt = 0; attempt < ready_attempts; ++attempt) {
        result = execute(test_unit_ready, 0);
        if (result.status == status_good || result.sense.key != sense_unit_attention)
            break;
    }
    if (result.status != status_good)
        throw std::runtime_error("LUN " + std::to_string(options_.lun) +
                                 " is not ready: " + hex_status(result.sense, result.status));
    std::array<std::uint8_t, 16> read_capacity_16{0x9e, 0x10};
    read_capacity_16[13] = 32;
    result = execute(read_capacity_16, 32);
    if (result.status == status_good && result.data.size() >= 12)
        return {scst::load_be64(result.data.data()) + 1, scst::load_be32(result.data.data() + 8)};
    constexpr std::array<std::uint8_t, 10> read_capacity_10{0x25};
    result = execute(read_capacity_10, 8);
    if (result.status == status_good && result.data.size() >= 8)
        return {std::uint64_t{scst::load_be32(result.data.data())} + 1, scst::load_be32(result.data.data() + 4)};
    throw std::runtime_error("READ CAPACITY failed: " + hex_status(result.sense, result.status));
}

} // namespace scstd::bench
