// SPDX-License-Identifier: Apache-2.0
// pool: the cached buffers of one reactor ("sgv-N"), or those of everybody else ("sgv"). Internal to sgv/.
//
// A reactor's pool is touched by its reactor only (by anyone while the reactor does not run); no locks. The shared pool
// takes its mutex for everything. Exceptions, for any thread: give_back(), request_trim(), numbers(). Every pool has a
// timer on a reactor that ticks while something is cached and releases what was idle for a whole purge interval.
#pragma once

#include "base/intrusive_list.hpp"
#include "sgv_cache.hpp"
#include "stats.hpp"
#include "threads/reactor.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace scstd::sgv {

// What the pools of a cache have in common. Any thread.
struct memory_budget {
    std::atomic<std::uint64_t> used_pages{0}; // in use and cached
    std::atomic<std::uint64_t> max_pages{UINT64_MAX};
    std::atomic<std::uint64_t> releases{0};
    std::atomic<std::uint64_t> failures{0};
    std::uint64_t purge_interval_ms = 0;
    std::vector<pool *> pools; // fixed before any of them is used

    [[nodiscard]] bool take(std::uint64_t pages) noexcept;
    void give(std::uint64_t pages) noexcept { used_pages.fetch_sub(pages, std::memory_order_relaxed); }
    [[nodiscard]] bool exceeded() const noexcept {
        return used_pages.load(std::memory_order_relaxed) > max_pages.load(std::memory_order_relaxed);
    }
};

// The capacity of the buffer that get(bytes) makes; 0: no buffer can be that big.
[[nodiscard]] std::size_t capacity_for(std::size_t bytes) noexcept;

class pool {
  public:
    // A tick is a quarter of the purge interval, so a buffer goes after 1 to 1.25 intervals of idleness.
    static constexpr std::uint64_t ticks_per_interval = 4;

    // `home`: where the timer runs. `shared`: used by all threads; else by `home` alone.
    pool(std::string name, memory_budget &budget, threads::reactor &home, bool shared);
    pool(const pool &) = delete;
    pool &operator=(const pool &) = delete;

    [[nodiscard]] const std::string &name() const noexcept { return name_; }

    // nullptr: no memory. The buffer is not charged to an account yet.
    [[nodiscard]] buffer *get(std::size_t bytes) noexcept;
    // Any thread: into the cache, or released if it is a big one or memory is short.
    void put(buffer &returned) noexcept;

    // Releases all that is cached, wherever the caller is; see sgv_cache::flush().
    void flush();
    // Has everything released soon; any thread.
    void request_trim() noexcept;
    // What the timer does: releases what was idle for a whole interval. True: something is still cached.
    bool tick() noexcept;
    // Ends the timer. After flush(), when nobody uses the pool any more.
    void shut_down();

    [[nodiscard]] pool_numbers numbers() const noexcept;
    // numbers() counts from now on. Management.
    void reset_counters() noexcept;

  private:
    using counter = std::atomic<std::uint64_t>; // written by one thread or under the lock, read by any
    struct class_state {
        intrusive_list<buffer, &buffer::link> idle; // the most recent first
        counter hits{0};
        counter total{0};
    };

    // Locks the shared pool, does nothing to a reactor's.
    [[nodiscard]] std::unique_lock<std::mutex> guard() noexcept {
        return shared_ ? std::unique_lock{mutex_} : std::unique_lock<std::mutex>{};
    }
    [[nodiscard]] bool is_home() const noexcept { return home_.is_current() || !home_.is_running(); }

    [[nodiscard]] buffer *take(std::size_t bytes) noexcept;
    [[nodiscard]] buffer *recycle(std::uint32_t size_class) noexcept;
    [[nodiscard]] buffer *make(std::size_t capacity, std::uint32_t size_class) noexcept;
    [[nodiscard]] bool reserve(std::uint64_t pages) noexcept;
    void keep(buffer &returned) noexcept;
    void give_back(buffer &returned) noexcept;
    void take_in_returned() noexcept;
    void release(buffer &unused) noexcept;
    void evict(class_state &from) noexcept;
    void evict_all() noexcept;
    [[nodiscard]] bool evict_older_than(std::uint64_t oldest_tick) noexcept;
    void start_timer() noexcept;
    void arm_timer() noexcept;

    const std::string name_;
    memory_budget &budget_;
    threads::reactor &home_;
    const bool shared_;
    std::mutex mutex_; // of the shared pool: guards what follows, up to the timer
    std::array<class_state, class_count> classes_;
    counter big_{0};
    counter cached_pages_{0};
    counter inactive_pages_{0};
    counter objects_{0};
    std::uint64_t ticks_ = 0;
    bool ticking_ = false;                                // the timer is armed, or a post that arms it is under way
    std::optional<threads::timer> timer_;                 // home_ only
    pool_numbers baseline_;                               // management only: what reset_counters() saw
    alignas(64) std::atomic<buffer *> returned_{nullptr}; // by other threads
    std::atomic<bool> collecting_{false};                 // a post that takes in returned_ is under way
    std::atomic<bool> trimming_{false};
};

} // namespace scstd::sgv
