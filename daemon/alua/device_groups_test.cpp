// SPDX-License-Identifier: Apache-2.0
#include "alua/device_groups.hpp"

#include <doctest/doctest.h>

#include <cerrno>

using namespace scstd::alua;
using scstd::result;

namespace {

template <class T>
int code_of(const result<T> &done) {
    return done ? 0 : done.error().code;
}

// disk1 and disk2 in dg1; iqn:a (local, id 5) in tgA, iqn:b (local, id 6) in tgB, peer (not ours, id 99) in tgB.
device_groups example() {
    device_groups groups;
    groups.set_local_target("iqn:a", 5);
    groups.set_local_target("iqn:b", 6);
    REQUIRE(groups.create("dg1"));
    REQUIRE(groups.add_device("dg1", "disk1"));
    REQUIRE(groups.add_device("dg1", "disk2"));
    REQUIRE(groups.create_target_group("dg1", "tgA"));
    REQUIRE(groups.create_target_group("dg1", "tgB"));
    REQUIRE(groups.add_target("dg1", "tgA", "iqn:a"));
    REQUIRE(groups.add_target("dg1", "tgB", "iqn:b"));
    REQUIRE(groups.add_target("dg1", "tgB", "peer"));
    REQUIRE(groups.set_remote_id("dg1", "tgB", "peer", 99));
    REQUIRE(groups.set_group_id("dg1", "tgA", 257));
    REQUIRE(groups.set_group_id("dg1", "tgB", 258));
    return groups;
}

constexpr auto active = access_state::active;
constexpr auto standby = access_state::standby;

} // namespace

TEST_CASE("groups are made and removed with the original's errors") {
    device_groups groups;
    CHECK(code_of(groups.create("")) == EINVAL);
    CHECK(code_of(groups.create("a/b")) == EINVAL);
    CHECK(code_of(groups.create("d1")) == 0);
    CHECK(code_of(groups.create("d1")) == EEXIST);
    CHECK(code_of(groups.remove("no_such")) == EINVAL);
    CHECK(code_of(groups.create_target_group("no_such", "t1")) == EINVAL);
    CHECK(code_of(groups.create_target_group("d1", "")) == EINVAL);
    CHECK(code_of(groups.create_target_group("d1", "t1")) == 0);
    CHECK(code_of(groups.create_target_group("d1", "t1")) == EEXIST);
    CHECK(code_of(groups.remove_target_group("d1", "no_such")) == EINVAL);
    CHECK(code_of(groups.remove_target_group("d1", "t1")) == 0);
    CHECK(code_of(groups.remove("d1")) == 0);
    CHECK(code_of(groups.remove("d1")) == EINVAL);
    CHECK(groups.all().empty());
}

TEST_CASE("a device is in one device group at most") {
    device_groups groups;
    REQUIRE(groups.create("d1"));
    REQUIRE(groups.create("d2"));
    CHECK(code_of(groups.add_device("no_such", "disk1")) == EINVAL);
    CHECK(code_of(groups.add_device("d1", "disk1")) == 0);
    CHECK(code_of(groups.add_device("d1", "disk1")) == EEXIST);
    CHECK(code_of(groups.add_device("d2", "disk1")) == EEXIST);
    CHECK(code_of(groups.remove_device("d2", "disk1")) == EINVAL);
    CHECK(code_of(groups.remove_device("no_such", "disk1")) == EINVAL);
    CHECK(code_of(groups.remove_device("d1", "disk1")) == 0);
    CHECK(code_of(groups.add_device("d2", "disk1")) == 0);
    groups.forget_device("disk1");
    CHECK(groups.group_of("disk1") == nullptr);
    CHECK(code_of(groups.add_device("d1", "disk1")) == 0);
}

TEST_CASE("a target is in one target group of a device group at most") {
    device_groups groups;
    REQUIRE(groups.create("d1"));
    REQUIRE(groups.create("d2"));
    REQUIRE(groups.create_target_group("d1", "t1"));
    REQUIRE(groups.create_target_group("d1", "t2"));
    REQUIRE(groups.create_target_group("d2", "t1"));
    CHECK(code_of(groups.add_target("d1", "t1", "iqn:a")) == 0);
    CHECK(code_of(groups.add_target("d1", "t1", "iqn:a")) == EEXIST);
    CHECK(code_of(groups.add_target("d1", "t2", "iqn:a")) == EEXIST);
    CHECK(code_of(groups.add_target("d1", "no_such", "iqn:a")) == EINVAL);
    CHECK(code_of(groups.add_target("d1", "t1", "")) == EINVAL);
    CHECK(code_of(groups.add_target("d2", "t1", "iqn:a")) == 0);
    CHECK(code_of(groups.remove_target("d1", "no_such")) == EINVAL);
    CHECK(code_of(groups.remove_target("d1", "iqn:a")) == 0);
    CHECK(code_of(groups.add_target("d1", "t2", "iqn:a")) == 0);
    groups.forget_target("iqn:a");
    CHECK(groups.find("d1")->group_of("iqn:a") == nullptr);
    CHECK(groups.find("d2")->group_of("iqn:a") == nullptr);
}

