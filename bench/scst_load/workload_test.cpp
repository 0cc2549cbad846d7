// SPDX-License-Identifier: Apache-2.0
// Tests of the workload: addresses stay in the area, mixes are as asked, verification never races with itself.
#include "workload.hpp"

#include <doctest/doctest.h>

#include <set>
#include <vector>

using namespace scstd::bench;

namespace {

constexpr io_area small_area{.first_lba = 100, .units = 10, .unit_size = 4096, .block_size = 512};

} // namespace

TEST_CASE("sequential I/O visits every unit in order and starts over") {
    workload work{small_area, 1, 1, false};
    work.begin({.random = false, .limit = 25});
    io_request request;
    for (std::uint64_t i = 0; i < 25; ++i) {
        REQUIRE(work.next(request));
        CHECK(request.unit == i % 10);
        CHECK_FALSE(request.write);
    }
    CHECK_FALSE(work.next(request));
    CHECK(work.exhausted());
    CHECK(work.lba_of(3) == 124);
}

TEST_CASE("random I/O stays in the area and reaches all of it") {
    workload work{small_area, 1, 1, false};
    work.begin({.random = true, .limit = 1000});
    std::set<std::uint64_t> seen;
    io_request request;
    while (work.next(request)) {
        REQUIRE(request.unit < small_area.units);
        seen.insert(request.unit);
    }
    CHECK(seen.size() == small_area.units);
}

TEST_CASE("a mixed workload has about the share of reads that was asked for") {
    workload work{small_area, 1, 1, false};
    work.begin({.read_percent = 70, .limit = 10000});
    unsigned reads = 0;
    io_request request;
    while (work.next(request))
        reads += request.write ? 0 : 1;
    CHECK(reads > 6700);
    CHECK(reads < 7300);
}

TEST_CASE("with verification no unit has two commands in flight, and nothing is lost when all are busy") {
    for (const bool random : {true, false}) {
        workload work{small_area, 1, 1, true};
        work.begin({.read_percent = 50, .random = random});
        std::set<std::uint64_t> busy;
        std::vector<io_request> in_flight;
        io_request request;
        while (work.next(request)) {
            REQUIRE(busy.insert(request.unit).second);
            in_flight.push_back(request);
        }
        REQUIRE(!in_flight.empty());
        for (const auto &done : in_flight)
            work.finished(done, true);
        CHECK(work.next(request));
    }
}

TEST_CASE("a read must find the generation of the last good write, and anything after a failed one") {
    workload work{small_area, 1, 9, true};
    std::vector<std::uint8_t> data(small_area.unit_size);
    io_request request;
    const auto write_once = [&](bool good) {
        work.begin({.read_percent = 0, .random = false, .limit = 1});
        REQUIRE(work.next(request));
        work.fill(request, data);
        work.finished(request, good);
    };
    const auto read_once = [&] {
        work.begin({.read_percent = 100, .random = false, .limit = 1});
        REQUIRE(work.next(request));
        work.finished(request, true);
        return work.check(request, data).fault;
    };
    write_once(true);
    CHECK(read_once() == pattern_fault::none);
    const auto old = data;
    write_once(true);
    CHECK(read_once() == pattern_fault::none);
    data = old;
    CHECK(read_once() == pattern_fault::wrong_generation);
    write_once(false);
    data = old;
    CHECK(read_once() == pattern_fault::none);
}
