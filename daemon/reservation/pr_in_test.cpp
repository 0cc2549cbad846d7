// SPDX-License-Identifier: Apache-2.0
// PERSISTENT RESERVE IN (SPC-4 6.15), above all: no allocation length makes it write more or tell less than it should.
#include "reservation/test_support.hpp"

#include <doctest/doctest.h>

using namespace scstd::reservation;
using namespace scstd::reservation::test;

namespace {

constexpr std::size_t whole = 1u << 20;

bytes hex(std::string_view digits) {
    bytes out;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(std::stoi(std::string{digits.substr(i, 2)}, nullptr, 16)));
    return out;
}

} // namespace

TEST_CASE("an empty logical unit answers with empty lists") {
    logical_unit lu;
    CHECK(lu.pr.pr_in(1, 0, whole).data == hex("0000000000000000"));
    CHECK(lu.pr.pr_in(1, 1, whole).data == hex("0000000000000000"));
    CHECK(lu.pr.pr_in(1, 2, whole).data == hex("00081dc0ea010000"));
    CHECK(lu.pr.pr_in(1, 3, whole).data == hex("0000000000000000"));
}

TEST_CASE("READ RESERVATION shows the holder's key, and 0 where all registrants hold") {
    for (const std::uint8_t type : bytes{1, 3, 5, 6}) {
        logical_unit lu;
        CHECK(lu.enroll(1, 0x1122).answer.good());
        CHECK(lu.reserve(1, 0x1122, type).answer.good());
        bytes expected = hex("000000010000001000000000000011220000000000000000");
        expected[21] = type;
        CHECK(lu.pr.pr_in(2, 1, whole).data == expected);
    }
    logical_unit lu;
    CHECK(lu.enroll(1, 0x1122).answer.good());
    CHECK(lu.reserve(1, 0x1122, 7).answer.good());
    CHECK(lu.pr.pr_in(2, 1, whole).data == hex("000000010000001000000000000000000000000000070000"));
}

TEST_CASE("REPORT CAPABILITIES tells whether APTPL is active") {
    logical_unit lu;
    CHECK(lu.enroll(1, 0x11, aptpl).answer.good());
    CHECK(lu.pr.pr_in(1, 2, whole).data == hex("00081dc1ea010000"));
}

TEST_CASE("READ FULL STATUS has one descriptor per I_T nexus") {
    persistent_reservations pr;
    const bytes id = hex("060000005feede401fade050000000000000000000000000");
    REQUIRE(pr.bind(1, id, 7));
    const bytes list = parameter_list(0, 0x1122);
    CHECK(pr.commit(pr.prepare_out(1, {0, 0, 0, list}, {})));
    const bytes expected = hex("0000000100000030"
                               "0000000000001122"
                               "00000000"
                               "00000000"
                               "00000007"
                               "00000018"
                               "060000005feede401fade050000000000000000000000000");
    CHECK(pr.pr_in(1, 3, whole).data == expected);
}

TEST_CASE("READ FULL STATUS marks the holders") {
    for (const std::uint8_t type : bytes{5, 7}) {
        logical_unit lu;
        CHECK(lu.enroll(1, 0x11).answer.good());
        CHECK(lu.enroll(2, 0x22).answer.good());
        CHECK(lu.reserve(2, 0x22, type).answer.good());
        const bytes data = lu.pr.pr_in(3, 3, whole).data;
        const std::size_t second = 8 + 24 + logical_unit::id('a').size();
        CHECK(int{data[8 + 12]} == (type == 7 ? 1 : 0));
        CHECK(int{data[8 + 13]} == (type == 7 ? 7 : 0));
        CHECK(int{data[second + 12]} == 1);
        CHECK(int{data[second + 13]} == int{type});
    }
}

TEST_CASE("unknown service actions are refused") {
    logical_unit lu;
    for (std::uint8_t action = 4; action < 32; ++action) {
        const auto answer = lu.pr.pr_in(1, action, whole).answer;
        CHECK(answer.asc == 0x24);
        REQUIRE(answer.field);
        CHECK(answer.field->in_cdb);
        CHECK(answer.field->byte == 1);
    }
}

// The original wrote behind its buffer here (S-1 of the security table): with few bytes of allocation length and many
// registrants.
TEST_CASE("every list is cut at every allocation length, and its length field counts all of it") {
    logical_unit lu;
    std::size_t registered = 0;
    for (const std::size_t count : {0u, 1u, 2u, 53u, 60u, 200u}) {
        for (; registered < count; ++registered) {
            const auto nexus = static_cast<nexus_number>(100 + registered);
            lu.add(nexus, iscsi_id("iqn.2026-01.org.example:node-" + std::to_string(registered), "00023d0000ff"), 1);
            REQUIRE(lu.enroll(nexus, 0x1000 + registered).answer.good());
        }
        if (count == 60)
            REQUIRE(lu.reserve(100, 0x1000, 6).answer.good());
        for (const std::uint8_t action : bytes{0, 1, 2, 3}) {
            const bytes all = lu.pr.pr_in(1, action, whole).data;
            if (action != 2)
                CHECK(scst::load_be32(&all[4]) == all.size() - 8);
            // Each length up to the whole and beyond, in bigger steps where nothing new can happen.
            const std::size_t step = all.size() > 4096 ? 13 : 1;
            bool right = true;
            for (std::size_t length = 0; length < all.size() + 20; length += step) {
                const bytes data = lu.pr.pr_in(1, action, length).data;
                right = right && data.size() == std::min(length, all.size()) &&
                        std::equal(data.begin(), data.end(), all.begin());
            }
            CAPTURE(int{action});
            CAPTURE(count);
            CHECK(right);
        }
    }
}

TEST_CASE("the longest list tells its length beyond what a command can ask for") {
    logical_unit lu;
    pr_state state;
    for (std::size_t i = 0; i < max_registrants; ++i)
        state.registrants.push_back({transport_id::parse(sas_id(i + 1)), 1, false, 1});
    lu.pr.load(state);
    const bytes data = lu.pr.pr_in(1, 3, 65535).data;
    CHECK(data.size() == 65535);
    CHECK(scst::load_be32(&data[4]) == max_registrants * 48);
}
