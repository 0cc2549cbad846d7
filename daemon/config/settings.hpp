// SPDX-License-Identifier: Apache-2.0
// settings: scstd.conf (libconfig) and the -o options: the daemon's own settings. One table has the key, type, range,
// default and explanation of each; reading, `scstd --help-config` and the manual's check all come from it.
//
// Read once by main() before any thread starts; a plain value afterwards.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::config {

enum class value_type : std::uint8_t { text, path, integer, boolean, list };

// A row of the table.
struct setting {
    std::string_view key; // dotted
    value_type type;
    std::int64_t lowest = 0; // integer
    std::int64_t highest = 0;
    std::string_view fallback; // as written in an -o option
    std::string_view help;
    std::string_view choices = {}; // text: the words that are allowed, separated by '|'
};

[[nodiscard]] std::span<const setting> table() noexcept;

// Everything that can be set, with defaults filled in. Keys are those of the table.
class settings {
  public:
    [[nodiscard]] const std::string &text(std::string_view key) const;
    [[nodiscard]] std::int64_t integer(std::string_view key) const;
    [[nodiscard]] bool boolean(std::string_view key) const;
    [[nodiscard]] std::vector<std::string> list(std::string_view key) const;
    // Whether it was set by file or option.
    [[nodiscard]] bool given(std::string_view key) const;

    // Settings of plugins: "iscsi.portals" -> "127.0.0.1:3260,[::1]:3260".
    [[nodiscard]] const std::map<std::string, std::string> &of_plugins() const noexcept { return plugins_; }

  private:
    friend class reader;
    std::map<std::string, std::string, std::less<>> values_; // of the table, normalised
    std::set<std::string, std::less<>> given_;
    std::map<std::string, std::string> plugins_;
};

// Where things are when nothing is said: in the system's folders for root, in XDG's for others.
struct places {
    std::string config_file;
    std::string scst_file;
    std::string state_dir;
    std::string socket;
    std::string plugin_dir;
};
[[nodiscard]] places default_places();

// Reads `file` (empty: none) and then the options "KEY=VALUE", which win. The error lists everything that is wrong, one
// line each, with FILE:LINE or the option.
[[nodiscard]] result<settings> read(const std::string &file, std::span<const std::string> options,
                                    const places &defaults);

// The table for people: `scstd --help-config`.
[[nodiscard]] std::string help_text(const places &defaults);

} // namespace scstd::config
