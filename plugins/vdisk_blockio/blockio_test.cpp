// SPDX-License-Identifier: Apache-2.0
// The plugin as a whole, on a loop device where the tests may make one.
#include <testing/fake_core.hpp>
#include <testing/man_page.hpp>
#include <testing/temporary_folder.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

using namespace scst::testing;

namespace {

// A loop device over a file; path is empty when there is none to have (no root, no module).
class loop_device {
  public:
    explicit loop_device(const std::string &file) {
        const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
        if (control < 0)
            return;
        const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
        ::close(control);
        const int backing = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
        const std::string name = "/dev/loop" + std::to_string(number);
        fd_ = number < 0 ? -1 : ::open(name.c_str(), O_RDWR | O_CLOEXEC);
        if (fd_ >= 0 && ::ioctl(fd_, LOOP_SET_FD, backing) == 0)
            path_ = name;
        ::close(backing);
    }
    ~loop_device() {
        if (!path_.empty())
            ::ioctl(fd_, LOOP_CLR_FD, 0);
        if (fd_ >= 0)
            ::close(fd_);
    }
    loop_device(const loop_device &) = delete;
    loop_device &operator=(const loop_device &) = delete;
    [[nodiscard]] const std::string &path() const noexcept { return path_; }

  private:
    int fd_ = -1;
    std::string path_;
};

bytes pattern(std::size_t size, unsigned seed) {
    bytes data(size);
    for (std::size_t i = 0; i < size; ++i)
        data[i] = static_cast<std::uint8_t>((i * 31 + seed) >> 2);
    return data;
}

outcome send(fake_core &core, std::string_view cdb, bytes data) {
    run_options how;
    how.data_out = std::move(data);
    return core.run("d", cdb, how);
}

} // namespace

TEST_CASE("only block devices are taken") {
    const temporary_folder folder;
    fake_core core{folder.path()};
    REQUIRE(core.load_file(SCST_BLOCKIO_FILE) == 0);
    CHECK(core.add_device("vdisk_blockio", "d", {{"filename", folder.make("f", 4096)}}) == -ENOTBLK);
    CHECK(core.add_device("vdisk_blockio", "d", {{"filename", "/nonexistent"}}) == -ENOENT);
    CHECK(core.add_device("vdisk_blockio", "d", {{"filename", "/dev/null"}}) == -EINVAL);
    CHECK(core.add_device("vdisk_blockio", "d", {}) == -EINVAL);
    CHECK(core.add_device("vdisk_blockio", "d", {{"filename", "/dev/null"}, {"o_direct", "1"}}) == -EINVAL);
}

TEST_CASE("a loop device is a disk") {
    const temporary_folder folder;
    const loop_device loop{folder.make("disk", 64u << 20)};
    if (loop.path().empty()) {
        MESSAGE("no loop device can be made here");
        return;
    }
    fake_core core{folder.path()};
    REQUIRE(core.load_file(SCST_BLOCKIO_FILE) == 0);
    REQUIRE_MESSAGE(core.add_device("vdisk_blockio", "d", {{"filename", loop.path()}}) == 0, core.last_error());
    CHECK(core.add_device("vdisk_blockio", "e", {{"filename", loop.path()}}) == -EBUSY); // it is ours alone
    CHECK(core.state("d").block_count == 131072);
    CHECK(core.show("d", "bind_alua_state") == "1\n");
    CHECK(core.show("d", "thin_provisioned") == "1\n"); // by itself
    CHECK(core.show("d", "t10_vend_id") == "SCST_BIO\n");
    for (unsigned i = 0; i < 50; ++i) {
        const std::string where = " 00 00 00 00 " + to_hex(bytes{static_cast<std::uint8_t>(i * 5)}) + " 00 00 03 00";
        CHECK(send(core, "2a" + where, pattern(1536, i)).good());
        CHECK(core.run("d", "28" + where).data == pattern(1536, i));
    }
    CHECK(send(core, "2a 08 00 00 00 00 00 00 08 00", pattern(4096, 7)).good());
    CHECK(core.run("d", "35 00 00 00 00 00 00 00 00 00").good());
    CHECK(core.run("d", "2f 00 00 00 00 00 00 00 08 00").good());
    CHECK(send(core, "42 00 00 00 00 00 00 00 18 00", from_hex("001600100000000000000000000000000000000800000000"))
              .good());
    CHECK(send(core, "93 08 00 00 00 00 00 00 00 08 00 00 00 08 00 00", bytes(512, 0)).good());
    CHECK(core.run("d", "28 00 00 00 00 08 00 00 08 00").data == bytes(4096, 0));
    CHECK(core.run("d", "28 00 00 02 00 00 00 00 01 00").code() == 0x052100);
}

TEST_CASE("size can be written, up to what the device has") {
    const temporary_folder folder;
    const loop_device loop{folder.make("disk", 1u << 20)};
    if (loop.path().empty())
        return;
    fake_core core{folder.path()};
    REQUIRE(core.load_file(SCST_BLOCKIO_FILE) == 0);
    REQUIRE(core.add_device("vdisk_blockio", "d", {{"filename", loop.path()}}) == 0);
    CHECK(core.store("d", "size", "524288") == 0);
    CHECK(core.state("d").block_count == 1024);
    CHECK(core.store("d", "size", "2097152") == -ENOSPC);
    CHECK(core.store("d", "resync_size", "1") == 0);
    CHECK(core.state("d").block_count == 2048);
}

TEST_CASE("the man page lists every parameter and attribute, and no others") {
    fake_core core;
    REQUIRE(core.load_file(SCST_BLOCKIO_FILE) == 0);
    CHECK(man_page_differences(SCST_MAN_PAGE, *core.handler("vdisk_blockio")) == "");
}
