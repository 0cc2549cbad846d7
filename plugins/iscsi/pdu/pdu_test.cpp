// SPDX-License-Identifier: Apache-2.0
// The codec: golden bytes recorded from SCST, reserved bits, AHS of every length, digests, serial numbers.
#include "pdu/ahs.hpp"
#include "pdu/bhs.hpp"
#include "pdu/digest.hpp"
#include "pdu/serial.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

using namespace scstd::iscsi;

namespace {

using header = std::array<std::uint8_t, bhs_size>;

header from_hex(std::string_view text) {
    const auto digit = [](char c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; };
    header bytes{};
    for (std::size_t i = 0; i < bhs_size; ++i)
        bytes[i] = static_cast<std::uint8_t>(digit(text[2 * i]) * 16 + digit(text[2 * i + 1]));
    return bytes;
}

template <class Pdu>
header encoded(const Pdu &pdu, const sequence_numbers &sn) {
    header bytes;
    bytes.fill(0xaa); // what was there before must not show
    encode(bhs_out{bytes}, pdu, sn);
    return bytes;
}

// Sets every bit of `reserved` (pairs of byte and mask) and checks that decoding takes no notice.
template <class Decode>
void ignores(const header &bytes, std::initializer_list<std::pair<std::size_t, int>> reserved, Decode decode) {
    const auto before = decode(bhs_view{bytes});
    for (const auto &[at, mask] : reserved)
        for (int bit = 0; bit < 8; ++bit) {
            if ((mask & (1 << bit)) == 0)
                continue;
            header changed = bytes;
            changed[at] = static_cast<std::uint8_t>(changed[at] | (1 << bit));
            CHECK(decode(bhs_view{changed}) == before);
        }
}

} // namespace

TEST_CASE("responses are encoded as SCST writes them") {
    CHECK(encoded(login_response_pdu{.transit = true,
                                     .more = false,
                                     .current_stage = 1,
                                     .next_stage = 3,
                                     .isid = 0x801234560001,
                                     .tsih = 0x0102,
                                     .itt = 1,
                                     .status = login_status::success,
                                     .data_length = 0x43},
                  {1, 1, 2}) ==
          from_hex("238700000000004380123456000101020000000100000000000000010000000100000002000000000000000000000000"));
    CHECK(encoded(login_response_pdu{.transit = false,
                                     .more = false,
                                     .current_stage = 0,
                                     .next_stage = 0,
                                     .isid = 0,
                                     .tsih = 0,
                                     .itt = 1,
                                     .status = login_status::not_found,
                                     .data_length = 0},
                  {0, 0, 0}) ==
          from_hex("230000000000000000000000000000000000000100000000000000000000000000000000020300000000000000000000"));
    CHECK(encoded(
              text_response_pdu{
                  .final = true, .more = false, .lun = {}, .itt = 2, .ttt = reserved_tag, .data_length = 0xc4},
              {2, 2, 3}) ==
          from_hex("24800000000000c4000000000000000000000002ffffffff000000020000000200000003000000000000000000000000"));
    CHECK(encoded(data_in_pdu{.final = true,
                              .has_status = true,
                              .status = 0,
                              .rest = {2, 0xff0},
                              .itt = 4,
                              .data_sn = 0,
                              .buffer_offset = 0,
                              .data_length = 16},
                  {4, 4, 0x23}) ==
          from_hex("2585000000000010000000000000000000000004ffffffff000000040000000400000023000000000000000000000ff0"));
    CHECK(encoded(
              scsi_response_pdu{.response = 0, .status = 2, .rest = {}, .itt = 2, .exp_data_sn = 0, .data_length = 20},
              {2, 2, 0x21}) ==
          from_hex("218000020000001400000000000000000000000200000000000000020000000200000021000000000000000000000000"));
    CHECK(encoded(nop_in_pdu{.lun = {}, .itt = 6, .ttt = reserved_tag, .data_length = 4}, {6, 5, 0x24}) ==
          from_hex("2080000000000004000000000000000000000006ffffffff000000060000000500000024000000000000000000000000"));
    CHECK(encoded(task_management_response_pdu{.response = 1, .additional_information = 0, .itt = 7}, {7, 5, 0x24}) ==
          from_hex("228001000000000000000000000000000000000700000000000000070000000500000024000000000000000000000000"));
    CHECK(encoded(logout_response_pdu{.response = 0, .itt = 2}, {2, 1, 0x20}) ==
          from_hex("268000000000000000000000000000000000000200000000000000020000000100000020000000000000000000000000"));
    // RFC 7143 11.17 wants the F bit, which SCST leaves out here.
    CHECK(encoded(reject_pdu{.reason = reject_reason::command_not_supported, .data_length = 48}, {2, 1, 0x20}) ==
          from_hex("3f800500000000300000000000000000ffffffff00000000000000020000000100000020000000000000000000000000"));
    CHECK(encoded(r2t_pdu{.lun = {0x0001000000000000},
                          .itt = 5,
                          .ttt = 9,
                          .r2t_sn = 1,
                          .buffer_offset = 0x10000,
                          .desired_length = 0x8000},
                  {3, 4, 5}) ==
          from_hex("318000000000000000010000000000000000000500000009000000030000000400000005000000010001000000008000"));
    CHECK(encoded(async_message_pdu{.event = 4, .lun = {}, .data_length = 20}, {3, 4, 5}) ==
          from_hex("32800000000000140000000000000000ffffffff00000000000000030000000400000005040000000000000000000000"));
    CHECK(encoded(task_management_response_pdu{.response = 7, .additional_information = 0x062901, .itt = 7},
                  {7, 5, 0x24})[8] == 6);
}

