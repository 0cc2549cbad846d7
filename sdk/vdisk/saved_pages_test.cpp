// SPDX-License-Identifier: Apache-2.0
#include "saved_pages.hpp"

#include "memory_backend.hpp"

#include <testing/temporary_folder.hpp>

#include <doctest/doctest.h>

#include <filesystem>

using namespace scst::testing;
using namespace scst::vdisk;

namespace {

// MODE SELECT(6) with SP of a Control mode page that differs from the default in the given byte.
bytes control_page(std::uint8_t flags, std::uint8_t swp = 0) {
    return {0, 0, 0, 0, 0x0a, 0x0a, static_cast<std::uint8_t>(0x20 | flags), 0x10, swp, 0, 0, 0, 0, 0, 0x02, 0x4b};
}

} // namespace

TEST_CASE("only fields that differ from the default are written, after the device's name") {
    mode_state state;
    state.tas = true;
    state.qerr = 3;
    CHECK(render_pages("disk1", state, {}) == "disk1\nTAS=1\nQERR=3\n");
    CHECK(render_pages("disk1", {}, {}).empty());
    mode_state read;
    CHECK(parse_pages("disk1\nTAS=1\nQERR=3\n", "disk1", read));
    CHECK(read == state);
}

TEST_CASE("damaged files are recognised") {
    mode_state state;
    for (const char *text : {"", "disk2\nTAS=1\n", "disk1\nTAS=2\n", "disk1\nTAS\n", "disk1\nWHAT=1\n", "disk1\nTAS=1",
                             "disk1\nQERR=2\n", "disk1\nTAS=\n", "\n\n\n"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_pages(text, "disk1", state));
        CHECK(state == mode_state{});
    }
}

TEST_CASE("saved mode pages come back with the device and go when all is default again") {
    const temporary_folder folder;
    {
        memory_device d{{}, usual_flags, folder.path()};
        CHECK(d.send("15 11 00 00 10 00", control_page(0x04)).good());
        CHECK(folder.read("vdev_mode_pages/d") == "d\nD_SENSE=1\n");
        CHECK(d.state().mode.d_sense == 1);
        CHECK(d.state().attentions == std::vector<attention>{{0x2a, 0x01, true}});
    }
    memory_device d{{}, usual_flags, folder.path()};
    CHECK(d.state().mode.d_sense == 1);
    CHECK(to_hex(d.run("1a 08 ca 00 ff 00").data) == "0f0010008a0a2410000000000000024b");
    CHECK(to_hex(d.run("1a 08 8a 00 ff 00").data) == "0f0010008a0a2010000000000000024b");
    CHECK(d.send("15 11 00 00 10 00", control_page(0)).good());
    CHECK_FALSE(folder.exists("vdev_mode_pages/d"));
}

TEST_CASE("a reset takes back what was not saved") {
    const temporary_folder folder;
    memory_device d{{{"write_through", "1"}}, usual_flags, folder.path()};
    CHECK(d.send("15 10 00 00 10 00", control_page(0x04, 0x08)).good());
    CHECK(d.state().mode.swp == 1);
    CHECK(d.core.show("d", "write_through") == "1\n[key]\n");
    d.core.handler("memory")->reset(d.core.handler_device("d"));
    CHECK(d.state().mode.swp == 0);
    CHECK(d.state().mode.d_sense == 0);
    CHECK(d.core.show("d", "write_through") == "1\n[key]\n");
}

TEST_CASE("a damaged file is told, set aside and its backup is read") {
    const temporary_folder folder;
    std::filesystem::create_directory(folder.file("vdev_mode_pages"));
    folder.write("vdev_mode_pages/d", "d\nSWP=");
    folder.write("vdev_mode_pages/d1", "d\nSWP=1\n");
    memory_device d{{}, usual_flags, folder.path()};
    CHECK(d.result == 0);
    CHECK(d.state().mode.swp == 1);
    CHECK(folder.exists("vdev_mode_pages/d.damaged"));
    bool told = false;
    for (const std::string &line : d.core.log_lines())
        told = told || line.find("is damaged, kept as") != std::string::npos;
    CHECK(told);
}

TEST_CASE("without a state folder SP is refused, as SCST refuses it") {
    memory_device d{{}, usual_flags, "/nonexistent/state"};
    REQUIRE(d.result == 0);
    const outcome control = d.send("15 11 00 00 10 00", control_page(0x04));
    CHECK(control.code() == 0x052400);
    CHECK(control.field_byte() == 2);
    CHECK(control.field_bit() == 1);
    CHECK(d.run("1a 00 ca 00 ff 00").code() == 0x053900);
    CHECK(to_hex(d.run("1a 08 0a 00 ff 00").data) == "0f0010000a0a2010000000000000024b"); // PS is off
}

TEST_CASE("a save that fails changes nothing and answers BUSY") {
    const temporary_folder folder;
    memory_device d{{}, usual_flags, folder.path()};
    std::filesystem::remove(folder.file("vdev_mode_pages"));
    folder.write("vdev_mode_pages", "not a folder");
    CHECK(d.send("15 11 00 00 10 00", control_page(0x04)).status == SCST_STATUS_BUSY);
    CHECK(d.state().mode.d_sense == 0);
}
