// SPDX-License-Identifier: Apache-2.0
#include "alua/alua_state.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <utility>

using namespace scstd::alua;

namespace {

constexpr std::uint16_t none = 0xffff;
using command = std::pair<std::uint8_t, std::uint16_t>; // operation code and service action

const std::set<command> unavailable_list{{0x12, none}, {0x25, none}, {0x9e, 0x10}, {0xa0, none}, {0x03, none},
                                         {0x3b, none}, {0x3c, none}, {0xa3, 0x0a}, {0xa4, 0x0a}};
const std::set<command> standby_only{{0x1a, none}, {0x5a, none}, {0x15, none}, {0x55, none}, {0x16, none},
                                     {0x56, none}, {0x17, none}, {0x57, none}, {0x4d, none}, {0x4c, none},
                                     {0x1c, none}, {0x1d, none}, {0x5e, none}, {0x5f, none}};

bool has_service_action(unsigned opcode) {
    return opcode == 0x9e || opcode == 0xa3 || opcode == 0xa4;
}

} // namespace

TEST_CASE("names and states belong together") {
    for (const auto state : {access_state::active, access_state::nonoptimized, access_state::standby,
                             access_state::unavailable, access_state::offline, access_state::transitioning})
        CHECK(state_named(name_of(state)) == state);
    for (const char *bad : {"", "Active", "ACTIVE", "active ", "lba_dependent", "0", "bogus"})
        CHECK_FALSE(state_named(bad));
}

TEST_CASE("each state admits its list of commands and no other") {
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
        for (std::uint16_t action = 0; action < 32; ++action) {
            const auto code = static_cast<std::uint8_t>(opcode);
            const command key{code, has_service_action(opcode) ? action : none};
            const bool unavailable = unavailable_list.contains(key);
            const bool standby = unavailable || standby_only.contains(key);
            CAPTURE(opcode);
            CAPTURE(action);
            const bool right = allowed(access_state::active, code, action) &&
                               allowed(access_state::nonoptimized, code, action) &&
                               allowed(access_state::standby, code, action) == standby &&
                               allowed(access_state::unavailable, code, action) == unavailable &&
                               allowed(access_state::offline, code, action) == unavailable &&
                               allowed(access_state::transitioning, code, action) == (unavailable && opcode != 0xa4);
            CHECK(right);
        }
    }
}

TEST_CASE("TEST UNIT READY tells an initiator that the port is not active") {
    CHECK_FALSE(allowed(access_state::standby, 0x00, 0));
    CHECK(allowed(access_state::nonoptimized, 0x00, 0));
}

TEST_CASE("the qualifier of a refusal names the state") {
    CHECK(refusal_qualifier(access_state::transitioning) == 0x0a);
    CHECK(refusal_qualifier(access_state::standby) == 0x0b);
    CHECK(refusal_qualifier(access_state::unavailable) == 0x0c);
    CHECK(refusal_qualifier(access_state::offline) == 0x0c);
    CHECK(refusal_qualifier(access_state::active) == 0);
    CHECK(is_active(access_state::nonoptimized));
    CHECK_FALSE(is_active(access_state::standby));
    CHECK(is_unavailable(access_state::offline));
    CHECK_FALSE(is_unavailable(access_state::transitioning));
}
