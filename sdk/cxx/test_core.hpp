// SPDX-License-Identifier: Apache-2.0
// test_core: the few functions of the core's table that the tests of the C++ helpers need. They record what was called
// in one object; a test makes its own, so that tests see nothing of one another. Single thread.
#pragma once

#include <scst/core.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace scst::test {

struct record {
    std::vector<std::string> lines{};
    const scst_handler *handler = nullptr;
    const scst_target_driver *driver = nullptr;
    void *self = nullptr;
    bool refuses = false;
    std::vector<int> finished{};
    std::vector<int> received{};
};

inline record *current = nullptr;

inline void set_error(scst_error *error, const char *text, std::size_t length) {
    const auto size = length < sizeof error->text ? length : sizeof error->text - 1;
    std::memcpy(error->text, text, size);
    error->text[size] = '\0';
}

inline scst_core make_core() {
    scst_core core{};
    core.struct_size = sizeof core;
    core.abi_version = SCST_ABI_VERSION;
    core.log = [](scst_plugin_ref *, std::uint32_t, const char *component, const char *text, std::size_t length) {
        current->lines.push_back(std::string{component} + ": " + std::string{text, length});
    };
    core.log_enabled = [](scst_plugin_ref *, std::uint32_t) { return 1; };
    core.error_set = set_error;
    core.setting = [](scst_plugin_ref *, const char *name) -> const char * {
        return std::strcmp(name, "greeting") == 0 ? "hello" : nullptr;
    };
    core.register_handler = [](scst_plugin_ref *, const scst_handler *handler, void *self, scst_error *error) {
        if (current->refuses) {
            set_error(error, "handler x exists already", 24);
            return -EEXIST;
        }
        current->handler = handler;
        current->self = self;
        return 0;
    };
    core.register_target_driver = [](scst_plugin_ref *, const scst_target_driver *driver, void *self, scst_error *) {
        current->driver = driver;
        current->self = self;
        return 0;
    };
    core.cmd_set_sense = [](scst_cmd *cmd, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq) {
        cmd->status = SCST_STATUS_CHECK_CONDITION;
        cmd->sense_length = 18;
        cmd->sense[2] = key;
        cmd->sense[12] = asc;
        cmd->sense[13] = ascq;
    };
    core.cmd_finished = [](scst_cmd *, std::int32_t delivery) { current->finished.push_back(delivery); };
    core.cmd_data_received = [](scst_cmd *, std::int32_t result, std::uint64_t) {
        current->received.push_back(result);
    };
    return core;
}

// A core and its record for one test.
struct fixture {
    fixture() { current = &seen; }
    ~fixture() { current = nullptr; }
    fixture(const fixture &) = delete;
    fixture &operator=(const fixture &) = delete;

    record seen{};
    scst_core core = make_core();
    scst_error error{.struct_size = sizeof(scst_error), .text = {}};
};

} // namespace scst::test
