// SPDX-License-Identifier: Apache-2.0
// planner_targets: drivers, targets, groups, LUNs and initiators (management.md 5.5 steps 3, 5, 6, 8, 9). See
// planner.hpp.
#include "core/core.hpp"
#include "mgmt/scst_conf/planner.hpp"
#include "mgmt/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace scstd::mgmt::scst_conf {

namespace {

const lun *lun_numbered(const std::vector<lun> &luns, std::uint32_t number) {
    const auto found = std::find_if(luns.begin(), luns.end(), [&](const auto &each) { return each.number == number; });
    return found == luns.end() ? nullptr : &*found;
}

bool is_read_only(const lun &which) {
    const auto value = value_of(which.attrs, "read_only");
    return !value.empty() && !same_value(value, "0");
}

bool has_initiator(const group &in, const std::string &pattern) {
    return std::any_of(in.initiators.begin(), in.initiators.end(),
                       [&](const auto &each) { return each.text == pattern; });
}

} // namespace

// ---- removing ----

void planner::remove_unwanted_luns(const std::string &path, const std::vector<lun> &wanted, std::vector<lun> &now) {
    std::vector<std::uint32_t> gone;
    for (const auto &each : now) {
        const auto *const same = lun_numbered(wanted, each.number);
        // A read-only device makes its LUNs read-only, which the file need not repeat.
        const auto device_read_only = [&] {
            const auto value = tree_.read(device_path(each.device.text) + "/read_only");
            return value && !same_value(split_value(value.value()).value, "0");
        };
        const bool keeps = same != nullptr && same->device.text == each.device.text &&
                           (is_read_only(*same) == is_read_only(each) || (is_read_only(each) && device_read_only()));
        if (keeps)
            continue;
        const auto what = fmt::format("remove {}/{} ({})", path, each.number, each.device.text);
        if (!force_) {
            keep(what);
            continue;
        }
        add(what, {path + "/mgmt", fmt::format("del {}", each.number)}, {{path + "/mgmt", lun_command("add", each)}},
            {});
        gone.push_back(each.number);
    }
    std::erase_if(now,
                  [&](const auto &each) { return std::find(gone.begin(), gone.end(), each.number) != gone.end(); });
}

void planner::drop_group(const std::string &driver_name, const std::string &target_name, const group &gone) {
    const auto path = group_path(driver_name, target_name, gone.name);
    const auto mgmt = target_path(driver_name, target_name) + "/ini_groups/mgmt";
    std::vector<tree_write> undo{{mgmt, "create " + gone.name}};
    for (const auto &each : gone.luns)
        undo.push_back({path + "/luns/mgmt", lun_command("add", each)});
    restore_attributes(undo, path, gone.attrs, group_schema(*tree_.registry().drivers.at(driver_name)));
    for (const auto &each : gone.initiators)
        undo.push_back({path + "/initiators/mgmt", "add " + each.text});
    // Sessions of the group go to another one first, or it could not be deleted.
    if (!gone.initiators.empty())
        add(fmt::format("remove all initiators from group {} of {}", gone.name, target_name),
            {path + "/initiators/mgmt", "clear"}, {}, {});
    add(fmt::format("remove group {} of {}", gone.name, target_name), {mgmt, "del " + gone.name}, std::move(undo), {});
}

void planner::drop_target(const std::string &driver_name, const target &gone) {
    const auto known = target_schema(*tree_.registry().drivers.at(driver_name));
    const auto path = target_path(driver_name, gone.name);
    const auto mgmt = driver_path(driver_name) + "/mgmt";
    std::vector<tree_write> undo{{mgmt, creation_command("add_target", gone.name, gone.attrs, known, true)}};
    restore_attributes(undo, path, gone.attrs, known);
    for (const auto &attr : gone.attrs)
        if (known.has_dynamic(attr.name))
            for (const auto &value : attr.values)
                undo.push_back({mgmt, fmt::format("add_target_attribute {} {} {}", gone.name, attr.name, value.text)});
    for (const auto &each : gone.luns)
        undo.push_back({path + "/luns/mgmt", lun_command("add", each)});
    for (const auto &each : gone.groups) {
        const auto inner = group_path(driver_name, gone.name, each.name);
        undo.push_back({path + "/ini_groups/mgmt", "create " + each.name});
        for (const auto &inner_lun : each.luns)
            undo.push_back({inner + "/luns/mgmt", lun_command("add", inner_lun)});
        restore_attributes(undo, inner, each.attrs, group_schema(*tree_.registry().drivers.at(driver_name)));
        for (const auto &initiator : each.initiators)
            undo.push_back({inner + "/initiators/mgmt", "add " + initiator.text});
    }
    if (value_of(gone.attrs, "enabled") == "1")
        undo.push_back({path + "/enabled", "1\n"});
    add(fmt::format("remove target {}", gone.name), {mgmt, "del_target " + gone.name}, std::move(undo), {});
}

