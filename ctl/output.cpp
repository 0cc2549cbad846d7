// SPDX-License-Identifier: Apache-2.0
// output: see output.hpp.
#include "output.hpp"

#include <algorithm>
#include <cstdio>

namespace scstctl {

std::string table::text() const {
    std::vector<std::size_t> widths;
    for (const auto &cells : rows_) {
        widths.resize(std::max(widths.size(), cells.size()));
        for (std::size_t i = 0; i < cells.size(); ++i)
            widths[i] = std::max(widths[i], cells[i].size());
    }
    std::string text;
    for (const auto &cells : rows_) {
        std::string line;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            line += cells[i];
            if (i + 1 < cells.size())
                line.append(widths[i] - cells[i].size() + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

std::string size_text(std::uint64_t bytes) {
    constexpr const char *units[] = {"", "K", "M", "G", "T", "P", "E"};
    std::size_t unit = 0;
    auto value = static_cast<double>(bytes);
    while (value >= 1024 && unit + 1 < std::size(units)) {
        value /= 1024;
        ++unit;
    }
    char text[32];
    const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
    std::snprintf(text, sizeof text, whole ? "%.0f%s" : "%.1f%s", value, units[unit]);
    return text;
}

} // namespace scstctl
