// SPDX-License-Identifier: Apache-2.0
#include "reservation/spc2_reservation.hpp"

#include "reservation/test_support.hpp"

#include <doctest/doctest.h>

using namespace scstd::reservation;
using namespace scstd::reservation::test;

namespace {
constexpr std::uint8_t good = SCST_STATUS_GOOD;
constexpr std::uint8_t in_conflict = SCST_STATUS_RESERVATION_CONFLICT;
} // namespace

TEST_CASE("one nexus owns the reservation and the others are kept out") {
    logical_unit lu;
    spc2_reservation spc2;
    CHECK(spc2.reserve(1, lu.pr) == good);
    CHECK(spc2.reserve(1, lu.pr) == good);
    CHECK(spc2.reserve(2, lu.pr) == in_conflict);
    CHECK(spc2.excludes(2));
    CHECK_FALSE(spc2.excludes(1));
    CHECK(spc2.excludes_persistent());
    CHECK(spc2.release(2, lu.pr) == good); // without effect
    CHECK(spc2.owner() == 1);
    CHECK(spc2.release(1, lu.pr) == good);
    CHECK_FALSE(spc2.is_reserved());
    CHECK(spc2.release(1, lu.pr) == good);
}

TEST_CASE("resets and lost nexuses end the reservation, reinstatement moves it") {
    logical_unit lu;
    spc2_reservation spc2;
    CHECK_FALSE(spc2.clear());
    REQUIRE(spc2.reserve(1, lu.pr) == good);
    CHECK_FALSE(spc2.drop(2));
    spc2.move(2, 3);
    CHECK(spc2.owner() == 1);
    spc2.move(1, 4);
    CHECK(spc2.owner() == 4);
    spc2.move(0, 9);
    CHECK(spc2.owner() == 4);
    CHECK(spc2.drop(4));
    spc2.move(0, 9);
    CHECK_FALSE(spc2.is_reserved());
    REQUIRE(spc2.reserve(1, lu.pr) == good);
    CHECK(spc2.clear());
    CHECK_FALSE(spc2.is_reserved());
}

TEST_CASE("next to persistent reservations RESERVE and RELEASE do nothing, and are GOOD for whom they let in") {
    struct row {
        std::uint8_t type; // 0: registrations only
        std::uint8_t holder;
        std::uint8_t registrant;
    };
    constexpr row rows[] = {{0, good, good}, {1, good, in_conflict}, {3, good, in_conflict}, {5, good, good},
                            {6, good, good}, {7, good, good},        {8, good, good}};
    for (const row &expected : rows) {
        CAPTURE(int{expected.type});
        logical_unit lu;
        spc2_reservation spc2;
        REQUIRE(lu.enroll(1, 0x11).answer.good());
        REQUIRE(lu.enroll(2, 0x22).answer.good());
        if (expected.type != 0)
            REQUIRE(lu.reserve(1, 0x11, expected.type).answer.good());
        CHECK(spc2.reserve(1, lu.pr) == expected.holder);
        CHECK(spc2.release(1, lu.pr) == expected.holder);
        CHECK(spc2.reserve(2, lu.pr) == expected.registrant);
        CHECK(spc2.release(2, lu.pr) == expected.registrant);
        CHECK(spc2.reserve(3, lu.pr) == in_conflict);
        CHECK(spc2.release(3, lu.pr) == in_conflict);
        CHECK_FALSE(spc2.is_reserved());
    }
}
