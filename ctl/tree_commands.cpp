// SPDX-License-Identifier: Apache-2.0
// tree_commands: tree, get, set, mgmt: the management tree itself. See commands.hpp.
#include "commands.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>

#include <memory>

namespace scstctl {

using nlohmann::json;

namespace {

struct arguments {
    std::string path;
    std::string value;
    std::vector<std::string> words;
    bool values = false;
};

void print_entries(const json &entries, std::size_t depth, std::string &text) {
    for (const auto &each : entries) {
        text.append(depth * 2, ' ');
        text += text_at(each, "name");
        if (text_at(each, "type") == "dir") {
            text += "/\n";
            print_entries(each.at("entries"), depth + 1, text);
            continue;
        }
        if (each.contains("target"))
            text += " -> " + text_at(each, "target");
        if (each.contains("text") && text_at(each, "name") != "mgmt") {
            const auto value = each.at("text").get<std::string>();
            text += " = " + value.substr(0, value.find('\n'));
        }
        text += '\n';
    }
}

} // namespace

void add_tree_commands(CLI::App &app, context &ctx) {
    const auto given = std::make_shared<arguments>();
    auto *const tree = app.add_subcommand("tree", "Show the management tree");
    tree->add_option("PATH", given->path, "Where to start, e.g. devices/disk1");
    tree->add_flag("-v,--values", given->values, "Show what the files say, too");
    tree->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            ctx.print(daemon.call("tree.dump", {{"path", given->path}, {"values", given->values || ctx.as_json}}),
                      [](const json &answer) {
                          std::string text;
                          print_entries(answer.at("entries"), 0, text);
                          return text;
                      });
        };
    });
    auto *const get = app.add_subcommand("get", "Read a file of the tree");
    get->add_option("PATH", given->path, "e.g. devices/disk1/size")->required();
    get->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            ctx.print(daemon.call("tree.read", {{"path", given->path}}),
                      [](const json &answer) { return answer.at("text").get<std::string>(); });
        };
    });
    auto *const set = app.add_subcommand("set", "Write a value to a file of the tree");
    set->add_option("PATH", given->path, "e.g. devices/disk1/threads_num")->required();
    set->add_option("VALUE", given->value, "The value; \"\" clears a text")->required();
    set->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            ctx.done(daemon.call("tree.write", {{"path", given->path}, {"text", given->value + '\n'}}));
        };
    });
    auto *const mgmt = app.add_subcommand("mgmt", "Give a command to a mgmt file of the tree, or read its help");
    mgmt->add_option("PATH", given->path, "Folder with a mgmt file, e.g. handlers/vdisk_fileio")->required();
    mgmt->add_option("COMMAND", given->words, "The command; without one its help is shown");
    mgmt->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            std::string command;
            for (const auto &word : given->words)
                command += (command.empty() ? "" : " ") + word;
            const std::string file = given->path.ends_with("mgmt") ? given->path : given->path + "/mgmt";
            if (command.empty())
                ctx.print(daemon.call("tree.read", {{"path", file}}),
                          [](const json &answer) { return answer.at("text").get<std::string>(); });
            else
                ctx.done(daemon.call("tree.write", {{"path", file}, {"text", command}}));
        };
    });
}

} // namespace scstctl
