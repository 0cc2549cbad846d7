// SPDX-License-Identifier: Apache-2.0
// Tests of the verify pattern: what was written is accepted, every kind of damage is named.
#include "pattern.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace scstd::bench;

namespace {

std::vector<std::uint8_t> written(const pattern_source &source, std::uint64_t lba, std::uint32_t generation,
                                  std::size_t blocks) {
    std::vector<std::uint8_t> data(blocks * source.block_size);
    fill_pattern(source, lba, generation, data);
    return data;
}

} // namespace

TEST_CASE("data as written is accepted for every block size") {
    for (const std::uint32_t size : {512U, 1024U, 2048U, 4096U}) {
        const pattern_source source{.seed = 42, .block_size = size};
        const auto data = written(source, 1000, 3, 8);
        CHECK(check_pattern(source, 1000, 3, data).fault == pattern_fault::none);
    }
}

TEST_CASE("zeroes, as a null device reads them, are not taken for data") {
    const pattern_source source{.seed = 0, .block_size = 512};
    const std::vector<std::uint8_t> zeroes(1024);
    CHECK(check_pattern(source, 0, 0, zeroes).fault == pattern_fault::not_written);
}

TEST_CASE("a block of another place, run or generation is named") {
    const pattern_source source{.seed = 7, .block_size = 512};
    const auto data = written(source, 5, 2, 1);
    const auto place = check_pattern(source, 6, 2, data);
    CHECK(place.fault == pattern_fault::wrong_place);
    CHECK(place.found_lba == 5);
    CHECK(describe(place, 2) == "block 6 holds the data of block 5");
    const auto generation = check_pattern(source, 5, 3, data);
    CHECK(generation.fault == pattern_fault::wrong_generation);
    CHECK(describe(generation, 3) == "block 5 holds generation 2 in place of 3");
    CHECK(check_pattern({.seed = 8, .block_size = 512}, 5, 2, data).fault == pattern_fault::wrong_run);
}

TEST_CASE("any changed byte of any block is found") {
    const pattern_source source{.seed = 1, .block_size = 512};
    const auto good = written(source, 10, 1, 2);
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto bad = good;
        bad[at] = static_cast<std::uint8_t>(bad[at] ^ 0x10U);
        const auto result = check_pattern(source, 10, 1, bad);
        REQUIRE(result.fault != pattern_fault::none);
        REQUIRE(result.lba == 10 + at / 512);
    }
}

TEST_CASE("a block torn between two generations is found where the older data begins") {
    const pattern_source source{.seed = 1, .block_size = 4096};
    auto data = written(source, 10, 2, 1);
    const auto old = written(source, 10, 1, 1);
    std::copy(old.begin() + 512, old.end(), data.begin() + 512);
    const auto result = check_pattern(source, 10, 2, data);
    CHECK(result.fault == pattern_fault::torn);
    CHECK(result.offset == 512);
}
