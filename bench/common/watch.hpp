// SPDX-License-Identifier: Apache-2.0
// watch: what the kernel says of another process's CPU use: nanoseconds on CPU and context switches of all its threads.
//
// Reads /proc/PID/task/*/schedstat and status. Any thread. A thread that ended meanwhile takes its share with it.
#pragma once

#include <cstdint>
#include <sys/types.h>

namespace scstd::bench {

struct process_usage {
    std::uint64_t cpu_ns = 0;
    std::uint64_t wait_ns = 0; // ready to run, but something else had the CPU
    std::uint64_t voluntary_switches = 0;
    std::uint64_t involuntary_switches = 0;
};

// Throws std::runtime_error when there is no such process.
[[nodiscard]] process_usage read_usage(pid_t pid);

// The calling thread's.
[[nodiscard]] process_usage read_own_usage();

// What was used between two readings.
[[nodiscard]] process_usage used_between(const process_usage &before, const process_usage &after) noexcept;

} // namespace scstd::bench
