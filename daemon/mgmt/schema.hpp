// SPDX-License-Identifier: Apache-2.0
// schema: which names a configuration may use for an object before the object exists: parameters of its creation, files
// that it will have, dynamic attributes. From the same tables that the tree is made of. Management thread.
#pragma once

#include <scst/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::device {
class handler;
}
namespace scstd::session {
class target_driver;
}

namespace scstd::mgmt {

// The driver and the target by which SCST configures EXTENDED COPY.
inline constexpr std::string_view copy_manager = "copy_manager";
inline constexpr std::string_view copy_manager_target = "copy_manager_tgt";

struct known_file {
    std::string name;
    bool writable = false;
};

struct schema {
    std::vector<std::string> parameters;
    std::vector<known_file> files;
    std::vector<std::string> dynamic;

    [[nodiscard]] bool has_parameter(std::string_view name) const;
    [[nodiscard]] bool has_dynamic(std::string_view name) const;
    [[nodiscard]] const known_file *file(std::string_view name) const;
    [[nodiscard]] bool has_writable(std::string_view name) const {
        const auto *const found = file(name);
        return found != nullptr && found->writable;
    }
    // For "did you mean".
    [[nodiscard]] std::vector<std::string> names() const;

    void add(const scst_attribute *table, std::uint32_t count);
};

[[nodiscard]] schema root_schema();
[[nodiscard]] schema handler_schema();
[[nodiscard]] schema device_schema(const device::handler &hnd);
[[nodiscard]] schema driver_schema(const session::target_driver &driver);
[[nodiscard]] schema copy_manager_schema();
[[nodiscard]] schema target_schema(const session::target_driver &driver);
[[nodiscard]] schema group_schema(const session::target_driver &driver);
[[nodiscard]] schema lun_schema();
[[nodiscard]] schema target_group_schema();
[[nodiscard]] schema group_target_schema();

// The files that every access group has; in group_directory.cpp.
void add_group_files(schema &into);

template <class Row, std::size_t Count>
void add_files(schema &into, const Row (&table)[Count]) {
    for (const auto &row : table)
        into.files.push_back({row.name, (row.mode & 0222) != 0});
}

} // namespace scstd::mgmt
