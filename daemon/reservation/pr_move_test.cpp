// SPDX-License-Identifier: Apache-2.0
// REGISTER AND MOVE (SPC-4 5.13.8, 6.16.4).
#include "reservation/test_support.hpp"

#include <doctest/doctest.h>

using namespace scstd::reservation;
using namespace scstd::reservation::test;

namespace {

constexpr std::uint8_t move_action = 7;
constexpr std::uint8_t unreg = 2;

logical_unit reserved(std::uint8_t type = 1) {
    logical_unit lu;
    REQUIRE(lu.enroll(1, 0xA).answer.good());
    REQUIRE(lu.enroll(2, 0xB).answer.good());
    REQUIRE(lu.reserve(1, 0xA, type).answer.good());
    return lu;
}

} // namespace

TEST_CASE("REGISTER AND MOVE registers another initiator as the holder") {
    logical_unit lu = reserved();
    const auto outcome = lu.send(1, move_action, 0, move_list(0xA, 0xC, 1, logical_unit::id('c')));
    CHECK(outcome.answer.good());
    CHECK(outcome.attentions.empty());
    CHECK(lu.pr.is_holder(3));
    CHECK_FALSE(lu.pr.is_holder(1));
    CHECK(lu.pr.is_registered(1));
    CHECK(lu.keys() == std::vector<std::uint64_t>{0xA, 0xB, 0xC});
    CHECK(lu.pr.state().generation == 3);
    CHECK(lu.pr.state().reservation == pr_type::write_exclusive);
}

TEST_CASE("UNREG takes the former holder's registration away") {
    logical_unit lu = reserved();
    CHECK(lu.send(1, move_action, 0, move_list(0xA, 0xC, 1, logical_unit::id('c'), unreg | aptpl)).persist ==
          pr_persist::save);
    CHECK(lu.pr.is_holder(3));
    CHECK_FALSE(lu.pr.is_registered(1));
    CHECK(lu.pr.state().aptpl);
}

TEST_CASE("a registrant gets the reservation with the new key") {
    logical_unit lu = reserved();
    CHECK(lu.send(1, move_action, 0, move_list(0xA, 0xBB, 1, logical_unit::id('b'))).answer.good());
    CHECK(lu.keys() == std::vector<std::uint64_t>{0xA, 0xBB});
    CHECK(lu.pr.is_holder(2));
}

TEST_CASE("the reservation may move to another port of the same initiator, but not to itself") {
    logical_unit lu = reserved();
    CHECK(is_illegal(lu.send(1, move_action, 0, move_list(0xA, 0xD, 1, logical_unit::id('a'))), 0x26, 0));
    CHECK(lu.pr.is_holder(1));
    CHECK(lu.send(1, move_action, 0, move_list(0xA, 0xD, 2, logical_unit::id('a'))).answer.good());
    CHECK(lu.pr.is_holder(4));
    CHECK_FALSE(lu.pr.is_holder(1));
}

TEST_CASE("REGISTER AND MOVE is for the holder of a reservation with one holder") {
    const bytes list = move_list(0xB, 0xC, 1, logical_unit::id('c'));
    logical_unit unreserved;
    REQUIRE(unreserved.enroll(2, 0xB).answer.good());
    CHECK(is_illegal(unreserved.send(2, move_action, 0, list), 0x24, 0));
    logical_unit other = reserved();
    CHECK(is_conflict(other.send(2, move_action, 0, list)));
    CHECK(is_conflict(other.send(3, move_action, 0, list)));
    logical_unit all = reserved(8);
    CHECK(is_conflict(all.send(2, move_action, 0, list)));
    CHECK(is_conflict(other.send(1, move_action, 0, list))); // the wrong key
}

TEST_CASE("the key 0, a wildcard and nonsense are refused at their place") {
    logical_unit lu = reserved();
    auto outcome = lu.send(1, move_action, 0, move_list(0xA, 0, 1, logical_unit::id('c')));
    CHECK(is_illegal(outcome, 0x26, 0));
    CHECK(points_at(outcome, false, 8));
    outcome = lu.send(1, move_action, 0, move_list(0xA, 0xC, 1, iscsi_id("iqn.2026-01.org.example:host-c", "")));
    CHECK(is_illegal(outcome, 0x26, 0));
    CHECK(points_at(outcome, false, 24));
    bytes nonsense(24, 0xff);
    CHECK(is_illegal(lu.send(1, move_action, 0, move_list(0xA, 0xC, 1, nonsense)), 0x26, 0));
    CHECK(lu.pr.is_holder(1));
}

TEST_CASE("every wrong length of the TransportID is refused") {
    logical_unit lu = reserved();
    const bytes good = move_list(0xA, 0xC, 1, logical_unit::id('c'));
    for (std::size_t size = 0; size < good.size(); ++size) {
        const auto outcome =
            lu.send(1, move_action, 0, bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
        CHECK(is_illegal(outcome, size < 24 ? 0x1a : 0x26, 0));
    }
    for (std::uint32_t length : {0u, 1u, 23u, 28u, 0xffffffffu}) {
        bytes list = good;
        scst::store_be32(&list[20], length);
        const auto outcome = lu.send(1, move_action, 0, list);
        CHECK(is_illegal(outcome, 0x26, 0));
        CHECK((length == 28 ? points_at(outcome, false, 24) : points_at(outcome, false, 20)));
    }
    CHECK(lu.pr.is_holder(1));
    CHECK(lu.send(1, move_action, 0, good).answer.good());
}
