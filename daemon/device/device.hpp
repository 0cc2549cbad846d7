// SPDX-License-Identifier: Apache-2.0
// device: a logical unit: what a handler made, plus all that the core keeps for it: who sees it, reservations,
// exclusive block ranges, suspension, its worker threads and its memory account.
//
// Made and destroyed by the management thread. `lock` is a leaf mutex (docs/locking.md) of the slow path: a plain
// command with an open gate never takes it. Fields under "lock" need it; atomics are read by any thread.
#pragma once

#include "base/handles.hpp"
#include "device/range_locks.hpp"
#include "engine/task_set.hpp"
#include "reservation/aptpl_store.hpp"
#include "reservation/persistent_reservations.hpp"
#include "reservation/spc2_reservation.hpp"
#include "sgv/sgv_cache.hpp"
#include "threads/worker_pool.hpp"

#include <scst/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace scstd::session {
class nexus;
}

namespace scstd::device {

class handler;

// What the core remembers of a device for EXTENDED COPY and for the uniqueness of serial numbers.
struct identity {
    std::string usn;
    std::vector<std::uint8_t> page_83; // body of VPD page 83h
};

class device final : public ::scst_device {
  public:
    device(handler &of, std::string name, std::uint32_t number);
    device(const device &) = delete;
    device &operator=(const device &) = delete;
    ~device();

    [[nodiscard]] handler &hnd() const noexcept { return handler_; }
    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }

    void *handler_device = nullptr; // what add_device() stored; constant once the device is visible

    // ---- any thread ----
    std::atomic<std::uint32_t> block_size{512};
    std::atomic<std::uint64_t> block_count{0};
    std::atomic<bool> read_only{false};
    std::atomic<bool> explicit_alua{false};
    std::atomic<std::uint32_t> max_commands_per_nexus{64};
    std::atomic<std::uint32_t> command_timeout_s{0}; // 0: none
    std::atomic<std::uint8_t> d_sense{0};            // copies of `control` that the reactors read
    std::atomic<std::uint8_t> qerr{0};
    std::atomic<std::uint8_t> tas{0};
    std::atomic<std::uint8_t> tst{1};
    std::atomic<std::uint8_t> ua_intlck{0};
    std::atomic<std::uint8_t> tmf_only{0};
    std::atomic<std::uint8_t> queue_algorithm{1};
    std::atomic<std::uint32_t> reset_epoch{0}; // counts resets: a reset spares what arrived after it
    threads::worker_pool &workers() noexcept { return *workers_; }
    sgv::memory_account memory;

    // Serializes exec() of handlers that are not PARALLEL, and PERSISTENT RESERVE OUT; worker threads only.
    std::mutex exec_serial;
    std::mutex pr_serial;
    std::unique_ptr<reservation::aptpl_store> aptpl; // pr_serial; nullptr: reservations can't be kept

    // ---- lock ----
    std::mutex lock;
    std::vector<session::nexus *> nexuses; // all I_T_L nexuses, in order of creation
    scst_control_mode control{};
    reservation::persistent_reservations pr;
    reservation::spc2_reservation reservation;
    range_locks ranges;
    engine::task_set shared_tasks;            // TST=0
    std::uint32_t block_count_external = 0;   // the `block` attribute
    std::uint32_t block_pending_external = 0; // of them, not drained yet
    std::uint32_t block_total = 0;            // all reasons; gate::blocked is set while it is not 0
    identity ident;
    std::vector<std::pair<const void *, std::uint16_t>> ports; // (driver, relative id) of the ports that export it

    // ---- management ----
    std::unique_ptr<threads::worker_pool> workers_;
    std::int64_t threads_num = 1;
    std::string threads_pool_type = "per_initiator"; // SCST's word; the pool is per device here
    std::string pr_file_name;                        // empty: the default
    std::uint32_t next_export_number = 0;
    bool going = false;

  private:
    handler &handler_;
    std::string name_;
    std::uint32_t number_;
};

} // namespace scstd::device