TEST_CASE("requests are decoded into host order") {
    const scsi_command_pdu command = decode_scsi_command(bhs_view{
        from_hex("01c1000000000000000400000000000000000004000010000000000300000004a0000000000000001000000000000000")});
    CHECK(command.final);
    CHECK(command.read);
    CHECK(!command.write);
    CHECK(command.attribute == 1);
    CHECK(command.lun.value == 0x0004000000000000);
    CHECK(command.itt == 4);
    CHECK(command.expected_length == 0x1000);
    CHECK(command.cmd_sn == 3);
    CHECK(command.exp_stat_sn == 4);
    const login_request_pdu login = decode_login_request(bhs_view{
        from_hex("438701020000006f80123456000177770000000100050000000000080000000900000000000000000000000000000000")});
    CHECK(login.transit);
    CHECK(!login.more);
    CHECK(login.current_stage == 1);
    CHECK(login.next_stage == 3);
    CHECK(login.version_max == 1);
    CHECK(login.version_min == 2);
    CHECK(login.isid == 0x801234560001);
    CHECK(login.tsih == 0x7777);
    CHECK(login.cid == 5);
    CHECK(login.cmd_sn == 8);
    CHECK(login.exp_stat_sn == 9);
    const basic_header basic = decode_basic_header(bhs_view{from_hex(
        "4381000003010203000000000000000000000000000000000000000000000000000000000000000000000000000000000000")});
    CHECK(basic.code == 3);
    CHECK(basic.immediate);
    CHECK(basic.ahs_length == 12);
    CHECK(basic.data_length == 0x010203);
}

TEST_CASE("reserved bits are ignored") {
    header bytes{};
    bytes[4] = 0;
    ignores(bytes, {{0, 0x80}}, [](bhs_view v) { return decode_basic_header(v).code; });
    ignores(bytes, {{1, 0x18}, {2, 0xff}, {3, 0xff}}, [](bhs_view v) {
        const auto p = decode_scsi_command(v);
        return std::tuple{p.final, p.read, p.write, p.attribute, p.itt, p.expected_length, p.cmd_sn};
    });
    ignores(bytes, {{1, 0x7f}, {2, 0xff}, {24, 0xff}, {32, 0xff}, {44, 0xff}}, [](bhs_view v) {
        const auto p = decode_data_out(v);
        return std::tuple{p.final, p.itt, p.ttt, p.exp_stat_sn, p.data_sn, p.buffer_offset};
    });
    ignores(bytes, {{1, 0x30}, {22, 0xff}, {32, 0xff}, {47, 0xff}}, [](bhs_view v) {
        const auto p = decode_login_request(v);
        return std::tuple{p.transit, p.more, p.current_stage, p.next_stage, p.isid, p.tsih, p.itt, p.cid};
    });
    ignores(bytes, {{1, 0x3f}, {2, 0xff}, {32, 0xff}}, [](bhs_view v) {
        const auto p = decode_text_request(v);
        return std::tuple{p.final, p.more, p.itt, p.ttt, p.cmd_sn, p.exp_stat_sn};
    });
    ignores(bytes, {{1, 0x7f}, {2, 0xff}, {32, 0xff}}, [](bhs_view v) {
        const auto p = decode_nop_out(v);
        return std::tuple{p.final, p.itt, p.ttt, p.cmd_sn, p.exp_stat_sn};
    });
    ignores(bytes, {{1, 0x80}, {2, 0xff}, {40, 0xff}}, [](bhs_view v) {
        const auto p = decode_task_management(v);
        return std::tuple{p.function, p.itt, p.referenced_task_tag, p.cmd_sn, p.ref_cmd_sn};
    });
    ignores(bytes, {{1, 0x80}, {22, 0xff}, {32, 0xff}}, [](bhs_view v) {
        const auto p = decode_logout_request(v);
        return std::tuple{p.reason, p.itt, p.cid, p.cmd_sn, p.exp_stat_sn};
    });
}

