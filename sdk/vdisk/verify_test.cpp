// SPDX-License-Identifier: Apache-2.0
#include "memory_backend.hpp"

#include <doctest/doctest.h>

using namespace scst::testing;

TEST_CASE("VERIFY with BYTCHK 00b reads the medium, on a worker") {
    memory_device d;
    const outcome got = d.run("2f 00 00 00 00 00 00 04 00 00");
    CHECK(got.good());
    CHECK(got.on_worker);
    CHECK(d.disk.reads == 2); // 512 KiB in two pieces
    d.disk.read_result = -EIO;
    CHECK(d.run("af 00 00 00 00 00 00 00 00 01 00 00").code() == 0x031100);
}

TEST_CASE("VERIFY with BYTCHK 01b compares all blocks") {
    memory_device d;
    d.disk.content.assign(d.disk.content.size(), 0x42);
    bytes data = filled(1024, 0x42);
    CHECK(d.send("2f 02 00 00 00 00 00 00 02 00", data).good());
    data[1023] ^= 1;
    CHECK(d.send("2f 02 00 00 00 00 00 00 02 00", data).code() == 0x0e1d00);
    CHECK(d.send("8f 02 00 00 00 00 00 00 00 00 00 00 00 02 00 00", data).code() == 0x0e1d00);
}

TEST_CASE("VERIFY with BYTCHK 11b compares one block with each") {
    memory_device d;
    d.disk.content.assign(d.disk.content.size(), 0x42);
    CHECK(d.send("2f 06 00 00 00 00 00 00 08 00", filled(512, 0x42)).good());
    d.disk.content[512 * 7 + 3] = 0;
    CHECK(d.send("2f 06 00 00 00 00 00 00 08 00", filled(512, 0x42)).code() == 0x0e1d00);
    CHECK(d.send("2f 06 00 00 00 00 00 00 07 00", filled(512, 0x42)).good());
}

TEST_CASE("BYTCHK 10b is reserved") {
    memory_device d;
    const outcome got = d.send("2f 04 00 00 00 00 00 00 01 00", filled(512, 0));
    CHECK(got.code() == 0x052400);
    CHECK(got.field_byte() == 1);
    CHECK(got.field_bit() == 2);
    CHECK(d.send("2e 04 00 00 00 00 00 00 01 00", filled(512, 0)).code() == 0x052400);
}

TEST_CASE("a long VERIFY stops when it is aborted") {
    memory_device d;
    run_options how;
    how.aborted = true;
    CHECK(d.run("2f 00 00 00 00 00 00 04 00 00", how).code() == 0x0b0000);
    CHECK(d.disk.reads == 0);
}

TEST_CASE("WRITE AND VERIFY writes, flushes and compares") {
    memory_device d;
    CHECK(d.send("2e 02 00 00 00 00 00 00 02 00", filled(1024, 0x24)).good());
    CHECK(d.disk.content[1023] == 0x24);
    CHECK(d.disk.flushes == 1);
    CHECK(d.send("ae 00 00 00 00 00 00 00 00 01 00 00", filled(512, 0x25)).good());
    CHECK(d.send("8e 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", filled(512, 0x26)).good());
    CHECK(d.disk.content[0] == 0x26);
    d.disk.write_result = -ENOSPC;
    CHECK(d.send("2e 00 00 00 00 00 00 00 01 00", filled(512, 1)).code() == 0x072707);
}

TEST_CASE("a device without content compares nothing") {
    memory_device d{{}, usual_flags | SCST_BLOCK_NO_CONTENT};
    CHECK(d.send("2f 02 00 00 00 00 00 00 01 00", filled(512, 0xee)).good());
    CHECK(d.disk.reads == 0);
}
