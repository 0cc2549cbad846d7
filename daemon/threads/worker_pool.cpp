// SPDX-License-Identifier: Apache-2.0
// worker_pool: see the header. One queue, one mutex, one condition variable.
#include "worker_pool.hpp"

#include "this_thread.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>

namespace scstd::threads {

namespace {
constexpr std::size_t name_characters = 10; // leaves room for the number in the kernel's 15
}

worker_pool::worker_pool(std::string name, cpu_mask cpus) : name_{std::move(name)}, cpus_{cpus} {}

worker_pool::~worker_pool() {
    stop();
}

result<> worker_pool::resize(std::uint32_t threads) {
    if (threads == 0)
        return fail(EINVAL, "{}: a thread pool needs at least one thread", name_);
    reap_finished();
    const std::lock_guard lock{mutex_};
    if (stopping_)
        return fail(ESHUTDOWN, "{}: the thread pool is stopped", name_);
    const std::size_t before = workers_.size();
    try {
        while (workers_.size() < threads) {
            workers_.push_back(std::make_unique<worker>());
            const auto number = static_cast<std::uint32_t>(workers_.size() - 1);
            workers_.back()->thread = std::thread{[this, &self = *workers_.back(), number] { run(self, number); }};
            live_++;
        }
    } catch (const std::system_error &error) {
        workers_.pop_back(); // the one without a thread
        retire_down_to(before);
        return fail(EAGAIN, "{}: cannot start thread {}: {}", name_, before + 1, error.what());
    }
    retire_down_to(threads);
    accepting_ = true;
    return ok();
}

// With mutex_ held.
void worker_pool::retire_down_to(std::size_t count) {
    for (; workers_.size() > count; workers_.pop_back()) {
        workers_.back()->surplus = true;
        retired_.push_back(std::move(workers_.back()));
        live_--;
    }
    changed_.notify_all();
}

// Joins surplus threads that have ended.
void worker_pool::reap_finished() {
    std::vector<std::unique_ptr<worker>> ended;
    {
        const std::lock_guard lock{mutex_};
        for (auto &each : retired_) {
            if (each->finished)
                ended.push_back(std::move(each));
        }
        std::erase(retired_, nullptr);
    }
    for (const auto &each : ended)
        each->thread.join();
}

result<> worker_pool::set_cpus(const cpu_mask &cpus) {
    const std::lock_guard lock{mutex_};
    const cpu_mask wanted = cpus.empty() ? cpu_mask::all() : cpus;
    for (const auto &each : workers_) {
        if (each->thread_id == 0)
            continue; // binds itself when it gets there
        if (result<> bound = wanted.apply_to(each->thread_id); !bound)
            return bound;
    }
    cpus_ = cpus;
    return ok();
}

void worker_pool::stop() noexcept {
    std::vector<std::unique_ptr<worker>> ending;
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        ending = std::move(workers_);
        workers_.clear();
        std::move(retired_.begin(), retired_.end(), std::back_inserter(ending));
        retired_.clear();
        changed_.notify_all();
    }
    for (const auto &each : ending)
        each->thread.join();
    assert(first_ == nullptr);
}

bool worker_pool::submit(work_item &item) noexcept {
    const std::lock_guard lock{mutex_};
    if (!accepting_)
        return false;
    item.next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = &item;
    last_ = &item;
    pending_++;
    if (idle_ > 0)
        changed_.notify_one();
    return true;
}

std::uint32_t worker_pool::size() const noexcept {
    const std::lock_guard lock{mutex_};
    return static_cast<std::uint32_t>(workers_.size());
}

std::size_t worker_pool::pending() const noexcept {
    const std::lock_guard lock{mutex_};
    return pending_;
}

std::vector<int> worker_pool::thread_ids() const {
    const std::lock_guard lock{mutex_};
    std::vector<int> ids;
    for (const auto &each : workers_) {
        if (each->thread_id != 0)
            ids.push_back(each->thread_id);
    }
    return ids;
}

void worker_pool::run(worker &self, std::uint32_t number) noexcept {
    const int id = enter_thread(fmt::format("{:.{}}{}", name_, name_characters, number));
    std::unique_lock lock{mutex_};
    self.thread_id = id;
    // A CPU that went away must not keep the device from working.
    (void)static_cast<bool>(cpus_.apply_to_current_thread());
    while (!self.surplus) {
        if (work_item *const item = first_; item != nullptr) {
            first_ = item->next;
            if (first_ == nullptr)
                last_ = nullptr;
            pending_--;
            lock.unlock();
            item->run(item);
            lock.lock();
        } else if (stopping_) {
            // The last one closes the door: an item that came in before is an item that runs.
            if (--live_ == 0)
                accepting_ = false;
            break;
        } else {
            idle_++;
            changed_.wait(lock);
            idle_--;
        }
    }
    self.finished = true;
}

} // namespace scstd::threads
