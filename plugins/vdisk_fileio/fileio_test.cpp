// SPDX-License-Identifier: Apache-2.0
// The plugin as a whole, on files in a temporary folder.
#include <testing/fake_core.hpp>
#include <testing/man_page.hpp>
#include <testing/temporary_folder.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

using namespace scst::testing;

namespace {

struct file_device {
    explicit file_device(fake_core::parameters given = {}, std::uint64_t size = 1u << 20)
        : path{size == 0 ? folder.file("disk") : folder.make("disk", size)}, core{folder.path()} {
        REQUIRE(core.load_file(SCST_FILEIO_FILE) == 0);
        given.emplace_back("filename", path);
        result = core.add_device("vdisk_fileio", "d", given);
    }
    outcome run(std::string_view cdb, const run_options &how = {}) { return core.run("d", cdb, how); }
    outcome send(std::string_view cdb, bytes data) {
        run_options how;
        how.data_out = std::move(data);
        return core.run("d", cdb, how);
    }
    [[nodiscard]] bytes content() const {
        const std::string text = folder.read("disk");
        return {text.begin(), text.end()};
    }

    temporary_folder folder;
    std::string path;
    fake_core core;
    std::int32_t result = 0;
};

bytes pattern(std::size_t size, unsigned seed) {
    bytes data(size);
    for (std::size_t i = 0; i < size; ++i)
        data[i] = static_cast<std::uint8_t>((i * 31 + seed) >> 2);
    return data;
}

// All lengths of write that matter around blocks and pages.
void write_and_read_back(file_device &d, unsigned blocks) {
    for (unsigned lba = 0; lba < blocks; lba += 3) {
        const bytes data = pattern(std::size_t{1 + lba % 5} * 512, lba);
        const std::string where = " 00 00 00 00 " + to_hex(bytes{static_cast<std::uint8_t>(lba)});
        const std::string length = " 00 00 " + to_hex(bytes{static_cast<std::uint8_t>(1 + lba % 5)}) + " 00";
        CHECK(d.send("2a" + where + length, data).good());
        CHECK(d.run("28" + where + length).data == data);
    }
}

} // namespace

TEST_CASE("data goes to the file and comes from it") {
    file_device d;
    REQUIRE_MESSAGE(d.result == 0, d.core.last_error());
    write_and_read_back(d, 200);
    CHECK(d.send("2a 08 00 00 00 01 00 00 01 00", pattern(512, 9)).good()); // FUA
    const bytes all = d.content();
    CHECK(bytes(all.begin() + 512, all.begin() + 1024) == pattern(512, 9));
    CHECK(d.run("35 00 00 00 00 00 00 00 00 00").good());
}

TEST_CASE("o_direct reads and writes at any place") {
    file_device d{{{"o_direct", "1"}}};
    if (d.result == -EINVAL) {
        MESSAGE("the temporary folder's file system has no O_DIRECT");
        return;
    }
    REQUIRE_MESSAGE(d.result == 0, d.core.last_error());
    write_and_read_back(d, 200);
    CHECK(d.core.show("d", "o_direct") == "1\n[key]\n");
}

TEST_CASE("o_direct keeps the size of a file that ends within a page") {
    file_device d{{{"o_direct", "1"}}, 9 * 512};
    if (d.result == -EINVAL)
        return;
    CHECK(d.send("2a 00 00 00 00 08 00 00 01 00", pattern(512, 1)).good());
    CHECK(d.run("28 00 00 00 00 08 00 00 01 00").data == pattern(512, 1));
    CHECK(std::filesystem::file_size(d.path) == 9 * 512);
}

TEST_CASE("a large cached READ is lent as a range of the file") {
    file_device d;
    CHECK(d.send("2a 00 00 00 00 00 00 01 00 00", pattern(131072, 3)).good());
    run_options how;
    how.flags = SCST_CMD_FILE_RANGES_OK;
    const outcome got = d.run("28 00 00 00 00 00 00 01 00 00", how);
    CHECK(got.segment_kind == SCST_SEGMENT_FILE);
    CHECK(got.data == pattern(131072, 3));
    CHECK(d.run("28 00 00 00 00 00 00 01 00 00").segment_kind == SCST_SEGMENT_MEMORY);
    CHECK(d.run("28 00 00 00 00 00 00 00 08 00", how).segment_kind == SCST_SEGMENT_MEMORY); // small
    CHECK(d.core.store("d", "active", "0") == 0);                                           // all loans are back
}

TEST_CASE("files of more than 2 TiB are addressed whole") {
    file_device d{{}, std::uint64_t{3} << 40};
    if (d.result != 0) {
        MESSAGE(d.core.last_error());
        return;
    }
    CHECK(to_hex(d.run("25 00 00 00 00 00 00 00 00 00").data) == "ffffffff00000200");
    CHECK(to_hex(d.run("9e 10 00 00 00 00 00 00 00 00 00 00 00 0c 00 00").data) == "000000017fffffff00000200");
    CHECK(d.send("8a 00 00 00 00 01 7f ff ff ff 00 00 00 01 00 00", pattern(512, 5)).good());
    CHECK(d.run("88 00 00 00 00 01 7f ff ff ff 00 00 00 01 00 00").data == pattern(512, 5));
    CHECK(d.send("8a 00 00 00 00 01 80 00 00 00 00 00 00 01 00 00", pattern(512, 5)).code() == 0x052100);
}

