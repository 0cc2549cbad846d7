// SPDX-License-Identifier: Apache-2.0
// Tests of descriptor: sizes of another version of the ABI, and tables that lack something.
#include "plugin/descriptor.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>

namespace scstd::plugin {
namespace {

std::int32_t add_device(void *, scst_device *, const char *, const scst_parameter *, std::uint32_t, void **,
                        scst_error *) {
    return 0;
}
void del_device(void *) {}
std::int32_t exec(void *, scst_cmd *) {
    return SCST_EXEC_DONE;
}

scst_handler good_handler() {
    scst_handler table{};
    table.struct_size = sizeof table;
    table.name = "test";
    table.threads_num = 1;
    table.add_device = add_device;
    table.del_device = del_device;
    table.exec = exec;
    return table;
}

TEST_CASE("a complete handler table is copied as it is") {
    const auto table = good_handler();
    const auto copy = copy_handler(&table);
    REQUIRE(copy);
    CHECK(copy.value().name == table.name);
    CHECK((copy.value().exec == exec));
}

TEST_CASE("members that an older plugin does not know read as zero") {
    auto table = good_handler();
    table.struct_size = offsetof(scst_handler, end_of_batch);
    table.device_ending = del_device; // behind the end that struct_size tells
    const auto copy = copy_handler(&table);
    REQUIRE(copy);
    CHECK((copy.value().device_ending == nullptr));
    CHECK((copy.value().exec == exec));
}

TEST_CASE("a newer and bigger table is accepted, what we do not know is left out") {
    struct bigger {
        scst_handler table = good_handler();
        void *more[4] = {};
    } newer;
    newer.table.struct_size = sizeof newer;
    const auto copy = copy_handler(&newer.table);
    REQUIRE(copy);
    CHECK(copy.value().struct_size == sizeof(scst_handler));
}

TEST_CASE("sizes that can't be sizes are refused") {
    auto table = good_handler();
    for (const std::uint32_t size : {0u, 4u, static_cast<std::uint32_t>(offsetof(scst_handler, exec)), 1u << 20}) {
        table.struct_size = size;
        CHECK_FALSE(copy_handler(&table));
    }
    CHECK_FALSE(copy_handler(nullptr));
}

TEST_CASE("a missing required callback is named") {
    auto table = good_handler();
    table.exec = nullptr;
    const auto copy = copy_handler(&table);
    REQUIRE_FALSE(copy);
    CHECK(copy.error().code == EINVAL);
    CHECK(copy.error().message.find("exec") != std::string::npos);
}

TEST_CASE("an attribute table must fit its announcement") {
    auto table = good_handler();
    table.device_attribute_count = 1;
    CHECK_FALSE(copy_handler(&table));
    scst_attribute row{};
    row.struct_size = sizeof row;
    row.name = "size";
    row.flags = SCST_ATTR_READ;
    table.device_attributes = &row;
    CHECK_FALSE(copy_handler(&table)); // no show()
    row.flags = 0;
    CHECK(copy_handler(&table));
    row.name = "a/b";
    CHECK_FALSE(copy_handler(&table));
    row.name = "size";
    row.struct_size = 8;
    CHECK_FALSE(copy_handler(&table));
}

TEST_CASE("names are checked") {
    CHECK(is_legal_name("vdisk_fileio"));
    CHECK(is_legal_name("a-B_9"));
    CHECK(is_legal_name(std::string(49, 'x')));
    CHECK_FALSE(is_legal_name(std::string(50, 'x')));
    CHECK_FALSE(is_legal_name(""));
    CHECK_FALSE(is_legal_name("../x"));
    CHECK_FALSE(is_legal_name("a b"));
    auto table = good_handler();
    table.name = "no good";
    CHECK_FALSE(copy_handler(&table));
    table.name = nullptr;
    CHECK_FALSE(copy_handler(&table));
}

TEST_CASE("a target driver needs enable_target unless its targets are always enabled") {
    scst_target_driver table{};
    table.struct_size = sizeof table;
    table.name = "test";
    table.add_target = [](void *, scst_target *, const char *, const scst_parameter *, std::uint32_t, void **,
                          scst_error *) -> std::int32_t { return 0; };
    table.del_target = del_device;
    table.xmit_response = [](scst_cmd *) {};
    table.task_management_done = [](scst_task_management *) {};
    table.close_session = del_device;
    const auto without = copy_target_driver(&table);
    REQUIRE_FALSE(without);
    CHECK(without.error().message.find("enable_target") != std::string::npos);
    table.flags = SCST_DRIVER_NO_ENABLED;
    CHECK(copy_target_driver(&table));
}

} // namespace
} // namespace scstd::plugin
