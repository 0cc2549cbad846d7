// SPDX-License-Identifier: Apache-2.0
// PREEMPT and PREEMPT AND ABORT (SPC-4 5.13.11.2).
#include "reservation/test_support.hpp"

#include <doctest/doctest.h>

using namespace scstd::reservation;
using namespace scstd::reservation::test;

namespace {

constexpr std::uint8_t preempt = 4;
constexpr std::uint8_t preempt_and_abort = 5;
using attentions = std::vector<pr_attention>;

// a on port 1 (key A), b (B), c (C), a on port 2 (A).
logical_unit four() {
    logical_unit lu;
    for (const auto &[nexus, key] : {std::pair{1u, 0xAu}, {2u, 0xBu}, {3u, 0xCu}, {4u, 0xAu}})
        REQUIRE(lu.enroll(nexus, key).answer.good());
    return lu;
}

} // namespace

TEST_CASE("without a reservation PREEMPT removes those with the key") {
    logical_unit lu = four();
    const auto outcome = lu.send(2, preempt, 1, parameter_list(0xB, 0xA));
    CHECK(outcome.attentions == attentions{{1, 0x2a, 0x05}, {4, 0x2a, 0x05}});
    CHECK(lu.keys() == std::vector<std::uint64_t>{0xB, 0xC});
    CHECK_FALSE(lu.pr.is_reserved());
    CHECK(lu.pr.state().generation == 5);
    CHECK(outcome.aborts.empty());
}

TEST_CASE("PREEMPT of a key that nobody has is a conflict") {
    logical_unit lu = four();
    CHECK(is_conflict(lu.send(2, preempt, 1, parameter_list(0xB, 0xD))));
    CHECK(is_conflict(lu.send(2, preempt, 1, parameter_list(0xB, 0))));
    REQUIRE(lu.reserve(1, 0xA, 1).answer.good());
    CHECK(is_conflict(lu.send(2, preempt, 1, parameter_list(0xB, 0xD))));
    CHECK(lu.keys().size() == 4);
    CHECK(lu.pr.state().generation == 4);
}

TEST_CASE("PREEMPT of the holder's key takes the reservation over") {
    logical_unit lu = four();
    REQUIRE(lu.reserve(1, 0xA, 5).answer.good());
    SUBCASE("with the same type those who remain are not told") {
        const auto outcome = lu.send(2, preempt, 5, parameter_list(0xB, 0xA));
        CHECK(outcome.attentions == attentions{{1, 0x2a, 0x05}, {4, 0x2a, 0x05}});
    }
    SUBCASE("with another type they are") {
        const auto outcome = lu.send(2, preempt, 1, parameter_list(0xB, 0xA));
        CHECK(outcome.attentions == attentions{{1, 0x2a, 0x05}, {4, 0x2a, 0x05}, {3, 0x2a, 0x04}});
        CHECK(lu.pr.rule_for(3) == access_rule::write_exclusive);
    }
    CHECK(lu.pr.is_holder(2));
    CHECK_FALSE(lu.pr.is_registered(1));
    CHECK(lu.keys() == std::vector<std::uint64_t>{0xB, 0xC});
}

TEST_CASE("PREEMPT of another key leaves the reservation alone") {
    logical_unit lu = four();
    REQUIRE(lu.reserve(2, 0xB, 3).answer.good());
    CHECK(lu.send(3, preempt, 5, parameter_list(0xC, 0xA)).answer.good());
    CHECK(lu.pr.is_holder(2));
    CHECK(lu.pr.state().reservation == pr_type::exclusive_access);
    CHECK(lu.keys() == std::vector<std::uint64_t>{0xB, 0xC});
}

TEST_CASE("a nexus that preempts its own key stays registered") {
    logical_unit lu = four();
    SUBCASE("without a reservation") {}
    SUBCASE("while another one holds") {
        REQUIRE(lu.reserve(2, 0xB, 1).answer.good());
    }
    SUBCASE("while all hold") {
        REQUIRE(lu.reserve(2, 0xB, 8).answer.good());
    }
    const auto outcome = lu.send(1, preempt_and_abort, 1, parameter_list(0xA, 0xA));
    CHECK(outcome.answer.good());
    CHECK(outcome.attentions == attentions{{4, 0x2a, 0x05}});
    CHECK(outcome.aborts == std::vector<nexus_number>{4});
    CHECK(lu.pr.is_registered(1));
    CHECK_FALSE(lu.pr.is_registered(4));
}

