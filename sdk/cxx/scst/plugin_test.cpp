// SPDX-License-Identifier: Apache-2.0
#include "plugin.hpp"

#include "../test_core.hpp"

#include <doctest/doctest.h>

#include <system_error>

namespace {

const scst_handler handler{};

// What the constructor below does; the descriptor's init() takes no arguments of ours.
enum class start_with { success, failure, errno_error, other_error, no_exception_class };
start_with mode = start_with::success;
int alive = 0;

struct sample : scst::plugin_base {
    static constexpr const char *name = "sample";
    static constexpr const char *version = "1";
    static constexpr const char *license = "Apache-2.0";
    static constexpr const char *summary = "a plugin for tests";

    explicit sample(const scst::plugin_start &start) : plugin_base{start} {
        switch (mode) {
        case start_with::success:
            add_handler(handler);
            break;
        case start_with::failure:
            throw scst::failure{EADDRINUSE, "port 3260 is in use"};
        case start_with::errno_error:
            throw std::system_error{EACCES, std::generic_category(), "state folder"};
        case start_with::other_error:
            throw std::runtime_error{"broken"};
        case start_with::no_exception_class:
            throw 7; // not even std::exception may cross
        }
        ++alive;
    }
    ~sample() { --alive; }
};

constexpr const scst_plugin &descriptor = scst::plugin_descriptor<sample>;

std::int32_t init_with(start_with what, scst::test::fixture &test, void **self) {
    mode = what;
    return descriptor.init(&test.core, nullptr, self, &test.error);
}

} // namespace

TEST_CASE("the descriptor carries the plugin's names and the ABI's numbers") {
    CHECK(descriptor.magic == SCST_PLUGIN_MAGIC);
    CHECK(descriptor.abi_version == SCST_ABI_VERSION);
    CHECK(descriptor.struct_size == sizeof(scst_plugin));
    CHECK(std::string{descriptor.name} == "sample");
}

TEST_CASE("init makes the plugin's object and exit destroys it") {
    scst::test::fixture test;
    void *self = nullptr;
    REQUIRE(init_with(start_with::success, test, &self) == 0);
    CHECK(alive == 1);
    CHECK(test.seen.handler == &handler);
    const auto &plugin = *static_cast<sample *>(self);
    CHECK(std::string{plugin.setting("greeting")} == "hello");
    CHECK(plugin.setting("unknown") == nullptr);
    descriptor.exit(self);
    CHECK(alive == 0);
}

TEST_CASE("what the constructor throws becomes -errno with a reason") {
    scst::test::fixture test;
    void *self = nullptr;
    CHECK(init_with(start_with::failure, test, &self) == -EADDRINUSE);
    CHECK(std::string{test.error.text} == "port 3260 is in use");
    CHECK(init_with(start_with::errno_error, test, &self) == -EACCES);
    CHECK(std::string{test.error.text}.starts_with("state folder: "));
    CHECK(init_with(start_with::other_error, test, &self) == -EIO);
    CHECK(std::string{test.error.text} == "broken");
    CHECK(init_with(start_with::no_exception_class, test, &self) == -EIO);
    CHECK(std::string{test.error.text} == "internal failure of the plugin");
    CHECK(self == nullptr);
    CHECK(alive == 0);
}

TEST_CASE("a handler that the core refuses makes init fail with the core's reason") {
    scst::test::fixture test;
    test.seen.refuses = true;
    void *self = nullptr;
    CHECK(init_with(start_with::success, test, &self) == -EEXIST);
    CHECK(std::string{test.error.text} == "handler x exists already");
    CHECK(alive == 0);
}

TEST_CASE("a code that is no errno is reported as EIO") {
    scst::test::fixture test;
    CHECK(scst::report_failure(&test.core, &test.error, 0, "zero") == -EIO);
    CHECK(scst::report_failure(&test.core, &test.error, -5, "negative") == -EIO);
    CHECK(scst::report_failure(&test.core, nullptr, ENOENT, "nobody to tell") == -ENOENT);
}
