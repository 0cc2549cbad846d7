// SPDX-License-Identifier: Apache-2.0
// alua_commands: dgroup and tgroup: device groups and target groups (ALUA). See commands.hpp.
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

struct arguments {
    std::string group;
    std::string ports;
    std::string name;
    std::vector<std::string> words;
};
using shared_arguments = std::shared_ptr<arguments>;
using action = void (*)(client &daemon, const arguments &given);

std::string group_path(const arguments &given) {
    return "device_groups/" + checked(given.group);
}

std::string ports_path(const arguments &given) {
    return group_path(given) + "/target_groups/" + checked(given.ports);
}

// Names in a folder of the tree.
json names_in(client &daemon, const std::string &path) {
    json names = json::array();
    const auto listed = daemon.call("tree.list", {{"path", path}});
    for (const auto &each : listed.at("entries"))
        if (text_at(each, "name") != "mgmt" && text_at(each, "type") != "file")
            names.push_back(each.at("name"));
    return names;
}

std::string first_line(client &daemon, const std::string &path) {
    const auto text = daemon.call("tree.read", {{"path", path}}).at("text").get<std::string>();
    return text.substr(0, text.find('\n'));
}

std::string joined(const json &list) {
    std::string text;
    for (const auto &each : list)
        text += (text.empty() ? "" : ", ") + text_of(each);
    return text.empty() ? "-" : text;
}

void list_groups(client &daemon, const context &ctx) {
    json groups = json::array();
    for (const auto &name : names_in(daemon, "device_groups")) {
        const std::string path = "device_groups/" + text_of(name);
        groups.push_back({{"name", name},
                          {"devices", names_in(daemon, path + "/devices")},
                          {"target_groups", names_in(daemon, path + "/target_groups")}});
    }
    ctx.print({{"device_groups", groups}}, [](const json &answer) {
        table rows{{"DEVICE GROUP", "DEVICES", "TARGET GROUPS"}};
        for (const auto &each : answer.at("device_groups"))
            rows.row({text_at(each, "name"), joined(each.at("devices")), joined(each.at("target_groups"))});
        return rows.text();
    });
}

void list_ports(client &daemon, const context &ctx, const arguments &given) {
    json groups = json::array();
    for (const auto &name : names_in(daemon, group_path(given) + "/target_groups")) {
        const std::string path = group_path(given) + "/target_groups/" + text_of(name);
        groups.push_back({{"name", name},
                          {"group_id", first_line(daemon, path + "/group_id")},
                          {"state", first_line(daemon, path + "/state")},
                          {"preferred", first_line(daemon, path + "/preferred")},
                          {"targets", names_in(daemon, path)}});
    }
    ctx.print({{"target_groups", groups}}, [](const json &answer) {
        table rows{{"TARGET GROUP", "ID", "STATE", "PREFERRED", "TARGETS"}};
        for (const auto &each : answer.at("target_groups"))
            rows.row({text_at(each, "name"), text_at(each, "group_id"), text_at(each, "state"),
                      text_at(each, "preferred"), joined(each.at("targets"))});
        return rows.text();
    });
}

void create_group(client &daemon, const arguments &given) {
    write_file(daemon, "device_groups/mgmt", "create " + checked(given.group));
}
void delete_group(client &daemon, const arguments &given) {
    write_file(daemon, "device_groups/mgmt", "del " + checked(given.group));
}
void add_device(client &daemon, const arguments &given) {
    write_file(daemon, group_path(given) + "/devices/mgmt", "add " + checked(given.name));
}
void del_device(client &daemon, const arguments &given) {
    write_file(daemon, group_path(given) + "/devices/mgmt", "del " + checked(given.name));
}
void create_ports(client &daemon, const arguments &given) {
    write_file(daemon, group_path(given) + "/target_groups/mgmt", "create " + checked(given.ports));
}
void delete_ports(client &daemon, const arguments &given) {
    write_file(daemon, group_path(given) + "/target_groups/mgmt", "del " + checked(given.ports));
}
void add_target(client &daemon, const arguments &given) {
    write_file(daemon, ports_path(given) + "/mgmt", "add " + checked(given.name));
}
void del_target(client &daemon, const arguments &given) {
    write_file(daemon, ports_path(given) + "/mgmt", "del " + checked(given.name));
}
void set_ports(client &daemon, const arguments &given) {
    set_attributes(daemon, ports_path(given), parse_assignments(given.words));
}

CLI::App *change(CLI::App &parent, const char *name, const char *help, context &ctx, const shared_arguments &given,
                 action run) {
    auto *const made = parent.add_subcommand(name, help);
    made->add_option("GROUP", given->group, "Name of the device group")->required();
    made->callback([&ctx, given, run] {
        ctx.chosen = [&ctx, given, run](client &daemon) {
            run(daemon, *given);
            ctx.done(json::object());
        };
    });
    return made;
}

void add_dgroup(CLI::App &app, context &ctx, const shared_arguments &given) {
    auto *const dgroup = app.add_subcommand("dgroup", "Device groups (ALUA): devices that share their states");
    dgroup->require_subcommand(1);
    dgroup->add_subcommand("list", "List the device groups")->callback([&ctx] {
        ctx.chosen = [&ctx](client &daemon) { list_groups(daemon, ctx); };
    });
    change(*dgroup, "create", "Make a device group", ctx, given, create_group);
    change(*dgroup, "delete", "Remove a device group", ctx, given, delete_group);
    change(*dgroup, "add", "Put a device into a group", ctx, given, add_device)
        ->add_option("DEVICE", given->name, "Name of the device")
        ->required();
    change(*dgroup, "del", "Take a device out of a group", ctx, given, del_device)
        ->add_option("DEVICE", given->name, "Name of the device")
        ->required();
}

void add_tgroup(CLI::App &app, context &ctx, const shared_arguments &given) {
    auto *const tgroup = app.add_subcommand("tgroup", "Target groups (ALUA): ports that have one state");
    tgroup->require_subcommand(1);
    auto *const list = tgroup->add_subcommand("list", "List the target groups of a device group");
    list->add_option("GROUP", given->group, "Name of the device group")->required();
    list->callback([&ctx, given] { ctx.chosen = [&ctx, given](client &daemon) { list_ports(daemon, ctx, *given); }; });
    constexpr auto name_help = "Name of the target group";
    change(*tgroup, "create", "Make a target group", ctx, given, create_ports)
        ->add_option("TARGET_GROUP", given->ports, name_help)
        ->required();
    change(*tgroup, "delete", "Remove a target group", ctx, given, delete_ports)
        ->add_option("TARGET_GROUP", given->ports, name_help)
        ->required();
    struct row {
        const char *name;
        const char *help;
        action run;
    };
    for (const auto &each : {row{"add", "Put a target into a target group", add_target},
                             row{"del", "Take a target out of a target group", del_target}}) {
        auto *const made = change(*tgroup, each.name, each.help, ctx, given, each.run);
        made->add_option("TARGET_GROUP", given->ports, name_help)->required();
        made->add_option("TARGET", given->name, "Name of the target, here or on another node")->required();
    }
    auto *const set = change(*tgroup, "set", "Change attributes of a target group", ctx, given, set_ports);
    set->add_option("TARGET_GROUP", given->ports, name_help)->required();
    set->add_option("ATTRIBUTE", given->words, "NAME=VALUE, e.g. state=standby")->required();
}

} // namespace

void add_alua_commands(CLI::App &app, context &ctx) {
    const auto given = std::make_shared<arguments>();
    add_dgroup(app, ctx, given);
    add_tgroup(app, ctx, given);
}

} // namespace scstctl
