// SPDX-License-Identifier: Apache-2.0
// REGISTER and REGISTER AND IGNORE EXISTING KEY (SPC-4 5.13.7).
#include "reservation/test_support.hpp"

#include <doctest/doctest.h>

using namespace scstd::reservation;
using namespace scstd::reservation::test;

TEST_CASE("REGISTER makes, changes and takes back a registration") {
    logical_unit lu;
    CHECK(lu.enroll(1, 0x11).answer.good());
    CHECK(lu.pr.is_registered(1));
    CHECK_FALSE(lu.pr.is_registered(4)); // the same initiator through another port
    CHECK(lu.send(1, 0, 0, parameter_list(0x11, 0x12)).answer.good());
    CHECK(lu.keys() == std::vector<std::uint64_t>{0x12});
    CHECK(lu.send(1, 0, 0, parameter_list(0x12, 0)).answer.good());
    CHECK_FALSE(lu.pr.has_registrants());
    CHECK(lu.pr.state().generation == 3);
}

TEST_CASE("REGISTER with a wrong key conflicts and changes nothing") {
    logical_unit lu;
    CHECK(is_conflict(lu.send(1, 0, 0, parameter_list(5, 0x11))));
    CHECK_FALSE(lu.pr.has_registrants());
    CHECK(lu.enroll(1, 0x11).answer.good());
    CHECK(is_conflict(lu.send(1, 0, 0, parameter_list(0, 0x12))));
    CHECK(is_conflict(lu.send(1, 0, 0, parameter_list(0x12, 0))));
    CHECK(lu.keys() == std::vector<std::uint64_t>{0x11});
    CHECK(lu.pr.state().generation == 1);
}

TEST_CASE("REGISTER AND IGNORE EXISTING KEY does not look at the key") {
    logical_unit lu;
    CHECK(lu.send(1, 6, 0, parameter_list(0x99, 0x11)).answer.good());
    CHECK(lu.send(1, 6, 0, parameter_list(0x99, 0x12)).answer.good());
    CHECK(lu.keys() == std::vector<std::uint64_t>{0x12});
    CHECK(lu.send(1, 6, 0, parameter_list(0x99, 0)).answer.good());
    CHECK_FALSE(lu.pr.has_registrants());
}

TEST_CASE("a REGISTER that does nothing counts as a generation, but has no say in APTPL") {
    logical_unit lu;
    CHECK(lu.enroll(2, 0x22, aptpl).persist == pr_persist::save);
    const auto outcome = lu.enroll(1, 0);
    CHECK(outcome.answer.good());
    CHECK(outcome.persist == pr_persist::nothing);
    CHECK(outcome.changed);
    CHECK_FALSE(outcome.access_changed);
    CHECK(lu.pr.state().generation == 2);
    CHECK(lu.pr.state().aptpl);
    CHECK(lu.send(1, 6, 0, parameter_list(0, 0)).answer.good());
    CHECK(lu.pr.state().aptpl);
}

TEST_CASE("the last REGISTER decides on APTPL, and so on the file") {
    logical_unit lu;
    CHECK(lu.enroll(1, 0x11).persist == pr_persist::nothing);
    CHECK(lu.enroll(2, 0x22, aptpl).persist == pr_persist::save);
    CHECK(lu.reserve(1, 0x11, 1).persist == pr_persist::save);
    CHECK(lu.reserve(1, 0x11, 1).persist == pr_persist::nothing); // nothing new
    CHECK(lu.send(1, 2, 1, parameter_list(0x11, 0)).persist == pr_persist::save);
    CHECK(lu.enroll(3, 0x33).persist == pr_persist::remove);
    CHECK(lu.send(3, 0, 0, parameter_list(0x33, 0x34, aptpl)).persist == pr_persist::save);
    CHECK(lu.send(3, 3, 0, parameter_list(0x34, 0)).persist == pr_persist::remove);
    CHECK(lu.pr.state().aptpl);
    CHECK(lu.enroll(3, 0x33, aptpl).persist == pr_persist::save);
}

