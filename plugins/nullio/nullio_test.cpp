// SPDX-License-Identifier: Apache-2.0
// The plugin as a whole.
#include <testing/fake_core.hpp>
#include <testing/man_page.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

using namespace scst::testing;

namespace {

struct null_device {
    explicit null_device(const fake_core::parameters &given = {}) {
        REQUIRE(core.load_file(SCST_NULLIO_FILE) == 0);
        REQUIRE_MESSAGE(core.add_device("vdisk_nullio", "d", given) == 0, core.last_error());
    }
    outcome run(std::string_view cdb, const run_options &how = {}) { return core.run("d", cdb, how); }
    fake_core core;
};

} // namespace

TEST_CASE("the default size is SCST's 2.5 TiB") {
    null_device d;
    CHECK(d.core.show("d", "size") == "2748779069440\n");
    CHECK(d.core.show("d", "size_mb") == "2621440\n");
    CHECK(d.core.state("d").block_count == (std::uint64_t{5} << 30));
}

TEST_CASE("reads are zeros, writes vanish, none goes to a worker") {
    null_device d;
    run_options how;
    how.data_out = bytes(4096, 0xff);
    const outcome write = d.run("2a 00 00 00 00 00 00 00 08 00", how);
    CHECK(write.good());
    CHECK_FALSE(write.on_worker);
    const outcome read = d.run("28 00 00 00 00 00 00 00 08 00");
    CHECK(read.data == bytes(4096, 0));
    CHECK_FALSE(read.on_worker);
}

TEST_CASE("a read that is longer than the shared run of zeros is served too") {
    null_device d;
    const outcome read = d.run("88 00 00 00 00 00 00 00 00 00 00 00 50 00 00 00"); // 10 MiB
    CHECK(read.data.size() == 10u << 20);
    CHECK(std::all_of(read.data.begin(), read.data.end(), [](std::uint8_t byte) { return byte == 0; }));
}

TEST_CASE("the size can be changed at run time, in whole blocks") {
    null_device d{{{"size_mb", "1"}}};
    CHECK(d.core.show("d", "size") == "1048576\n[key]\n");
    CHECK(d.core.store("d", "size", "2097152") == 0);
    CHECK(d.core.state("d").block_count == 4096);
    CHECK(d.core.state("d").capacity_notices == 1);
    CHECK(d.core.store("d", "size_mb", "4") == 0);
    CHECK(d.core.state("d").block_count == 8192);
    CHECK(d.core.store("d", "size", "513") == -EINVAL);
    CHECK(d.core.store("d", "size", "x") == -EINVAL);
    CHECK(d.core.store("d", "size", "-1") == -EINVAL);
}

TEST_CASE("parameters of other handlers are refused") {
    null_device d;
    for (const char *name : {"filename", "nv_cache", "thin_provisioned", "o_direct", "active"}) {
        CHECK(d.core.add_device("vdisk_nullio", "e", {{name, "1"}}) == -EINVAL);
        CHECK(d.core.last_error() == std::string{"device e: unknown parameter "} + name);
    }
    CHECK(d.core.add_device("vdisk_nullio", "e", {{"size", "513"}}) == -EINVAL);
    CHECK(d.core.add_device("vdisk_nullio", "e", {{"dummy", "2"}}) == -EINVAL);
}

TEST_CASE("VERIFY, WRITE SAME and SANITIZE have nothing to do and succeed") {
    null_device d;
    run_options block;
    block.data_out = bytes(512, 0xee);
    CHECK(d.run("2f 02 00 00 00 00 00 00 01 00", block).good());
    CHECK(d.run("41 00 00 00 00 00 00 00 08 00", block).good());
    CHECK(d.run("35 00 00 00 00 00 00 00 00 00").good());
    run_options list;
    list.data_out = bytes{1, 0, 0, 1, 0xaa};
    CHECK(d.run("48 01 00 00 00 00 00 00 05 00", list).good());
}

TEST_CASE("the man page lists every parameter and attribute, and no others") {
    fake_core core;
    REQUIRE(core.load_file(SCST_NULLIO_FILE) == 0);
    CHECK(man_page_differences(SCST_MAN_PAGE, *core.handler("vdisk_nullio")) == "");
}
