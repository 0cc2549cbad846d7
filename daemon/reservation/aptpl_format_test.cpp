// SPDX-License-Identifier: Apache-2.0
#include "reservation/aptpl_format.hpp"

#include "reservation/pr_text.hpp"
#include "reservation/test_support.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <random>

using namespace scstd::reservation;
using namespace scstd::reservation::test;

namespace {

pr_state sample() {
    pr_state state;
    state.aptpl = true;
    state.reservation = pr_type::write_exclusive_registrants;
    state.registrants.push_back({transport_id::parse(sas_id(0x5feede401fade050)), 7, true, 0x1122});
    state.registrants.push_back({transport_id::parse(logical_unit::id('a')), 0x0102, false, 0xfedcba9876543210});
    return state;
}

} // namespace

TEST_CASE("the bytes are the original's") {
    if constexpr (std::endian::native == std::endian::little) {
        const bytes encoded = encode_aptpl(sample());
        const bytes expected{0x77, 0xdd, 0xbb, 0xee, 0xaa, 0xee, 0xee, 0xbb, 1, 0,    0,    0,    0,    0,
                             0,    0,    1,    1,    5,    0,    1,    0x06, 0, 0,    0,    0x5f, 0xee, 0xde,
                             0x40, 0x1f, 0xad, 0xe0, 0x50, 0,    0,    0,    0, 0,    0,    0,    0,    0,
                             0,    0,    0,    0,    0,    0,    0,    0,    0, 0x11, 0x22, 7,    0};
        REQUIRE(encoded.size() > expected.size());
        CHECK(std::equal(expected.begin(), expected.end(), encoded.begin()));
        CHECK(encoded[encoded.size() - 10] == 0xfe);
        CHECK(encoded[encoded.size() - 2] == 0x02);
    }
}

TEST_CASE("what is written is read back") {
    const auto decoded = decode_aptpl(encode_aptpl(sample()));
    REQUIRE(decoded);
    CHECK(to_text(decoded.value()) == to_text(sample()));
    CHECK(decoded.value().aptpl);
    CHECK(decoded.value().generation == 0);
}

TEST_CASE("a file that is cut anywhere is refused, except between registrants") {
    const bytes whole = encode_aptpl(sample());
    const std::size_t first_only = 20 + 1 + 24 + 10;
    for (std::size_t size = 0; size < whole.size(); ++size)
        CHECK(static_cast<bool>(decode_aptpl(std::span{whole}.first(size))) == (size == first_only));
    bytes longer = whole;
    longer.push_back(0);
    CHECK_FALSE(decode_aptpl(longer));
}

TEST_CASE("each wrong field is told") {
    const bytes whole = encode_aptpl(sample());
    const auto message = [&](std::size_t at, std::uint8_t value) {
        bytes changed = whole;
        changed[at] = value;
        const auto decoded = decode_aptpl(changed);
        return decoded ? std::string{} : decoded.error().message;
    };
    CHECK(message(0, 0) == "it has another signature");
    CHECK(message(8, 2).find("version") != std::string::npos);
    CHECK(message(16, 2) == "a flag is neither 0 nor 1");
    CHECK(message(17, 2) == "a flag is neither 0 nor 1");
    CHECK(message(18, 4).find("type 4") != std::string::npos);
    CHECK(message(19, 1).find("scope 1") != std::string::npos);
    CHECK(message(20, 2).find("registrant 1") != std::string::npos);
    CHECK(message(20, 0).find("holders") != std::string::npos);
    bytes unsigned_file = whole;
    std::fill_n(unsigned_file.begin(), 8, std::uint8_t{0});
    CHECK(decode_aptpl(unsigned_file).error().message == "it was never completed");
    CHECK_FALSE(decode_aptpl(bytes(aptpl_size_limit)));
}

TEST_CASE("more registrants than there may be are refused") {
    pr_state state;
    for (std::size_t i = 0; i <= max_registrants; ++i)
        state.registrants.push_back({transport_id::parse(sas_id(i + 1)), 1, false, 1});
    CHECK_FALSE(decode_aptpl(encode_aptpl(state)));
    state.registrants.pop_back();
    CHECK(decode_aptpl(encode_aptpl(state)));
}

TEST_CASE("changed files are refused or give a sane state, never a crash") {
    const bytes whole = encode_aptpl(sample());
    std::mt19937 random{2};
    for (int round = 0; round < 5000; ++round) {
        bytes changed = whole;
        for (int i = 0; i < 1 + round % 3; ++i)
            changed[16 + random() % (changed.size() - 16)] = static_cast<std::uint8_t>(random());
        if (auto decoded = decode_aptpl(changed))
            CHECK(check_and_normalise(decoded.value()));
    }
}
