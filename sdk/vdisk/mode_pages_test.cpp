// SPDX-License-Identifier: Apache-2.0
#include "memory_backend.hpp"

#include <doctest/doctest.h>

using namespace scst::testing;

namespace {

bytes select_6(const bytes &pages) {
    bytes list(4);
    list.insert(list.end(), pages.begin(), pages.end());
    return list;
}

const bytes control{0x0a, 0x0a, 0x20, 0x10, 0, 0, 0, 0, 0, 0, 0x02, 0x4b};
const bytes caching{0x08, 0x12, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x14, 0, 0, 0, 0, 0, 0};

outcome mode_select(memory_device &d, const bytes &pages, const char *second = "10") {
    const bytes list = select_6(pages);
    return d.send(
        std::string{"15 "} + second + " 00 00 " + to_hex(bytes{static_cast<std::uint8_t>(list.size())}) + " 00", list);
}

bytes changed(bytes page, std::size_t at, std::uint8_t value) {
    page[at] = value;
    return page;
}

} // namespace

TEST_CASE("MODE SELECT changes what can be changed and tells the other nexuses") {
    memory_device d;
    const outcome got = mode_select(d, changed(control, 2, 0x24));
    CHECK(got.good());
    CHECK(got.on_worker);
    CHECK(d.state().mode.d_sense == 1);
    CHECK(d.state().attentions == std::vector<attention>{{0x2a, 0x01, true}});
    CHECK(mode_select(d, changed(control, 2, 0x24)).good()); // no change: no attention
    CHECK(d.state().attentions.size() == 1);
}

TEST_CASE("a list with two pages is taken whole") {
    memory_device d;
    bytes both = changed(caching, 2, 0);
    const bytes second = changed(control, 4, 0x08);
    both.insert(both.end(), second.begin(), second.end());
    CHECK(mode_select(d, both).good());
    CHECK(d.state().mode.swp == 1);
    CHECK(d.run("1a 08 08 00 ff 00").data[6] == 0);
    CHECK(d.run("1a 08 3f 00 ff 00").data[2] == 0x90); // SWP shows as write protect
}

TEST_CASE("switching the write cache off flushes what it holds") {
    memory_device d;
    CHECK(mode_select(d, changed(caching, 2, 0)).good());
    CHECK(d.disk.flushes == 1);
    CHECK(d.send("2a 00 00 00 00 00 00 00 01 00", filled(512, 1)).good());
    CHECK(d.disk.fua_writes == 1);
    CHECK(d.core.show("d", "write_through") == "1\n[key]\n");
    CHECK(mode_select(d, caching).good());
    CHECK(d.core.show("d", "write_through") == "0\n");
}

TEST_CASE("a non-volatile cache has no write cache to switch") {
    memory_device d{{{"nv_cache", "1"}}};
    CHECK(mode_select(d, caching).good());
    CHECK(d.run("1a 08 08 00 ff 00").data[6] == 0);
}

TEST_CASE("MODE SELECT points at what is wrong") {
    memory_device d;
    struct wrong {
        bytes pages;
        int byte, bit;
    };
    for (const wrong &each : {wrong{changed(control, 0, 0x8a), 4, 7}, wrong{changed(control, 0, 0x3e), 4, 0},
                              wrong{changed(control, 1, 9), 5, -1}, wrong{changed(control, 2, 0), 6, 5},
                              wrong{changed(control, 3, 0x20), 7, 4}, wrong{changed(control, 3, 0x14), 7, 1},
                              wrong{changed(caching, 1, 10), 5, -1}, wrong{changed(control, 0, 0x4a), 4, 0}}) {
        const outcome got = mode_select(d, each.pages);
        CAPTURE(to_hex(each.pages));
        CHECK(got.code() == 0x052600);
        CHECK(got.field_byte() == each.byte);
        CHECK(got.field_bit() == each.bit);
    }
    CHECK(mode_select(d, control, "00").code() == 0x052400); // PF
    CHECK(d.state().attentions.empty());
}

TEST_CASE("truncated lists are refused") {
    memory_device d;
    CHECK(d.run("15 10 00 00 00 00").good());
    CHECK(d.send("15 10 00 00 03 00", {0, 0, 0}).code() == 0x051a00);
    CHECK(mode_select(d, {0x0a}).code() == 0x051a00);
    CHECK(mode_select(d, {0x0a, 0x0a, 0x20}).code() == 0x051a00);
    CHECK(d.send("15 10 00 00 04 00", {0, 0, 0, 8}).code() == 0x051a00);
    CHECK(d.send("15 10 00 00 04 00", {0, 0, 0, 7}).code() == 0x052600);
    CHECK(d.send("55 10 00 00 00 00 00 00 08 00", {0, 0, 0, 0, 0, 0, 0, 7}).field_byte() == 7);
}

TEST_CASE("MODE SELECT(10) with a block descriptor") {
    memory_device d;
    bytes list(16);
    list[7] = 8;
    const bytes page = changed(control, 5, 0x40);
    list.insert(list.end(), page.begin(), page.end());
    CHECK(d.send("55 10 00 00 00 00 00 00 1c 00", list).good());
    CHECK(d.state().mode.tas == 1);
}

TEST_CASE("a LUN that is read-only for the nexus shows write protect") {
    memory_device d;
    run_options how;
    how.flags = SCST_CMD_READ_ONLY_LUN;
    CHECK(d.run("1a 08 0a 00 ff 00", how).data[2] == 0x90);
    CHECK(d.run("5a 08 0a 00 00 00 00 00 ff 00", how).data[3] == 0x90);
}
