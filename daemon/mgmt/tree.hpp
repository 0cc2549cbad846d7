// SPDX-License-Identifier: Apache-2.0
// tree: the management tree (SCST's /sys/kernel/scst_tgt): the one place where everything can be seen and changed. It
// is a view: nodes are made while a path is walked and nothing of it is kept, so it can't disagree with the core.
//
// Paths are relative to the root: "devices/disk1/size"; a leading '/' is allowed. Errors are those of the file system
// (ENOENT, ENOTDIR, EISDIR, EACCES) or of the object. Management thread only. Formats: management.md part 1.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scstd {
class core;
}

namespace scstd::mgmt {

class directory;
struct item;

enum class node_type : std::uint8_t { directory, file, link };

struct node {
    node_type type = node_type::file;
    std::uint32_t mode = 0; // permission bits
};

struct listed_node {
    std::string name;
    node is;
    std::string target; // of a link
};

struct file_content {
    listed_node is;
    std::string text;
    int error = 0; // errno of a failed read
};

class tree {
  public:
    explicit tree(core &registry);
    tree(const tree &) = delete;
    tree &operator=(const tree &) = delete;
    ~tree();

    [[nodiscard]] result<node> stat(std::string_view path) const;
    [[nodiscard]] bool exists(std::string_view path) const { return static_cast<bool>(stat(path)); }
    // Sorted by name.
    [[nodiscard]] result<std::vector<listed_node>> list(std::string_view path) const;
    [[nodiscard]] result<std::string> read(std::string_view path) const;
    // All of a directory at once: files that can be read have their text, or what reading them failed with.
    [[nodiscard]] result<std::vector<file_content>> read_all(std::string_view path) const;
    // One write is one command or value. An empty one does nothing, as it never reaches a file of sysfs.
    [[nodiscard]] result<> write(std::string_view path, std::string_view text);
    [[nodiscard]] result<std::string> readlink(std::string_view path) const;

    // What the last write came to: 0 or a negative errno (last_sysfs_mgmt_res).
    [[nodiscard]] int last_result() const noexcept { return last_result_; }
    [[nodiscard]] core &registry() const noexcept { return core_; }

  private:
    [[nodiscard]] result<item> find(std::string_view path) const;
    [[nodiscard]] result<std::unique_ptr<directory>> open(std::string_view path) const;

    core &core_;
    int last_result_ = 0;
};

} // namespace scstd::mgmt
