// SPDX-License-Identifier: Apache-2.0
// directory: what the tree is made of while a path is walked: items (files, links, directories) and the tables of
// attributes that an object class has. Lives for one call; management thread.
#pragma once

#include "base/result.hpp"
#include "mgmt/tree.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::mgmt {

class directory;

// An entry of a directory. A file has show or store or both, a directory open, a link its target.
struct item {
    std::string name;
    node is;
    std::string target;
    std::function<result<std::string>()> show = nullptr;
    std::function<result<>(std::string_view)> store = nullptr;
    std::function<std::unique_ptr<directory>()> open = nullptr;
};
using items = std::vector<item>;

inline constexpr std::uint32_t read_write = 0644;
inline constexpr std::uint32_t read_only = 0444;
inline constexpr std::uint32_t write_only = 0200;

class directory {
  public:
    directory() = default;
    directory(const directory &) = delete;
    directory &operator=(const directory &) = delete;
    virtual ~directory() = default;

    virtual void entries(items &out) = 0;
    // Override where a search is cheaper than listing everything.
    virtual std::optional<item> find(std::string_view name);
};

// A row of an object class's attribute table. `Object` is a small copyable reference to the object.
template <class Object>
struct attribute {
    const char *name;
    std::uint32_t mode;
    result<std::string> (*show)(const Object &object) = nullptr;
    result<> (*store)(const Object &object, std::string_view text) = nullptr;
    bool (*exists)(const Object &object) = nullptr; // nullptr: always
};

template <class Object>
void add_table(items &out, std::span<const attribute<Object>> table, const Object &object) {
    for (const auto &row : table) {
        if (row.exists != nullptr && !row.exists(object))
            continue;
        item made{row.name, {node_type::file, row.mode}, {}};
        if (row.show != nullptr)
            made.show = [object, show = row.show] { return show(object); };
        if (row.store != nullptr)
            made.store = [object, store = row.store](std::string_view text) { return store(object, text); };
        out.push_back(std::move(made));
    }
}

// Makes a directory item; `arguments` go to Directory's constructor when it is opened.
template <class Directory, class... Arguments>
item directory_item(std::string name, const Arguments &...arguments) {
    item made{std::move(name), {node_type::directory, 0755}, {}};
    made.open = [=] { return std::make_unique<Directory>(arguments...); };
    return made;
}
item link_item(std::string name, std::string target);
// A `mgmt` file: the help text and the verbs.
item mgmt_item(std::function<std::string()> help, std::function<result<>(std::string_view)> command);

} // namespace scstd::mgmt
