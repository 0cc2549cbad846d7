// SPDX-License-Identifier: Apache-2.0
// workload: which I/O comes next in one session, and, with verification, what each block has to hold.
//
// The area is cut into units of one I/O each. With verification a unit never has two commands in flight, so that the
// generation which a read must find is known. Belongs to one thread.
#pragma once

#include "pattern.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace scstd::bench {

// Part of a logical unit that one session works on.
struct io_area {
    std::uint64_t first_lba = 0;
    std::uint64_t units = 0;
    std::uint32_t unit_size = 0;  // bytes
    std::uint32_t block_size = 0; // bytes of a logical block
};

struct phase {
    unsigned read_percent = 100;
    bool random = true;
    std::uint64_t limit = 0; // I/Os to start, 0: until told to stop
    std::uint64_t first_unit = 0;
};

struct io_request {
    std::uint64_t unit = 0;
    std::uint32_t generation = 0; // of the data: what a write writes, what a read must find; 0: not known
    bool write = false;
};

class workload {
  public:
    workload(const io_area &area, std::uint64_t seed, std::uint64_t run_seed, bool verify);

    void begin(const phase &what);
    void stop() noexcept { stopped_ = true; }

    // The next I/O; false when there is none to start now.
    bool next(io_request &request) noexcept;
    void finished(const io_request &request, bool good) noexcept;

    [[nodiscard]] bool exhausted() const noexcept { return stopped_ || (limit_ != 0 && started_ == limit_); }
    [[nodiscard]] bool verifies() const noexcept { return verify_; }
    [[nodiscard]] const io_area &area() const noexcept { return area_; }
    [[nodiscard]] std::uint64_t lba_of(std::uint64_t unit) const noexcept {
        return area_.first_lba + unit * blocks_per_unit_;
    }
    [[nodiscard]] std::uint32_t blocks_per_unit() const noexcept { return blocks_per_unit_; }

    void fill(const io_request &request, std::span<std::uint8_t> data) const noexcept;
    [[nodiscard]] pattern_check check(const io_request &request, std::span<const std::uint8_t> data) const noexcept;

  private:
    std::uint64_t random_word() noexcept;
    std::uint64_t pick_unit() noexcept;
    bool claim_unit(std::uint64_t unit) noexcept;

    io_area area_;
    std::uint32_t blocks_per_unit_;
    pattern_source source_;
    bool verify_;
    bool stopped_ = true;
    phase phase_;
    std::uint64_t limit_ = 0;
    std::uint64_t started_ = 0;
    std::uint64_t cursor_ = 0;
    std::uint64_t random_state_;
    std::vector<std::uint32_t> generations_; // 0: not written, or a write failed
    std::vector<std::uint8_t> busy_;
};

} // namespace scstd::bench
