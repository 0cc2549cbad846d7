// SPDX-License-Identifier: Apache-2.0
#include "parameters.hpp"

#include "memory_backend.hpp"

#include <doctest/doctest.h>

using namespace scst::testing;
using namespace scst::vdisk;

namespace {

constexpr std::uint32_t file_flags =
    SCST_BLOCK_HAS_FILENAME | SCST_BLOCK_HAS_CACHE | SCST_BLOCK_HAS_THIN | SCST_BLOCK_HAS_DIRECT | SCST_BLOCK_HAS_SIZE;

struct attempt {
    int result;
    settings wanted{};
    std::string why{};
};

attempt parse(std::uint32_t flags, const std::vector<scst_parameter> &list, std::uint32_t type = SCST_TYPE_DISK) {
    scst_block_backend backend{};
    backend.flags = flags;
    backend.device_type = type;
    attempt made{0};
    made.result = parse_parameters(backend, "d", list, made.wanted, made.why);
    return made;
}

attempt with_file(std::vector<scst_parameter> list) {
    list.insert(list.begin(), scst_parameter{"filename", "/f"});
    return parse(file_flags, list);
}

std::string names(std::uint32_t flags, std::uint32_t type = SCST_TYPE_DISK) {
    scst_block_backend backend{};
    backend.flags = flags;
    backend.device_type = type;
    std::string text;
    for (const char *name : parameter_names(backend))
        text += std::string{text.empty() ? "" : ", "} + name;
    return text;
}

} // namespace

TEST_CASE("parameters have SCST's names, in its order") {
    CHECK(names(file_flags) ==
          "active, async, bind_alua_state, blocksize, cluster_mode, dif_filename, dif_mode, dif_static_app_tag, "
          "dif_type, filename, numa_node_id, nv_cache, o_direct, read_only, removable, rotational, size, size_mb, "
          "thin_provisioned, tst, t10_dev_id, write_through, lb_per_pb_exp, sbc_extensions");
    CHECK(names(SCST_BLOCK_HAS_DUMMY | SCST_BLOCK_HAS_SIZE) ==
          "blocksize, cluster_mode, dif_mode, dif_static_app_tag, dif_type, dummy, numa_node_id, read_only, removable, "
          "rotational, size, size_mb, tst, t10_dev_id, sbc_extensions");
    CHECK(names(0, SCST_TYPE_CDROM) == "tst");
}

TEST_CASE("good values are taken") {
    const attempt a = with_file({{"blocksize", "0x1000"},
                                 {"size_mb", "3"},
                                 {"NV_CACHE", "1"},
                                 {"rotational", "0"},
                                 {"tst", "0"},
                                 {"thin_provisioned", "1"},
                                 {"t10_dev_id", "abc"},
                                 {"cluster_mode", "0"},
                                 {"numa_node_id", "-1"},
                                 {"dif_type", "0"}});
    CHECK(a.result == 0);
    CHECK(a.wanted.block_size == 4096);
    CHECK(a.wanted.size == 3u << 20);
    CHECK(a.wanted.nv_cache);
    CHECK_FALSE(a.wanted.rotational);
    CHECK(a.wanted.thin_set);
    CHECK(with_file({{"blocksize", "0"}}).wanted.block_size == 512);
    CHECK(with_file({{"size", "512"}, {"size_mb", "1"}}).wanted.size == 1u << 20);
}

TEST_CASE("bad values are refused with device and parameter") {
    const std::vector<scst_parameter> bad{
        {"read_only", "2"},   {"read_only", "yes"},
        {"read_only", ""},    {"read_only", "-1"},
        {"blocksize", "511"}, {"blocksize", "513"},
        {"blocksize", "abc"}, {"blocksize", "131072"},
        {"tst", "2"},         {"size", "513"},
        {"size_mb", "-1"},    {"size_mb", "99999999999999"},
        {"foo", "bar"},       {"filename", "/twice"},
        {"dummy", "1"},       {"t10_dev_id", "12345678901234567890123456"},
        {"dif_type", "x"},    {"numa_node_id", "no"},
    };
    for (const scst_parameter &each : bad) {
        CAPTURE(each.name);
        CAPTURE(each.value);
        const attempt a = with_file({each});
        CHECK(a.result == -EINVAL);
        CHECK(a.why.find("device d: ") == 0);
        CHECK(a.why.find(each.name) != std::string::npos);
    }
    CHECK(parse(file_flags, {{"filename", "relative"}}).result == -EINVAL);
    CHECK(parse(file_flags, {}).why == "device d: the parameter filename is missing");
    CHECK(with_file({{"read_only", "1"}, {"nv_cache", "1"}}).result == -EINVAL);
    CHECK(parse(0, {{"filename", "/f"}}, SCST_TYPE_CDROM).result == -EINVAL);
}

TEST_CASE("what is not implemented is refused, not ignored") {
    for (const scst_parameter &each : std::vector<scst_parameter>{{"cluster_mode", "1"},
                                                                  {"dif_mode", "tgt"},
                                                                  {"dif_type", "1"},
                                                                  {"dif_filename", "/x"},
                                                                  {"dif_static_app_tag", "1"},
                                                                  {"numa_node_id", "3"}}) {
        CAPTURE(each.name);
        CHECK(with_file({each}).result == -EOPNOTSUPP);
    }
}

TEST_CASE("a backend's own parameters go to its open()") {
    memory_disk disk{usual_flags};
    static const char *const own[] = {"colour"};
    disk.table.parameters = own;
    disk.table.parameter_count = 1;
    fake_core core;
    scst_block_handler *handler = nullptr;
    REQUIRE(scst_block_register(core.table(), nullptr, &disk.table, &disk, &handler, nullptr) == 0);
    CHECK(core.add_device("memory", "d", {{"colour", "blue"}, {"read_only", "1"}}) == 0);
    CHECK(disk.own["colour"] == "blue");
    CHECK((disk.open_flags & SCST_BLOCK_OPEN_READ_ONLY) != 0);
    CHECK(core.state("d").read_only);
    core.del_device("d");
    CHECK(disk.opened == 0);
    disk.open_result = -ENODEV;
    CHECK(core.add_device("memory", "e", {}) == -ENODEV);
    scst_block_unregister(handler);
}

TEST_CASE("two devices of one serial number can't be") {
    memory_device d;
    CHECK(d.core.add_device("memory", "e", {}) == 0);
    CHECK(d.core.store("d", "usn", d.core.state("e").usn) == 0);
    d.core.del_device("e");
    CHECK(d.core.add_device("memory", "e", {}) == -EEXIST);
}

TEST_CASE("an incomplete backend is refused") {
    fake_core core;
    scst_error error{};
    scst_block_handler *handler = nullptr;
    memory_disk disk{usual_flags};
    CHECK(scst_block_register(core.table(), nullptr, nullptr, nullptr, &handler, &error) == -EINVAL);
    disk.table.read = nullptr;
    CHECK(scst_block_register(core.table(), nullptr, &disk.table, &disk, &handler, &error) == -EINVAL);
    CHECK(std::string{error.text}.find("required") != std::string::npos);
}