TEST_CASE("AHS of every length around the true one is survived") {
    const std::vector<std::uint8_t> good{0, 9, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 5, 2, 0, 0, 1, 0, 0};
    ahs_content content = parse_ahs(good);
    CHECK(content.valid);
    CHECK(content.long_cdb.size() == 8);
    CHECK(content.long_cdb[7] == 8);
    CHECK(content.has_bidirectional_length);
    CHECK(content.bidirectional_length == 0x10000);
    for (std::size_t cut = 0; cut < good.size(); ++cut) {
        const std::vector<std::uint8_t> part(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(cut));
        content = parse_ahs(part);
        CHECK(content.long_cdb.size() <= part.size());
    }
    for (int length = 0; length < 300; ++length) {
        std::vector<std::uint8_t> bytes = good;
        bytes[0] = static_cast<std::uint8_t>(length >> 8);
        bytes[1] = static_cast<std::uint8_t>(length);
        static_cast<void>(parse_ahs(bytes));
    }
    CHECK(!parse_ahs(std::vector<std::uint8_t>{0, 0, 1, 0}).valid);
    CHECK(!parse_ahs(std::vector<std::uint8_t>{0, 4, 2, 0, 0, 1, 0, 0}).valid);
    CHECK(!parse_ahs(std::vector<std::uint8_t>{0, 5, 1, 0, 1, 2, 3, 4, 0, 5, 1, 0, 1, 2, 3, 4}).valid);
    CHECK(parse_ahs(std::vector<std::uint8_t>{0, 5, 63, 0, 1, 2, 3, 4}).valid); // an unknown type is skipped
}

TEST_CASE("CRC32C has the values of RFC 7143 and both implementations agree") {
    std::vector<std::uint8_t> bytes(32, 0);
    CHECK(crc32c_of(bytes.data(), 32) == 0x8a9136aa); // RFC 3720 B.4
    bytes.assign(32, 0xff);
    CHECK(crc32c_of(bytes.data(), 32) == 0x62a8ab43);
    for (std::size_t i = 0; i < 32; ++i)
        bytes[i] = static_cast<std::uint8_t>(i);
    CHECK(crc32c_of(bytes.data(), 32) == 0x46dd794e);
    std::uint8_t wire[digest_size];
    store_digest(wire, 0x46dd794e);
    CHECK(wire[0] == 0x4e);
    CHECK(load_digest(wire) == 0x46dd794e);
    std::vector<std::uint8_t> many(1027);
    for (std::size_t i = 0; i < many.size(); ++i)
        many[i] = static_cast<std::uint8_t>(i * i + 3);
    for (std::size_t length = 0; length < many.size(); length += 7)
        for (std::size_t offset = 0; offset < 8 && offset + length <= many.size(); ++offset) {
            const std::uint32_t slow = crc32c_by_table(0xffffffff, many.data() + offset, length);
            if (crc32c_has_instruction())
                CHECK(crc32c_by_instruction(0xffffffff, many.data() + offset, length) == slow);
            crc32c pieces;
            pieces.update(many.data() + offset, length / 3);
            pieces.update(many.data() + offset + length / 3, length - length / 3);
            CHECK(pieces.value() == ~slow);
        }
}

TEST_CASE("sequence numbers wrap") {
    CHECK(serial_less(1, 2));
    CHECK(!serial_less(2, 2));
    CHECK(serial_less(0xffffffff, 0));
    CHECK(serial_less(0x7fffffff, 0x80000000));
    CHECK(!serial_less(0, 0xffffffff));
    CHECK(serial_less_equal(5, 5));
}
