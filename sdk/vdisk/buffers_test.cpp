// SPDX-License-Identifier: Apache-2.0
#include "memory_backend.hpp"

#include <doctest/doctest.h>

using namespace scst::testing;

TEST_CASE("READ BUFFER shows zeros before the first WRITE BUFFER") {
    memory_device d;
    CHECK(d.run("3c 02 00 00 00 00 00 01 00 00").data == filled(256, 0));
    CHECK(to_hex(d.run("3c 03 00 00 00 00 00 00 04 00").data) == "00010000");
    CHECK(to_hex(d.run("3c 03 01 00 00 00 00 00 04 00").data) == "00000000");
    CHECK(to_hex(d.run("3c 0b 00 00 00 00 00 00 04 00").data) == "00001000");
}

TEST_CASE("what WRITE BUFFER sent is read back") {
    memory_device d;
    CHECK(d.send("3b 02 00 00 01 00 00 00 10 00", filled(16, 0x99)).good());
    CHECK(d.run("3c 02 00 00 01 00 00 00 10 00").data == filled(16, 0x99));
    CHECK(d.run("3c 02 00 00 00 f0 00 00 10 00").data == filled(16, 0));
    CHECK(d.send("3b 0a 00 00 00 00 00 00 10 00", filled(16, 0x98)).good());
    CHECK(d.run("3c 0a 00 00 00 00 00 00 10 00").data == filled(16, 0x98));
}

TEST_CASE("buffer bounds hold") {
    memory_device d;
    CHECK(d.run("3c 02 00 01 00 00 00 00 10 00").code() == 0x052400);
    CHECK(d.run("3c 02 01 00 00 00 00 00 10 00").code() == 0x052400);
    CHECK(d.run("3c 02 00 00 ff ff ff ff ff 00").data.size() == 1);
    CHECK(d.send("3b 02 00 00 ff f8 00 00 10 00", filled(16, 1)).code() == 0x052400);
    CHECK(d.send("3b 02 00 ff ff ff 00 00 10 00", filled(16, 1)).code() == 0x052400);
    CHECK(d.send("3b 0a 00 00 00 00 00 10 01 00", filled(4097, 1)).code() == 0x052400);
    CHECK(d.run("3c 05 00 00 00 00 00 00 10 00").code() == 0x052400);
    CHECK(d.send("3b 05 00 00 00 00 00 00 10 00", filled(16, 1)).code() == 0x052400);
}
