// SPDX-License-Identifier: Apache-2.0
// target_commands: target, lun, group, initiator. See commands.hpp.
#include "commands.hpp"
#include "output.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <thread>

namespace scstctl {

using nlohmann::json;

namespace {

struct arguments {
    std::string driver = "iscsi";
    std::string target;
    std::string group;
    std::string device;
    std::string pattern;
    std::string to;
    unsigned lun = 0;
    bool read_only = false;
    bool no_attention = false;
    bool force = false;
    std::vector<std::string> words;
};
using shared_arguments = std::shared_ptr<arguments>;
using action = void (*)(client &daemon, const arguments &given);

std::string path_of(const arguments &given) {
    return "targets/" + checked(given.driver) + '/' + checked(given.target);
}

std::string path_of_set(const arguments &given) {
    return given.group.empty() ? path_of(given) : path_of(given) + "/ini_groups/" + checked(given.group);
}

json show(client &daemon, const arguments &given) {
    return daemon.call("target.show", {{"driver", given.driver}, {"name", given.target}});
}

// ---- texts ----

std::string list_text(const json &answer) {
    table rows{{"DRIVER", "TARGET", "ENABLED", "ID", "LUNS", "GROUPS", "SESSIONS"}};
    for (const auto &each : answer.at("targets"))
        rows.row({text_at(each, "driver"), text_at(each, "name"), text_at(each, "enabled"), text_at(each, "rel_tgt_id"),
                  text_at(each, "luns"), text_at(each, "groups"), text_at(each, "sessions")});
    return rows.text();
}

std::string luns_text(const json &luns) {
    table rows{{"LUN", "DEVICE", "READ-ONLY"}};
    for (const auto &each : luns)
        rows.row({text_at(each, "lun"), text_at(each, "device"), text_at(each, "read_only")});
    return rows.text();
}

std::string show_text(const json &answer) {
    std::string text = "Target   " + text_at(answer, "name") + "\nDriver   " + text_at(answer, "driver") +
                       "\nEnabled  " + text_at(answer, "enabled") + "\nId       " + text_at(answer, "rel_tgt_id") +
                       "\n\n" + luns_text(answer.at("luns"));
    for (const auto &group : answer.at("groups")) {
        text += "\nGroup    " + text_at(group, "name") + '\n';
        for (const auto &pattern : group.at("initiators"))
            text += "  for    " + text_of(pattern) + '\n';
        text += luns_text(group.at("luns"));
    }
    table rows{{"ATTRIBUTE", "VALUE", "WRITABLE", "SAVED"}};
    for (const auto &each : answer.at("attributes"))
        rows.row(
            {text_at(each, "name"), text_at(each, "value", ""), text_at(each, "writable"), text_at(each, "key", "no")});
    return text + '\n' + rows.text();
}

// The set of LUNs that a command is about, out of what target.show tells.
json luns_of(const json &answer, const std::string &group) {
    if (group.empty())
        return answer.at("luns");
    for (const auto &each : answer.at("groups"))
        if (text_at(each, "name") == group)
            return each.at("luns");
    throw refused{"ENOENT", "target " + text_at(answer, "name") + " has no group " + group};
}

std::string groups_text(const json &groups) {
    table rows{{"GROUP", "LUNS", "INITIATORS"}};
    for (const auto &each : groups) {
        std::string patterns;
        for (const auto &pattern : each.at("initiators"))
            patterns += (patterns.empty() ? "" : ", ") + text_of(pattern);
        rows.row({text_at(each, "name"), std::to_string(each.at("luns").size()), patterns.empty() ? "-" : patterns});
    }
    return rows.text();
}

// ---- targets ----

void add_target(client &daemon, const arguments &given) {
    write_file(daemon, "targets/" + checked(given.driver) + "/mgmt",
               with_parameters("add_target " + checked(given.target), parse_assignments(given.words)));
}

// A target with sessions can't be removed: as scstadmin does, they are closed first, and none comes while it is
// disabled.
void close_sessions(client &daemon, const arguments &given) {
    using namespace std::chrono_literals;
    write_file(daemon, path_of(given) + "/enabled", "0\n");
    constexpr auto patience = 60s;
    const auto end = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < end) {
        const auto sessions = show(daemon, given).at("sessions");
        if (sessions.empty())
            return;
        for (const auto &each : sessions) {
            try {
                write_file(daemon, path_of(given) + "/sessions/" + text_of(each) + "/force_close", "1\n");
            } catch (const refused &) {
                continue; // it has ended meanwhile
            }
        }
        std::this_thread::sleep_for(100ms);
    }
    throw refused{"EBUSY", "the sessions of " + given.target + " do not end; it stays, disabled"};
}

void del_target(client &daemon, const arguments &given) {
    if (given.force)
        close_sessions(daemon, given);
    write_file(daemon, "targets/" + checked(given.driver) + "/mgmt", "del_target " + checked(given.target));
}

void enable_target(client &daemon, const arguments &given) {
    write_file(daemon, path_of(given) + "/enabled", "1\n");
}

void disable_target(client &daemon, const arguments &given) {
    write_file(daemon, path_of(given) + "/enabled", "0\n");
}

void set_target(client &daemon, const arguments &given) {
    set_attributes(daemon, path_of(given), parse_assignments(given.words));
}

// ---- luns ----

void map_lun(client &daemon, const arguments &given, const std::string &verb) {
    write_file(daemon, path_of_set(given) + "/luns/mgmt",
               verb + ' ' + checked(given.device) + ' ' + std::to_string(given.lun) +
                   (given.read_only ? " read_only=1" : ""));
}

void add_lun(client &daemon, const arguments &given) {
    map_lun(daemon, given, "add");
}

void replace_lun(client &daemon, const arguments &given) {
    map_lun(daemon, given, given.no_attention ? "replace_no_ua" : "replace");
}

void del_lun(client &daemon, const arguments &given) {
    write_file(daemon, path_of_set(given) + "/luns/mgmt", "del " + std::to_string(given.lun));
}

// ---- groups, initiators ----

void create_group(client &daemon, const arguments &given) {
    write_file(daemon, path_of(given) + "/ini_groups/mgmt", "create " + checked(given.group));
}

void delete_group(client &daemon, const arguments &given) {
    write_file(daemon, path_of(given) + "/ini_groups/mgmt", "del " + checked(given.group));
}

void set_group(client &daemon, const arguments &given) {
    set_attributes(daemon, path_of_set(given), parse_assignments(given.words));
}

void initiator_command(client &daemon, const arguments &given, const std::string &command) {
    write_file(daemon, path_of_set(given) + "/initiators/mgmt", command);
}

void add_initiator(client &daemon, const arguments &given) {
    initiator_command(daemon, given, "add " + checked(given.pattern));
}

void del_initiator(client &daemon, const arguments &given) {
    initiator_command(daemon, given, "del " + checked(given.pattern));
}

void move_initiator(client &daemon, const arguments &given) {
    initiator_command(daemon, given, "move " + checked(given.pattern) + ' ' + checked(given.to));
}

// ---- command line ----

CLI::App *make(CLI::App &parent, const char *name, const char *help, const shared_arguments &given) {
    auto *const made = parent.add_subcommand(name, help);
    made->add_option("TARGET", given->target, "Name of the target")->required();
    made->add_option("--driver", given->driver, "Target driver")->capture_default_str();
    return made;
}

// A command that changes something.
CLI::App *change(CLI::App &parent, const char *name, const char *help, context &ctx, const shared_arguments &given,
                 action run) {
    auto *const made = make(parent, name, help, given);
    made->callback([&ctx, given, run] {
        ctx.chosen = [&ctx, given, run](client &daemon) {
            run(daemon, *given);
            ctx.done(json::object());
        };
    });
    return made;
}

void add_target_group(CLI::App &app, context &ctx, const shared_arguments &given) {
    auto *const target = app.add_subcommand("target", "Targets: what initiators log in to");
    target->require_subcommand(1);
    target->add_subcommand("list", "List the targets")->callback([&ctx] {
        ctx.chosen = [&ctx](client &daemon) { ctx.print(daemon.call("target.list", json::object()), list_text); };
    });
    make(*target, "show", "Show a target with its LUNs, groups and attributes", given)->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) { ctx.print(show(daemon, *given), show_text); };
    });
    change(*target, "add", "Make a target (disabled)", ctx, given, add_target)
        ->add_option("PARAMETER", given->words, "NAME=VALUE");
    change(*target, "del", "Remove a target", ctx, given, del_target)
        ->add_flag("--force", given->force, "Disable it and close its sessions first");
    change(*target, "enable", "Let initiators log in", ctx, given, enable_target);
    change(*target, "disable", "Refuse new logins; sessions go on", ctx, given, disable_target);
    change(*target, "set", "Change attributes of a target", ctx, given, set_target)
        ->add_option("ATTRIBUTE", given->words, "NAME=VALUE, e.g. QueuedCommands=64")
        ->required();
}

