// SPDX-License-Identifier: Apache-2.0
// worker_pool: threads for work that may block, first in first out. Items are intrusive: submitting never allocates.
//
// submit() is for any thread; resize(), set_cpus() and stop() for the one that owns the pool (management). Threads are
// named after the pool: "disk10", "disk11" … (at most 10 characters of the name).
#pragma once

#include "../base/result.hpp"
#include "cpu_mask.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace scstd::threads {

// Embed it and set `run`. It is the pool's from submit() until `run` is called. `run` must not throw.
struct work_item {
    work_item *next = nullptr; // the pool's
    void (*run)(work_item *self) = nullptr;
};

class worker_pool {
  public:
    explicit worker_pool(std::string name, cpu_mask cpus = {});
    worker_pool(const worker_pool &) = delete;
    worker_pool &operator=(const worker_pool &) = delete;
    ~worker_pool(); // stops

    // Starts the threads, or changes their number (at least 1). Surplus threads end after the item they are at; nobody
    // waits for them before stop(). On error the threads that there were stay.
    [[nodiscard]] result<> resize(std::uint32_t threads);
    // Binds the threads, and those made later; an empty mask lifts the binding.
    [[nodiscard]] result<> set_cpus(const cpu_mask &cpus);
    // Finishes what is queued (and what that submits), then ends the threads.
    void stop() noexcept;

    // false: the pool is stopped (or was never started) and the item is still the caller's.
    [[nodiscard]] bool submit(work_item &item) noexcept;

    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] std::uint32_t size() const noexcept;
    // Items that are queued, without those that are running.
    [[nodiscard]] std::size_t pending() const noexcept;
    // Kernel ids of the threads, for `thread_pid` and the like.
    [[nodiscard]] std::vector<int> thread_ids() const;

  private:
    struct worker {
        std::thread thread;
        int thread_id = 0;     // guarded by mutex_; 0 until it runs
        bool surplus = false;  // guarded by mutex_: shall end
        bool finished = false; // guarded by mutex_: can be joined at once
    };

    void run(worker &self, std::uint32_t number) noexcept;
    void reap_finished();
    void retire_down_to(std::size_t count);

    const std::string name_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    // Below: guarded by mutex_.
    cpu_mask cpus_;
    work_item *first_ = nullptr;
    work_item *last_ = nullptr;
    std::size_t pending_ = 0;
    std::uint32_t idle_ = 0;
    std::size_t live_ = 0; // threads that run and are not surplus
    bool accepting_ = false;
    bool stopping_ = false;
    std::vector<std::unique_ptr<worker>> workers_;
    std::vector<std::unique_ptr<worker>> retired_; // surplus, not joined yet
};

} // namespace scstd::threads