TEST_CASE("a holder that preempts itself changes the type") {
    logical_unit lu = four();
    REQUIRE(lu.reserve(2, 0xB, 1).answer.good());
    const auto outcome = lu.send(2, preempt, 6, parameter_list(0xB, 0xB));
    CHECK(outcome.attentions == attentions{{1, 0x2a, 0x04}, {3, 0x2a, 0x04}, {4, 0x2a, 0x04}});
    CHECK(lu.pr.state().reservation == pr_type::exclusive_access_registrants);
    CHECK(lu.pr.is_holder(2));
    CHECK(lu.keys().size() == 4);
}

TEST_CASE("the key 0 preempts everybody where all registrants hold, and nobody elsewhere") {
    logical_unit lu = four();
    REQUIRE(lu.reserve(1, 0xA, 7).answer.good());
    const auto outcome = lu.send(3, preempt, 1, parameter_list(0xC, 0));
    CHECK(outcome.attentions == attentions{{1, 0x2a, 0x05}, {2, 0x2a, 0x05}, {4, 0x2a, 0x05}});
    CHECK(lu.keys() == std::vector<std::uint64_t>{0xC});
    CHECK(lu.pr.state().reservation == pr_type::write_exclusive);
    CHECK(lu.pr.is_holder(3));
    const auto refused = lu.send(3, preempt, 1, parameter_list(0xC, 0));
    CHECK(is_illegal(refused, 0x26, 0));
    CHECK(points_at(refused, false, 8));
}

TEST_CASE("where all registrants hold, a key removes its registrants and the reservation stays") {
    logical_unit lu = four();
    REQUIRE(lu.reserve(1, 0xA, 8).answer.good());
    CHECK(lu.send(3, preempt, 1, parameter_list(0xC, 0xA)).answer.good());
    CHECK(lu.pr.state().reservation == pr_type::exclusive_access_all);
    CHECK(lu.keys() == std::vector<std::uint64_t>{0xB, 0xC});
}

TEST_CASE("a reservation for all can be put in the place of one with a holder") {
    logical_unit lu = four();
    REQUIRE(lu.reserve(2, 0xB, 1).answer.good());
    CHECK(lu.send(3, preempt, 7, parameter_list(0xC, 0xB)).answer.good());
    CHECK(lu.pr.is_holder(1));
    CHECK(lu.pr.is_holder(3));
    CHECK_FALSE(lu.pr.is_holder(2));
}

TEST_CASE("PREEMPT AND ABORT names the nexuses whose commands have to go") {
    logical_unit lu = four();
    lu.add(11, logical_unit::id('a'), 1); // the same I_T nexus again, through another LUN
    REQUIRE(lu.reserve(1, 0xA, 5).answer.good());
    const auto outcome = lu.send(2, preempt_and_abort, 5, parameter_list(0xB, 0xA));
    CHECK(outcome.aborts == std::vector<nexus_number>{1, 11, 4});
    CHECK(outcome.attentions == attentions{{1, 0x2a, 0x05}, {11, 0x2a, 0x05}, {4, 0x2a, 0x05}});
}

TEST_CASE("PREEMPT removes registrants that are not there and tells them later") {
    logical_unit lu = four();
    REQUIRE(lu.reserve(1, 0xA, 1).answer.good());
    lu.pr.unbind(1);
    lu.pr.unbind(4);
    const auto outcome = lu.send(2, preempt_and_abort, 1, parameter_list(0xB, 0xA));
    CHECK(outcome.attentions.empty());
    CHECK(outcome.aborts.empty());
    CHECK(lu.pr.is_holder(2));
    lu.add(70, logical_unit::id('a'), 1);
    CHECK(lu.pr.take_missed(70) == attentions{{70, 0x2a, 0x05}});
}

TEST_CASE("PREEMPT with a type that does not exist is refused at the type") {
    logical_unit lu = four();
    for (const std::uint8_t type : bytes{0, 2, 4, 9, 15}) {
        const auto outcome = lu.send(2, preempt, type, parameter_list(0xB, 0xA));
        CHECK(is_illegal(outcome, 0x24, 0));
        CHECK(points_at(outcome, true, 2));
    }
    CHECK(lu.keys().size() == 4);
}
