// SPDX-License-Identifier: Apache-2.0
#include "memory_backend.hpp"

#include <doctest/doctest.h>

using namespace scst::testing;

namespace {

const fake_core::parameters erasable{{"thin_provisioned", "1"}, {"sbc_extensions", "1"}};

// The parameter list of SANITIZE OVERWRITE.
bytes overwrite_list(std::uint8_t passes, const bytes &pattern) {
    bytes list(4 + pattern.size());
    list[0] = passes;
    list[2] = static_cast<std::uint8_t>(pattern.size() >> 8);
    list[3] = static_cast<std::uint8_t>(pattern.size());
    std::copy(pattern.begin(), pattern.end(), list.begin() + 4);
    return list;
}

std::string overwrite_cdb(std::size_t length, bool immediate = false) {
    const bytes field{static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
    return std::string{immediate ? "48 81" : "48 01"} + " 00 00 00 00 00 " + to_hex(field) + " 00";
}

outcome overwrite(memory_device &d, const bytes &list) {
    return d.send(overwrite_cdb(list.size()), list);
}

} // namespace

TEST_CASE("SANITIZE OVERWRITE fills every block with the pattern") {
    memory_device d;
    CHECK(overwrite(d, overwrite_list(1, filled(512, 0xaa))).good());
    CHECK(d.disk.content == bytes(d.disk.content.size(), 0xaa));
    CHECK(overwrite(d, overwrite_list(1, {1, 2, 3})).good());
    CHECK(d.disk.content[510] == 1);
    CHECK(d.disk.content[511] == 2);
    CHECK(d.disk.content[512] == 1);                          // anew with each block
    CHECK(overwrite(d, overwrite_list(0x82, {0x0f})).good()); // INVERT: the second pass has the complement
    CHECK(d.disk.content[0] == 0xf0);
    CHECK(d.disk.flushes == 4);
}

TEST_CASE("SANITIZE's parameter list is checked") {
    memory_device d;
    for (std::size_t length = 0; length < 5; ++length)
        CHECK(d.send(overwrite_cdb(length), filled(length, 1)).code() == 0x052400);
    CHECK(overwrite(d, overwrite_list(1, filled(513, 1))).code() == 0x052400);
    CHECK(overwrite(d, overwrite_list(0, filled(512, 1))).code() == 0x052400);
    bytes list = overwrite_list(1, filled(8, 1));
    list[3] = 9; // longer than what came
    CHECK(overwrite(d, list).code() == 0x052400);
    list[3] = 0;
    CHECK(overwrite(d, list).code() == 0x052400);
    CHECK(d.run("48 04 00 00 00 00 00 00 00 00").code() == 0x052400);
    CHECK(d.disk.writes == 0);
}

TEST_CASE("while a sanitize goes on the medium can't be used, and the progress is told") {
    memory_device d;
    d.disk.hold_writes = true;
    const bytes list = overwrite_list(1, {0x11});
    CHECK(d.send(overwrite_cdb(list.size(), true), list).good()); // IMMED
    const outcome ready = d.run("00 00 00 00 00 00");
    CHECK(ready.code() == 0x02041b);
    CHECK((ready.sense[15] & 0x80) != 0);
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").code() == 0x02041b);
    CHECK(d.run("1b 00 00 00 00 00").code() == 0x02041b);
    CHECK(d.run("48 1f 00 00 00 00 00 00 00 00").code() == 0x02041b);
    CHECK(d.run("12 00 00 00 ff 00").good());
    const outcome sense = d.run("03 00 00 00 fc 00");
    CHECK(sense.data[2] == 2);
    CHECK(sense.data[12] == 0x04);
    CHECK(sense.data[13] == 0x1b);
    d.disk.hold_writes = false;
    while (d.run("00 00 00 00 00 00").code() == 0x02041b) {
    }
    CHECK(d.disk.content.back() == 0x11);
}

TEST_CASE("an aborted SANITIZE goes on without its command") {
    memory_device d;
    d.disk.hold_writes = true;
    const bytes list = overwrite_list(1, {0x22});
    run_options how;
    how.data_out = list;
    d.core.begin("d", overwrite_cdb(list.size()), how);
    CHECK_FALSE(d.core.pending_done());
    d.core.abort_pending();
    CHECK(d.core.pending_done());
    d.core.finish();
    d.core.handler("memory")->reset(d.core.handler_device("d"));
    CHECK(d.run("00 00 00 00 00 00").code() == 0x02041b);
    d.disk.hold_writes = false;
    while (d.run("00 00 00 00 00 00").code() == 0x02041b) {
    }
    CHECK(d.disk.content.back() == 0x22);
}

TEST_CASE("a failed SANITIZE blocks the medium until EXIT FAILURE MODE or another one") {
    memory_device d;
    d.disk.write_result = -EIO;
    CHECK(overwrite(d, overwrite_list(1, {1})).code() == 0x030300);
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").code() == 0x033103);
    CHECK(d.run("48 1f 00 00 00 00 00 00 00 00").good());
    d.disk.write_result = 0;
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").good());
}

TEST_CASE("erasing frees all blocks of a thin device that announces it") {
    memory_device d{erasable};
    d.disk.content.assign(d.disk.content.size(), 0x77);
    CHECK(d.run("48 02 00 00 00 00 00 00 00 00").good());
    CHECK(d.disk.content == bytes(d.disk.content.size(), 0));
    CHECK(d.send("48 02 00 00 00 00 00 00 08 00", filled(8, 0)).code() == 0x052400);
    CHECK(d.run("48 03 00 00 00 00 00 00 00 00").good());
    CHECK(d.run("12 01 b1 00 ff 00").data[7] == 0x50);
    CHECK(d.core.handler("memory")->supports(d.core.handler_device("d"), 0x48, 2) == 1);
}

TEST_CASE("erasing is unknown to other devices") {
    memory_device d;
    CHECK(d.run("48 02 00 00 00 00 00 00 00 00").code() == 0x052400);
    CHECK(d.run("48 03 00 00 00 00 00 00 00 00").code() == 0x052400);
    CHECK(d.run("12 01 b1 00 ff 00").data[7] == 0);
}

TEST_CASE("FORMAT UNIT frees a thin device and does nothing to another") {
    memory_device d{{{"thin_provisioned", "1"}}};
    d.disk.content.assign(d.disk.content.size(), 0x77);
    CHECK(d.run("04 00 00 00 00 00").good());
    CHECK(d.disk.content == bytes(d.disk.content.size(), 0));
    CHECK(d.send("04 10 00 00 00 00", {0, 0x02, 0, 0}).good()); // IMMED
    while (d.run("00 00 00 00 00 00").code() == 0x020404) {
    }
    CHECK(d.run("00 00 00 00 00 00").good());
}

TEST_CASE("FORMAT UNIT's parameter list is checked as SCST does") {
    memory_device d;
    CHECK(d.run("04 00 00 00 00 00").good());
    CHECK(d.run("04 40 00 00 00 00").field_bit() == 6);
    CHECK(d.send("04 10 00 00 00 00", {0, 0, 0}).code() == 0x051a00);
    CHECK(d.send("04 10 00 00 00 00", {0, 0x08, 0, 0}).field_bit() == 3);
    CHECK(d.send("04 10 00 00 00 00", {1, 0, 0, 0}).code() == 0x052600);
    CHECK(d.send("04 30 00 00 00 00", {0, 0, 0, 0}).code() == 0x052400);
    CHECK(d.send("04 30 00 00 00 00", {0, 0, 0, 1, 0, 0, 0, 0}).field_byte() == 3);
    CHECK(d.send("04 10 00 00 00 00", {0, 0, 0, 8}).code() == 0x052600);
}

TEST_CASE("a device that goes ends its long work") {
    memory_device d;
    const bytes list = overwrite_list(31, {0x33});
    CHECK(d.send(overwrite_cdb(list.size(), true), list).good());
}
