// SPDX-License-Identifier: Apache-2.0
// Tests of the initiator's PDU code: every field at its place by RFC 7143, text keys, sense, digests.
#include "crc32c.hpp"
#include "pdu.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace scstd::bench;

TEST_CASE("a SCSI Command has its fields where RFC 7143 11.3 puts them") {
    bhs header{};
    put_scsi_command(header.data(), {.flags = flag_final | flag_read,
                                     .immediate_length = 0x010203,
                                     .lun = lun_field(5),
                                     .tag = 0x11223344,
                                     .expected_length = 0x1000,
                                     .cmd_sn = 7,
                                     .exp_stat_sn = 9});
    CHECK(header[0] == 0x01);
    CHECK(header[1] == 0xc1);
    CHECK(ahs_length(header.data()) == 0);
    CHECK(data_length(header.data()) == 0x010203);
    CHECK(header[9] == 5);
    CHECK(task_tag(header.data()) == 0x11223344);
    CHECK(scst::load_be32(header.data() + 20) == 0x1000);
    CHECK(scst::load_be32(header.data() + 24) == 7);
    CHECK(scst::load_be32(header.data() + 28) == 9);
}

TEST_CASE("reads and writes take 10 byte CDBs while LBA and length fit, else 16 byte CDBs") {
    std::array<std::uint8_t, 16> cdb{};
    put_rw_cdb(cdb.data(), false, 0xfffffffeU, 0xffff);
    CHECK(cdb[0] == 0x28);
    CHECK(scst::load_be32(cdb.data() + 2) == 0xfffffffeU);
    CHECK(scst::load_be16(cdb.data() + 7) == 0xffff);
    cdb = {};
    put_rw_cdb(cdb.data(), true, 0x1'0000'0000U, 8);
    CHECK(cdb[0] == 0x8a);
    CHECK(scst::load_be64(cdb.data() + 2) == 0x1'0000'0000U);
    CHECK(scst::load_be32(cdb.data() + 10) == 8);
    cdb = {};
    put_rw_cdb(cdb.data(), true, 1, 0x10000);
    CHECK(cdb[0] == 0x8a);
    cdb = {};
    put_rw_cdb(cdb.data(), true, 1, 1);
    CHECK(cdb[0] == 0x2a);
}

TEST_CASE("LUNs below 256 use peripheral addressing, others flat space") {
    CHECK(lun_field(0) == 0);
    CHECK(lun_field(255) == 0x00ff000000000000U);
    CHECK(lun_field(256) == 0x4100000000000000U);
    CHECK(lun_field(16383) == 0x7fff000000000000U);
}

TEST_CASE("a Data-Out has its fields where RFC 7143 11.7 puts them") {
    bhs header{};
    put_data_out(header.data(), {.final = true,
                                 .length = 512,
                                 .lun = lun_field(1),
                                 .tag = 3,
                                 .transfer_tag = 0xabcd,
                                 .exp_stat_sn = 4,
                                 .data_sn = 2,
                                 .offset = 1024});
    CHECK(header[0] == 0x05);
    CHECK(header[1] == 0x80);
    CHECK(data_length(header.data()) == 512);
    CHECK(task_tag(header.data()) == 3);
    CHECK(transfer_tag(header.data()) == 0xabcd);
    CHECK(scst::load_be32(header.data() + 28) == 4);
    CHECK(scst::load_be32(header.data() + 36) == 2);
    CHECK(buffer_offset(header.data()) == 1024);
}

TEST_CASE("a ping is answered as an immediate command with the target's tag") {
    bhs header{};
    put_ping_answer(header.data(), 0, 0x55, 10, 20);
    CHECK(header[0] == 0x40);
    CHECK(task_tag(header.data()) == reserved_tag);
    CHECK(transfer_tag(header.data()) == 0x55);
    CHECK(scst::load_be32(header.data() + 24) == 10);
}

TEST_CASE("a login request says its stages only as far as they are meant") {
    bhs header{};
    put_login(header.data(), {.current_stage = 1, .next_stage = 3, .transit = true, .text_length = 5, .tsih = 2});
    CHECK(header[0] == 0x43);
    CHECK(header[1] == 0x87);
    CHECK(data_length(header.data()) == 5);
    CHECK(scst::load_be16(header.data() + 14) == 2);
    header = {};
    put_login(header.data(), {.current_stage = 1, .next_stage = 3, .transit = false});
    CHECK(header[1] == 0x04);
}

TEST_CASE("serial numbers compare across the wrap") {
    CHECK(serial_not_after(5, 5));
    CHECK(serial_not_after(0xffffffffU, 3));
    CHECK_FALSE(serial_not_after(3, 0xffffffffU));
}

TEST_CASE("text keys survive encoding and decoding, padding is skipped, garbage is refused") {
    const text_keys keys = {{"InitiatorName", "iqn.a"}, {"Empty", ""}, {"Value", "a=b"}};
    auto text = encode_text(keys);
    text.append(3, '\0');
    text_keys back;
    CHECK(decode_text(text, back));
    CHECK(back == keys);
    text_keys none;
    CHECK_FALSE(decode_text("no equals sign", none));
    CHECK_FALSE(decode_text("=value", none));
}

TEST_CASE("sense is read in both formats and never past its end") {
    std::vector<std::uint8_t> fixed(18);
    fixed[0] = 0x70;
    fixed[2] = 0x06;
    fixed[12] = 0x29;
    fixed[13] = 0x01;
    const auto from_fixed = read_sense(fixed);
    CHECK(from_fixed.valid);
    CHECK(from_fixed.key == 6);
    CHECK(from_fixed.asc == 0x29);
    CHECK(from_fixed.ascq == 1);
    const std::vector<std::uint8_t> descriptor = {0x72, 0x05, 0x24, 0x00, 0, 0, 0, 0};
    const auto from_descriptor = read_sense(descriptor);
    CHECK(from_descriptor.key == 5);
    CHECK(from_descriptor.asc == 0x24);
    for (std::size_t length = 0; length < 14; ++length)
        CHECK_FALSE(read_sense(std::span{fixed}.first(length)).valid);
}

TEST_CASE("CRC32C gives the values of RFC 7143's examples, by instruction and by table") {
    std::vector<std::uint8_t> bytes(32, 0);
    CHECK(crc32c(bytes) == 0x8a9136aaU);
    bytes.assign(32, 0xff);
    CHECK(crc32c(bytes) == 0x62a8ab43U);
    for (std::size_t i = 0; i < 32; ++i)
        bytes[i] = static_cast<std::uint8_t>(i);
    CHECK(crc32c(bytes) == 0x46dd794eU);
    CHECK(crc32c_by_table(bytes) == 0x46dd794eU);
    const std::span<const std::uint8_t> whole{bytes};
    CHECK(crc32c(whole.subspan(13), crc32c(whole.first(13))) == 0x46dd794eU);
}
