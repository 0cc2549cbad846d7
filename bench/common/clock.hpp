// SPDX-License-Identifier: Apache-2.0
// clock: the two clocks of a measurement. Any thread.
#pragma once

#include <cstdint>
#include <ctime>

namespace scstd::bench {

inline std::uint64_t clock_ns(clockid_t which) noexcept {
    timespec now{};
    clock_gettime(which, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

inline std::uint64_t now_ns() noexcept {
    return clock_ns(CLOCK_MONOTONIC);
}

// CPU time of the calling thread, in user and kernel mode.
inline std::uint64_t thread_cpu_ns() noexcept {
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

} // namespace scstd::bench
