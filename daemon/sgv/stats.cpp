// SPDX-License-Identifier: Apache-2.0
// stats: see the header. Memory is contiguous here, so nothing is merged: these columns are zero.
#include "stats.hpp"

#include <fmt/core.h>

namespace scstd::sgv {

std::string format_pool_stats(std::string_view name, const pool_numbers &numbers) {
    class_numbers sum;
    for (const class_numbers &each : numbers.classes) {
        sum.hits += each.hits;
        sum.total += each.total;
    }
    std::string text =
        fmt::format("{:<30} {:<11} {:<11} {:<11} {}\n", "Name", "Hit", "Total", "% merged", "Cached (P/I/O)");
    text += fmt::format("{:<30} {:<11} {:<11} {:<11} {}/{}/{}\n", name, sum.hits, sum.total, 0, numbers.cached_pages,
                        numbers.inactive_pages, numbers.objects);
    for (std::size_t i = 0; i < class_count; i++) {
        const class_numbers &row = numbers.classes[i];
        text += fmt::format("  {:<28} {:<11} {:<11} {}\n", fmt::format("{}-{}K", name, (page_size << i) / 1024),
                            row.hits, row.total, 0);
    }
    text += fmt::format("  {:<40} {}/{:<9} {}/{}\n", "big/other", numbers.big, 0, 0, 0);
    return text;
}

std::string format_global_stats(const cache_numbers &numbers) {
    std::string text =
        fmt::format("{:<42} {}/{}\n", "Inactive/active pages", numbers.inactive_pages, numbers.active_pages);
    text += fmt::format("{:<42} {}/{}\n", "Hi/lo watermarks [pages]", numbers.high_watermark_pages, 0);
    text += fmt::format("{:<42} {}/{}\n", "Hi watermark releases/failures", numbers.releases, numbers.failures);
    text += fmt::format("{:<42} {}\n", "Other allocs", 0);
    return text;
}

} // namespace scstd::sgv
