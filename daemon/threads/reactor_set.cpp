// SPDX-License-Identifier: Apache-2.0
// reactor_set: see the header.
#include "reactor_set.hpp"

#include <sched.h>

#include <algorithm>

namespace scstd::threads {

namespace {

// Numbers of the CPUs that this process may use.
std::vector<unsigned> usable_cpus() {
    std::vector<unsigned> numbers;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (::sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
        return numbers;
    for (unsigned cpu = 0; cpu < cpu_mask::max_cpus; cpu++) {
        if (CPU_ISSET(cpu, &cpus))
            numbers.push_back(cpu);
    }
    return numbers;
}

bool allows(const cpu_mask &mask, const reactor &candidate) {
    return candidate.cpus() ? mask.intersects(*candidate.cpus()) : mask.test(candidate.index());
}

} // namespace

reactor_set::reactor_set(std::uint32_t count, bool pin) {
    const std::vector<unsigned> usable = pin ? usable_cpus() : std::vector<unsigned>{};
    for (std::uint32_t i = 0; i < std::max(count, 1U); i++) {
        std::optional<cpu_mask> cpus;
        if (!usable.empty())
            cpus.emplace().set(usable[i % usable.size()]);
        reactors_.push_back(std::make_unique<reactor>(fmt::format("scst_r{}", i), i, cpus));
    }
}

result<> reactor_set::start() {
    for (const auto &each : reactors_) {
        if (result<> started = each->start(); !started) {
            stop();
            return started;
        }
    }
    return ok();
}

void reactor_set::stop() noexcept {
    for (const auto &each : reactors_)
        each->stop();
}

reactor &reactor_set::select(const cpu_mask &allowed) noexcept {
    const bool restricted = std::any_of(reactors_.begin(), reactors_.end(),
                                        [&](const auto &candidate) { return allows(allowed, *candidate); });
    const std::uint32_t first = turn_.load(std::memory_order_relaxed);
    reactor *best = nullptr;
    for (std::uint32_t i = 0; i < count(); i++) {
        reactor &candidate = *reactors_[(first + i) % count()];
        if (restricted && !allows(allowed, candidate))
            continue;
        if (best == nullptr ||
            candidate.sessions.load(std::memory_order_relaxed) < best->sessions.load(std::memory_order_relaxed))
            best = &candidate;
    }
    turn_.store(best->index() + 1, std::memory_order_relaxed);
    return *best;
}

} // namespace scstd::threads