void add_lun_group(CLI::App &app, context &ctx, const shared_arguments &given) {
    auto *const lun = app.add_subcommand("lun", "LUNs: which device an initiator sees by which number");
    lun->require_subcommand(1);
    constexpr auto group_help = "Group of initiators; else the target's default LUNs";
    auto *const list = make(*lun, "list", "List the LUNs of a target or group", given);
    list->add_option("--group", given->group, group_help);
    list->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            ctx.print({{"luns", luns_of(show(daemon, *given), given->group)}},
                      [](const json &answer) { return luns_text(answer.at("luns")); });
        };
    });
    auto *const add = change(*lun, "add", "Give a device a LUN", ctx, given, add_lun);
    add->add_option("LUN", given->lun, "Number, 0 to 16383")->required();
    add->add_option("DEVICE", given->device, "Name of the device")->required();
    add->add_option("--group", given->group, group_help);
    add->add_flag("--read-only", given->read_only, "Refuse writes through this LUN");
    auto *const replace = change(*lun, "replace", "Put another device behind a LUN", ctx, given, replace_lun);
    replace->add_option("LUN", given->lun, "Number, 0 to 16383")->required();
    replace->add_option("DEVICE", given->device, "Name of the device")->required();
    replace->add_option("--group", given->group, group_help);
    replace->add_flag("--read-only", given->read_only, "Refuse writes through this LUN");
    replace->add_flag("--no-attention", given->no_attention, "Do not tell the initiators");
    auto *const del = change(*lun, "del", "Take a LUN away", ctx, given, del_lun);
    del->add_option("LUN", given->lun, "Number")->required();
    del->add_option("--group", given->group, group_help);
}

