// SPDX-License-Identifier: Apache-2.0
#include "memory_backend.hpp"

#include <doctest/doctest.h>

using namespace scst::testing;

namespace {
const fake_core::parameters removable{{"removable", "1"}};
constexpr const char *eject = "1b 00 00 00 02 00";
constexpr const char *load = "1b 00 00 00 03 00";
} // namespace

TEST_CASE("REQUEST SENSE has no sense, in the format that was asked for") {
    memory_device d;
    CHECK(to_hex(d.run("03 00 00 00 fc 00").data) == "700000000000000a00000000000000000000");
    CHECK(to_hex(d.run("03 01 00 00 fc 00").data) == "7200000000000000");
    CHECK(d.run("03 00 00 00 04 00").data.size() == 4);
}

TEST_CASE("START STOP UNIT ejects and loads a removable medium") {
    memory_device d{removable};
    CHECK(d.run(eject).good());
    CHECK(d.run("00 00 00 00 00 00").code() == 0x023a00);
    for (const char *cdb :
         {"28 00 00 00 00 00 00 00 01 00", "25 00 00 00 00 00 00 00 00 00",
          "9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", "9e 12 00 00 00 00 00 00 00 00 00 00 00 18 00 00",
          "34 00 00 00 00 00 00 00 01 00", "35 00 00 00 00 00 00 00 01 00", "2f 00 00 00 00 00 00 00 01 00"}) {
        CAPTURE(cdb);
        CHECK(d.run(cdb).code() == 0x023a00);
    }
    CHECK(d.send("8b 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", filled(512, 1)).code() == 0x023a00);
    CHECK(d.run("12 00 00 00 ff 00").good());
    CHECK(d.run("03 00 00 00 fc 00").data[12] == 0x3a);
    CHECK(d.run(load).good());
    CHECK(d.state().attentions == std::vector<attention>{{0x28, 0x00, true}});
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").good());
}

TEST_CASE("a fixed medium can't be ejected, but stopped and started") {
    memory_device d;
    const outcome got = d.run(eject);
    CHECK(got.code() == 0x052400);
    CHECK(got.field_byte() == 4);
    CHECK(d.run("1b 00 00 00 00 00").good()); // flushes
    CHECK(d.disk.flushes == 2);
    CHECK(d.run("1b 00 00 00 04 00").good()); // NO_FLUSH
    CHECK(d.disk.flushes == 2);
    CHECK(d.run("1b 00 00 00 01 00").good());
}

TEST_CASE("power conditions never eject") {
    memory_device d{removable};
    for (int condition = 1; condition < 16; ++condition) {
        const bytes cdb{0x1b, 1, 0, 0, static_cast<std::uint8_t>(condition << 4 | 2), 0};
        CHECK(d.core.run("d", cdb).good());
        CHECK(d.run("00 00 00 00 00 00").good());
    }
}

TEST_CASE("PREVENT ALLOW is per nexus and ends with it") {
    memory_device d{removable};
    run_options other;
    other.nexus = 2;
    CHECK(d.run("1e 00 00 00 01 00").good());
    CHECK(d.run("1e 00 00 00 01 00", other).good());
    CHECK(d.run(eject).code() == 0x055302);
    CHECK(d.run("1e 00 00 00 00 00").good());
    CHECK(d.run(eject).code() == 0x055302); // the other still prevents
    d.core.handler("memory")->nexus_lost(d.core.handler_device("d"), 2);
    CHECK(d.run(eject).good());
    CHECK(d.run("1e 00 00 00 01 00").good());
    CHECK(d.run(load).code() == 0x055302);
    d.core.handler("memory")->reset(d.core.handler_device("d"));
    CHECK(d.run(load).good());
    CHECK(d.run("1e 00 00 00 02 00").code() == 0x052400);
}

TEST_CASE("diagnostics: the default self-test and the supported pages") {
    memory_device d;
    CHECK(d.run("1d 04 00 00 00 00").good());
    CHECK(d.run("1d 00 00 00 00 00").good());
    CHECK(d.send("1d 10 00 00 04 00", {0, 0, 0, 0}).good());
    CHECK(d.send("1d 10 00 00 04 00", {0x40, 0, 0, 0}).code() == 0x052600);
    CHECK(d.send("1d 10 00 00 02 00", {0, 0}).code() == 0x051a00);
    CHECK(d.run("1d 64 00 00 00 00").code() == 0x052400);
    CHECK(to_hex(d.run("1c 01 00 00 ff 00").data) == "0000000100");
    CHECK(d.run("1c 01 40 00 ff 00").code() == 0x052400);
}

TEST_CASE("REPORT TIMESTAMP gives the host's clock") {
    memory_device d;
    const outcome got = d.run("a3 0f 00 00 00 00 00 00 00 20 00 00");
    REQUIRE(got.data.size() == 12);
    CHECK(got.data[1] == 10);
    CHECK(got.data[2] == 3);
    CHECK((got.data[4] != 0 || got.data[5] != 0));
    CHECK(d.run("a3 05 00 00 00 00 00 00 00 20 00 00").code() == 0x052400); // IDENTIFYING INFORMATION
}

TEST_CASE("READ CAPACITY checks PMI and the LBA") {
    memory_device d;
    CHECK(d.run("25 00 00 00 00 01 00 00 00 00").code() == 0x052400);
    CHECK(d.run("25 00 00 00 00 01 00 00 01 00").good());
    CHECK(d.run("9e 10 00 00 00 00 00 00 00 01 00 00 00 20 00 00").code() == 0x052400);
    CHECK(d.run("9e 10 00 00 00 00 00 00 00 00 00 00 00 0c 00 00").data.size() == 12);
}

TEST_CASE("REPORT SUPPORTED OPERATION CODES can ask what a device really has") {
    memory_device d;
    const scst_handler &handler = *d.core.handler("memory");
    CHECK(handler.opcode_count > 40);
    CHECK(handler.supports(d.core.handler_device("d"), 0x28, 0xffff) == 1);
    CHECK(handler.supports(d.core.handler_device("d"), 0x9c, 0xffff) == 0);
    CHECK(handler.supports(d.core.handler_device("d"), 0x48, 1) == 1);
    CHECK(handler.supports(d.core.handler_device("d"), 0x48, 2) == 0);
}