void planner::remove_unwanted_targets() {
    for (auto &of : now_.drivers) {
        const auto *const wanted_of = find(want_.drivers, of.name);
        std::vector<std::string> gone;
        for (const auto &on : of.targets) {
            if (wanted_of != nullptr && find(wanted_of->targets, on.name) != nullptr)
                continue;
            if (force_) {
                drop_target(of.name, on);
                gone.push_back(on.name);
            } else {
                keep(fmt::format("target {} is not in the file", on.name));
            }
        }
        std::erase_if(of.targets,
                      [&](const auto &on) { return std::find(gone.begin(), gone.end(), on.name) != gone.end(); });
    }
}

void planner::remove_unwanted_from(const std::string &driver_name, target &now, const target &wanted) {
    const auto path = target_path(driver_name, now.name);
    remove_unwanted_luns(path + "/luns", wanted.luns, now.luns);
    std::vector<std::string> gone;
    for (auto &each : now.groups) {
        const auto *const same = find(wanted.groups, each.name);
        if (same != nullptr) {
            remove_unwanted_luns(group_path(driver_name, now.name, each.name) + "/luns", same->luns, each.luns);
        } else if (force_) {
            drop_group(driver_name, now.name, each);
            gone.push_back(each.name);
        } else {
            keep(fmt::format("group {} of {} is not in the file", each.name, now.name));
        }
    }
    std::erase_if(now.groups,
                  [&](const auto &each) { return std::find(gone.begin(), gone.end(), each.name) != gone.end(); });
    if (value_of(now.attrs, "enabled") == "1" && find_attribute(wanted.attrs, "enabled") == nullptr) {
        if (force_)
            plan_.changes.push_back({fmt::format("disable target {}", now.name),
                                     {path + "/enabled", "0\n"},
                                     true,
                                     {{path + "/enabled", "1\n"}},
                                     wanted.at});
        else
            keep(fmt::format("target {} is enabled, which the file does not say", now.name));
    }
}

void planner::remove_unwanted_from_targets() {
    for (auto &of : now_.drivers) {
        const auto *const wanted_of = find(want_.drivers, of.name);
        if (wanted_of == nullptr)
            continue;
        for (auto &on : of.targets)
            if (const auto *wanted = find(wanted_of->targets, on.name))
                remove_unwanted_from(of.name, on, *wanted);
    }
}

// ---- making ----

void planner::plan_luns(const std::string &path, const std::vector<lun> &wanted, std::vector<lun> *now) {
    std::vector<const lun *> sorted;
    for (const auto &each : wanted)
        sorted.push_back(&each);
    // SCST adds them in the order of the number as text, which shows in the numbers of exports.
    std::sort(sorted.begin(), sorted.end(),
              [](const auto *a, const auto *b) { return std::to_string(a->number) < std::to_string(b->number); });
    for (const auto *each : sorted)
        if (now == nullptr || lun_numbered(*now, each->number) == nullptr)
            add(fmt::format("add {}/{} ({})", path, each->number, each->device.text),
                {path + "/mgmt", lun_command("add", *each)}, {{path + "/mgmt", fmt::format("del {}", each->number)}},
                each->at);
}

void planner::plan_initiators(const std::string &path, const group &wanted, const group *now) {
    for (const auto &each : wanted.initiators)
        if (now == nullptr || !has_initiator(*now, each.text))
            add(fmt::format("add initiator {} to group {}", each.text, wanted.name),
                {path + "/initiators/mgmt", "add " + each.text}, {{path + "/initiators/mgmt", "del " + each.text}},
                each.at);
    if (now == nullptr)
        return;
    for (const auto &each : now->initiators) {
        if (has_initiator(wanted, each.text))
            continue;
        const auto what = fmt::format("remove initiator {} from group {}", each.text, wanted.name);
        if (force_)
            add(what, {path + "/initiators/mgmt", "del " + each.text},
                {{path + "/initiators/mgmt", "add " + each.text}}, {});
        else
            keep(what);
    }
}

