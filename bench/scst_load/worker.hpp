// SPDX-License-Identifier: Apache-2.0
// worker: one thread of the load: its sessions, its counts, its measured window.
//
// Made and connected by the main thread, then run() on its own thread; results are read when that thread has ended.
#pragma once

#include "iscsi_session.hpp"
#include "options.hpp"
#include "tally.hpp"
#include "watch.hpp"

#include <atomic>
#include <barrier>
#include <exception>
#include <memory>
#include <poll.h>
#include <vector>

namespace scstd::bench {

struct measured_window {
    std::uint64_t opened = 0; // ns; 0: never
    std::uint64_t closed = 0;
    std::uint64_t own_cpu_ns = 0;
    process_usage own;    // only its waiting: the CPU time is own_cpu_ns, which is exact and leaves spinning out
    process_usage target; // of --watch-pid, only in the first worker
};

class worker {
  public:
    worker(const load_options &options, unsigned first_session, unsigned sessions);

    // Logs in and lays the sessions over the LUN.
    void connect();

    // All phases: the pattern, the load, the check. All workers start the load together.
    void run(std::barrier<> &start_line);

    // Makes every worker end early; after a failure elsewhere.
    static void cancel_all() noexcept { cancelled_ = true; }

    [[nodiscard]] const tally &counts() const noexcept { return *counts_; }
    [[nodiscard]] const measured_window &window() const noexcept { return window_; }

  private:
    struct plan {
        unsigned read_percent = 100;
        bool random = false;
        bool measured = false;
        std::uint64_t warmup_ns = 0;
        std::uint64_t duration_ns = 0; // 0: until the limit of every session
        bool whole_area = false;       // the limit is one I/O for each unit
    };

    void add_session(unsigned number);
    [[nodiscard]] io_area area_of(const disk_geometry &disk, unsigned number) const;
    [[nodiscard]] std::uint64_t limit_of(const plan &what, std::size_t index) const noexcept;
    void drive(const plan &what);
    void begin(const plan &what, std::uint64_t now);
    void turn_single();
    void turn_many();
    void wait_to_send(session &s);
    [[nodiscard]] bool spin(session &s);
    void follow_clock(const plan &what, std::uint64_t now);
    void open_window(std::uint64_t now);
    void close_window(std::uint64_t now);
    void check_progress(std::uint64_t now) const;
    [[nodiscard]] bool idle() const noexcept;

    const load_options &options_;
    unsigned first_session_;
    unsigned session_count_;
    std::unique_ptr<tally> counts_ = std::make_unique<tally>();
    std::vector<std::unique_ptr<workload>> works_;
    std::vector<std::unique_ptr<session>> sessions_;
    std::vector<pollfd> polls_;
    measured_window window_;
    std::uint64_t started_ = 0;
    std::uint64_t last_received_ = 0;
    std::uint64_t spun_ns_ = 0; // spent by spin() without anything to receive
    inline static std::atomic<bool> cancelled_ = false;
};

} // namespace scstd::bench
