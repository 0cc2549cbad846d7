// SPDX-License-Identifier: Apache-2.0
// task_management: task management functions (SAM-5 7; reference/scsi.md 16, engine.md 15).
//
// A function runs on its session's reactor; where it concerns other nexuses, their reactors abort their own commands.
// It is answered when every affected command of its own initiator is finished and those of others have left the
// backend, or after a bounded time with FAILED when a backend hangs: no device can keep a function from being answered.
#pragma once

#include "engine/sense.hpp"
#include "threads/reactor.hpp"

#include <scst/target.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace scstd::device {
class device;
}
namespace scstd::session {
class nexus;
class session;
} // namespace scstd::session

namespace scstd::engine {

struct command;

// How long a function waits for commands that a backend does not give back.
inline constexpr std::uint64_t task_management_limit_ms = 10000;

// Counts the commands that a function waits for. Any thread counts; `finished` runs on the origin once.
class task_management_job : public std::enable_shared_from_this<task_management_job> {
  public:
    task_management_job(threads::reactor &origin, std::function<void(bool complete)> finished);
    task_management_job(const task_management_job &) = delete;
    task_management_job &operator=(const task_management_job &) = delete;

    // Every expect_one() is answered by one one_done(); the creator's own share by release().
    void expect_one() noexcept { remaining_.fetch_add(1, std::memory_order_relaxed); }
    void one_done();
    void release() { one_done(); }
    // Origin's thread: starts the time limit; call before release().
    void limit(std::uint64_t milliseconds);
    // A command is aborted and waited for. Its reactor.
    void await(command &cmd);

  private:
    void finish(bool complete);

    threads::reactor &origin_;
    std::function<void(bool)> finished_;
    std::atomic<std::uint32_t> remaining_{1};
    std::shared_ptr<task_management_job> self_; // while commands point here
    std::unique_ptr<threads::timer> timer_;
};

// From the driver; the session's reactor.
void submit_task_management(session::session &sess, scst_task_management &request);

// A live command of the session by its tag, or nullptr; the session's reactor.
command *find_command(session::session &sess, std::uint64_t tag);

// Whatever resets there were.
inline constexpr std::uint32_t every_epoch = UINT32_MAX;

// ---- pieces that others use; the nexus' reactor ----
// Aborts all commands of the nexus but `except`; `job` (may be nullptr) waits for them. Commands at or after `before`
// (CmdSN) are left alone when it is not nullptr.
// Those that came after the reset number `epoch` are spared, too.
void abort_nexus_commands(session::nexus &nex, const command *except, std::uint8_t flags,
                          task_management_job *job = nullptr, const std::uint32_t *before = nullptr,
                          std::uint32_t epoch = every_epoch);
// On every other nexus of the device: abort all; those that lost commands get `attention` unless TAS is set. Any
// reactor.
void abort_other_nexuses(device::device &dev, const session::nexus &self, sense_code attention,
                         const std::shared_ptr<task_management_job> &job = nullptr, std::uint32_t epoch = every_epoch);
// PREEMPT AND ABORT: the commands of these nexuses (numbers) but `except`. Any thread.
void abort_numbered_nexuses(device::device &dev, std::span<const std::uint64_t> numbers, const command *except,
                            const std::shared_ptr<task_management_job> &job);
// Ends the ACA condition that the nexus has, if any.
void clear_aca(session::nexus &nex);

} // namespace scstd::engine
