// SPDX-License-Identifier: Apache-2.0
// background: the long work of one device (FORMAT UNIT, SANITIZE) on a thread of its own, so that it goes on when the
// command that began it is answered early (IMMED), aborted or reset away (SBC-3 5.30).
//
// start() runs on a reactor or worker, stop() on the management thread; progress() on any.
#pragma once

#include <scst/core.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

namespace scst::vdisk {

class background {
  public:
    background() = default;
    ~background() { stop(); }
    background(const background &) = delete;
    background &operator=(const background &) = delete;

    // Runs work(*this) on the thread, then, when new work could begin, ended() with its result. False when work is
    // still going on, or no thread can be had. `waiting` (may be NULL) is the command that hears of the end: finish()
    // gives it back once.
    bool start(scst_cmd *waiting, std::function<int(background &)> work, std::function<void(int)> ended);
    // The command that waits, for whoever asks first.
    scst_cmd *finish() noexcept { return waiting_.exchange(nullptr, std::memory_order_acq_rel); }
    // True when it was `command` that waited: the caller owes its cmd_done() now.
    bool forget(scst_cmd *command) noexcept {
        return waiting_.compare_exchange_strong(command, nullptr, std::memory_order_acq_rel);
    }
    // Asks the work to end soon and waits for it.
    void stop() noexcept;

    [[nodiscard]] bool running() const noexcept { return running_.load(std::memory_order_acquire); }
    [[nodiscard]] bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }
    void progress_is(std::uint64_t done, std::uint64_t all) noexcept;
    // 0..65535 (SPC-4 4.5.2.4.4).
    [[nodiscard]] std::uint16_t progress() const noexcept { return progress_.load(std::memory_order_relaxed); }

  private:
    std::mutex mutex_; // guards thread_
    std::thread thread_;
    std::atomic<bool> running_ = false;
    std::atomic<bool> stopping_ = false;
    std::atomic<std::uint16_t> progress_ = 0;
    std::atomic<scst_cmd *> waiting_ = nullptr;
};

} // namespace scst::vdisk
