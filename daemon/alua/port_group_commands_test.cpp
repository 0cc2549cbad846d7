// SPDX-License-Identifier: Apache-2.0
#include "alua/port_group_commands.hpp"

#include <scst/bytes.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace scstd::alua;

namespace {

using bytes = std::vector<std::uint8_t>;
using wanted = std::vector<std::pair<std::uint16_t, access_state>>;

bytes hex(std::string_view digits) {
    bytes out;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(std::stoi(std::string{digits.substr(i, 2)}, nullptr, 16)));
    return out;
}

device_groups example() {
    device_groups groups;
    groups.set_local_target("local", 7);
    groups.set_local_target("iqn", 5);
    REQUIRE(groups.create("dg1"));
    REQUIRE(groups.add_device("dg1", "alua1"));
    REQUIRE(groups.create_target_group("dg1", "tgA"));
    REQUIRE(groups.set_group_id("dg1", "tgA", 257));
    REQUIRE(groups.add_target("dg1", "tgA", "local"));
    REQUIRE(groups.create_target_group("dg1", "tgB"));
    REQUIRE(groups.set_group_id("dg1", "tgB", 258));
    REQUIRE(groups.set_state("dg1", "tgB", "nonoptimized"));
    REQUIRE(groups.set_preferred("dg1", "tgB", 1));
    REQUIRE(groups.add_target("dg1", "tgB", "iqn"));
    REQUIRE(groups.add_target("dg1", "tgB", "other:node:target"));
    REQUIRE(groups.set_remote_id("dg1", "tgB", "other:node:target", 99));
    return groups;
}

report_answer report(const device_groups &groups, std::string_view device, std::uint32_t allocation_length,
                     std::uint8_t format = 0) {
    bytes cdb(12);
    cdb[0] = 0xa3;
    cdb[1] = static_cast<std::uint8_t>(format << 5 | 0x0a);
    scst::store_be32(&cdb[6], allocation_length);
    return report_target_port_groups(groups, device, cdb);
}

bytes set_list(const std::vector<std::pair<std::uint8_t, std::uint16_t>> &descriptors) {
    bytes list(4);
    for (const auto &[state, id] : descriptors) {
        bytes one(4);
        one[0] = state;
        scst::store_be16(&one[2], id);
        list.insert(list.end(), one.begin(), one.end());
    }
    return list;
}

bool is_error(const command_error &error, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq) {
    return error.key == key && error.asc == asc && error.ascq == ascq;
}

} // namespace

TEST_CASE("REPORT TARGET PORT GROUPS answers as the original does") {
    const device_groups groups = example();
    const bytes plain = hex("0000001c00cf0101000200010000000781cf0102000200020000000500000063");
    const bytes extended = hex("000000201000000000cf0101000200010000000781cf0102000200020000000500000063");
    CHECK(report(groups, "alua1", 1024).data == plain);
    CHECK(report(groups, "alua1", 1024, 1).data == extended);
    CHECK(report(groups, "alua2", 1024).data == hex("00000000"));
    CHECK(report(groups, "alua2", 1024, 1).data == hex("0000000410000000"));
}

TEST_CASE("REPORT TARGET PORT GROUPS is cut at every allocation length and still tells its length") {
    const device_groups groups = example();
    for (const std::uint8_t format : bytes{0, 1}) {
        const bytes whole = report(groups, "alua1", 0xffffffff, format).data;
        for (std::uint32_t length = 0; length < whole.size() + 5; ++length) {
            const bytes data = report(groups, "alua1", length, format).data;
            CHECK(data.size() == std::min<std::size_t>(length, whole.size()));
            CHECK(std::equal(data.begin(), data.end(), whole.begin()));
        }
    }
}

TEST_CASE("other formats are refused") {
    const device_groups groups = example();
    for (std::uint8_t format = 2; format < 8; ++format) {
        const auto answer = report(groups, "alua1", 1024, format);
        CHECK(is_error(answer.error, 5, 0x24, 0));
        REQUIRE(answer.error.field);
        CHECK(answer.error.field->byte == 1);
        CHECK(answer.data.empty());
    }
}

