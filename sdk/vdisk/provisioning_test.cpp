// SPDX-License-Identifier: Apache-2.0
#include "memory_backend.hpp"

#include <doctest/doctest.h>

using namespace scst::testing;

namespace {

const fake_core::parameters thin{{"thin_provisioned", "1"}};

// An UNMAP parameter list of (LBA, count) pairs.
bytes unmap_list(const std::vector<std::pair<std::uint64_t, std::uint32_t>> &ranges) {
    bytes list(8 + ranges.size() * 16);
    list[1] = static_cast<std::uint8_t>(list.size() - 2);
    list[3] = static_cast<std::uint8_t>(list.size() - 8);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        for (std::size_t k = 0; k < 8; ++k)
            list[8 + i * 16 + k] = static_cast<std::uint8_t>(ranges[i].first >> (56 - 8 * k));
        for (std::size_t k = 0; k < 4; ++k)
            list[16 + i * 16 + k] = static_cast<std::uint8_t>(ranges[i].second >> (24 - 8 * k));
    }
    return list;
}

outcome unmap(memory_device &d, const bytes &list) {
    return d.send("42 00 00 00 00 00 00 00 " + to_hex(bytes{static_cast<std::uint8_t>(list.size())}) + " 00", list);
}

} // namespace

TEST_CASE("UNMAP frees each range") {
    memory_device d{thin};
    d.disk.content.assign(d.disk.content.size(), 0x77);
    CHECK(unmap(d, unmap_list({{0, 2}, {10, 1}, {20, 0}})).good());
    CHECK(d.disk.unmaps == 2);
    CHECK(d.disk.content[1023] == 0);
    CHECK(d.disk.content[1024] == 0x77);
    CHECK(d.disk.content[10 * 512] == 0);
}

TEST_CASE("UNMAP's parameter list is not believed") {
    memory_device d{thin};
    CHECK(unmap(d, unmap_list({{0, 1}, {2048, 1}})).code() == 0x052100);
    CHECK(d.disk.unmaps == 0);
    CHECK(unmap(d, unmap_list({{~0ull, 0xffffffff}})).code() == 0x052600); // more than one command may
    CHECK(unmap(d, unmap_list({{~0ull, 1}})).code() == 0x052100);
    bytes list = unmap_list({{0, 1}});
    list[3] = 32; // more descriptors than came
    const outcome too_long = unmap(d, list);
    CHECK(too_long.code() == 0x052600);
    CHECK(too_long.field_byte() == 2);
    list[3] = 15;
    CHECK(unmap(d, list).code() == 0x052600);
    CHECK(unmap(d, {0, 6, 0, 0}).code() == 0x051a00);
    CHECK(unmap(d, {0, 6, 0, 0, 0, 0, 0, 0}).good());
    CHECK(d.run("42 00 00 00 00 00 00 00 00 00").good());
    const outcome anchor = d.send("42 01 00 00 00 00 00 00 18 00", unmap_list({{0, 1}}));
    CHECK(anchor.code() == 0x052400);
    CHECK(anchor.field_byte() == 1);
}

TEST_CASE("UNMAP is unknown to a device that is not thin") {
    memory_device d;
    CHECK(unmap(d, unmap_list({{0, 1}})).code() == 0x052000);
    CHECK(d.send("93 08 00 00 00 00 00 00 00 00 00 00 00 08 00 00", filled(512, 0)).code() == 0x052000);
}

TEST_CASE("WRITE SAME repeats its block") {
    memory_device d;
    CHECK(d.send("41 00 00 00 00 02 00 00 08 00", filled(512, 0x5a)).good());
    CHECK(d.disk.content[1023] == 0);
    CHECK(d.disk.content[1024] == 0x5a);
    CHECK(d.disk.content[10 * 512 - 1] == 0x5a);
    CHECK(d.disk.content[10 * 512] == 0);
    CHECK(d.send("93 00 00 00 00 00 00 00 00 00 00 00 08 00 00 00", filled(512, 0x01)).good());
    CHECK(d.disk.content.back() == 0x01);
}

TEST_CASE("WRITE SAME with NDOB writes zeros") {
    memory_device d;
    d.disk.content.assign(d.disk.content.size(), 0x77);
    CHECK(d.run("93 01 00 00 00 00 00 00 00 00 00 00 00 02 00 00").good());
    CHECK(d.disk.content[1023] == 0);
    CHECK(d.disk.content[1024] == 0x77);
}

TEST_CASE("WRITE SAME with UNMAP frees blocks of zeros and writes other data") {
    memory_device d{thin};
    d.disk.content.assign(d.disk.content.size(), 0x77);
    CHECK(d.send("41 08 00 00 00 00 00 00 02 00", filled(512, 0)).good());
    CHECK(d.disk.unmaps == 1);
    CHECK(d.run("93 09 00 00 00 00 00 00 00 02 00 00 00 02 00 00").good());
    CHECK(d.disk.unmaps == 2);
    CHECK(d.send("93 08 00 00 00 00 00 00 00 00 00 00 00 02 00 00", filled(512, 0x21)).good());
    CHECK(d.disk.unmaps == 2);
    CHECK(d.disk.content[1023] == 0x21);
}

