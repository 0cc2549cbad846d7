// SPDX-License-Identifier: Apache-2.0
// control: the slow part of a session, one request at a time on a blocking socket: login, and the few commands before
// the load (TEST UNIT READY, READ CAPACITY). The fast part, iscsi_session, takes the connection over.
//
// Spec: RFC 7143 6 (login), 13 (keys). Failures are std::runtime_error with a line for the user. One thread.
#pragma once

#include "net.hpp"
#include "options.hpp"
#include "pdu.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace scstd::bench {

// What the login agreed on, as far as an initiator needs it.
struct session_parameters {
    bool header_digest = false;
    bool data_digest = false;
    bool initial_r2t = true;
    bool immediate_data = true;
    std::uint32_t target_segment = 8192; // the target's MaxRecvDataSegmentLength
    std::uint32_t own_segment = 8192;
    std::uint32_t max_burst = 262144;
    std::uint32_t first_burst = 65536;
};

struct sequence_numbers {
    std::uint32_t cmd_sn = 1;
    std::uint32_t exp_stat_sn = 0;
    std::uint32_t max_cmd_sn = 1;
};

struct received_pdu {
    bhs header{};
    std::vector<std::uint8_t> data;
};

struct command_result {
    std::uint8_t status = 0;
    std::vector<std::uint8_t> data;
    sense_summary sense;
};

struct disk_geometry {
    std::uint64_t blocks = 0;
    std::uint32_t block_size = 0;
};

// Takes over what the answers of a login response say. Exposed for its tests.
void apply_answers(const text_keys &answers, const load_options &wishes, session_parameters &parameters);

class control_channel {
  public:
    // Connects and logs in; `number` tells the sessions of one process apart.
    control_channel(const load_options &options, std::uint32_t number);

    // Waits out the unit attentions of a new nexus, then asks for the size.
    [[nodiscard]] disk_geometry prepare_disk();

    [[nodiscard]] command_result execute(std::span<const std::uint8_t> cdb, std::uint32_t read_length);

    [[nodiscard]] const session_parameters &parameters() const noexcept { return parameters_; }
    [[nodiscard]] const sequence_numbers &numbers() const noexcept { return numbers_; }
    [[nodiscard]] unique_fd release() noexcept { return std::move(fd_); }

  private:
    void login();
    // One stage: sends `keys`, reads answers until the target moves to `next`.
    void login_stage(std::uint8_t stage, std::uint8_t next, const text_keys &keys);
    void check_login_answer(const received_pdu &answer) const;
    [[nodiscard]] text_keys operational_keys() const;
    [[nodiscard]] received_pdu read_pdu();
    void send_pdu(const bhs &header, std::span<const std::uint8_t> data);
    void note_numbers(const bhs &header) noexcept;
    void answer_ping(const bhs &ping);
    bool take_answer(const received_pdu &pdu, command_result &result);

    const load_options &options_;
    std::uint32_t number_;
    unique_fd fd_;
    session_parameters parameters_;
    sequence_numbers numbers_;
    std::uint16_t tsih_ = 0;
    bool full_feature_ = false;
};

} // namespace scstd::bench
