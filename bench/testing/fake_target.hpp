// SPDX-License-Identifier: Apache-2.0
// fake_target: a target for the tests of the load generator: one connection, a disk in memory, and every liberty that
// RFC 7143 leaves to a target, chosen by `behaviour`. Runs on a thread of its own until the initiator leaves.
#pragma once

#include "net.hpp"
#include "pdu.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace scstd::bench {

struct behaviour {
    text_keys answers; // to the operational keys, MaxRecvDataSegmentLength among them
    bool header_digest = false;
    bool data_digest = false;
    std::uint32_t data_in_size = 262144; // bytes of one Data-In PDU
    bool separate_status = false;        // SCSI Response after the last Data-In, in place of status in it
    std::uint32_t r2t_size = 0;          // bytes asked for by one R2T; 0: all that is missing
    std::uint32_t window = 256;          // commands
    std::uint32_t first_burst = 65536;
    bool immediate_data = true;
    bool initial_r2t = false;
    unsigned ping_every = 0;      // commands between two NOP-In
    unsigned attention_every = 0; // commands between two unit attentions, the first at once
    unsigned busy_every = 0;
    unsigned corrupt_read = 0; // the data of this read, counted from 1, is damaged
    unsigned fail_command = 0; // this command, counted from 1, ends with MEDIUM ERROR
    unsigned leave_at = 0;     // closes the connection at this command
    unsigned wrong_tag_at = 0; // answers this command under a tag that nobody used
};

class fake_target {
  public:
    explicit fake_target(const behaviour &how, std::uint32_t blocks = 4096);
    ~fake_target();
    fake_target(const fake_target &) = delete;
    fake_target &operator=(const fake_target &) = delete;

    [[nodiscard]] portal_address portal() const;
    [[nodiscard]] unsigned pings_answered() const noexcept { return pings_answered_; } // after join()
    void join();

  private:
    struct pdu {
        bhs header{};
        std::vector<std::uint8_t> data;
    };
    struct write_task {
        std::uint64_t lba = 0;
        std::uint32_t length = 0;
        std::uint32_t received = 0;
        std::uint32_t asked = 0; // how far the data was sent unsolicited or asked for
    };

    void serve();
    void serve_login(const pdu &request);
    void serve_command(const pdu &request);
    void serve_data_out(const pdu &request);
    void serve_read(const bhs &request, std::uint64_t lba, std::uint32_t length);
    void start_write(const pdu &request, std::uint64_t lba, std::uint32_t length);
    void continue_write(std::uint32_t tag);
    [[nodiscard]] bool misbehave(const bhs &request);
    void respond(std::uint32_t tag, std::uint8_t status, const std::vector<std::uint8_t> &sense = {});
    void send_data(std::uint32_t tag, const std::vector<std::uint8_t> &data, std::uint32_t expected);
    void ping();
    [[nodiscard]] pdu read_pdu();
    void send_pdu(bhs header, std::span<const std::uint8_t> data, bool has_status);

    behaviour how_;
    std::vector<std::uint8_t> disk_;
    unique_fd listener_;
    unique_fd connection_;
    bool full_feature_ = false;
    std::uint32_t stat_sn_ = 100;
    std::uint32_t exp_cmd_sn_ = 1;
    unsigned commands_ = 0;
    unsigned reads_ = 0;
    unsigned pings_answered_ = 0;
    std::map<std::uint32_t, write_task> writes_;
    std::thread thread_;
};

} // namespace scstd::bench
