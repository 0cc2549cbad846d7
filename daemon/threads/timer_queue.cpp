// SPDX-License-Identifier: Apache-2.0
// timer_queue: see the header.
#include "timer_queue.hpp"

#include <algorithm>

namespace scstd::threads {

void timer_queue::add() {
    if (heap_.capacity() <= timers_)
        heap_.reserve(std::max<std::size_t>(16, 2 * timers_));
    timers_++;
}

void timer_queue::remove(timer &gone) noexcept {
    cancel(gone);
    timers_--;
}

void timer_queue::start(timer &subject, std::uint64_t deadline_ns) noexcept {
    subject.deadline_ = deadline_ns;
    subject.order_ = next_order_++;
    subject.armed_ = true;
    const std::size_t index = subject.place_;
    if (index == timer::not_queued) {
        heap_.push_back({}); // add() made room
        sift_up(heap_.size() - 1, {deadline_ns, subject.order_, &subject});
    } else if (deadline_ns < heap_[index].key) {
        sift_up(index, {deadline_ns, subject.order_, &subject});
    }
}

void timer_queue::cancel(timer &subject) noexcept {
    subject.armed_ = false;
    if (subject.place_ != timer::not_queued)
        erase(subject.place_);
}

std::size_t timer_queue::run_expired(std::uint64_t now_ns) noexcept {
    const std::uint64_t first_new_order = next_order_;
    std::size_t count = 0;
    while (!heap_.empty() && heap_.front().key <= now_ns) {
        timer &subject = *heap_.front().subject;
        if (subject.deadline_ != heap_.front().key || subject.order_ != heap_.front().order) {
            sift_down(0, {subject.deadline_, subject.order_, &subject}); // was started again for later
            continue;
        }
        if (subject.order_ >= first_new_order)
            break; // what follows was started later still
        erase(0);
        subject.armed_ = false;
        count++;
        subject.expired_(subject.argument_); // may destroy the timer
    }
    return count;
}

void timer_queue::place(std::size_t index, const entry &value) noexcept {
    heap_[index] = value;
    value.subject->place_ = index;
}

void timer_queue::sift_up(std::size_t index, entry value) noexcept {
    while (index > 0) {
        const std::size_t parent = (index - 1) / 2;
        if (!(value < heap_[parent]))
            break;
        place(index, heap_[parent]);
        index = parent;
    }
    place(index, value);
}

void timer_queue::sift_down(std::size_t index, entry value) noexcept {
    for (;;) {
        std::size_t child = 2 * index + 1;
        if (child >= heap_.size())
            break;
        if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child])
            child++;
        if (!(heap_[child] < value))
            break;
        place(index, heap_[child]);
        index = child;
    }
    place(index, value);
}

void timer_queue::erase(std::size_t index) noexcept {
    heap_[index].subject->place_ = timer::not_queued;
    const entry last = heap_.back();
    heap_.pop_back();
    if (index == heap_.size())
        return;
    if (index > 0 && last < heap_[(index - 1) / 2])
        sift_up(index, last);
    else
        sift_down(index, last);
}

} // namespace scstd::threads
