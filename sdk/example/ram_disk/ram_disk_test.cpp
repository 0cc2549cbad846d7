// SPDX-License-Identifier: Apache-2.0
// The backend behind the vdisk library, in the SDK's fake core. What the library does by itself has tests of its own.
#include <testing/fake_core.hpp>

#include <doctest/doctest.h>

using scst::testing::fake_core;

namespace {

struct ram : fake_core {
    ram() {
        REQUIRE(load(scst_plugin_entry()) == 0);
        REQUIRE(add_device("ram_disk", "ram1", {{"size_mb", "1"}}) == 0);
    }
};

} // namespace

TEST_CASE("a disk in memory has its size and keeps what is written") {
    ram disk;
    CHECK(disk.state("ram1").block_size == 512);
    CHECK(disk.state("ram1").block_count == 2048);
    scst::testing::run_options write;
    write.data_out.assign(1024, 0xA5);
    REQUIRE(disk.run("ram1", "2a 00 000007fe 00 0002 00", write).good());
    const auto read = disk.run("ram1", "28 00 000007fd 00 0003 00");
    REQUIRE(read.data.size() == 1536);
    CHECK(read.data[511] == 0);
    CHECK(read.data[512] == 0xA5);
    CHECK(read.data[1535] == 0xA5);
    CHECK_FALSE(read.on_worker);
}

TEST_CASE("two disks share nothing") {
    ram disk;
    REQUIRE(disk.add_device("ram_disk", "ram2", {{"size_mb", "1"}}) == 0);
    scst::testing::run_options write;
    write.data_out.assign(512, 0xA5);
    REQUIRE(disk.run("ram1", "2a 00 00000000 00 0001 00", write).good());
    CHECK(disk.run("ram2", "28 00 00000000 00 0001 00").data == scst::testing::bytes(512, 0));
}

TEST_CASE("the library makes a whole disk of it") {
    ram disk;
    CHECK(disk.run("ram1", "35 00 00000000 00 0000 00").good());             // SYNCHRONIZE CACHE (10)
    CHECK(disk.run("ram1", "9e 10 0000000000000000 00000020 00 00").good()); // READ CAPACITY (16)
    CHECK(disk.run("ram1", "1a 00 3f 00 ff 00").good());                     // MODE SENSE, all pages
    const auto inquiry = disk.run("ram1", "12 00 00 00 ff 00");
    REQUIRE(inquiry.data.size() >= 36);
    CHECK(std::string{inquiry.data.begin() + 8, inquiry.data.begin() + 16} == "EXAMPLE ");
}