TEST_CASE("a port without an id is not listed, and no count overflows") {
    device_groups groups = example();
    REQUIRE(groups.add_target("dg1", "tgA", "silent"));
    CHECK(report(groups, "alua1", 1024).data.size() == 32);
    for (int i = 0; i < 300; ++i) {
        const std::string name = "port" + std::to_string(i);
        REQUIRE(groups.add_target("dg1", "tgA", name));
        REQUIRE(groups.set_remote_id("dg1", "tgA", name, static_cast<std::uint64_t>(1000 + i)));
    }
    const bytes data = report(groups, "alua1", 65535).data;
    CHECK(data[4 + 7] == 255);
    CHECK(data.size() == 4 + 8 + 255 * 4 + 8 + 2 * 4);
    CHECK(scst::load_be32(&data[0]) == data.size() - 4);
}

TEST_CASE("SET TARGET PORT GROUPS says what is wanted, and apply does it") {
    device_groups groups = example();
    const auto answer = decide_set_target_port_groups(groups, "alua1", true, set_list({{2, 257}, {0, 258}}));
    CHECK(answer.error.good());
    CHECK(answer.wanted == wanted{{257, access_state::standby}, {258, access_state::active}});
    const changes done = groups.apply("alua1", answer.wanted);
    CHECK(done == changes{{"alua1", "local", access_state::active, access_state::standby, true},
                          {"alua1", "iqn", access_state::nonoptimized, access_state::active, true}});
    CHECK(groups.state_for("alua1", "local") == access_state::standby);
    CHECK(groups.apply("no_such", answer.wanted).empty());
}

TEST_CASE("SET TARGET PORT GROUPS without a change wants nothing") {
    const device_groups groups = example();
    for (const bytes &list : {bytes{}, set_list({}), set_list({{0, 257}}), set_list({{0, 257}, {1, 258}})}) {
        const auto answer = decide_set_target_port_groups(groups, "alua1", true, list);
        CHECK(answer.error.good());
        CHECK(answer.wanted.empty());
    }
    CHECK(decide_set_target_port_groups(groups, "alua2", true, set_list({})).error.good());
}

TEST_CASE("SET TARGET PORT GROUPS refuses what it can't do") {
    device_groups groups = example();
    const auto error = [&](std::string_view device, const bytes &list, bool allowed_here = true) {
        const auto answer = decide_set_target_port_groups(groups, device, allowed_here, list);
        CHECK(answer.wanted.empty());
        return answer.error;
    };
    CHECK(is_error(error("alua1", set_list({{0, 258}}), false), 5, 0x24, 0));
    CHECK(is_error(error("alua2", set_list({{0, 257}})), 4, 0x67, 0x0a));
    CHECK(is_error(error("alua1", set_list({{0, 0}})), 4, 0x67, 0x0a));
    CHECK(is_error(error("alua1", set_list({{0, 999}})), 4, 0x67, 0x0a));
    CHECK(is_error(error("alua1", set_list({{2, 257}, {0, 999}})), 4, 0x67, 0x0a));
    for (std::uint8_t state = 4; state < 16; ++state)
        if (state != 0xe)
            CHECK(is_error(error("alua1", set_list({{state, 257}})), 4, 0x67, 0x0a));
    const std::vector<std::pair<std::uint8_t, std::uint16_t>> many(65, {0, 257});
    const auto too_many = error("alua1", set_list(many));
    CHECK(is_error(too_many, 5, 0x24, 0));
    CHECK(too_many.field->byte == 6);
    REQUIRE(groups.set_state("dg1", "tgA", "transitioning"));
    CHECK(is_error(error("alua1", set_list({{0, 257}})), 2, 0x04, 0x0a));
}

TEST_CASE("SET TARGET PORT GROUPS lists of every wrong length are refused") {
    const device_groups groups = example();
    const bytes whole = set_list({{2, 257}, {0, 258}});
    for (std::size_t size = 1; size < whole.size(); ++size) {
        if (size % 4 == 0)
            continue;
        const auto answer = decide_set_target_port_groups(groups, "alua1", true, std::span{whole}.first(size));
        CHECK(is_error(answer.error, 5, 0x1a, 0));
        CHECK(answer.wanted.empty());
    }
}
