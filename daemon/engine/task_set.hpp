// SPDX-License-Identifier: Apache-2.0
// task_set: the order of the commands of one task set and its ACA condition (SAM-5 8, 5.9; reference/scsi.md 15).
//
// With TST=1 every nexus has one and only its reactor touches it; with TST=0 the device has one, guarded by the
// device's lock. Pure bookkeeping: it says who may start, the engine starts them. A command is in the set from its
// admission until its status is decided.
#pragma once

#include "base/intrusive_list.hpp"

#include <cstdint>

namespace scstd::session {
class nexus;
}

namespace scstd::engine {

// How a command is ordered, after SIMPLE has been promoted or restricted.
enum class task_order : std::uint8_t { simple, ordered, head_of_queue, aca };

// A command's place in a task set.
struct task_entry {
    list_hook hook;
    task_order order = task_order::simple;
    bool in_set = false;
    bool started = false; // handed to execution
    const session::nexus *of = nullptr;
};

// What ACA says about a new command.
enum class aca_verdict : std::uint8_t { admit, aca_active, busy, invalid_message };

class task_set {
  public:
    // No ORDERED, HEAD OF QUEUE or ACA command is in the set: SIMPLE ones need no test.
    [[nodiscard]] bool plain() const noexcept { return special_ == 0 && !aca_; }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

    void enter(task_entry &entry, task_order order, const session::nexus &of) noexcept;
    // The command's status is decided; others may start now when true.
    bool leave(task_entry &entry) noexcept;

    // Whether the command may start: HEAD OF QUEUE at once; ORDERED when everything before it has left; SIMPLE when no
    // ORDERED stands before it; neither while a HEAD OF QUEUE is in the set.
    [[nodiscard]] bool may_start(const task_entry &entry) noexcept;

    // ---- ACA ----
    [[nodiscard]] bool aca() const noexcept { return aca_; }
    [[nodiscard]] const session::nexus *faulted() const noexcept { return faulted_; }
    // A command of `of` ended with CHECK CONDITION and NACA=1.
    void establish_aca(const session::nexus &of) noexcept;
    void clear_aca() noexcept;
    // For a new command: SAM-5 table 33.
    [[nodiscard]] aca_verdict admission(const session::nexus &of, bool aca_attribute, bool naca,
                                        bool preempt_and_abort) const noexcept;

    using list = intrusive_list<task_entry, &task_entry::hook>;
    [[nodiscard]] list &entries() noexcept { return entries_; }

  private:
    list entries_;
    std::uint32_t size_ = 0;
    std::uint32_t special_ = 0;
    std::uint32_t head_of_queue_ = 0;
    std::uint32_t aca_commands_ = 0;
    bool aca_ = false;
    const session::nexus *faulted_ = nullptr;
};

} // namespace scstd::engine