void add_group_group(CLI::App &app, context &ctx, const shared_arguments &given) {
    auto *const group = app.add_subcommand("group", "Groups of initiators with LUNs of their own");
    group->require_subcommand(1);
    make(*group, "list", "List the groups of a target", given)->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            ctx.print({{"groups", show(daemon, *given).at("groups")}},
                      [](const json &answer) { return groups_text(answer.at("groups")); });
        };
    });
    change(*group, "create", "Make a group", ctx, given, create_group)
        ->add_option("GROUP", given->group, "Name of the new group")
        ->required();
    change(*group, "delete", "Remove a group with its LUNs and initiators", ctx, given, delete_group)
        ->add_option("GROUP", given->group, "Name of the group")
        ->required();
    auto *const set = change(*group, "set", "Change attributes of a group", ctx, given, set_group);
    set->add_option("GROUP", given->group, "Name of the group")->required();
    set->add_option("ATTRIBUTE", given->words, "NAME=VALUE, e.g. addr_method=FLAT")->required();
}

void add_initiator_group(CLI::App &app, context &ctx, const shared_arguments &given) {
    auto *const initiator = app.add_subcommand("initiator", "Initiators of a group: names with * and ?");
    initiator->require_subcommand(1);
    auto *const list = make(*initiator, "list", "List the initiators of a group", given);
    list->add_option("GROUP", given->group, "Name of the group")->required();
    list->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            const auto shown = show(daemon, *given);
            for (const auto &each : shown.at("groups"))
                if (text_at(each, "name") == given->group)
                    return ctx.print({{"initiators", each.at("initiators")}}, [](const json &answer) {
                        std::string text;
                        for (const auto &pattern : answer.at("initiators"))
                            text += text_of(pattern) + '\n';
                        return text;
                    });
            throw refused{"ENOENT", "target " + given->target + " has no group " + given->group};
        };
    });
    struct row {
        const char *name;
        const char *help;
        action run;
    };
    for (const auto &each : {row{"add", "Add an initiator to a group", add_initiator},
                             row{"del", "Take an initiator out of a group", del_initiator},
                             row{"move", "Move an initiator to another group", move_initiator}}) {
        auto *const made = change(*initiator, each.name, each.help, ctx, given, each.run);
        made->add_option("GROUP", given->group, "Name of the group")->required();
        made->add_option("INITIATOR", given->pattern, "Name or pattern, e.g. iqn.1993-08.org.debian:*")->required();
        if (each.run == move_initiator)
            made->add_option("TO", given->to, "Name of the other group")->required();
    }
}

} // namespace

void add_target_commands(CLI::App &app, context &ctx) {
    const auto given = std::make_shared<arguments>();
    add_target_group(app, ctx, given);
    add_lun_group(app, ctx, given);
    add_group_group(app, ctx, given);
    add_initiator_group(app, ctx, given);
}

} // namespace scstctl
