// SPDX-License-Identifier: Apache-2.0
#include "protocol.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace loop;

namespace {

std::string refusal(std::string_view line) {
    try {
        static_cast<void>(parse_request(line));
    } catch (const bad_line &refused) {
        return refused.what();
    }
    return {};
}

} // namespace

TEST_CASE("requests become CDBs") {
    const request ready = parse_request("ready 5");
    CHECK(ready.kind == request_kind::command);
    CHECK(ready.lun == 5);
    CHECK(ready.cdb == std::vector<std::uint8_t>(6, 0));
    CHECK(ready.direction == SCST_DATA_NONE);

    const request read = parse_request("read 1 0x100000000 2");
    CHECK(read.cdb == std::vector<std::uint8_t>{0x88, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0});
    CHECK(read.direction == SCST_DATA_READ);
    CHECK(read.expected_length == 8192);

    const request write = parse_request("write 1 3 1 00fF");
    CHECK(write.cdb[0] == 0x8A);
    CHECK(write.data_out == std::vector<std::uint8_t>{0x00, 0xFF});
    CHECK(write.expected_length == 2);
}

TEST_CASE("a CDB of one's own may carry data either way") {
    CHECK(parse_request("cdb 0 000000000000").direction == SCST_DATA_NONE);
    CHECK(parse_request("cdb 0 120000002400 in 36").expected_length == 36);
    CHECK(parse_request("cdb 0 1510000004ff out 00000000").data_out.size() == 4);
    CHECK(parse_request("cdb 0 " + std::string(2 * SCST_MAX_CDB_SIZE, '0')).cdb.size() == SCST_MAX_CDB_SIZE);
}

TEST_CASE("what is wrong with a line is said in words") {
    CHECK(refusal("") == "request is missing");
    CHECK(refusal("read 0") == "LBA is missing");
    CHECK(refusal("read 0 0 65") == "COUNT must be a number up to 64");
    CHECK(refusal("read 16384 0 1") == "LUN must be a number up to 16383");
    CHECK(refusal("read 0 0x1ffffffffffffffff 1") == "LBA must be a number up to 18446744073709551615");
    CHECK(refusal("ready 0 0") == "too many words");
    CHECK(refusal("write 0 0 1 0") == "data must be pairs of hex digits, at most 262144");
    CHECK(refusal("write 0 0 1 0g") == "data must be pairs of hex digits");
    CHECK(refusal("cdb 0 0000000000") == "CDB must have at least 6 bytes");
    CHECK(refusal("cdb 0 000000000000 up") == "direction must be \"in\" or \"out\"");
    CHECK(refusal("cdb 0 " + std::string(2 * SCST_MAX_CDB_SIZE + 2, '0')) ==
          "CDB must be pairs of hex digits, at most 260");
    CHECK(refusal("hello " + std::string(224, 'x')) == "initiator name must be at most 223 printable characters");
    CHECK(refusal("hello \x01") == "initiator name must be at most 223 printable characters");
    CHECK(refusal("nosuch").starts_with("unknown request"));
}

TEST_CASE("data of a READ is gathered from all segments, cut to the response's length") {
    std::array<std::uint8_t, 4> first{0x00, 0x01, 0x02, 0x03};
    std::array<std::uint8_t, 4> second{0xFC, 0xFD, 0xFE, 0xFF};
    std::array<scst_segment, 2> segments{};
    segments[0].address = first.data();
    segments[0].length = first.size();
    segments[1].address = second.data();
    segments[1].length = second.size();
    scst_cmd cmd{};
    cmd.data_direction = SCST_DATA_READ;
    cmd.segments = segments.data();
    cmd.segment_count = 2;
    cmd.response_length = 6;
    cmd.residual_kind = 1;
    cmd.residual_count = 2;
    CHECK(describe_response(cmd) == "good 6 00010203fcfd under 2");
    cmd.residual_kind = 2;
    cmd.data_direction = SCST_DATA_NONE;
    CHECK(describe_response(cmd) == "good over 2");
}

TEST_CASE("sense data is told in both formats, and its absence too") {
    scst_cmd cmd{};
    cmd.status = SCST_STATUS_CHECK_CONDITION;
    CHECK(describe_response(cmd) == "check none");
    cmd.sense[0] = 0x70;
    cmd.sense[2] = 0x05;
    cmd.sense[12] = 0x24;
    cmd.sense[13] = 0x01;
    cmd.sense_length = 13; // cut before its last code
    CHECK(describe_response(cmd) == "check none");
    cmd.sense_length = 18;
    CHECK(describe_response(cmd) == "check 5/24/01");
    const std::array<std::uint8_t, 8> descriptor{0x72, 0x06, 0x2A, 0x09, 0, 0, 0, 0};
    CHECK(describe_sense(descriptor.data(), descriptor.size()) == "6/2A/09");
    cmd.status = SCST_STATUS_BUSY;
    CHECK(describe_response(cmd) == "status 08");
}

TEST_CASE("LUNs up to 255 are peripheral, others flat") {
    std::array<std::uint8_t, 8> bytes{};
    encode_lun(255, bytes.data());
    CHECK(bytes == std::array<std::uint8_t, 8>{0, 255, 0, 0, 0, 0, 0, 0});
    encode_lun(256, bytes.data());
    CHECK(bytes == std::array<std::uint8_t, 8>{0x41, 0, 0, 0, 0, 0, 0, 0});
    encode_lun(SCST_MAX_LUN, bytes.data());
    CHECK(bytes == std::array<std::uint8_t, 8>{0x7F, 0xFF, 0, 0, 0, 0, 0, 0});
}
