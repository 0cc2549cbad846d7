// SPDX-License-Identifier: Apache-2.0
// RESERVE, RELEASE, CLEAR, access by type, nexuses that come and go, and what every command has in common.
#include "reservation/test_support.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace scstd::reservation;
using namespace scstd::reservation::test;

namespace {

// Nexus 1 holds, 2 is registered, 3 is not.
void reserve_with_two(logical_unit &lu, std::uint8_t type) {
    REQUIRE(lu.enroll(1, 0x11).answer.good());
    REQUIRE(lu.enroll(2, 0x22).answer.good());
    REQUIRE(lu.reserve(1, 0x11, type).answer.good());
}

} // namespace

TEST_CASE("each type admits whom it should") {
    struct row {
        std::uint8_t type;
        access_rule other_registrant;
        access_rule stranger;
    };
    constexpr row rows[] = {
        {1, access_rule::write_exclusive, access_rule::write_exclusive},
        {3, access_rule::exclusive, access_rule::exclusive},
        {5, access_rule::all, access_rule::write_exclusive},
        {6, access_rule::all, access_rule::exclusive},
        {7, access_rule::all, access_rule::write_exclusive},
        {8, access_rule::all, access_rule::exclusive},
    };
    for (const row &expected : rows) {
        CAPTURE(int{expected.type});
        logical_unit lu;
        reserve_with_two(lu, expected.type);
        CHECK(lu.pr.rule_for(1) == access_rule::all);
        CHECK(lu.pr.rule_for(2) == expected.other_registrant);
        CHECK(lu.pr.rule_for(3) == expected.stranger);
        CHECK(lu.pr.rule_for(777) == expected.stranger);
        CHECK(lu.pr.is_holder(2) == (expected.type >= 7));
        CHECK_FALSE(lu.pr.is_holder(3));
    }
}

TEST_CASE("without a reservation registrations keep nobody out") {
    logical_unit lu;
    CHECK(lu.enroll(1, 0x11).answer.good());
    CHECK(lu.pr.rule_for(2) == access_rule::all);
}

TEST_CASE("RESERVE of every type number is answered right") {
    for (std::uint8_t type = 0; type < 16; ++type) {
        CAPTURE(int{type});
        logical_unit lu;
        CHECK(lu.enroll(1, 0x11).answer.good());
        const auto outcome = lu.reserve(1, 0x11, type);
        const bool known = type == 1 || type == 3 || (type >= 5 && type <= 8);
        CHECK(outcome.answer.good() == known);
        CHECK(lu.pr.is_reserved() == known);
        if (!known) {
            CHECK(is_illegal(outcome, 0x24, 0));
            CHECK(points_at(outcome, true, 2));
        }
        CHECK(lu.pr.state().generation == 1);
    }
}

TEST_CASE("RESERVE again is GOOD for the holder with the same type and a conflict otherwise") {
    logical_unit lu;
    reserve_with_two(lu, 1);
    CHECK(lu.reserve(1, 0x11, 1).answer.good());
    CHECK(is_conflict(lu.reserve(1, 0x11, 3)));
    CHECK(is_conflict(lu.reserve(2, 0x22, 1)));
    logical_unit shared;
    reserve_with_two(shared, 8);
    CHECK(shared.reserve(2, 0x22, 8).answer.good());
    CHECK(is_conflict(shared.reserve(2, 0x22, 7)));
}

TEST_CASE("RELEASE by whoever does not hold does nothing") {
    logical_unit lu;
    CHECK(lu.enroll(1, 0x11).answer.good());
    CHECK(lu.send(1, 2, 2, parameter_list(0x11, 0)).answer.good()); // nothing reserved: the type does not matter
    CHECK(lu.enroll(2, 0x22).answer.good());
    CHECK(lu.reserve(1, 0x11, 5).answer.good());
    CHECK(lu.send(2, 2, 5, parameter_list(0x22, 0)).answer.good());
    CHECK(lu.pr.is_reserved());
}

