// SPDX-License-Identifier: Apache-2.0
// tally: what a worker counts while the measured window is open. One thread writes; merged when the threads have ended.
#pragma once

#include "histogram.hpp"

#include <cstdint>
#include <string>

namespace scstd::bench {

struct tally {
    bool open = false; // errors and verification count always, I/Os and latencies only in the window
    histogram latency;
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
    std::uint64_t errors = 0;
    std::uint64_t unit_attentions = 0;
    std::uint64_t busy_answers = 0;
    std::uint64_t blocks_verified = 0;
    std::uint64_t verify_errors = 0;
    std::string first_error;

    void record(bool write, std::uint64_t nanoseconds) noexcept {
        if (!open)
            return;
        ++(write ? writes : reads);
        latency.record(nanoseconds);
    }

    void note_error(const std::string &text) {
        if (first_error.empty())
            first_error = text;
    }

    void merge(const tally &other) {
        latency.merge(other.latency);
        reads += other.reads;
        writes += other.writes;
        errors += other.errors;
        unit_attentions += other.unit_attentions;
        busy_answers += other.busy_answers;
        blocks_verified += other.blocks_verified;
        verify_errors += other.verify_errors;
        note_error(other.first_error);
    }
};

} // namespace scstd::bench
