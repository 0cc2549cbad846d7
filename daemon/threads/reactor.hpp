// SPDX-License-Identifier: Apache-2.0
// reactor: one thread that waits for descriptors, timers and work from other threads, and runs what is ready.
//
// A round: everything that is ready is dispatched (descriptors, timers, then completions and posted work, first in
// first out), then the deferred functions run: that is where batches are sent. An idle reactor sleeps until something
// happens. Only post(), complete(), call(), is_current(), current(), index(), name() and the counters are for any
// thread; the rest belongs to the reactor's own thread. The management strand ("scst_mgmtd") is a reactor, too.
// Callbacks must not throw.
#pragma once

#include "../base/handles.hpp"
#include "../base/result.hpp"
#include "cpu_mask.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace scstd::threads {

class reactor;
class timer_queue;

// Milliseconds and nanoseconds of the clock that never jumps (CLOCK_MONOTONIC). Any thread.
[[nodiscard]] std::uint64_t now_ms() noexcept;
[[nodiscard]] std::uint64_t now_ns() noexcept;

// A piece of work that is handed to a reactor without allocating: embed it and set `run`. It is the reactor's from
// complete() until `run` is called; from then on it may be completed again or destroyed.
struct completion {
    completion *next = nullptr; // the reactor's
    void (*run)(completion *self) = nullptr;
    void (*discard)(completion *self) = nullptr; // instead of run, when the reactor is destroyed first; may be null
};

// Readiness of a descriptor, level triggered; made by reactor::watch_add(). The bits are SCST_WATCH_*.
class watch : public ::scst_watch {
  public:
    // Changes what is waited for; 0 pauses.
    void modify(std::uint32_t events) noexcept;
    // Ends and frees the watch; the descriptor stays open. No `ready` call comes after it. May be called from `ready`.
    void remove() noexcept;

  protected:
    watch() noexcept = default;
    ~watch() = default;
};

// A one-shot timer. The reactor's thread, or any while the reactor does not run; the timer goes before its reactor.
// start() again moves it, which is cheap when it only gets later. The callback may start or destroy its timer.
class timer final : public ::scst_timer {
  public:
    timer(reactor &owner, void (*expired)(void *argument), void *argument);
    timer(const timer &) = delete;
    timer &operator=(const timer &) = delete;
    ~timer();

    void start(std::uint64_t milliseconds) noexcept;
    void cancel() noexcept;
    [[nodiscard]] bool is_armed() const noexcept { return armed_; }

  private:
    friend class timer_queue;
    static constexpr std::size_t not_queued = SIZE_MAX;

    reactor &owner_;
    void (*expired_)(void *argument);
    void *argument_;
    std::uint64_t deadline_ = 0; // of now_ns(); may be later than the queue's key
    std::uint64_t order_ = 0;
    std::size_t place_ = not_queued;
    bool armed_ = false;
};

class reactor final : public ::scst_reactor {
  public:
    static constexpr std::uint32_t no_index = UINT32_MAX;

    // `index` is the number among the I/O reactors; no_index for others. `name` is the thread's (15 characters count).
    explicit reactor(std::string name, std::uint32_t index = no_index, std::optional<cpu_mask> cpus = {});
    reactor(const reactor &) = delete;
    reactor &operator=(const reactor &) = delete;
    ~reactor(); // stops

    // Starts the thread, once; work posted before runs then.
    [[nodiscard]] result<> start();
    // Another thread: runs what was posted (and what that posts and defers), then ends the thread. Pending timers and
    // watches are not run any more. Work that is posted later is destroyed unrun with the reactor.
    void stop() noexcept;
    [[nodiscard]] bool is_running() const noexcept { return running_.load(std::memory_order_acquire); }

    // ---- any thread ----
    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
    [[nodiscard]] const std::optional<cpu_mask> &cpus() const noexcept { return cpus_; }
    [[nodiscard]] bool is_current() const noexcept { return current_ == this; }
    // The reactor whose thread this is, or nullptr.
    [[nodiscard]] static reactor *current() noexcept { return current_; }
    // Kernel id of the thread; 0 before it runs.
    [[nodiscard]] int thread_id() const noexcept { return thread_id_.load(std::memory_order_acquire); }