void planner::plan_group(const driver &of, const target &on, const group &wanted, group *now) {
    const auto path = group_path(of.name, on.name, wanted.name);
    const auto mgmt = target_path(of.name, on.name) + "/ini_groups/mgmt";
    if (now == nullptr)
        add(fmt::format("add group {} of {}", wanted.name, on.name), {mgmt, "create " + wanted.name},
            {{mgmt, "del " + wanted.name}}, wanted.at);
    plan_luns(path + "/luns", wanted.luns, now == nullptr ? nullptr : &now->luns);
    set_attributes(path, wanted.attrs, now == nullptr ? nullptr : &now->attrs,
                   group_schema(*tree_.registry().drivers.at(of.name)));
}

void planner::plan_groups(const driver &of, const target &wanted, target *now) {
    for (const auto *each : by_name(wanted.groups))
        plan_group(of, wanted, *each, now == nullptr ? nullptr : find_mutable(now->groups, each->name));
    // After all groups, so that no session is moved through a half-made one.
    for (const auto *each : by_name(wanted.groups))
        plan_initiators(group_path(of.name, wanted.name, each->name), *each,
                        now == nullptr ? nullptr : find(now->groups, each->name));
}

void planner::plan_target(const driver &of, const target &wanted) {
    const auto &there = *tree_.registry().drivers.at(of.name);
    const auto known = target_schema(there);
    auto *const now_of = find_mutable(now_.drivers, of.name);
    auto *const now = now_of == nullptr ? nullptr : find_mutable(now_of->targets, wanted.name);
    const auto path = target_path(of.name, wanted.name);
    const auto mgmt = driver_path(of.name) + "/mgmt";
    if (now == nullptr)
        add_object(fmt::format("add target {}", wanted.name),
                   {mgmt, creation_command("add_target", wanted.name, wanted.attrs, known, false)},
                   {{mgmt, "del_target " + wanted.name}}, wanted.at, wanted.attrs, known);
    set_attributes(path, wanted.attrs, now == nullptr ? nullptr : &now->attrs, known, "enabled");
    if (now != nullptr)
        drop_dynamic(of.name, wanted.name, wanted.attrs, now->attrs, known);
    for (const auto &attr : wanted.attrs)
        if (known.has_dynamic(attr.name))
            set_dynamic(of.name, wanted.name, attr, now == nullptr ? nullptr : &now->attrs);
    plan_groups(of, wanted, now);
    plan_luns(path + "/luns", wanted.luns, now == nullptr ? nullptr : &now->luns);
}

void planner::plan_driver(const driver &wanted) {
    if (wanted.name == copy_manager) {
        const auto *const now = find(now_.drivers, wanted.name);
        set_attributes(driver_path(wanted.name), wanted.attrs, &now->attrs, copy_manager_schema());
        return;
    }
    for (const auto *each : by_name(wanted.targets))
        plan_target(wanted, *each);
    const auto known = driver_schema(*tree_.registry().drivers.at(wanted.name));
    const auto *const now = find(now_.drivers, wanted.name);
    set_attributes(driver_path(wanted.name), wanted.attrs, now == nullptr ? nullptr : &now->attrs, known, "enabled");
    if (now != nullptr)
        drop_dynamic(wanted.name, {}, wanted.attrs, now->attrs, known);
    for (const auto &attr : wanted.attrs)
        if (known.has_dynamic(attr.name))
            set_dynamic(wanted.name, {}, attr, now == nullptr ? nullptr : &now->attrs);
}

void planner::enable_targets() {
    for (const auto *of : by_name(want_.drivers)) {
        const auto *const now_of = find(now_.drivers, of->name);
        for (const auto *on : by_name(of->targets)) {
            const auto *const wanted = find_attribute(on->attrs, "enabled");
            if (wanted == nullptr)
                continue;
            const auto *const now = now_of == nullptr ? nullptr : find(now_of->targets, on->name);
            set_attribute(target_path(of->name, on->name), *wanted, now == nullptr ? nullptr : &now->attrs);
        }
    }
}

void planner::enable_drivers() {
    for (const auto *of : by_name(want_.drivers)) {
        const auto *const wanted = find_attribute(of->attrs, "enabled");
        if (wanted == nullptr)
            continue;
        const auto *const now = find(now_.drivers, of->name);
        set_attribute(driver_path(of->name), *wanted, now == nullptr ? nullptr : &now->attrs);
    }
}

} // namespace scstd::mgmt::scst_conf
