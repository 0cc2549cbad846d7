// SPDX-License-Identifier: Apache-2.0
// nexus: an I_T_L nexus (SCST's tgt_dev): one LUN as one session sees it.
//
// Made and destroyed by the management thread, used by the session's reactor. Who owns which field:
//   - constants: any thread;
//   - gate: read by the reactor without a lock, written under dev.lock;
//   - "dev.lock": only with the device's mutex held;
//   - "reactor": only on the session's reactor.
// The gate is the fast path's one test: while it is zero, nothing is pending that a plain command would have to look at.
#pragma once

#include "base/intrusive_list.hpp"
#include "engine/command.hpp"
#include "engine/task_set.hpp"
#include "engine/unit_attention.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace scstd::device {
class device;
}

namespace scstd::session {

class session;

namespace gate {
inline constexpr std::uint32_t unit_attention = 1u << 0; // a unit attention is pending
inline constexpr std::uint32_t reserved = 1u << 1;       // SPC-2 reservation of another nexus
inline constexpr std::uint32_t pr_write_exclusive = 1u << 2; // persistent reservation lets only WX commands pass
inline constexpr std::uint32_t pr_exclusive = 1u << 3;   // persistent reservation lets only XA commands pass
inline constexpr std::uint32_t blocked = 1u << 4;        // device suspended, or a strictly serialized command waits
inline constexpr std::uint32_t alua = 1u << 5;           // the port's ALUA state filters commands
inline constexpr std::uint32_t shared_task_set = 1u << 6;// TST=0: the order is kept by the device
inline constexpr std::uint32_t aca = 1u << 7;            // an ACA condition exists in the task set
inline constexpr std::uint32_t ranges = 1u << 8;         // some command has blocks for itself (COMPARE AND WRITE …)
inline constexpr std::uint32_t read_only = 1u << 9;      // writes are refused: LUN, device or SWP
inline constexpr std::uint32_t restricted_order = 1u << 10; // QUEUE ALGORITHM MODIFIER 0: everything is ORDERED
inline constexpr std::uint32_t no_reservations = 1u << 11; // the transport has no TransportID: PR commands refused
} // namespace gate

// Counters of one direction, written by the reactor only.
struct io_counters {
    std::atomic<std::uint64_t> commands{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> unaligned{0};
};

class nexus {
  public:
    nexus(session &of, device::device &on, std::uint32_t lun_number, bool lun_read_only);
    nexus(const nexus &) = delete;
    nexus &operator=(const nexus &) = delete;
    ~nexus();

    session &sess;
    device::device &dev;
    const std::uint32_t lun;
    const bool read_only; // of the LUN; the device's own comes on top

    std::atomic<std::uint32_t> gate{0};

    // dev.lock
    engine::unit_attention_queue attentions;

    // reactor
    engine::command_list commands; // all live ones, in order of arrival
    engine::task_set tasks;        // TST=1: this nexus' own task set
    std::uint32_t live = 0;        // commands.size()
    std::uint32_t executing = 0;   // of them, those between exec() and its completion
    std::uint32_t waiting = 0;     // of them, those held back (order, block, ACA, ranges)
    engine::sense_data stored_sense; // of the last CHECK CONDITION, for REQUEST SENSE
    base::intrusive_list<engine::drain_waiter, &engine::drain_waiter::hook> drains;
    bool removed = false; // unlinked from the session's LUN table; ends when live is 0

    // written by the reactor, read by management
    std::atomic<std::uint32_t> active_commands{0};
    std::array<io_counters, 3> counters; // by SCST_DATA_*
};

} // namespace scstd::session
