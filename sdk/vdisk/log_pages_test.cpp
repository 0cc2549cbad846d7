// SPDX-License-Identifier: Apache-2.0
#include "memory_backend.hpp"

#include <doctest/doctest.h>

using namespace scst::testing;

TEST_CASE("LOG SENSE lists its pages") {
    memory_device d;
    CHECK(to_hex(d.run("4d 00 40 00 00 00 00 00 ff 00").data) == "00000006000203050d2f");
    CHECK(to_hex(d.run("4d 00 40 ff 00 00 00 00 ff 00").data) == "40ff000e"
                                                                 "000000ff020003000500"
                                                                 "0d002f00");
}

TEST_CASE("a thin device also tells its resources") {
    memory_device d{{{"thin_provisioned", "1"}}};
    CHECK(to_hex(d.run("4d 00 40 00 00 00 00 00 ff 00").data) == "00000007000203050c0d2f");
    const outcome got = d.run("4d 00 4c 00 00 00 00 00 ff 00");
    CHECK(to_hex(got.data) == "0c000018"
                              "000103080000001002000000"
                              "000203080000000802000000");
}

TEST_CASE("uncorrected errors are counted and can be cleared") {
    memory_device d;
    d.disk.read_result = -EIO;
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").code() == 0x031100);
    outcome page = d.run("4d 00 43 00 00 00 00 00 ff 00");
    REQUIRE(page.data.size() == 4 + 6 * 12);
    CHECK(page.data.back() == 1);
    CHECK(page.data[4 + 5 * 12 + 1] == 6);
    CHECK(d.run("4c 02 40 00 00 00 00 00 00 00").good()); // PCR
    CHECK(d.run("4d 00 43 00 00 00 00 00 ff 00").data.back() == 0);
    CHECK(d.state().attentions == std::vector<attention>{{0x2a, 0x02, true}});
}

TEST_CASE("temperature and informational exceptions say what a file can say") {
    memory_device d;
    CHECK(to_hex(d.run("4d 00 4d 00 00 00 00 00 ff 00").data) == "0d00000c00000302"
                                                                 "00ff00010302"
                                                                 "00ff");
    CHECK(to_hex(d.run("4d 00 6f 00 00 00 00 00 ff 00").data) == "2f000008000003040000ff00");
}

TEST_CASE("bad fields of LOG SENSE and LOG SELECT are refused") {
    memory_device d;
    CHECK(d.run("4d 00 7e 00 00 00 00 00 ff 00").field_byte() == 2);
    CHECK(d.run("4d 00 4c 00 00 00 00 00 ff 00").field_byte() == 2); // not thin
    CHECK(d.run("4d 01 40 00 00 00 00 00 ff 00").field_byte() == 1);
    CHECK(d.run("4d 00 42 01 00 00 00 00 ff 00").field_byte() == 3);
    CHECK(d.run("4d 00 42 00 00 00 01 00 ff 00").field_byte() == 5);
    CHECK(d.send("4c 02 40 00 00 00 00 00 04 00", {0, 0, 0, 0}).code() == 0x052400);
    CHECK(d.send("4c 00 40 00 00 00 00 00 04 00", {2, 0, 0, 0}).code() == 0x052600);
    CHECK(d.send("4c 00 40 00 00 00 00 00 02 00", {2, 0}).code() == 0x051a00);
    CHECK(d.run("4c 01 40 00 00 00 00 00 00 00").code() == 0x052400);
}
