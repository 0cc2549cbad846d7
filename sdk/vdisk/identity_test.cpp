// SPDX-License-Identifier: Apache-2.0
#include "identity.hpp"

#include "memory_backend.hpp"

#include <doctest/doctest.h>

using namespace scst::testing;
using namespace scst::vdisk;

TEST_CASE("the device number is SCST's: CRC32C of the name with its NUL") {
    CHECK(device_number(0, "disk1") == 0xb8fdbd32);
    CHECK(device_number(0, "nullio") == 0x4ef44fcf);
    CHECK(device_number(0, "thin") == 0x62f48ea);
    CHECK(device_number(2, "disk1") == 0x2b8fdbd32);
}

TEST_CASE("default names are cut to what the fields hold") {
    const identity id = default_identity(0, "a-name-that-is-much-longer-than-the-fields", "SCST_FIO");
    CHECK(id.prod_id.value == "a-name-that-is-m");
    CHECK(id.t10_dev_id.value.size() == max_t10_dev_id);
    CHECK(id.vend_specific_id.value == id.t10_dev_id.value);
    CHECK_FALSE(id.usn.set);
}

TEST_CASE("hexadecimal identifiers are parsed strictly") {
    std::string bytes_read;
    CHECK(parse_hex("0x6001405abcdef000", bytes_read));
    CHECK(bytes_read.size() == 8);
    CHECK(scst::vdisk::to_hex(bytes_read) == "6001405abcdef000");
    CHECK_FALSE(parse_hex("0x123", bytes_read));
    CHECK_FALSE(parse_hex("xy", bytes_read));
    CHECK(parse_hex("", bytes_read));
    CHECK(bytes_read.empty());
    CHECK(valid_naa(std::string(1, '\x51') + std::string(7, 'a')));
    CHECK_FALSE(valid_naa(std::string(1, '\x61') + std::string(7, 'a')));
    CHECK(valid_naa(std::string(1, '\x61') + std::string(15, 'a')));
    CHECK_FALSE(valid_eui64("123"));
}

TEST_CASE("identity attributes change INQUIRY data and tell all nexuses") {
    memory_device d;
    REQUIRE(d.core.store("d", "t10_vend_id", "ACME") == 0);
    REQUIRE(d.core.store("d", "prod_id", "Wonder") == 0);
    REQUIRE(d.core.store("d", "prod_rev_lvl", "7") == 0);
    const outcome inquiry = d.run("12 00 00 00 ff 00");
    CHECK(std::string(inquiry.data.begin() + 8, inquiry.data.begin() + 36) == "ACME    Wonder          7   ");
    CHECK(d.state().attentions == std::vector<attention>(3, attention{0x3f, 0x03, false}));
    CHECK(d.core.show("d", "t10_vend_id") == "ACME\n[key]\n");
    CHECK(d.core.store("d", "t10_vend_id", "123456789") == -EINVAL);
    CHECK(d.core.last_error().find("device d: t10_vend_id") == 0);
}

TEST_CASE("page 83h holds the designators that are set, in SCST's order") {
    memory_device d;
    REQUIRE(d.core.store("d", "naa_id", "0x6001405000000000abcdef0123456789") == 0);
    REQUIRE(d.core.store("d", "scsi_device_name", "name") == 0);
    d.core.port.in_device_group = 1;
    d.core.port.target_port_group_id = 0x1234;
    const std::string page = scst::testing::to_hex(d.run("12 01 83 04 00 00").data);
    CHECK(page.find("032800086e616d6500000000") == 8);
    CHECK(page.find("0114000400000001") != std::string::npos);
    CHECK(page.find("0115000400001234") != std::string::npos);
    CHECK(page.find("010300106001405000000000abcdef0123456789") != std::string::npos);
    CHECK(page.find("01020008") == std::string::npos); // no invented EUI-64 beside an NAA
    REQUIRE(d.core.store("d", "eui64_id", "0x0011223344556677") == 0);
    CHECK(scst::testing::to_hex(d.run("12 01 83 04 00 00").data).find("010200080011223344556677") != std::string::npos);
    CHECK(d.core.show("d", "eui64_id") == "0x0011223344556677\n[key]\n");
    CHECK(d.core.store("d", "naa_id", "0x11") == -EINVAL);
    CHECK(d.core.store("d", "naa_id", "") == 0);
    CHECK(d.core.show("d", "naa_id") == "\n");
}

TEST_CASE("the longest names fit into their pages") {
    memory_device d;
    const std::string longest(256, 'n');
    REQUIRE(d.core.store("d", "scsi_device_name", longest) == 0);
    REQUIRE(d.core.store("d", "vend_specific_id", std::string(128, 'v')) == 0);
    const outcome page = d.run("12 01 83 10 00 00");
    CHECK(page.good());
    CHECK(page.data.size() == std::size_t{4} + page.data[2] * 256u + page.data[3]);
    REQUIRE(d.core.store("d", "inq_vend_specific", std::string(160, 'i')) == 0);
    const outcome inquiry = d.run("12 00 00 04 00 00");
    CHECK(inquiry.data.size() == 256);
    CHECK(inquiry.data[4] == 251);
    REQUIRE(d.core.store("d", "inq_vend_specific", "short") == 0);
    const outcome special = d.run("12 00 00 04 00 00");
    CHECK(std::string(special.data.begin() + 36, special.data.begin() + 41) == "short");
}

TEST_CASE("ALUA shows in standard INQUIRY data") {
    memory_device d;
    d.core.port.tpgs = 3;
    CHECK(d.run("12 00 00 00 ff 00").data[5] == 0x38);
    d.core.port.port_unavailable = 1;
    CHECK(d.run("12 00 00 00 ff 00").data[0] == 0x20);
}

TEST_CASE("a dummy LUN says that no device can be there") {
    memory_device d{{{"dummy", "1"}}};
    CHECK(d.run("12 00 00 00 ff 00").data[0] == 0x3f);
}
