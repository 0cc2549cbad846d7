// SPDX-License-Identifier: Apache-2.0
#include "reservation/pr_text.hpp"

#include "reservation/test_support.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <random>

using namespace scstd::reservation;
using namespace scstd::reservation::test;

namespace {

constexpr const char *sas_line =
    "registrant 7 0000000000001122 1 24 060000005feede401fade050000000000000000000000000\n";

bool refused(std::string_view text) {
    const auto parsed = from_text(text);
    return !parsed && parsed.error().code == EINVAL && !parsed.error().message.empty();
}

} // namespace

TEST_CASE("an empty state is two lines") {
    CHECK(to_text({}) == "version 1\ngeneration 0\n");
    const auto parsed = from_text("version 1\ngeneration 0\n");
    REQUIRE(parsed);
    CHECK(parsed.value().registrants.empty());
}

TEST_CASE("a state is written in the original's words and read back the same") {
    pr_state state;
    state.generation = 17;
    state.reservation = pr_type::write_exclusive_registrants;
    bytes sas = sas_id(0x5feede401fade050);
    state.registrants.push_back({transport_id::parse(sas), 7, true, 0x1122});
    state.registrants.push_back({transport_id::parse(logical_unit::id('a')), 65535, false, 0xfedcba9876543210});
    const std::string text = to_text(state);
    CHECK(text.starts_with(std::string{"version 1\ngeneration 17\nreservation 5 0\n"} + sas_line +
                           "registrant 65535 fedcba9876543210 0 "));
    const auto parsed = from_text(text);
    REQUIRE(parsed);
    CHECK(to_text(parsed.value()) == text);
    CHECK(parsed.value().registrants[0].holder);
}

TEST_CASE("where all registrants hold, each is written as a holder") {
    pr_state state;
    state.reservation = pr_type::exclusive_access_all;
    state.registrants.push_back({transport_id::parse(sas_id(1)), 1, false, 1});
    state.registrants.push_back({transport_id::parse(sas_id(2)), 1, false, 2});
    const auto parsed = from_text(to_text(state));
    REQUIRE(parsed);
    CHECK_FALSE(parsed.value().registrants[0].holder); // normalised: the type says it
    CHECK(parsed.value().is_holder(parsed.value().registrants[1]));
    CHECK(to_text(parsed.value()) == to_text(state));
}

TEST_CASE("unknown lines and a missing last newline do not matter") {
    const auto parsed = from_text("version 1\n\nsomething else 5\nreservation 1 0\n" +
                                  std::string{sas_line}.substr(0, std::string{sas_line}.size() - 1));
    REQUIRE(parsed);
    CHECK(parsed.value().registrants.size() == 1);
}

TEST_CASE("texts that make no sense are refused") {
    const std::string head = "version 1\n";
    CHECK(refused(""));
    CHECK(refused("\n"));
    CHECK(refused("0"));
    CHECK(refused("version 2\n"));
    CHECK(refused("version 1 1\n"));
    CHECK(refused("generation 0\nversion 1\n"));
    CHECK(refused(head + "generation x\n"));
    CHECK(refused(head + "generation 4294967296\n"));
    CHECK(refused(head + "reservation 1\n" + sas_line));
    CHECK(refused(head + "reservation 2 0\n" + sas_line));
    CHECK(refused(head + "reservation 1 1\n" + sas_line));
    CHECK(refused(head + "reservation 1 0\nreservation 1 0\n" + sas_line));
    CHECK(refused(head + "reservation 1 0\n"));
    CHECK(refused(head + "reservation 7 0\n"));
    CHECK(refused(head + sas_line));                                  // holds what is not there
    CHECK(refused(head + "reservation 1 0\n" + sas_line + sas_line)); // twice
    std::string two = sas_line;
    two.replace(11, 1, "8");
    CHECK(refused(head + "reservation 1 0\n" + sas_line + two)); // two holders
    for (const char *line :
         {"registrant", "registrant 65536 1 0 24 00", "registrant 1 0 0 24 00", "registrant 1 x 0 24 00",
          "registrant 1 1 2 24 00", "registrant 1 1 0 0 ", "registrant 1 1 0 513 00", "registrant 1 1 0 24 0600",
          "registrant 1 1 0 3 06000", "registrant 1 1 0 3 0600zz", "registrant 1 1 0 -3 0600zz",
          "registrant 1 10000000000000000 0 3 060000"})
        CHECK(refused(head + line + "\n"));
    std::string keyless = sas_line;
    keyless.replace(13, 16, "0000000000000000");
    CHECK(refused(head + "reservation 1 0\n" + keyless));
}

TEST_CASE("changed bytes are refused or give a sane state, never a crash") {
    pr_state state;
    state.reservation = pr_type::exclusive_access;
    state.registrants.push_back({transport_id::parse(logical_unit::id('a')), 1, true, 0x11});
    state.registrants.push_back({transport_id::parse(logical_unit::id('b')), 1, false, 0x22});
    const std::string text = to_text(state);
    std::mt19937 random{1};
    for (int round = 0; round < 3000; ++round) {
        std::string changed = text;
        for (int i = 0; i < 3; ++i)
            changed[random() % changed.size()] = static_cast<char>(random() % 128);
        changed.resize(changed.size() - (round % 7 == 0 ? random() % changed.size() : 0));
        if (auto parsed = from_text(changed))
            CHECK(check_and_normalise(parsed.value()));
    }
}