TEST_CASE("ALL_TG_PT registers through every port, known nexus or not") {
    logical_unit lu;
    lu.ports = {1, 2, 7};
    CHECK(lu.enroll(1, 0x11, all_tg_pt).answer.good());
    CHECK(lu.keys() == std::vector<std::uint64_t>{0x11, 0x11, 0x11});
    CHECK(lu.pr.is_registered(4));
    lu.add(9, logical_unit::id('a'), 7);
    CHECK(lu.pr.is_registered(9));
    // And takes it back everywhere.
    CHECK(lu.send(4, 0, 0, parameter_list(0x11, 0, all_tg_pt)).answer.good());
    CHECK_FALSE(lu.pr.has_registrants());
}

TEST_CASE("ALL_TG_PT of a registered nexus changes the key on all its ports") {
    logical_unit lu;
    CHECK(lu.enroll(1, 0x11).answer.good());
    SUBCASE("REGISTER leaves the ports alone where there is no registration") {
        CHECK(lu.send(1, 0, 0, parameter_list(0x11, 0x12, all_tg_pt)).answer.good());
        CHECK(lu.keys() == std::vector<std::uint64_t>{0x12});
        CHECK(lu.enroll(4, 0x44).answer.good());
        CHECK(lu.send(1, 0, 0, parameter_list(0x12, 0x13, all_tg_pt)).answer.good());
        CHECK(lu.keys() == std::vector<std::uint64_t>{0x13, 0x13});
    }
    SUBCASE("REGISTER AND IGNORE registers there too") {
        CHECK(lu.send(1, 6, 0, parameter_list(0, 0x12, all_tg_pt)).answer.good());
        CHECK(lu.keys() == std::vector<std::uint64_t>{0x12, 0x12});
        CHECK(lu.pr.is_registered(4));
    }
}

TEST_CASE("SPEC_I_PT registers the initiators listed, those that are there and those that are not") {
    logical_unit lu;
    CHECK(lu.enroll(3, 0x33).answer.good());
    const auto list = with_ids(parameter_list(0, 0x11, spec_i_pt),
                               {logical_unit::id('b'), logical_unit::id('c'), logical_unit::id('x')});
    CHECK(lu.send(1, 0, 0, list).answer.good());
    CHECK(lu.keys() == std::vector<std::uint64_t>{0x33, 0x11, 0x11, 0x11}); // c keeps its own key
    CHECK(lu.pr.is_registered(2));
    lu.add(9, logical_unit::id('x'), 1);
    CHECK(lu.pr.is_registered(9));
}

TEST_CASE("SPEC_I_PT with ALL_TG_PT registers all initiators through all ports") {
    logical_unit lu;
    const auto list = with_ids(parameter_list(0, 0x11, spec_i_pt | all_tg_pt), {logical_unit::id('b')});
    CHECK(lu.send(1, 0, 0, list).answer.good());
    CHECK(lu.keys().size() == 4);
    lu.add(9, logical_unit::id('b'), 2);
    CHECK(lu.pr.is_registered(9));
}

TEST_CASE("an iSCSI name without ISID registers all ports of that name that are logged in") {
    logical_unit lu;
    const std::string name = "iqn.2026-01.org.example:host-b";
    lu.add(9, iscsi_id(name, "00023d000077"), 1);
    lu.add(10, iscsi_id(name, "00023d000088"), 2); // another target port
    CHECK(lu.send(1, 0, 0, with_ids(parameter_list(0, 0x11, spec_i_pt), {iscsi_id(name, "")})).answer.good());
    CHECK(lu.pr.is_registered(2));
    CHECK(lu.pr.is_registered(9));
    CHECK_FALSE(lu.pr.is_registered(10));
    CHECK(lu.keys().size() == 3);
}

TEST_CASE("an iSCSI name without ISID and without a login is kept for whoever logs in under it") {
    logical_unit lu;
    const std::string name = "iqn.2026-01.org.example:later";
    CHECK(lu.send(1, 0, 0, with_ids(parameter_list(0, 0x11, spec_i_pt), {iscsi_id(name, "")})).answer.good());
    CHECK(lu.keys().size() == 2);
    lu.add(9, iscsi_id(name, "00023d000077"), 1);
    CHECK(lu.pr.is_registered(9));
    CHECK(lu.reserve(9, 0x11, 1).answer.good());
    CHECK(lu.pr.rule_for(9) == access_rule::all);
    CHECK(lu.send(9, 0, 0, parameter_list(0x11, 0)).answer.good());
    CHECK(lu.keys().size() == 1);
    CHECK_FALSE(lu.pr.is_reserved());
}

