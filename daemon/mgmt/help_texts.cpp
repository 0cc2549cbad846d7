// SPDX-License-Identifier: Apache-2.0
// help_texts: see help_texts.hpp.
#include "mgmt/help_texts.hpp"

namespace scstd::mgmt {

std::string usage(std::span<const std::string_view> commands) {
    std::string text;
    for (const auto &command : commands) {
        text += text.empty() ? "Usage: " : "       ";
        text += "echo \"";
        text += command;
        text += "\" >mgmt\n";
    }
    return text;
}

std::string usage_with_parameters(std::span<const std::string_view> commands, std::span<const announced> lists) {
    std::string text = usage(commands);
    text += "\nwhere parameters are NAME=VALUE pairs with ';' between them\n\n";
    for (const auto &list : lists) {
        if (list.names.empty())
            continue;
        text += list.prefix;
        bool first = true;
        for (const char *name : list.names) {
            text += first ? "" : ", ";
            text += name;
            first = false;
        }
        text += '\n';
    }
    return text + '\n';
}

} // namespace scstd::mgmt