TEST_CASE("RELEASE with another type is an invalid release") {
    logical_unit lu;
    reserve_with_two(lu, 5);
    CHECK(is_illegal(lu.send(1, 2, 6, parameter_list(0x11, 0)), 0x26, 0x04));
    CHECK(lu.pr.is_reserved());
}

TEST_CASE("RELEASE tells those who had access through the reservation") {
    logical_unit lu;
    reserve_with_two(lu, 5);
    CHECK(lu.send(1, 2, 5, parameter_list(0x11, 0)).attentions == std::vector<pr_attention>{{2, 0x2a, 0x04}});
    CHECK_FALSE(lu.pr.is_reserved());
    logical_unit exclusive;
    reserve_with_two(exclusive, 1);
    CHECK(exclusive.send(1, 2, 1, parameter_list(0x11, 0)).attentions.empty());
    logical_unit all;
    reserve_with_two(all, 7);
    CHECK(all.send(2, 2, 7, parameter_list(0x22, 0)).attentions == std::vector<pr_attention>{{1, 0x2a, 0x04}});
}

TEST_CASE("after RELEASE a new holder is the only one") {
    logical_unit lu;
    reserve_with_two(lu, 1);
    CHECK(lu.send(1, 2, 1, parameter_list(0x11, 0)).answer.good());
    CHECK(lu.reserve(2, 0x22, 3).answer.good());
    CHECK(lu.pr.is_holder(2));
    CHECK_FALSE(lu.pr.is_holder(1));
}

TEST_CASE("CLEAR by any registrant ends it all and tells the others") {
    logical_unit lu;
    reserve_with_two(lu, 3);
    const auto outcome = lu.send(2, 3, 0, parameter_list(0x22, 0), 5); // the scope does not matter
    CHECK(outcome.answer.good());
    CHECK(outcome.attentions == std::vector<pr_attention>{{1, 0x2a, 0x03}});
    CHECK_FALSE(lu.pr.has_registrants());
    CHECK_FALSE(lu.pr.is_reserved());
    CHECK(lu.pr.rule_for(3) == access_rule::all);
}

TEST_CASE("only registrants may do more than register") {
    for (std::uint8_t action = 0; action < 32; ++action) {
        CAPTURE(int{action});
        logical_unit lu;
        const auto outcome = lu.send(1, action, 1, parameter_list(0, 0x11));
        if (action == 0 || action == 6)
            CHECK(outcome.answer.good());
        else if (action <= 7)
            CHECK(is_conflict(outcome));
        else
            CHECK((is_illegal(outcome, 0x24, 0) && points_at(outcome, true, 1)));
    }
}

TEST_CASE("another scope is refused where the scope counts") {
    for (const std::uint8_t action : bytes{1, 2, 4, 5}) {
        logical_unit lu;
        CHECK(lu.enroll(1, 0x11).answer.good());
        const auto outcome = lu.send(1, action, 1, parameter_list(0x11, 0x11), 1);
        CHECK(is_illegal(outcome, 0x24, 0));
        CHECK(points_at(outcome, true, 2));
        CHECK(outcome.answer.field->bit == 4);
    }
    logical_unit lu;
    CHECK(lu.send(1, 0, 0, parameter_list(0, 0x11), 15).answer.good());
}

TEST_CASE("a parameter list of another length is refused") {
    for (const std::uint8_t action : bytes{0, 1, 2, 3, 4, 5, 6}) {
        logical_unit lu;
        CHECK(lu.enroll(1, 0x11).answer.good());
        for (std::size_t size = 0; size < 40; ++size) {
            bytes list = parameter_list(0x11, 0x11);
            list.resize(size);
            if (size == 24)
                continue;
            CAPTURE(int{action});
            CAPTURE(size);
            CHECK(is_illegal(lu.send(1, action, 1, list), 0x1a, 0));
        }
    }
}

