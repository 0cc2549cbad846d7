// SPDX-License-Identifier: Apache-2.0
// stats: the numbers of a buffer pool and the texts that SCST shows of them (management.md 1.11). Internal to sgv/.
// Plain values and functions: any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace scstd::sgv {

inline constexpr std::size_t page_size = 4096;
inline constexpr std::size_t class_count = 11; // 2^0 … 2^10 pages

struct class_numbers {
    std::uint64_t hits = 0;
    std::uint64_t total = 0;
};

struct pool_numbers {
    std::array<class_numbers, class_count> classes;
    std::uint64_t big = 0;            // allocations beyond the largest class
    std::uint64_t cached_pages = 0;   // of the classes, in use or not
    std::uint64_t inactive_pages = 0; // of these, not in use
    std::uint64_t objects = 0;
};

struct cache_numbers {
    std::uint64_t inactive_pages = 0;
    std::uint64_t active_pages = 0;
    std::uint64_t high_watermark_pages = 0;
    std::uint64_t releases = 0; // times that memory was short and cached buffers were released
    std::uint64_t failures = 0; // times that this was not enough
};

// The file sgv/POOL/stats.
[[nodiscard]] std::string format_pool_stats(std::string_view name, const pool_numbers &numbers);
// The file sgv/global_stats.
[[nodiscard]] std::string format_global_stats(const cache_numbers &numbers);

} // namespace scstd::sgv
