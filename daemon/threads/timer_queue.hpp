// SPDX-License-Identifier: Apache-2.0
// timer_queue: a reactor's armed timers in order of time: a binary heap. Internal to threads/; the reactor's own
// thread.
//
// A timer that is started again for a later time stays where it is and moves when its old time comes: a connection's
// idle timer, restarted with every PDU, costs two stores. Timers of equal time expire in the order they were started.
#pragma once

#include "reactor.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace scstd::threads {

class timer_queue {
  public:
    static constexpr std::uint64_t never = UINT64_MAX;

    // A timer exists: makes room, so that start() cannot fail.
    void add();
    // A timer goes.
    void remove(timer &gone) noexcept;

    void start(timer &subject, std::uint64_t deadline_ns) noexcept;
    void cancel(timer &subject) noexcept;

    // The time at which run_expired() has something to do, perhaps only to move a timer; `never` when nothing is armed.
    [[nodiscard]] std::uint64_t next_ns() const noexcept { return heap_.empty() ? never : heap_.front().key; }
    // Calls the timers whose time has come, but not those that the callbacks start. Returns how many.
    std::size_t run_expired(std::uint64_t now_ns) noexcept;

  private:
    struct entry {
        std::uint64_t key; // at most the timer's deadline
        std::uint64_t order;
        timer *subject;
        [[nodiscard]] bool operator<(const entry &other) const noexcept {
            return key != other.key ? key < other.key : order < other.order;
        }
    };

    void place(std::size_t index, const entry &value) noexcept;
    void sift_up(std::size_t index, entry value) noexcept;
    void sift_down(std::size_t index, entry value) noexcept;
    void erase(std::size_t index) noexcept;

    std::vector<entry> heap_;
    std::size_t timers_ = 0;
    std::uint64_t next_order_ = 0;
};

} // namespace scstd::threads