TEST_CASE("every bit of the fields of the CDB arrives where it belongs") {
    const bytes cdb{0x5f, 0xe5, 0x37, 0, 0, 0, 0, 0, 24, 0};
    const auto request = pr_out_request::from_cdb(cdb, {});
    CHECK(request.service_action == 5);
    CHECK(request.scope == 3);
    CHECK(request.type == 7);
}

TEST_CASE("a wrong key is a conflict for everything but REGISTER AND IGNORE") {
    for (const std::uint8_t action : bytes{0, 1, 2, 3, 4, 5}) {
        logical_unit lu;
        CHECK(lu.enroll(1, 0x11).answer.good());
        CHECK(is_conflict(lu.send(1, action, 1, parameter_list(0x12, 0x11))));
    }
}

TEST_CASE("a registration outlives its nexus and binds to the next one of the same port") {
    logical_unit lu;
    reserve_with_two(lu, 1);
    lu.pr.unbind(1);
    CHECK(lu.pr.is_reserved());
    CHECK(lu.pr.rule_for(1) == access_rule::write_exclusive);
    lu.add(50, logical_unit::id('a'), 1);
    CHECK(lu.pr.is_holder(50));
    CHECK(lu.send(50, 2, 1, parameter_list(0x11, 0)).answer.good());
    CHECK_FALSE(lu.pr.is_reserved());
    lu.pr.unbind(12345); // unknown: ignored
}

TEST_CASE("two LUNs of one session are one I_T nexus") {
    logical_unit lu;
    lu.add(20, logical_unit::id('b'), 1);
    CHECK(lu.enroll(1, 0x11).answer.good());
    CHECK(lu.enroll(2, 0x22).answer.good());
    CHECK(lu.pr.is_registered(20));
    CHECK(lu.reserve(20, 0x22, 5).answer.good());
    CHECK(lu.pr.is_holder(2));
    const auto outcome = lu.send(1, 3, 0, parameter_list(0x11, 0));
    CHECK(outcome.attentions == std::vector<pr_attention>{{2, 0x2a, 0x03}, {20, 0x2a, 0x03}});
}

TEST_CASE("an initiator port that was away is told what it missed, once") {
    logical_unit lu;
    reserve_with_two(lu, 5);
    lu.pr.unbind(2);
    CHECK(lu.send(1, 3, 0, parameter_list(0x11, 0)).attentions.empty());
    lu.add(3, logical_unit::id('c'), 1);
    CHECK(lu.pr.take_missed(3).empty());
    lu.add(50, logical_unit::id('b'), 1);
    CHECK(lu.pr.take_missed(50) == std::vector<pr_attention>{{50, 0x2a, 0x03}});
    CHECK(lu.pr.take_missed(50).empty());
    CHECK(lu.pr.take_missed(999).empty());
}

TEST_CASE("nexuses without a TransportID and registrations exclude each other") {
    logical_unit lu;
    REQUIRE(lu.pr.bind(30, {}, 3));
    CHECK_FALSE(lu.pr.is_supported());
    CHECK(is_illegal(lu.enroll(1, 0x11), 0x20, 0));
    CHECK(lu.pr.pr_in(1, 0, 100).answer.asc == 0x20);
    lu.pr.unbind(30);
    CHECK(lu.enroll(1, 0x11).answer.good());
    CHECK_FALSE(lu.pr.bind(31, {}, 3));
    const bytes garbage{0x45, 0, 0xff, 0xff, 1, 2, 3};
    CHECK_FALSE(lu.pr.bind(31, garbage, 3));
    CHECK(lu.pr.is_supported());
    CHECK(is_illegal(lu.enroll(31, 0x31), 0x20, 0)); // it is not there
}

TEST_CASE("nothing changes until commit, and an outcome that is out of date is refused") {
    logical_unit lu;
    const bytes list = parameter_list(0, 0x11);
    pr_out_request request;
    request.parameters = list;
    auto first = lu.pr.prepare_out(1, request, lu.ports);
    auto second = lu.pr.prepare_out(2, request, lu.ports);
    CHECK(first.answer.good());
    CHECK_FALSE(lu.pr.has_registrants());
    CHECK(lu.pr.commit(std::move(first)));
    CHECK(lu.pr.has_registrants());
    CHECK_FALSE(lu.pr.commit(std::move(second)));
    CHECK(lu.keys() == std::vector<std::uint64_t>{0x11});
}

