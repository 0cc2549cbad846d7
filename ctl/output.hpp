// SPDX-License-Identifier: Apache-2.0
// output: tables and sizes for people. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace scstctl {

class table {
  public:
    explicit table(std::vector<std::string> head) : rows_{std::move(head)} {}
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    // Columns aligned, two blanks between; numbers are not treated otherwise. Nothing but the head when there are no
    // rows.
    [[nodiscard]] std::string text() const;

  private:
    // The head is a row, too.
    struct all_rows : std::vector<std::vector<std::string>> {
        explicit all_rows(std::vector<std::string> head) { push_back(std::move(head)); }
    } rows_;
};

// 1536 -> "1.5K": binary units.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

} // namespace scstctl