    // Runs `work` on the reactor after what was posted before; lock-free, at most one wake per batch.
    void complete(completion &work) noexcept;
    void post(void (*fn)(void *argument), void *argument);
    template <class F>
    requires std::is_invocable_v < std::decay_t<F>
    & > void post(F &&function) { complete(*new posted<std::decay_t<F>>{std::forward<F>(function)}); }
    // Runs the function on the (running) reactor and waits for its result; on the reactor's own thread it runs at once.
    // Two reactors must not call each other.
    template <class F>
    std::invoke_result_t<F &> call(F &&function);

    // Sessions that live here: callers count, reactor_set::select() compares.
    std::atomic<std::uint32_t> sessions{0};

    // Completed sleeps, work items and callbacks run, and wakes by other threads. Any thread; approximate while
    // running.
    [[nodiscard]] std::uint64_t wakeups() const noexcept { return wakeups_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t dispatches() const noexcept { return dispatches_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t wakes_sent() const noexcept { return wakes_sent_.load(std::memory_order_relaxed); }

    // ---- own thread ----
    // Runs fn(argument) when everything that is ready now has been handled. A deferred function that defers again runs
    // in the next round, which comes without sleeping.
    void defer(void (*fn)(void *argument), void *argument) { deferred_.push_back({fn, argument}); }
    // Watches a non-blocking descriptor that outlives the watch. nullptr with errno set: no memory, or not a descriptor
    // that can be waited for.
    [[nodiscard]] watch *watch_add(int fd, std::uint32_t events, void (*ready)(void *argument, std::uint32_t events),
                                   void *argument);

  private:
    friend class timer;
    friend class watch;
    struct io; // what needs asio
    struct wait_handler;
    class watch_entry; // what a watch is

    struct deferral {
        void (*fn)(void *argument);
        void *argument;
    };
    template <class F>
    struct posted final : completion {
        explicit posted(F &&wanted) : function{std::move(wanted)} { bind(); }
        explicit posted(const F &wanted) : function{wanted} { bind(); }
        void bind() noexcept {
            run = [](completion *self) {
                const std::unique_ptr<posted> owner{static_cast<posted *>(self)};
                owner->function();
            };
            discard = [](completion *self) { const std::unique_ptr<posted> owner{static_cast<posted *>(self)}; };
        }
        F function;
    };
    // Where call() waits.
    class event {
      public:
        void signal();
        void wait();

      private:
        std::mutex mutex_;
        std::condition_variable changed_;
        bool signalled_ = false;
    };

    void run() noexcept;
    bool sleep() noexcept;
    void poll() noexcept;
    void arm_timer() noexcept;
    // From here to the next sleep() nobody needs to wake the reactor.
    void note_awake() noexcept { asleep_.store(false, std::memory_order_relaxed); }
    bool run_inbox() noexcept;
    bool run_deferred() noexcept;
    void wake() noexcept;
    void discard_inbox() noexcept;
    void count_dispatches(std::uint64_t more) noexcept {
        dispatches_.store(dispatches_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
    }

    static inline constinit thread_local reactor *current_ = nullptr;

    const std::string name_;
    const std::uint32_t index_;
    const std::optional<cpu_mask> cpus_;
    std::unique_ptr<timer_queue> timers_; // own thread
    std::unique_ptr<io> io_;              // made by start()
    std::vector<deferral> deferred_;      // own thread
    std::vector<deferral> deferred_now_;
    bool stopping_ = false; // own thread
    bool poll_pays_ = true; // own thread
    unsigned polls_skipped_ = 0;
    std::atomic<bool> running_{false};
    std::atomic<int> thread_id_{0};
    std::atomic<std::uint64_t> wakeups_{0};
    std::atomic<std::uint64_t> dispatches_{0};
    // Written by other threads: apart from what the reactor's thread writes all the time.
    alignas(64) std::atomic<completion *> inbox_{nullptr};
    std::atomic<bool> asleep_{false};
    std::atomic<std::uint64_t> wakes_sent_{0};
};

template <class F>
std::invoke_result_t<F &> reactor::call(F &&function) {
    using value = std::invoke_result_t<F &>;
    if (is_current())
        return function();
    event done;
    if constexpr (std::is_void_v<value>) {
        post([&] {
            function();
            done.signal();
        });
        done.wait();
    } else {
        std::optional<value> answer;
        post([&] {
            answer.emplace(function());
            done.signal();
        });
        done.wait();
        return std::move(*answer);
    }
}

} // namespace scstd::threads