TEST_CASE("values of a target group are checked") {
    device_groups groups = example();
    CHECK(code_of(groups.set_group_id("dg1", "tgA", 0)) == EINVAL);
    CHECK(code_of(groups.set_group_id("dg1", "tgA", 65536)) == EINVAL);
    CHECK(code_of(groups.set_group_id("dg1", "tgA", 65535)) == 0);
    CHECK(code_of(groups.set_group_id("dg1", "no_such", 1)) == EINVAL);
    CHECK(code_of(groups.set_preferred("dg1", "tgA", 2)) == EINVAL);
    CHECK(code_of(groups.set_state("dg1", "tgA", "Active")) == EINVAL);
    CHECK(code_of(groups.set_state("dg1", "tgA", "lba_dependent")) == EINVAL);
    CHECK(code_of(groups.set_remote_id("dg1", "tgB", "peer", 0)) == EINVAL);
    CHECK(code_of(groups.set_remote_id("dg1", "tgB", "peer", 65536)) == EINVAL);
    CHECK(code_of(groups.set_remote_id("dg1", "tgB", "no_such", 1)) == EINVAL);
    CHECK(code_of(groups.set_remote_id("dg1", "tgA", "peer", 1)) == EINVAL);
}

TEST_CASE("the target group of the port decides, and without one nothing is filtered") {
    device_groups groups = example();
    REQUIRE(groups.set_state("dg1", "tgB", "standby"));
    CHECK(groups.state_for("disk1", "iqn:a") == active);
    CHECK(groups.state_for("disk1", "iqn:b") == standby);
    CHECK(groups.state_for("disk1", "iqn:other") == active);
    CHECK(groups.state_for("other", "iqn:b") == active);
    CHECK(groups.decides("disk1", "iqn:b")->group_id == 258);
    CHECK(groups.decides("disk1", "iqn:other") == nullptr);
    CHECK(groups.decides("other", "iqn:b") == nullptr);
}

TEST_CASE("a state change names the pairs of devices and local targets behind it") {
    device_groups groups = example();
    auto done = groups.set_state("dg1", "tgB", "standby");
    REQUIRE(done);
    CHECK(done.value() ==
          changes{{"disk1", "iqn:b", active, standby, true}, {"disk2", "iqn:b", active, standby, true}});
    done = groups.set_state("dg1", "tgB", "standby");
    REQUIRE(done);
    CHECK(done.value().empty());
}

TEST_CASE("the beginning of a transition is not told, its end is") {
    device_groups groups = example();
    auto done = groups.set_state("dg1", "tgA", "transitioning");
    REQUIRE(done);
    REQUIRE(done.value().size() == 2);
    CHECK_FALSE(done.value()[0].attention);
    done = groups.set_state("dg1", "tgA", "active");
    REQUIRE(done);
    REQUIRE(done.value().size() == 2);
    CHECK(done.value()[0].attention);
    CHECK(done.value()[0].before == access_state::transitioning);
}

TEST_CASE("a change of preference is told to the group's ports") {
    device_groups groups = example();
    auto done = groups.set_preferred("dg1", "tgA", 1);
    REQUIRE(done);
    CHECK(done.value() == changes{{"disk1", "iqn:a", active, active, true}, {"disk2", "iqn:a", active, active, true}});
    done = groups.set_preferred("dg1", "tgA", 1);
    REQUIRE(done);
    CHECK(done.value().empty());
}

TEST_CASE("membership changes tell of the pairs whose state becomes another") {
    device_groups groups = example();
    REQUIRE(groups.set_state("dg1", "tgB", "offline"));
    constexpr auto offline = access_state::offline;
    auto done = groups.add_device("dg1", "disk3");
    REQUIRE(done);
    CHECK(done.value() == changes{{"disk3", "iqn:b", active, offline, true}});
    done = groups.remove_device("dg1", "disk3");
    REQUIRE(done);
    CHECK(done.value() == changes{{"disk3", "iqn:b", offline, active, true}});
    done = groups.remove_target("dg1", "iqn:b");
    REQUIRE(done);
    CHECK(done.value().size() == 2);
    done = groups.add_target("dg1", "tgB", "iqn:b");
    REQUIRE(done);
    CHECK(done.value().size() == 2);
    CHECK(done.value()[0].after == offline);
    CHECK(groups.forget_target("iqn:b").size() == 2);
    groups.set_local_target("iqn:b", 6);
    REQUIRE(groups.add_target("dg1", "tgB", "iqn:b"));
    done = groups.remove_target_group("dg1", "tgB");
    REQUIRE(done);
    CHECK(done.value().size() == 2);
}

TEST_CASE("removing a device group opens what it kept shut") {
    device_groups groups = example();
    REQUIRE(groups.set_state("dg1", "tgA", "unavailable"));
    auto done = groups.remove("dg1");
    REQUIRE(done);
    CHECK(done.value().size() == 2);
    CHECK(groups.state_for("disk1", "iqn:a") == active);
    CHECK(groups.group_of("disk1") == nullptr);
}

TEST_CASE("ports have the id of the local target, else the one that was set") {
    device_groups groups = example();
    const device_group &group = *groups.find("dg1");
    CHECK(groups.relative_id(*group.find("tgB")->find("iqn:b")) == 6);
    CHECK(groups.relative_id(*group.find("tgB")->find("peer")) == 99);
    CHECK(groups.remote_ports("disk1") == std::vector<std::uint16_t>{99});
    CHECK(groups.remote_ports("other").empty());
    REQUIRE(groups.add_target("dg1", "tgB", "silent"));
    CHECK_FALSE(groups.relative_id(*group.find("tgB")->find("silent")));
    groups.set_local_target("peer", 12);
    CHECK(groups.is_local("peer"));
    CHECK(groups.relative_id(*group.find("tgB")->find("peer")) == 12);
    CHECK(groups.remote_ports("disk1").empty());
}
