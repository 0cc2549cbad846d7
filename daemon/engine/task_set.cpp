// SPDX-License-Identifier: Apache-2.0
#include "engine/task_set.hpp"

namespace scstd::engine {

void task_set::enter(task_entry &entry, task_order order, const session::nexus &of) noexcept {
    entry.order = order;
    entry.in_set = true;
    entry.started = false;
    entry.of = &of;
    entries_.push_back(entry);
    ++size_;
    if (order != task_order::simple)
        ++special_;
    if (order == task_order::head_of_queue)
        ++head_of_queue_;
    if (order == task_order::aca)
        ++aca_commands_;
}

bool task_set::leave(task_entry &entry) noexcept {
    if (!entry.in_set)
        return false;
    entry.in_set = false;
    entries_.remove(entry);
    --size_;
    if (entry.order == task_order::simple)
        return special_ != 0;
    --special_;
    if (entry.order == task_order::head_of_queue)
        --head_of_queue_;
    if (entry.order == task_order::aca)
        --aca_commands_;
    return true;
}

bool task_set::may_start(const task_entry &entry) noexcept {
    if (aca_ && entry.order != task_order::aca)
        return false; // dormant until the ACA condition is cleared (SAM-5 5.9.2)
    if (entry.order == task_order::head_of_queue || entry.order == task_order::aca)
        return true;
    if (head_of_queue_ != 0)
        return false;
    for (const task_entry &earlier : entries_) {
        if (&earlier == &entry)
            return true;
        if (entry.order == task_order::ordered || earlier.order == task_order::ordered)
            return false;
    }
    return true;
}

void task_set::establish_aca(const session::nexus &of) noexcept {
    aca_ = true;
    faulted_ = &of;
}

void task_set::clear_aca() noexcept {
    aca_ = false;
    faulted_ = nullptr;
}

aca_verdict task_set::admission(const session::nexus &of, bool aca_attribute, bool naca,
                                bool preempt_and_abort) const noexcept {
    if (!aca_)
        return aca_attribute ? aca_verdict::invalid_message : aca_verdict::admit;
    if (preempt_and_abort)
        return aca_verdict::admit;
    if (faulted_ == &of)
        return aca_attribute && aca_commands_ == 0 ? aca_verdict::admit : aca_verdict::aca_active;
    if (aca_attribute)
        return aca_verdict::invalid_message;
    return naca ? aca_verdict::aca_active : aca_verdict::busy;
}

} // namespace scstd::engine
