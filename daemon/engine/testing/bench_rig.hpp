// SPDX-License-Identifier: Apache-2.0
// bench_rig: a real core with a handler and a target driver made of lambdas, for the engine's tests.
//
// The test thread plays the initiator: it submits commands on a session's reactor and waits for their responses. The
// handler keeps a little disk and can be told to hold commands back, so that a test decides what is in flight. One rig
// at a time: the core is one.
#pragma once

#include "core/core.hpp"

#include <scst/bytes.hpp>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace scstd::engine::testing {

// What came back for a command.
struct answer {
    std::uint8_t status = 0xff;
    std::vector<std::uint8_t> sense;
    std::vector<std::uint8_t> data;
    std::uint64_t residual = 0;
    std::uint32_t residual_kind = 0;
    bool suppressed = false;
    [[nodiscard]] std::uint32_t code() const; // key << 16 | asc << 8 | ascq of the sense, 0 without
};

// What is sent.
struct request {
    std::vector<std::uint8_t> cdb;
    std::uint32_t lun = 0;
    std::uint8_t attribute = SCST_TASK_SIMPLE;
    std::uint64_t expected_in = 0;
    std::vector<std::uint8_t> out;
    std::uint64_t expected_out = 0; // 0: out.size()
};

// A command in flight.
class flight {
  public:
    [[nodiscard]] const answer &wait(); // fails the test after a long while
    [[nodiscard]] bool is_done();
    void finish(answer result);
    std::uint64_t tag = 0;

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_ = false;
    answer answer_;
};

class rig {
  public:
    explicit rig(unsigned reactors = 2);
    rig(const rig &) = delete;
    rig &operator=(const rig &) = delete;
    ~rig();

    core &machine() noexcept { return *core_; }
    void add_device(const std::string &name);
    void add_lun(const std::string &device, std::uint32_t lun, bool read_only = false);
    // Logs an initiator in on the reactor of that index.
    scst_session *login(const std::string &initiator, std::uint32_t reactor = 0);
    void logout(scst_session *session);
    // The pending unit attentions of a fresh session are taken up.
    scst_session *login_quietly(const std::string &initiator, std::uint32_t reactor = 0);

    std::shared_ptr<flight> send(scst_session *session, request wanted);
    answer run(scst_session *session, request wanted) { return send(session, std::move(wanted))->wait(); }
    // A task management function; returns SCST_TM_STATUS_*.
    std::int32_t manage(scst_session *session, std::uint32_t function, std::uint32_t lun, std::uint64_t tag = 0);

    // The handler holds commands back (PENDING) until let_go().
    void hold(bool on);
    void let_go();                    // completes all that are held
    [[nodiscard]] std::size_t held(); // how many are
    void wait_held(std::size_t count);
    void wait_abort_hint(); // until the handler was told that a command is aborted

    static constexpr std::uint32_t block_size = 512;
    static constexpr std::uint64_t blocks = 256;

  private:
    struct state;
    std::unique_ptr<state> state_;
    std::unique_ptr<core> core_;
};

// CDBs.
std::vector<std::uint8_t> test_unit_ready();
std::vector<std::uint8_t> read10(std::uint32_t lba, std::uint16_t count);
std::vector<std::uint8_t> write10(std::uint32_t lba, std::uint16_t count);

} // namespace scstd::engine::testing
