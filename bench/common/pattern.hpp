// SPDX-License-Identifier: Apache-2.0
// pattern: data that tells where, in which run and as which version it was written, so that a read can be verified.
//
// Every logical block carries its LBA, the run's seed and its generation, in its first bytes and mixed into all others:
// a block of another place, another run, an older write, or torn between two writes is told apart. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace scstd::bench {

struct pattern_source {
    std::uint64_t seed = 0;
    std::uint32_t block_size = 512; // a multiple of 8, at least 32
};

// Fills `data` (whole blocks) as the blocks from `lba` on in version `generation`.
void fill_pattern(const pattern_source &source, std::uint64_t lba, std::uint32_t generation,
                  std::span<std::uint8_t> data) noexcept;

enum class pattern_fault { none, not_written, wrong_run, wrong_place, wrong_generation, torn };

struct pattern_check {
    pattern_fault fault = pattern_fault::none;
    std::uint64_t lba = 0;              // of the block at fault
    std::uint64_t found_lba = 0;        // what the block says of itself
    std::uint32_t found_generation = 0; // what the block says of itself
    std::size_t offset = 0;             // within the block, for `torn`
};

// Compares `data` with what fill_pattern() would give; tells the first block that differs.
[[nodiscard]] pattern_check check_pattern(const pattern_source &source, std::uint64_t lba, std::uint32_t generation,
                                          std::span<const std::uint8_t> data) noexcept;

// One line for people: "block 17 holds LBA 18 (generation 1)".
[[nodiscard]] std::string describe(const pattern_check &check, std::uint32_t generation);

} // namespace scstd::bench
