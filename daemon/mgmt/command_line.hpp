// SPDX-License-Identifier: Apache-2.0
// command_line: the words and parameters of a management command (management.md 0.4): lexems are separated by blanks or
// '=', parameters by ';' or newline; there is no quoting. Pure functions, any thread.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scstd::mgmt {

class command_line {
  public:
    explicit command_line(std::string_view text) noexcept;

    // The next lexem of the command's first token; empty when there is none.
    [[nodiscard]] std::string_view word() noexcept;
    // EINVAL, naming what is missing.
    [[nodiscard]] result<std::string> required(std::string_view what);
    // Nothing but blanks may be left, parameters included.
    [[nodiscard]] result<> end() const;
    // The rest as NAME=VALUE parameters; an empty token ends the list.
    [[nodiscard]] result<std::vector<std::pair<std::string, std::string>>> parameters();
    // What is left of the first line, without blanks around.
    [[nodiscard]] std::string_view rest() const noexcept;

  private:
    std::string_view token_; // rest of the current token
    std::string_view more_;  // what follows it
};

} // namespace scstd::mgmt