TEST_CASE("a bad list of TransportIDs registers nobody") {
    logical_unit lu;
    const auto good = with_ids(parameter_list(0, 0x11, spec_i_pt), {logical_unit::id('b'), logical_unit::id('x')});
    for (std::size_t size = 24; size < good.size(); ++size)
        CHECK(is_illegal(lu.send(1, 0, 0, bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))), 0x1a,
                         0));
    auto cut = good;
    scst::store_be32(&cut[24], scst::load_be32(&cut[24]) - 4);
    CHECK(is_illegal(lu.send(1, 0, 0, cut), 0x26, 0));
    auto foreign = with_ids(parameter_list(0, 0x11, spec_i_pt), {logical_unit::id('b'), sas_id(7)});
    CHECK(is_illegal(lu.send(1, 0, 0, foreign), 0x26, 0));
    auto huge = good;
    scst::store_be32(&huge[24], 0xffffffff);
    CHECK(is_illegal(lu.send(1, 0, 0, huge), 0x1a, 0));
    CHECK_FALSE(lu.pr.has_registrants());
    CHECK(lu.send(1, 0, 0, good).answer.good());
}

TEST_CASE("flags that the service action does not know are refused with a field pointer") {
    logical_unit lu;
    CHECK(lu.enroll(1, 0x11).answer.good());
    auto outcome = lu.send(1, 6, 0, with_ids(parameter_list(0, 0x12, spec_i_pt), {}));
    CHECK(is_illegal(outcome, 0x26, 0));
    CHECK(points_at(outcome, false, 20));
    CHECK(outcome.answer.field->bit == 3);
    outcome = lu.send(1, 1, 1, parameter_list(0x11, 0, all_tg_pt));
    CHECK(is_illegal(outcome, 0x26, 0));
    CHECK(outcome.answer.field->bit == 2);
    outcome = lu.send(1, 0, 0, with_ids(parameter_list(0x11, 0x12, spec_i_pt), {}));
    CHECK(is_illegal(outcome, 0x26, 0)); // only while it is not registered
    CHECK(lu.keys() == std::vector<std::uint64_t>{0x11});
}

TEST_CASE("more registrations than there is room for are refused whole") {
    logical_unit lu;
    pr_state full;
    for (std::size_t i = 1; i < max_registrants; ++i)
        full.registrants.push_back({transport_id::parse(sas_id(i)), 1, false, 0x77});
    lu.pr.load(full);
    auto outcome = lu.enroll(1, 0x11, all_tg_pt);
    CHECK(is_illegal(outcome, 0x55, 0x04));
    CHECK(lu.keys().size() == max_registrants - 1);
    CHECK(lu.enroll(1, 0x11).answer.good());
    CHECK(is_illegal(lu.enroll(2, 0x22), 0x55, 0x04));
    CHECK(lu.send(1, 0, 0, parameter_list(0x11, 0x12)).answer.good());
}

TEST_CASE("unregistering the holder ends its reservation") {
    logical_unit lu;
    for (const nexus_number nexus : {1u, 2u, 3u})
        CHECK(lu.enroll(nexus, 0x10 + nexus).answer.good());
    SUBCASE("silently where only the holder had access") {
        CHECK(lu.reserve(1, 0x11, 3).answer.good());
        const auto outcome = lu.send(1, 0, 0, parameter_list(0x11, 0));
        CHECK(outcome.attentions.empty());
    }
    SUBCASE("told to the registrants that had access") {
        CHECK(lu.reserve(1, 0x11, 6).answer.good());
        const auto outcome = lu.send(1, 0, 0, parameter_list(0x11, 0));
        CHECK(outcome.attentions == std::vector<pr_attention>{{2, 0x2a, 0x04}, {3, 0x2a, 0x04}});
    }
    CHECK_FALSE(lu.pr.is_reserved());
}

TEST_CASE("a reservation of all registrants ends with the last of them") {
    logical_unit lu;
    CHECK(lu.enroll(1, 0x11).answer.good());
    CHECK(lu.enroll(2, 0x22).answer.good());
    CHECK(lu.reserve(1, 0x11, 7).answer.good());
    CHECK(lu.send(1, 0, 0, parameter_list(0x11, 0)).attentions.empty());
    CHECK(lu.pr.is_reserved());
    CHECK(lu.pr.is_holder(2));
    CHECK(lu.send(2, 0, 0, parameter_list(0x22, 0)).answer.good());
    CHECK_FALSE(lu.pr.is_reserved());
}