TEST_CASE("a dropped outcome leaves everything as it was") {
    logical_unit lu;
    reserve_with_two(lu, 1);
    const std::string before = lu.pr.to_text();
    const bytes list = parameter_list(0x22, 0x11);
    pr_out_request request{4, 0, 3, list};
    static_cast<void>(lu.pr.prepare_out(2, request, lu.ports));
    CHECK(lu.pr.to_text() == before);
    CHECK(lu.pr.is_holder(1));
}

TEST_CASE("a nexus that comes between prepare and commit is bound") {
    logical_unit lu;
    const bytes list = parameter_list(0, 0x11, all_tg_pt);
    pr_out_request request{0, 0, 0, list};
    auto outcome = lu.pr.prepare_out(1, request, lu.ports);
    lu.add(60, logical_unit::id('a'), 2);
    lu.pr.unbind(1);
    CHECK(lu.pr.commit(std::move(outcome)));
    CHECK(lu.pr.is_registered(60));
    CHECK(lu.keys().size() == 2);
}

TEST_CASE("a state that was loaded binds to the nexuses there are") {
    logical_unit lu;
    reserve_with_two(lu, 6);
    pr_state saved = lu.pr.state();
    logical_unit other;
    other.pr.load(saved);
    CHECK(other.pr.is_holder(1));
    CHECK(other.pr.is_registered(2));
    CHECK(other.pr.rule_for(3) == access_rule::exclusive);
}

TEST_CASE("restoring from text keeps APTPL and says what to do with the file") {
    logical_unit lu;
    CHECK(lu.enroll(1, 0x11, aptpl).answer.good());
    logical_unit other;
    reserve_with_two(other, 6);
    auto outcome = lu.pr.prepare_restore(other.pr.to_text());
    REQUIRE(outcome);
    CHECK(outcome.value().persist == pr_persist::save);
    CHECK(lu.pr.commit(outcome.take()));
    CHECK(lu.pr.is_holder(1));
    CHECK(lu.pr.state().aptpl);
    CHECK(lu.pr.to_text() == other.pr.to_text());
    auto nothing = lu.pr.prepare_restore("version 1\n");
    REQUIRE(nothing);
    CHECK(nothing.value().persist == pr_persist::remove);
    CHECK(lu.pr.commit(nothing.take()));
    CHECK_FALSE(lu.pr.has_registrants());
    CHECK_FALSE(lu.pr.prepare_restore("version 2\n"));
}

TEST_CASE("no parameter list, whatever is in it, leaves a state that makes no sense") {
    logical_unit lu;
    std::mt19937 random{3};
    const auto byte = [&] { return static_cast<std::uint8_t>(random()); };
    for (int round = 0; round < 20000; ++round) {
        const auto nexus = static_cast<nexus_number>(1 + random() % 4);
        bytes list = random() % 2 == 0 ? with_ids(parameter_list(random() % 3, random() % 3, byte() & 0x0f),
                                                  {logical_unit::id('b'), logical_unit::id('z')})
                                       : move_list(random() % 3, random() % 3, static_cast<std::uint16_t>(random() % 3),
                                                   logical_unit::id('c'), byte());
        for (std::size_t change = random() % 4; change > 0; --change)
            list[16 + random() % (list.size() - 16)] = byte();
        if (random() % 3 == 0)
            list.resize(24);
        static_cast<void>(lu.send(nexus, static_cast<std::uint8_t>(random() % 9),
                                  static_cast<std::uint8_t>(random() % 9), list, random() % 20 == 0 ? 1 : 0));
        pr_state copy = lu.pr.state();
        REQUIRE(check_and_normalise(copy));
    }
    CHECK(lu.pr.state().generation > 100);
}
