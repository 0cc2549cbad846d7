// SPDX-License-Identifier: Apache-2.0
// schema: see schema.hpp; each *_schema() with a table of its own is beside that table.
#include "mgmt/schema.hpp"

#include <algorithm>

namespace scstd::mgmt {

bool schema::has_parameter(std::string_view name) const {
    return std::find(parameters.begin(), parameters.end(), name) != parameters.end();
}

bool schema::has_dynamic(std::string_view name) const {
    return std::find(dynamic.begin(), dynamic.end(), name) != dynamic.end();
}

const known_file *schema::file(std::string_view name) const {
    const auto found = std::find_if(files.begin(), files.end(), [&](const auto &each) { return each.name == name; });
    return found == files.end() ? nullptr : &*found;
}

std::vector<std::string> schema::names() const {
    std::vector<std::string> all = parameters;
    for (const auto &each : files)
        all.push_back(each.name);
    all.insert(all.end(), dynamic.begin(), dynamic.end());
    return all;
}

void schema::add(const scst_attribute *table, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i)
        files.push_back({table[i].name, (table[i].flags & SCST_ATTR_WRITE) != 0});
}

schema handler_schema() {
    schema made;
    made.files = {{"trace_level", true}, {"type", false}};
    return made;
}

schema lun_schema() {
    schema made;
    made.parameters = {"read_only"};
    return made;
}

schema group_target_schema() {
    schema made;
    made.files = {{"rel_tgt_id", true}};
    return made;
}

} // namespace scstd::mgmt
