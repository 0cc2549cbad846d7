// SPDX-License-Identifier: Apache-2.0
#include "reservation/transport_id.hpp"

#include "reservation/test_support.hpp"

#include <doctest/doctest.h>

using namespace scstd::reservation;
using namespace scstd::reservation::test;

namespace {
transport_id_ptr parse(const bytes &from) {
    return transport_id::parse(from);
}
} // namespace

TEST_CASE("iSCSI names are compared without case") {
    const auto lower = parse(iscsi_id("iqn.2026-01.org.example:host", "00023d00000a"));
    const auto upper = parse(iscsi_id("IQN.2026-01.ORG.EXAMPLE:HOST", "00023D00000A"));
    REQUIRE(lower);
    REQUIRE(upper);
    CHECK(lower->equals(*upper));
    CHECK(lower->matches(*upper));
    CHECK(lower->match_hash() == upper->match_hash());
}

TEST_CASE("two ISIDs are two ports, and the name alone stands for both") {
    const auto first = parse(iscsi_id("iqn.2026-01.org.example:host", "00023d000001"));
    const auto second = parse(iscsi_id("iqn.2026-01.org.example:host", "00023d000002"));
    const auto device = parse(iscsi_id("iqn.2026-01.org.example:host", ""));
    CHECK_FALSE(first->matches(*second));
    CHECK(device->matches(*first));
    CHECK(second->matches(*device));
    CHECK_FALSE(device->equals(*first));
    CHECK(device->equals(*device));
    CHECK(device->is_wildcard());
    CHECK_FALSE(first->is_wildcard());
}

TEST_CASE("an ISID is a number, however many zeros it begins with") {
    const auto given = parse(iscsi_id("iqn.2026-01.org.example:host", "00023d000001"));
    CHECK(given->equals(*parse(iscsi_id("iqn.2026-01.org.example:host", "23D000001"))));
    CHECK(parse(iscsi_id("iqn.2026-01.org.example:host", "000"))
              ->equals(*parse(iscsi_id("iqn.2026-01.org.example:host", "0"))));
}

TEST_CASE("a name is no prefix of another name") {
    const auto one = parse(iscsi_id("iqn.2026-01.org.example:host", "1"));
    const auto other = parse(iscsi_id("iqn.2026-01.org.example:host2", ""));
    CHECK_FALSE(one->matches(*other));
}

TEST_CASE("other transports compare their 24 bytes") {
    CHECK(parse(sas_id(5))->equals(*parse(sas_id(5))));
    CHECK_FALSE(parse(sas_id(5))->matches(*parse(sas_id(6))));
    CHECK_FALSE(parse(sas_id(5))->is_wildcard());
    bytes fibre = sas_id(5);
    fibre[0] = 0x00;
    CHECK_FALSE(parse(fibre)->matches(*parse(sas_id(5))));
}

TEST_CASE("every wrong length is refused") {
    const bytes good = iscsi_id("iqn.2026-01.org.example:host", "00023d000001");
    for (std::size_t size = 0; size < good.size(); ++size)
        CHECK_FALSE(transport_id::parse(std::span{good}.first(size)));
    bytes longer = good;
    longer.resize(good.size() + 4);
    CHECK_FALSE(parse(longer));
    bytes odd = good;
    odd.resize(good.size() + 2);
    scst::store_be16(&odd[2], static_cast<std::uint16_t>(odd.size() - 4));
    CHECK_FALSE(parse(odd));
    bytes short_sas = sas_id(1);
    short_sas.pop_back();
    CHECK_FALSE(parse(short_sas));
}

TEST_CASE("size_at tells the length from the header and refuses insane ones") {
    const bytes good = iscsi_id("iqn.2026-01.org.example:host", "00023d000001");
    CHECK(transport_id::size_at(std::span{good}.first(4)) == good.size());
    CHECK_FALSE(transport_id::size_at(std::span{good}.first(3)));
    CHECK_FALSE(transport_id::size_at({}));
    bytes huge = good;
    scst::store_be16(&huge[2], 0xfffc);
    CHECK_FALSE(transport_id::size_at(huge));
    scst::store_be16(&huge[2], 16);
    CHECK_FALSE(transport_id::size_at(huge));
    CHECK(transport_id::size_at(sas_id(1)) == 24u);
}

TEST_CASE("iSCSI texts that are none are refused") {
    bytes unterminated = iscsi_id("iqn.2026-01.org.example:host", "00023d000001");
    std::replace(unterminated.begin() + 4, unterminated.end(), std::uint8_t{0}, std::uint8_t{'x'});
    CHECK_FALSE(parse(unterminated));
    CHECK_FALSE(parse(iscsi_id("", "")));
    CHECK_FALSE(parse(iscsi_id("", "00023d000001")));
    CHECK_FALSE(parse(iscsi_id("iqn.2026-01.org.example:host", "not-hex")));
    bytes without_isid = iscsi_id("iqn.2026-01.org.example:host", "");
    without_isid[0] = 0x45;
    CHECK_FALSE(parse(without_isid));
    bytes with_isid = iscsi_id("iqn.2026-01.org.example:host", "00023d000001");
    with_isid[0] = 0x05;
    CHECK_FALSE(parse(with_isid));
    with_isid[0] = 0x85;
    CHECK_FALSE(parse(with_isid));
    bytes sas = sas_id(1);
    sas[0] |= 0x40;
    CHECK_FALSE(parse(sas));
}
