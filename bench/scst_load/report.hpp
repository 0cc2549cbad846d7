// SPDX-License-Identifier: Apache-2.0
// report: the results of a run, as text for people and as one JSON object. Pure functions.
#pragma once

#include "options.hpp"
#include "tally.hpp"
#include "watch.hpp"

#include <string>

namespace scstd::bench {

struct load_results {
    tally counts;
    double seconds = 0;
    std::uint64_t own_cpu_ns = 0;
    std::uint64_t own_wait_ns = 0; // of the worker that waited longest
    process_usage target;
};

[[nodiscard]] std::string report_text(const load_options &options, const load_results &results);
[[nodiscard]] std::string report_json(const load_options &options, const load_results &results);

// `text` with what JSON does not allow in a string escaped.
[[nodiscard]] std::string json_escaped(const std::string &text);

} // namespace scstd::bench
