// SPDX-License-Identifier: Apache-2.0
// man_page: holds a handler's parameters and attributes against its man page, both ways.
#pragma once

#include <scst/handler.h>

#include <fstream>
#include <set>
#include <string>

namespace scst::testing {

// Names that the page lacks, and names in bold that the handler does not know; empty: page and handler agree.
inline std::string man_page_differences(const std::string &path, const scst_handler &handler) {
    std::set<std::string> documented;
    std::ifstream page{path};
    for (std::string line; std::getline(page, line);) {
        if (line.starts_with("**") && line.ends_with("**") && line.find('/') == std::string::npos)
            documented.insert(line.substr(2, line.size() - 4));
    }
    std::set<std::string> known;
    for (std::uint32_t i = 0; i < handler.parameter_count; ++i)
        known.insert(handler.parameters[i]);
    for (std::uint32_t i = 0; i < handler.device_attribute_count; ++i)
        known.insert(handler.device_attributes[i].name);
    std::string differences;
    for (const std::string &name : known)
        differences += documented.contains(name) ? "" : "not in the page: " + name + "; ";
    for (const std::string &name : documented)
        differences += known.contains(name) ? "" : "only in the page: " + name + "; ";
    return differences;
}

} // namespace scst::testing
