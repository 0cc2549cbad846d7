// SPDX-License-Identifier: Apache-2.0
// model: what a scst.conf says, by kind of object (management.md 5.3), each with its place in the file. Made from the
// statements of a file, or from the running daemon (running.hpp). Plain values, any thread.
#pragma once

#include "mgmt/scst_conf/syntax.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::mgmt::scst_conf {

// NAME VALUE; several values when the name stands several times (IncomingUser).
struct attribute {
    std::string name;
    position at;
    std::vector<word> values;
    bool key = true;      // of the running daemon: marked as to be saved
    bool writable = true; // of the running daemon: its file can be written
};
using attributes = std::vector<attribute>;

// Whether the value can be given with the command that makes an object: one word (blanks at its end get lost).
[[nodiscard]] bool is_command_word(std::string_view value);

struct device {
    std::string name;
    position at;
    attributes attrs;
};

struct handler {
    std::string name;
    position at;
    attributes attrs;
    std::vector<device> devices;
};

struct lun {
    std::uint32_t number = 0;
    position at;
    word device;
    attributes attrs;
};

struct group {
    std::string name;
    position at;
    attributes attrs;
    std::vector<lun> luns;
    std::vector<word> initiators;
};

struct target {
    std::string name;
    position at;
    bool hardware = false; // HW_TARGET
    attributes attrs;
    std::vector<lun> luns;
    std::vector<group> groups;
};

struct driver {
    std::string name;
    position at;
    attributes attrs;
    std::vector<target> targets;
};

struct group_target {
    std::string name;
    position at;
    attributes attrs; // rel_tgt_id of a remote one
};

struct target_group {
    std::string name;
    position at;
    attributes attrs;
    std::vector<group_target> targets;
};

struct device_group {
    std::string name;
    position at;
    attributes attrs;
    std::vector<word> devices;
    std::vector<target_group> target_groups;
};

struct model {
    attributes attrs; // of the root
    std::vector<handler> handlers;
    std::vector<driver> drivers;
    std::vector<device_group> device_groups;
};

// Gives the statements their meaning; what is wrong in itself (unknown place of a keyword, something twice) goes to
// `errors`. Whether handlers, attributes and so on exist is checked against the daemon by check().
[[nodiscard]] model build(const std::vector<statement> &statements, std::vector<diagnostic> &errors);

template <class Object>
[[nodiscard]] const Object *find(const std::vector<Object> &objects, std::string_view name) {
    for (const auto &each : objects)
        if (each.name == name)
            return &each;
    return nullptr;
}

} // namespace scstd::mgmt::scst_conf
