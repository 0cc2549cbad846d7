// SPDX-License-Identifier: Apache-2.0
// The plugin as a whole.
#include <testing/fake_core.hpp>
#include <testing/man_page.hpp>
#include <testing/temporary_folder.hpp>

#include <doctest/doctest.h>

#include <cerrno>

using namespace scst::testing;

namespace {

struct drive {
    explicit drive(const fake_core::parameters &given = {}) {
        REQUIRE(core.load_file(SCST_VCDROM_FILE) == 0);
        REQUIRE_MESSAGE(core.add_device("vcdrom", "cd", given) == 0, core.last_error());
    }
    outcome run(std::string_view cdb, const run_options &how = {}) { return core.run("cd", cdb, how); }
    std::string insert(std::uint64_t size) {
        const std::string path = folder.make("disc.iso", size);
        CHECK(core.store("cd", "filename", path) == 0);
        return path;
    }
    temporary_folder folder;
    fake_core core{folder.path()};
};

} // namespace

TEST_CASE("a drive starts empty") {
    drive d;
    CHECK(d.core.show("cd", "filename") == "none\n\n");
    CHECK(d.core.show("cd", "size") == "0\n[key]\n");
    CHECK(d.core.show("cd", "tst") == "1\n");
    CHECK(d.core.state("cd").block_size == 2048);
    CHECK(d.core.state("cd").read_only);
    CHECK(d.run("00 00 00 00 00 00").code() == 0x023a00);
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").code() == 0x023a00);
    CHECK(d.run("25 00 00 00 00 00 00 00 00 00").code() == 0x023a00);
    CHECK(d.run("43 00 00 00 00 00 00 00 14 00").code() == 0x023a00);
    CHECK(d.core.add_device("vcdrom", "e", {{"filename", "/x"}}) == -EINVAL);
    CHECK(d.core.add_device("vcdrom", "e", {{"tst", "9"}}) == -EINVAL);
}

TEST_CASE("INQUIRY data and mode pages are SCST's") {
    drive d;
    CHECK(to_hex(d.run("12 00 00 00 ff 00").data) ==
          "058006223b081002534353545f46494f6364202020202020202020202020202033313130"
          "00000000000000000000000000000000000000000000008b09600463");
    CHECK(to_hex(d.run("12 01 00 00 ff 00").data) == "0500000400808386");
    CHECK(d.run("12 01 b0 00 ff 00").code() == 0x052400);
    CHECK(to_hex(d.run("1a 08 3f 00 ff 00").data).substr(8) == "010ac001000000000100ffff"
                                                               "8a0a2010000000000000024b"
                                                               "1c0a08000000000000000000");
    CHECK(d.run("1a 08 08 00 ff 00").code() == 0x052400);
}

TEST_CASE("a disc comes, tells it, is read, and goes") {
    drive d;
    const std::string path = d.insert(20480);
    CHECK(d.core.state("cd").attentions == std::vector<attention>{{0x28, 0x00, false}});
    CHECK(d.core.show("cd", "filename") == path + "\n[key]\n\n");
    CHECK(to_hex(d.run("25 00 00 00 00 00 00 00 00 00").data) == "0000000900000800");
    CHECK(d.run("28 00 00 00 00 09 00 00 01 00").data == bytes(2048, 0));
    CHECK(d.run("a8 00 00 00 00 0a 00 00 00 01 00 00").code() == 0x052100);
    CHECK(d.core.store("cd", "filename", "") == 0);
    CHECK(d.core.show("cd", "filename") == "none\n\n");
    CHECK(d.run("00 00 00 00 00 00").code() == 0x023a00);
    CHECK(d.core.state("cd").attentions.size() == 1);
}

TEST_CASE("a disc that is not there, or while removal is prevented, changes nothing or leaves the drive empty") {
    drive d;
    CHECK(d.core.store("cd", "filename", "relative") == -EINVAL);
    CHECK(d.core.store("cd", "filename", "/nonexistent/disc") == -ENOENT);
    CHECK(d.core.show("cd", "filename") == "none\n\n");
    d.insert(4096);
    CHECK(d.run("1e 00 00 00 01 00").good());
    CHECK(d.core.store("cd", "filename", "") == -EBUSY);
    CHECK(d.run("1b 00 00 00 02 00").code() == 0x055302);
    CHECK(d.run("1e 00 00 00 00 00").good());
    CHECK(d.run("1b 00 00 00 02 00").good());
    CHECK(d.run("00 00 00 00 00 00").code() == 0x023a00);
    CHECK(d.run("1b 00 00 00 03 00").good());
    CHECK(d.run("00 00 00 00 00 00").good());
}

TEST_CASE("READ TOC shows one data track") {
    drive d;
    d.insert(20480);
    CHECK(to_hex(d.run("43 00 00 00 00 00 00 00 14 00").data) == "0012010100140100000000000014aa000000000a");
    CHECK(to_hex(d.run("43 00 00 00 00 00 aa 00 14 00").data) == "000a01010014aa000000000a");
    CHECK(to_hex(d.run("43 02 00 00 00 00 00 00 14 00").data) == "0012010100140100000002000014aa000000020a");
    CHECK(to_hex(d.run("43 00 01 00 00 00 00 00 14 00").data) == "000a01010014010000000000");
    CHECK(d.run("43 00 00 00 00 00 02 00 14 00").field_byte() == 6);
    CHECK(d.run("43 00 05 00 00 00 00 00 14 00").field_byte() == 2);
}

TEST_CASE("GET CONFIGURATION tells the profile of what is in the drive") {
    drive d;
    CHECK(to_hex(d.run("46 00 00 00 00 00 00 00 08 00").data).substr(12) == "0000");
    d.insert(20480);
    const outcome all = d.run("46 00 00 00 00 00 00 01 00 00");
    CHECK(to_hex(all.data).substr(12, 4) == "0008");
    CHECK(all.data.size() == 4u + all.data[3]);
    CHECK(to_hex(d.run("46 02 00 10 00 00 00 01 00 00").data) == "00000010000000080010010800000800"
                                                                 "00010000");
    CHECK(d.run("46 03 00 00 00 00 00 01 00 00").code() == 0x052400);
    d.insert(std::uint64_t{2} << 30);
    CHECK(to_hex(d.run("46 00 00 00 00 00 00 00 08 00").data).substr(12) == "0010");
}

TEST_CASE("GET EVENT STATUS NOTIFICATION is polled") {
    drive d;
    CHECK(to_hex(d.run("4a 01 00 00 10 00 00 00 08 00").data) == "0006041000000000");
    d.insert(4096);
    CHECK(to_hex(d.run("4a 01 00 00 10 00 00 00 08 00").data) == "0006041000020000");
    CHECK(to_hex(d.run("4a 01 00 00 02 00 00 00 08 00").data) == "00028010");
    CHECK(d.run("4a 00 00 00 10 00 00 00 08 00").code() == 0x052400);
}

TEST_CASE("the man page lists every parameter and attribute, and no others") {
    fake_core core;
    REQUIRE(core.load_file(SCST_VCDROM_FILE) == 0);
    CHECK(man_page_differences(SCST_MAN_PAGE, *core.handler("vcdrom")) == "");
}
