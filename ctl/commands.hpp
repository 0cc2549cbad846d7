// SPDX-License-Identifier: Apache-2.0
// commands: the subcommands of scstctl. Each add_*() puts its part into the command line; what the user chose is left
// in `chosen` and run by main() after everything is parsed.
#pragma once

#include "client.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace scstctl {

// Wrong usage that the parser can't see: exit status 2.
class usage_error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct context {
    std::string socket;
    bool as_json = false;
    std::function<void(client &)> chosen;

    // Prints the answer itself with --json, else what `text` makes of it.
    void print(const nlohmann::json &answer, const std::function<std::string(const nlohmann::json &)> &text) const;
    // For changes: nothing to tell but that it was done.
    void done(const nlohmann::json &answer) const;
};

void add_daemon_commands(CLI::App &app, context &ctx);  // status, plugin
void add_device_commands(CLI::App &app, context &ctx);  // device
void add_target_commands(CLI::App &app, context &ctx);  // target, lun, group, initiator
void add_session_commands(CLI::App &app, context &ctx); // session
void add_alua_commands(CLI::App &app, context &ctx);    // dgroup, tgroup
void add_tree_commands(CLI::App &app, context &ctx);    // tree, get, set, mgmt
void add_config_commands(CLI::App &app, context &ctx);  // config

// ---- helpers ----
using assignments = std::vector<std::pair<std::string, std::string>>;
// NAME=VALUE words; a NAME alone means NAME=1, as with scstadmin.
[[nodiscard]] assignments parse_assignments(const std::vector<std::string> &words);
void write_file(client &daemon, const std::string &path, const std::string &text);
void set_attributes(client &daemon, const std::string &path, const assignments &wanted);
// "add_device NAME a=1; b=2"
[[nodiscard]] std::string with_parameters(std::string command, const assignments &given);
// A name becomes part of a path: it must not lead elsewhere.
[[nodiscard]] std::string checked(const std::string &name);
// A value that is a text or a number.
[[nodiscard]] std::string text_of(const nlohmann::json &value);
[[nodiscard]] std::string text_at(const nlohmann::json &object, const char *name, const char *otherwise = "-");

} // namespace scstctl
