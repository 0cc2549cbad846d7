// SPDX-License-Identifier: Apache-2.0
// daemon_commands: status and plugin. See commands.hpp.
#include "commands.hpp"
#include "output.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>

#include <memory>

namespace scstctl {

using nlohmann::json;

namespace {

std::string joined(const json &list) {
    std::string text;
    for (const auto &each : list)
        text += (text.empty() ? "" : ", ") + text_of(each);
    return text.empty() ? "-" : text;
}

std::string status_text(const json &answer) {
    const auto line = [&](const char *label, const std::string &value) {
        std::string text{label};
        text.append(16 - text.size(), ' ');
        return text + value + '\n';
    };
    const auto at = [&](const char *name) { return text_at(answer, name); };
    return line("scstd", at("version") + " (plugin ABI " + at("abi_version") + ")") + line("process", at("pid")) +
           line("running", at("uptime_s") + " s") + line("state folder", at("state_dir")) +
           line("reactors", at("reactors")) + line("handlers", at("handlers")) + line("devices", at("devices")) +
           line("drivers", at("drivers")) + line("targets", at("targets")) + line("sessions", at("sessions")) +
           line("buffers", size_text(answer.value("buffer_bytes", std::uint64_t{0})) + " of " +
                               size_text(answer.value("buffer_limit_bytes", std::uint64_t{0})));
}

std::string plugins_text(const json &answer) {
    table rows{{"PLUGIN", "VERSION", "HANDLERS", "DRIVERS", "DEVICES", "TARGETS", "SUMMARY"}};
    for (const auto &each : answer.at("plugins"))
        rows.row({text_at(each, "name"), text_at(each, "version"), joined(each.at("handlers")),
                  joined(each.at("drivers")), text_at(each, "devices"), text_at(each, "targets"),
                  text_at(each, "summary")});
    return rows.text();
}

} // namespace

void add_daemon_commands(CLI::App &app, context &ctx) {
    auto *const status = app.add_subcommand("status", "Show what the daemon is and has");
    status->callback([&ctx] {
        ctx.chosen = [&ctx](client &daemon) { ctx.print(daemon.call("status", json::object()), status_text); };
    });

    auto *const plugin = app.add_subcommand("plugin", "Plugins: device handlers and target drivers");
    plugin->require_subcommand(1);
    plugin->add_subcommand("list", "List the loaded plugins")->callback([&ctx] {
        ctx.chosen = [&ctx](client &daemon) { ctx.print(daemon.call("plugin.list", json::object()), plugins_text); };
    });
    const auto name = std::make_shared<std::string>();
    auto *const load = plugin->add_subcommand("load", "Load a plugin by its name, or by the path of its .so file");
    load->add_option("NAME", *name, "Name in plugin_dir, or path")->required();
    load->callback([&ctx, name] {
        ctx.chosen = [&ctx, name](client &daemon) {
            // A path is the daemon's to open, which has another working folder.
            if (name->find('/') != std::string::npos && name->front() != '/')
                throw usage_error{"the path of a plugin must be absolute: " + *name};
            ctx.done(daemon.call("plugin.load", {{"name", *name}}));
        };
    });
    auto *const unload = plugin->add_subcommand("unload", "Unload a plugin that no device and no target uses");
    unload->add_option("NAME", *name, "Name of the plugin")->required();
    unload->callback([&ctx, name] {
        ctx.chosen = [&ctx, name](client &daemon) { ctx.done(daemon.call("plugin.unload", {{"name", *name}})); };
    });
}

} // namespace scstctl
