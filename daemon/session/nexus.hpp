// SPDX-License-Identifier: Apache-2.0
// nexus: an I_T_L nexus (SCST's tgt_dev): one LUN as one session sees it.
//
// Made and destroyed by the management thread, used by the session's reactor. Who owns which field:
//   - constants: any thread;
//   - gate: read by the reactor without a lock, written under dev.lock;
//   - "dev.lock": only with the device's mutex held;
//   - "reactor": only on the session's reactor.
// The gate is the fast path's one test: while it is zero, nothing is pending that a plain command would have to look
// at.
#pragma once

#include "base/intrusive_list.hpp"
#include "engine/command.hpp"
#include "engine/drain.hpp"
#include "engine/sense.hpp"
#include "engine/task_set.hpp"
#include "engine/unit_attention.hpp"
#include "session/gate.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace scstd::device {
class device;
}

namespace scstd::session {

class session;

// Counters of one direction, written by the reactor only.
struct io_counters {
    std::atomic<std::uint64_t> commands{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> unaligned{0};
};

class nexus {
  public:
    nexus(session &of, device::device &on, std::uint32_t lun_number, bool lun_read_only, std::uint64_t unique_number);
    nexus(const nexus &) = delete;
    nexus &operator=(const nexus &) = delete;
    ~nexus();

    session &sess;
    device::device &dev;
    const std::uint32_t lun;
    const std::uint64_t number; // never used again while the daemon runs
    const bool read_only;       // of the LUN; the device's own comes on top

    std::atomic<std::uint32_t> gate{0};

    // dev.lock
    engine::unit_attention_queue attentions;

    // reactor
    engine::command_list commands;                          // all live ones, in order of arrival
    engine::task_set tasks;                                 // TST=1: this nexus' own task set
    std::uint32_t live = 0;                                 // commands.size()
    std::uint32_t executing = 0;                            // of them, those between exec() and its completion
    std::uint32_t waiting = 0;                              // of them, those held back (order, block, ACA, ranges)
    engine::sense_data stored_sense;                        // of the last CHECK CONDITION, for REQUEST SENSE
    std::vector<std::shared_ptr<engine::drain_job>> drains; // waiting for commands of this nexus
    bool resume_scheduled = false;                          // a deferred resume() is on its way
    void (*when_removed)(nexus &) = nullptr;                // called once when removed and idle
    std::shared_ptr<void> when_removed_context;
    bool removed = false; // unlinked from the session's LUN table; ends when live is 0

    // ALUA state of the port for this device (SPC-4 table 312); written by management
    std::atomic<std::uint8_t> alua_state{0};

    // written by the reactor, read by management
    std::atomic<std::uint32_t> active_commands{0};
    std::array<io_counters, 3> counters; // by SCST_DATA_*
};

} // namespace scstd::session
