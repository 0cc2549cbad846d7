// SPDX-License-Identifier: Apache-2.0
// extended_copy: EXTENDED COPY(LID1) and RECEIVE COPY RESULTS (SPC-4 6.4, 6.20; reference/scsi.md 13).
//
// A copy has three steps: plan (the session's reactor: the list is checked and the logical units are found), run (a
// worker thread: the data moves), finish (the reactor: the result is kept for RECEIVE COPY RESULTS). A nexus copies
// only between logical units that its own session sees: what is not in the session's LUN table does not exist for it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

namespace scstd::device {
class device;
}
namespace scstd::session {
class nexus;
}

namespace scstd::engine {

struct command;

struct copy_segment {
    session::nexus *source = nullptr;
    session::nexus *destination = nullptr;
    std::uint64_t source_lba = 0;
    std::uint64_t destination_lba = 0;
    std::uint64_t bytes = 0;
};

// One copy: made by the reactor, executed by the worker, read again by the reactor.
struct copy_plan {
    std::uint8_t list_id = 0;
    bool tracked = false; // has a list identifier that RECEIVE COPY RESULTS may ask for
    std::vector<session::nexus *> pinned;
    std::vector<copy_segment> segments;
    std::atomic<std::uint16_t> segments_done{0};
    std::atomic<std::uint64_t> bytes_done{0};
};

// What RECEIVE COPY RESULTS tells of a copy that has ended; kept by the session.
struct copy_result {
    std::uint8_t list_id = 0;
    bool failed = false;
    std::uint16_t segments = 0;
    std::uint64_t bytes = 0;
    std::uint64_t ended_ms = 0;
    std::vector<std::uint8_t> sense;
};

bool extended_copy_supported(const device::device &dev) noexcept;
// The reactor. False: status and sense are set. A list without segments leaves no plan: there is nothing to run.
bool plan_extended_copy(command &cmd);
// A worker thread.
void run_extended_copy(command &cmd);
// The reactor: gives the logical units back and keeps the result. Nothing to do without a plan.
void finish_extended_copy(command &cmd);
// The reactor.
void run_receive_copy_results(command &cmd);

} // namespace scstd::engine
