// SPDX-License-Identifier: Apache-2.0
// latch: lets the management thread wait, for a bounded time, for something that a reactor will do.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace scstd {

class latch {
  public:
    void signal() {
        const std::lock_guard guard{mutex_};
        done_ = true;
        changed_.notify_all();
    }
    // False: the time is over.
    [[nodiscard]] bool wait_for(std::uint64_t milliseconds) {
        std::unique_lock guard{mutex_};
        return changed_.wait_for(guard, std::chrono::milliseconds{milliseconds}, [this] { return done_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_ = false;
};

} // namespace scstd
