// SPDX-License-Identifier: Apache-2.0
// device_commands: device list, show, add, del, set. See commands.hpp.
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
    std::string name;
    std::string handler;
    std::vector<std::string> words;
};

std::string size_at(const json &device) {
    const auto size = device.find("size");
    return size != device.end() && size->is_number_unsigned() ? size_text(size->get<std::uint64_t>()) : "-";
}

std::string list_text(const json &answer) {
    table rows{{"DEVICE", "HANDLER", "SIZE", "BLOCK", "EXPORTS", "FILE"}};
    for (const auto &each : answer.at("devices"))
        rows.row({text_at(each, "name"), text_at(each, "handler"), size_at(each), text_at(each, "blocksize"),
                  std::to_string(each.at("exports").size()), text_at(each, "filename")});
    return rows.text();
}

std::string show_text(const json &answer) {
    std::string text = "Device   " + text_at(answer, "name") + "\nHandler  " + text_at(answer, "handler") +
                       "\nSize     " + size_at(answer) + '\n';
    for (const auto &each : answer.at("exports"))
        text += "Export   " + text_of(each) + '\n';
    table rows{{"ATTRIBUTE", "VALUE", "WRITABLE", "SAVED"}};
    for (const auto &each : answer.at("attributes"))
        rows.row(
            {text_at(each, "name"), text_at(each, "value", ""), text_at(each, "writable"), text_at(each, "key", "no")});
    return text + '\n' + rows.text();
}

void add_device(client &daemon, const arguments &given) {
    write_file(daemon, "handlers/" + checked(given.handler) + "/mgmt",
               with_parameters("add_device " + checked(given.name), parse_assignments(given.words)));
}

void del_device(client &daemon, const arguments &given) {
    const auto found = daemon.call("device.show", {{"name", given.name}});
    write_file(daemon, "handlers/" + text_at(found, "handler") + "/mgmt", "del_device " + checked(given.name));
}

} // namespace

void add_device_commands(CLI::App &app, context &ctx) {
    auto *const device = app.add_subcommand("device", "Devices: what initiators see as disks and CD-ROMs");
    device->require_subcommand(1);
    const auto given = std::make_shared<arguments>();

    device->add_subcommand("list", "List the devices")->callback([&ctx] {
        ctx.chosen = [&ctx](client &daemon) { ctx.print(daemon.call("device.list", json::object()), list_text); };
    });
    auto *const show = device->add_subcommand("show", "Show a device with its attributes");
    show->add_option("DEVICE", given->name, "Name of the device")->required();
    show->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            ctx.print(daemon.call("device.show", {{"name", given->name}}), show_text);
        };
    });
    auto *const add = device->add_subcommand("add", "Make a device");
    add->add_option("DEVICE", given->name, "Name of the new device")->required();
    add->add_option("PARAMETER", given->words, "Parameters, e.g. filename=/srv/disk.img nv_cache=1");
    add->add_option("--handler", given->handler, "Device handler, e.g. vdisk_fileio")->required();
    add->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            add_device(daemon, *given);
            ctx.done(json::object());
        };
    });
    auto *const del = device->add_subcommand("del", "Remove a device, also from all targets");
    del->add_option("DEVICE", given->name, "Name of the device")->required();
    del->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            del_device(daemon, *given);
            ctx.done(json::object());
        };
    });
    auto *const set = device->add_subcommand("set", "Change attributes of a device");
    set->add_option("DEVICE", given->name, "Name of the device")->required();
    set->add_option("ATTRIBUTE", given->words, "NAME=VALUE, e.g. threads_num=4")->required();
    set->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            set_attributes(daemon, "devices/" + checked(given->name), parse_assignments(given->words));
            ctx.done(json::object());
        };
    });
}

} // namespace scstctl