TEST_CASE("WRITE SAME's fields are checked") {
    memory_device d;
    const auto field = [&](const char *cdb) { return d.send(cdb, filled(512, 1)); };
    CHECK(field("41 00 00 00 00 00 00 00 00 00").field_byte() == 7); // WSNZ
    CHECK(field("93 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00").field_byte() == 10);
    CHECK(field("41 10 00 00 00 00 00 00 01 00").field_bit() == 4); // ANCHOR
    CHECK(field("41 02 00 00 00 00 00 00 01 00").field_bit() == 1); // LBDATA
    CHECK(field("41 00 00 00 07 ff 00 00 02 00").code() == 0x052100);
    CHECK(d.disk.writes == 0);
}

TEST_CASE("WRITE SAME takes one block of data, no less and no more") {
    memory_device d;
    run_options how;
    how.data_out = filled(512, 1);
    how.expected_length = 1024;
    CHECK(d.run("41 00 00 00 00 00 00 00 01 00", how).code() == 0x050e03);
    how.expected_length = 256;
    CHECK(d.run("41 00 00 00 00 00 00 00 01 00", how).code() == 0x050e03);
    CHECK(d.disk.writes == 0);
}

TEST_CASE("with extensions a thin device says that unmapped blocks are zeros") {
    memory_device d{{{"thin_provisioned", "1"}, {"sbc_extensions", "1"}}};
    CHECK(d.run("12 01 b2 00 ff 00").data[5] == 0xe4);
    CHECK(d.run("9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00").data[14] == 0xc0);
    const outcome limits = d.run("12 01 b0 00 ff 00");
    CHECK(to_hex({limits.data.data() + 24, 4}) == "00000fff");
}

TEST_CASE("WRITE SAME of more than VPD page B0h allows is refused") {
    memory_device d{{{"size", "1073741824"}}};
    CHECK(d.send("93 00 00 00 00 00 00 00 00 00 00 08 00 01 00 00", filled(512, 1)).field_byte() == 10);
}

TEST_CASE("a long WRITE SAME stops when it is aborted") {
    memory_device d;
    run_options how;
    how.data_out = filled(512, 1);
    how.aborted = true;
    CHECK(d.run("41 00 00 00 00 00 00 08 00 00", how).code() == 0x0b0000);
    CHECK(d.disk.writes == 0);
}

TEST_CASE("GET LBA STATUS tells runs of mapped and deallocated blocks") {
    memory_device d{thin};
    CHECK(d.send("2a 00 00 00 00 08 00 00 08 00", filled(4096, 1)).good());
    const outcome got = d.run("9e 12 00 00 00 00 00 00 00 00 00 00 01 00 00 00");
    REQUIRE(got.good());
    CHECK(got.on_worker);
    CHECK(to_hex(got.data) == "0000003400000000"
                              "00000000000000000000000801000000"
                              "00000000000000080000000800000000"
                              "0000000000000010000007f001000000");
    CHECK(to_hex(d.run("9e 12 00 00 00 00 00 00 00 09 00 00 00 18 00 00").data) == "0000001400000000"
                                                                                   "00000000000000090000000700000000");
    CHECK(d.run("9e 12 00 00 00 00 00 00 08 00 00 00 00 18 00 00").code() == 0x052100);
    CHECK(d.run("9e 12 00 00 00 00 00 00 00 00 00 00 00 17 00 00").code() == 0x052400);
}

TEST_CASE("blocks of a device that is not thin are all mapped") {
    memory_device d;
    CHECK(to_hex(d.run("9e 12 00 00 00 00 00 00 00 00 00 00 01 00 00 00").data) == "0000001400000000"
                                                                                   "00000000000000000000080000000000");
}

TEST_CASE("thin devices announce themselves") {
    memory_device d{thin};
    CHECK(to_hex(d.run("12 01 b2 00 ff 00").data) == "00b2000400e00200");
    CHECK(d.run("9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00").data[14] == 0x80);
}

TEST_CASE("a backing store that promises zeros sets LBPRZ") {
    memory_disk disk{usual_flags | SCST_BLOCK_AUTO_THIN};
    disk.info.flags = SCST_BLOCK_CAN_UNMAP | SCST_BLOCK_UNMAP_ZEROES;
    disk.info.unmap_granularity = 4096;
    disk.info.unmap_alignment = 512;
    disk.info.max_unmap = 1u << 20;
    fake_core core;
    scst_block_handler *handler = nullptr;
    REQUIRE(scst_block_register(core.table(), nullptr, &disk.table, &disk, &handler, nullptr) == 0);
    REQUIRE(core.add_device("memory", "d", {}) == 0);
    CHECK(core.show("d", "thin_provisioned") == "1\n"); // by itself: nothing to save
    CHECK(core.run("d", "12 01 b2 00 ff 00").data[5] == 0xe4);
    CHECK(core.run("d", "9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00").data[14] == 0xc0);
    CHECK(to_hex({core.run("d", "12 01 b0 00 ff 00").data.data() + 20, 16}) == "00000800ffffffff0000000880000001");
    core.del_device("d");
    scst_block_unregister(handler);
}
