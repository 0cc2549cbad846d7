// SPDX-License-Identifier: Apache-2.0
#include "net/address.hpp"
#include "net/login_gate.hpp"
#include "net/pattern.hpp"

#include <doctest/doctest.h>

using namespace scstd::iscsi;

TEST_CASE("addresses are read and written") {
    for (const char *text : {"127.0.0.1:3260", "[::1]:4000", "[fe80::1]:1", "0.0.0.0:65535"}) {
        const auto parsed = address::parse(text);
        REQUIRE(parsed);
        CHECK(parsed->text() == text);
    }
    CHECK(address::parse("10.1.2.3")->port() == default_port);
    CHECK(address::parse("[::]")->is_wildcard());
    CHECK(address::parse("[fe80::5]")->is_link_local());
    CHECK(address::parse("127.9.9.9")->is_loopback());
    CHECK(address::parse("[::1]:5")->ip() == "::1");
    CHECK(address::parse("[::1]:5")->bracketed_ip() == "[::1]");
    for (const char *bad :
         {"", "host:1", "1.2.3:5", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:70000", "::1", "[::1", "[::1]x", "[1.2.3.4]:5"})
        CHECK(!address::parse(bad));
}

TEST_CASE("the portals setting") {
    std::string culprit;
    CHECK(parse_portals("127.0.0.1:3260, [::1]:3260", &culprit)->size() == 2);
    const auto all = parse_portals(":3270", &culprit);
    REQUIRE(all);
    REQUIRE(all->size() == 2);
    CHECK((*all)[0].text() == "0.0.0.0:3270");
    CHECK((*all)[1].text() == "[::]:3270");
    CHECK(!parse_portals("127.0.0.1:1,bogus", &culprit));
    CHECK(culprit == "bogus");
    CHECK(!parse_portals("", &culprit));
    CHECK(!parse_portals("127.0.0.1:1,", &culprit));
}

TEST_CASE("patterns for portals") {
    CHECK(wildcard_matches("10.*", "10.1.2.3"));
    CHECK(wildcard_matches("*", ""));
    CHECK(wildcard_matches("??", "ab"));
    CHECK(!wildcard_matches("??", "abc"));
    CHECK(wildcard_matches("*a*b*c", "xxaxxbxxabc"));
    CHECK(!wildcard_matches("10.*", "110.1"));
    CHECK(wildcard_matches("FE80::*", "fe80::1"));
    CHECK(!wildcard_matches("*a*a*a*a*a*a*a*a*a*a*a*b", std::string(200, 'a'))); // and in no time
    CHECK(patterns_allow({}, "1.1.1.1"));
    CHECK(patterns_allow({"2.*", "1.*"}, "1.1.1.1"));
    CHECK(!patterns_allow({"2.*"}, "1.1.1.1"));
    CHECK(patterns_allow({"!2.*"}, "1.1.1.1"));
    CHECK(!patterns_allow({"1.*", "!1.1.*"}, "1.1.1.1"));
    CHECK(!patterns_allow({"2.*", "!3.*"}, "1.1.1.1"));
}

TEST_CASE("the login gate counts per host and in all") {
    login_gate gate{{.total = 5, .per_host = 3}};
    const address a = *address::parse("10.0.0.1:1");
    const address b = *address::parse("[2001:db8::1]:1");
    const address b2 = *address::parse("[2001:db8::2]:9"); // the same network counts as the same host
    CHECK(gate.enter(a));
    CHECK(gate.enter(a));
    CHECK(gate.enter(a));
    CHECK(!gate.enter(a));
    CHECK(gate.enter(b));
    CHECK(gate.enter(b2));
    CHECK(!gate.enter(b));
    gate.leave(a);
    CHECK(gate.enter(b));
}
