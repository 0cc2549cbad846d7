// SPDX-License-Identifier: Apache-2.0
// planner_groups: device groups and target groups (management.md 5.5 step 7). See planner.hpp.
#include "mgmt/scst_conf/planner.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace scstd::mgmt::scst_conf {

namespace {

bool has_word(const std::vector<word> &words, const std::string &text) {
    return std::any_of(words.begin(), words.end(), [&](const auto &each) { return each.text == text; });
}

std::vector<tree_write> make_target_group(const std::string &group, const target_group &from) {
    const auto path = target_group_path(group, from.name);
    std::vector<tree_write> writes{{device_group_path(group) + "/target_groups/mgmt", "create " + from.name}};
    // 0 means "not set" and can't be written.
    for (const auto &attr : from.attrs)
        if (attr.key && !(attr.name == "group_id" && attr.values.front().text == "0"))
            writes.push_back({path + '/' + attr.name, attr.values.front().text + '\n'});
    for (const auto &port : from.targets) {
        writes.push_back({path + "/mgmt", "add " + port.name});
        const auto id = value_of(port.attrs, "rel_tgt_id");
        if (!id.empty() && id != "0")
            writes.push_back({path + '/' + port.name + "/rel_tgt_id", id + '\n'});
    }
    return writes;
}

} // namespace

void planner::drop_target_group(const std::string &group, const target_group &gone) {
    add(fmt::format("remove target group {} of {}", gone.name, group),
        {device_group_path(group) + "/target_groups/mgmt", "del " + gone.name}, make_target_group(group, gone), {});
}

void planner::drop_device_group(const device_group &gone) {
    std::vector<tree_write> undo{{"device_groups/mgmt", "create " + gone.name}};
    for (const auto &dev : gone.devices)
        undo.push_back({device_group_path(gone.name) + "/devices/mgmt", "add " + dev.text});
    for (const auto &ports : gone.target_groups)
        for (auto &write : make_target_group(gone.name, ports))
            undo.push_back(std::move(write));
    add(fmt::format("remove device group {}", gone.name), {"device_groups/mgmt", "del " + gone.name}, std::move(undo),
        {});
}

void planner::remove_unwanted_members(const device_group &wanted, device_group &now) {
    const auto path = device_group_path(now.name);
    std::vector<std::string> gone;
    const auto may_go = [&](const std::string &what, const std::string &name) {
        if (force_)
            gone.push_back(name);
        else
            keep(fmt::format("{} {} of device group {} is not in the file", what, name, now.name));
        return force_;
    };
    for (const auto &dev : now.devices)
        if (!has_word(wanted.devices, dev.text) && may_go("device", dev.text))
            add(fmt::format("remove device {} from device group {}", dev.text, now.name),
                {path + "/devices/mgmt", "del " + dev.text}, {{path + "/devices/mgmt", "add " + dev.text}}, {});
    std::erase_if(now.devices,
                  [&](const auto &d) { return std::find(gone.begin(), gone.end(), d.text) != gone.end(); });
    gone.clear();
    for (auto &ports : now.target_groups) {
        const auto *const same = find(wanted.target_groups, ports.name);
        if (same == nullptr) {
            if (may_go("target group", ports.name))
                drop_target_group(now.name, ports);
            continue;
        }
        const auto inner = target_group_path(now.name, ports.name) + "/mgmt";
        std::erase_if(ports.targets, [&](const group_target &port) {
            if (find(same->targets, port.name) != nullptr)
                return false;
            if (!force_) {
                keep(fmt::format("target {} of target group {} is not in the file", port.name, ports.name));
                return false;
            }
            std::vector<tree_write> undo{{inner, "add " + port.name}};
            const auto id = value_of(port.attrs, "rel_tgt_id");
            if (!id.empty() && id != "0")
                undo.push_back({target_group_path(now.name, ports.name) + '/' + port.name + "/rel_tgt_id", id + '\n'});
            add(fmt::format("remove target {} from target group {}", port.name, ports.name),
                {inner, "del " + port.name}, std::move(undo), {});
            return true;
        });
    }
    std::erase_if(now.target_groups,
                  [&](const auto &ports) { return std::find(gone.begin(), gone.end(), ports.name) != gone.end(); });
}

void planner::remove_unwanted_device_groups() {
    std::vector<std::string> gone;
    for (auto &now : now_.device_groups) {
        if (const auto *wanted = find(want_.device_groups, now.name)) {
            remove_unwanted_members(*wanted, now);
        } else if (force_) {
            drop_device_group(now);
            gone.push_back(now.name);
        } else {
            keep(fmt::format("device group {} is not in the file", now.name));
        }
    }
    std::erase_if(now_.device_groups,
                  [&](const auto &now) { return std::find(gone.begin(), gone.end(), now.name) != gone.end(); });
}

void planner::plan_target_group(const device_group &of, const target_group &wanted, const target_group *now) {
    const auto path = target_group_path(of.name, wanted.name);
    const auto mgmt = device_group_path(of.name) + "/target_groups/mgmt";
    if (now == nullptr)
        add(fmt::format("add target group {} of {}", wanted.name, of.name), {mgmt, "create " + wanted.name},
            {{mgmt, "del " + wanted.name}}, wanted.at);
    for (const auto &port : wanted.targets) {
        const auto *const present = now == nullptr ? nullptr : find(now->targets, port.name);
        if (present == nullptr)
            add(fmt::format("add target {} to target group {}", port.name, wanted.name),
                {path + "/mgmt", "add " + port.name}, {{path + "/mgmt", "del " + port.name}}, port.at);
        set_attributes(path + '/' + port.name, port.attrs, present == nullptr ? nullptr : &present->attrs,
                       group_target_schema());
    }
    set_attributes(path, wanted.attrs, now == nullptr ? nullptr : &now->attrs, target_group_schema());
}

void planner::plan_device_group(const device_group &wanted, const device_group *now) {
    const auto path = device_group_path(wanted.name);
    if (now == nullptr)
        add(fmt::format("add device group {}", wanted.name), {"device_groups/mgmt", "create " + wanted.name},
            {{"device_groups/mgmt", "del " + wanted.name}}, wanted.at);
    for (const auto &dev : wanted.devices)
        if (now == nullptr || !has_word(now->devices, dev.text))
            add(fmt::format("add device {} to device group {}", dev.text, wanted.name),
                {path + "/devices/mgmt", "add " + dev.text}, {{path + "/devices/mgmt", "del " + dev.text}}, dev.at);
    for (const auto *ports : by_name(wanted.target_groups))
        plan_target_group(wanted, *ports, now == nullptr ? nullptr : find(now->target_groups, ports->name));
}

void planner::plan_device_groups() {
    for (const auto *each : by_name(want_.device_groups))
        plan_device_group(*each, find(now_.device_groups, each->name));
}

} // namespace scstd::mgmt::scst_conf