TEST_CASE("a missing file is refused, unless a size says how large to make it") {
    {
        file_device d{{}, 0};
        CHECK(d.result == -ENOENT);
        CHECK(d.core.last_error().find("device d: can't open ") == 0);
    }
    file_device d{{{"size_mb", "2"}}, 0};
    REQUIRE_MESSAGE(d.result == 0, d.core.last_error());
    struct ::stat status {};
    REQUIRE(::stat(d.path.c_str(), &status) == 0);
    CHECK(status.st_size == 2 << 20);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK(d.core.state("d").block_count == 4096);
}

TEST_CASE("an existing file keeps its size") {
    file_device d{{{"size_mb", "2"}}, 1u << 20};
    CHECK(d.result == 0);
    CHECK(std::filesystem::file_size(d.path) == 1u << 20);
    CHECK(d.core.state("d").block_count == 2048);
}

TEST_CASE("read_only makes no file and opens it for reading only") {
    file_device d{{{"read_only", "1"}, {"size_mb", "2"}}, 0};
    CHECK(d.result == -ENOENT);
    CHECK_FALSE(d.folder.exists("disk"));
}

TEST_CASE("folders and other things are no disks") {
    file_device d;
    CHECK(d.core.add_device("vdisk_fileio", "e", {{"filename", d.folder.path()}}) < 0);
    CHECK(d.core.add_device("vdisk_fileio", "e", {{"filename", "/dev/null"}}) == -EINVAL);
    CHECK(d.core.last_error().find("neither a regular file nor a block device") != std::string::npos);
    CHECK(d.core.add_device("vdisk_fileio", "e", {{"filename", "relative"}}) == -EINVAL);
}

TEST_CASE("a thin disk frees what is unmapped and tells it") {
    file_device d{{{"thin_provisioned", "1"}}};
    REQUIRE(d.result == 0);
    if (d.core.show("d", "thin_provisioned") != "1\n[key]\n") {
        MESSAGE("the temporary folder's file system punches no holes");
        return;
    }
    CHECK(d.send("2a 00 00 00 00 00 00 00 80 00", pattern(65536, 1)).good());
    CHECK(d.send("42 00 00 00 00 00 00 00 18 00", from_hex("001600100000000000000000000000080000000800000000")).good());
    CHECK(d.run("28 00 00 00 00 08 00 00 08 00").data == bytes(4096, 0));
    const outcome status = d.run("9e 12 00 00 00 00 00 00 00 00 00 00 00 38 00 00");
    CHECK(to_hex(status.data) == "0000003400000000"
                                 "00000000000000000000000800000000"
                                 "00000000000000080000000801000000"
                                 "00000000000000100000007000000000");
    CHECK(d.run("4d 00 4c 00 00 00 00 00 ff 00").data.size() == 4 + 2 * 12);
    CHECK(d.run("04 00 00 00 00 00").good()); // FORMAT UNIT: nothing is left
    CHECK(d.run("28 00 00 00 00 00 00 00 80 00").data == bytes(65536, 0));
}

TEST_CASE("WRITE SAME of zeros reads as zeros on a disk that is not thin") {
    file_device d;
    CHECK(d.send("2a 00 00 00 00 00 00 00 80 00", pattern(65536, 1)).good());
    CHECK(d.send("41 00 00 00 00 01 00 00 09 00", bytes(512, 0)).good());
    CHECK(d.run("28 00 00 00 00 01 00 00 09 00").data == bytes(9 * 512, 0));
    const bytes all = pattern(65536, 1);
    CHECK(d.run("28 00 00 00 00 0a 00 00 01 00").data == bytes(all.begin() + 5120, all.begin() + 5632));
}

TEST_CASE("a file that shrinks under the disk gives read errors, nothing worse") {
    file_device d;
    CHECK(d.send("2a 00 00 00 00 00 00 01 00 00", pattern(131072, 3)).good());
    std::filesystem::resize_file(d.path, 512);
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").good());
    CHECK(d.run("28 00 00 00 00 80 00 00 01 00").code() == 0x031100);
    run_options how;
    how.flags = SCST_CMD_FILE_RANGES_OK;
    CHECK(d.core.run("d", "28 00 00 00 00 00 00 00 08 00", how).code() == 0x031100);
    CHECK(d.core.store("d", "resync_size", "1") == 0);
    CHECK(d.core.state("d").block_count == 1);
    CHECK(d.core.state("d").capacity_notices == 1);
}

TEST_CASE("growing the file and resync_size make a larger disk") {
    file_device d;
    std::filesystem::resize_file(d.path, 2u << 20);
    CHECK(d.core.store("d", "resync_size", "1") == 0);
    CHECK(d.send("2a 00 00 00 0f ff 00 00 01 00", pattern(512, 2)).good());
}

TEST_CASE("write_through and nv_cache show in the caching page") {
    file_device d{{{"write_through", "1"}}};
    CHECK(d.run("1a 08 08 00 ff 00").data[6] == 0);
    CHECK(d.send("2a 00 00 00 00 00 00 00 01 00", pattern(512, 2)).good());
}

TEST_CASE("an empty file is a disk without capacity") {
    file_device d;
    d.folder.write("empty", "");
    CHECK(d.core.add_device("vdisk_fileio", "e", {{"filename", d.folder.file("empty")}}) == 0);
    CHECK(d.core.run("e", "25 00 00 00 00 00 00 00 00 00").code() == 0x023a00);
    CHECK(d.core.run("e", "28 00 00 00 00 00 00 00 01 00").code() == 0x052100);
}

TEST_CASE("the man page lists every parameter and attribute, and no others") {
    fake_core core;
    REQUIRE(core.load_file(SCST_FILEIO_FILE) == 0);
    CHECK(man_page_differences(SCST_MAN_PAGE, *core.handler("vdisk_fileio")) == "");
}
