// SPDX-License-Identifier: Apache-2.0
// How a handler is tested without a daemon: the SDK's fake core loads the plugin and runs CDBs.
#include <testing/fake_core.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <string>

using scst::testing::attention;
using scst::testing::fake_core;

namespace {

constexpr std::uint32_t invalid_opcode = 0x052000;
constexpr std::uint32_t invalid_field = 0x052400;
constexpr std::uint32_t lba_out_of_range = 0x052100;

struct echo : fake_core {
    explicit echo(const parameters &given = {{"blocks", "100"}}) {
        REQUIRE(load(scst_plugin_entry()) == 0);
        REQUIRE(add_device("echo_handler", "echo1", given) == 0);
    }
    scst::testing::outcome cdb(std::string_view hex) { return run("echo1", hex); }
};

} // namespace

TEST_CASE("the device has the capacity that was asked for") {
    echo device;
    CHECK(device.state("echo1").block_size == 512);
    CHECK(device.state("echo1").block_count == 100);
    CHECK(scst::testing::to_hex(device.cdb("25 00 00000000 0000 00 00").data) == "0000006300000200");
}

TEST_CASE("what was written is read") {
    echo device;
    scst::testing::run_options write;
    write.data_out.assign(1024, 0x5A);
    write.segment_size = 400; // segments need not be whole blocks
    REQUIRE(device.run("echo1", "2a 00 00000062 00 0002 00", write).good());
    const auto read = device.cdb("28 00 00000061 00 0003 00");
    REQUIRE(read.good());
    REQUIRE(read.data.size() == 1536);
    CHECK(read.data[511] == 0);
    CHECK(read.data[512] == 0x5A);
    CHECK(read.data[1535] == 0x5A);
}

TEST_CASE("blocks beyond the end are refused") {
    echo device;
    CHECK(device.cdb("28 00 00000063 00 0001 00").good());
    CHECK(device.cdb("28 00 00000063 00 0002 00").code() == lba_out_of_range);
    CHECK(device.cdb("28 00 ffffffff 00 ffff 00").code() == lba_out_of_range);
}

TEST_CASE("INQUIRY is cut at the allocation length and refuses what it does not know") {
    echo device;
    const auto whole = device.cdb("12 00 00 00 ff 00");
    REQUIRE(whole.data.size() == 36);
    CHECK(std::string{whole.data.begin() + 8, whole.data.begin() + 20} == "EXAMPLE echo");
    CHECK(device.cdb("12 00 00 00 05 00").data.size() == 5);
    CHECK(device.cdb("12 00 00 00 00 00").good());
    CHECK(scst::testing::to_hex(device.cdb("12 01 80 00 ff 00").data) == "008000056563686f31");
    const auto refused = device.cdb("12 01 b0 00 ff 00");
    CHECK(refused.code() == invalid_field);
    CHECK(refused.field_byte() == 2);
    CHECK(device.cdb("12 00 01 00 ff 00").field_byte() == 2);
}

TEST_CASE("an opcode that is not known is refused") {
    echo device;
    CHECK(device.cdb("00 00 00 00 00 00").good());
    CHECK(device.cdb("c0 00 00 00 00 00").code() == invalid_opcode);
}

TEST_CASE("parameters out of range are refused with the value") {
    fake_core core;
    REQUIRE(core.load(scst_plugin_entry()) == 0);
    for (const char *bad : {"0", "-1", "65537", "1x", "", "99999999999999999999"}) {
        CHECK(core.add_device("echo_handler", "echo1", {{"blocks", bad}}) == -EINVAL);
        CHECK(core.last_error().find('"' + std::string{bad} + '"') != std::string::npos);
    }
}

TEST_CASE("a parameter that is not known is refused by name") {
    fake_core core;
    REQUIRE(core.load(scst_plugin_entry()) == 0);
    CHECK(core.add_device("echo_handler", "echo1", {{"block", "1"}}) == -EINVAL);
    CHECK(core.last_error() == "there is no parameter \"block\"");
}

TEST_CASE("the product can be named anew, and initiators hear of it") {
    echo device;
    CHECK(device.show("echo1", "product") == "echo\n");
    REQUIRE(device.store("echo1", "product", "sixteen letters!") == 0);
    CHECK(device.show("echo1", "product") == "sixteen letters!\n[key]\n");
    CHECK(device.state("echo1").attentions == std::vector{attention{0x3F, 0x03, false}});
    CHECK(device.state("echo1").suspensions == 0);
    CHECK(device.store("echo1", "product", "seventeen letters") == -EINVAL);
    CHECK(device.store("echo1", "product", "") == -EINVAL);
    CHECK(device.store("echo1", "product", "tab\tbed") == -EINVAL);
    CHECK(device.show("echo1", "product") == "sixteen letters!\n[key]\n");
}

TEST_CASE("commands are counted, and a device that can't be suspended is left alone") {
    echo device;
    static_cast<void>(device.cdb("00 00 00 00 00 00"));
    CHECK(device.show("echo1", "commands") == "1\n");
    device.refuse_suspend = true;
    CHECK(device.store("echo1", "product", "other") == -EBUSY);
    CHECK(device.show("echo1", "product") == "echo\n");
}
