// SPDX-License-Identifier: Apache-2.0
// planner_devices: handlers and their devices (management.md 5.5 step 4, 5.6). See planner.hpp.
#include "core/core.hpp"
#include "mgmt/scst_conf/planner.hpp"
#include "mgmt/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace scstd::mgmt::scst_conf {

namespace {

// size and size_mb are two names of one thing.
std::string_view twin(std::string_view name) {
    if (name == "size")
        return "size_mb";
    return name == "size_mb" ? "size" : "";
}

} // namespace

std::string planner::must_be_remade(const device &wanted, const device &now, const schema &known) const {
    for (const auto &attr : wanted.attrs) {
        const auto *const file = known.file(attr.name);
        if (!known.has_parameter(attr.name) || (file != nullptr && file->writable))
            continue;
        const auto present = value_of(now.attrs, attr.name);
        const std::string value{trim(attr.values.front().text)};
        if (!same_value(present.empty() ? "0" : present, value))
            return fmt::format("{} is '{}' and not '{}'", attr.name, present, value);
    }
    for (const auto &attr : now.attrs) {
        const auto other = twin(attr.name);
        if (attr.key && !attr.writable && attr.name != "size" && known.has_parameter(attr.name) &&
            find_attribute(wanted.attrs, attr.name) == nullptr &&
            (other.empty() || find_attribute(wanted.attrs, other) == nullptr))
            return fmt::format("{} is '{}' and the file does not name it", attr.name, attr.values.front().text);
    }
    return {};
}

void planner::unmap(const std::string &luns_path, std::vector<lun> &luns, const std::string &device_name) {
    for (const auto &each : luns)
        if (each.device.text == device_name)
            add(fmt::format("remove {}/{}", luns_path, each.number),
                {luns_path + "/mgmt", fmt::format("del {}", each.number)},
                {{luns_path + "/mgmt", lun_command("add", each)}}, {});
    std::erase_if(luns, [&](const auto &each) { return each.device.text == device_name; });
}

// LUNs and memberships that would go with the device, each so that it can be brought back.
void planner::unmap_everywhere(const std::string &device_name) {
    for (auto &of : now_.drivers) {
        for (auto &on : of.targets) {
            const auto path = target_path(of.name, on.name);
            unmap(path + "/luns", on.luns, device_name);
            for (auto &inner : on.groups)
                unmap(group_path(of.name, on.name, inner.name) + "/luns", inner.luns, device_name);
        }
    }
    for (auto &each : now_.device_groups) {
        const auto member = [&](const word &name) { return name.text == device_name; };
        if (std::none_of(each.devices.begin(), each.devices.end(), member))
            continue;
        const auto mgmt = device_group_path(each.name) + "/devices/mgmt";
        add(fmt::format("remove device {} from the device group {}", device_name, each.name),
            {mgmt, "del " + device_name}, {{mgmt, "add " + device_name}}, {});
        std::erase_if(each.devices, member);
    }
}

void planner::drop_device(const handler &of, const device &gone) {
    unmap_everywhere(gone.name);
    const auto known = device_schema(*tree_.registry().handlers.at(of.name));
    const auto mgmt = handler_path(of.name) + "/mgmt";
    std::vector<tree_write> undo{{mgmt, creation_command("add_device", gone.name, gone.attrs, known, true)}};
    restore_attributes(undo, device_path(gone.name), gone.attrs, known);
    add(fmt::format("remove device {}", gone.name), {mgmt, "del_device " + gone.name}, std::move(undo), {});
}

void planner::plan_device(const handler &of, const device &wanted) {
    const auto known = device_schema(*tree_.registry().handlers.at(of.name));
    auto *const now_of = find_mutable(now_.handlers, of.name);
    const auto *now = now_of == nullptr ? nullptr : find(now_of->devices, wanted.name);
    if (now == nullptr) {
        for (const auto &other : now_.handlers)
            if (find(other.devices, wanted.name) != nullptr) {
                plan_.errors.push_back({wanted.at, fmt::format("device {} is there with the handler {}: moving it "
                                                               "needs force",
                                                               wanted.name, other.name)});
                return;
            }
        const auto mgmt = handler_path(of.name) + "/mgmt";
        add_object(fmt::format("add device {} ({})", wanted.name, of.name),
                   {mgmt, creation_command("add_device", wanted.name, wanted.attrs, known, false)},
                   {{mgmt, "del_device " + wanted.name}}, wanted.at, wanted.attrs, known);
    } else if (const auto why = must_be_remade(wanted, *now, known); !why.empty()) {
        keep(fmt::format("device {} would have to be made anew: {}", wanted.name, why));
    }
    set_attributes(device_path(wanted.name), wanted.attrs, now == nullptr ? nullptr : &now->attrs, known);
}

void planner::plan_devices() {
    for (auto &of : now_.handlers) {
        const auto *const wanted_of = find(want_.handlers, of.name);
        const auto known = device_schema(*tree_.registry().handlers.at(of.name));
        std::vector<std::string> gone;
        for (const auto &dev : of.devices) {
            const auto *const wanted = wanted_of == nullptr ? nullptr : find(wanted_of->devices, dev.name);
            if (wanted != nullptr && must_be_remade(*wanted, dev, known).empty())
                continue;
            if (force_) {
                drop_device(of, dev);
                gone.push_back(dev.name);
            } else if (wanted == nullptr) {
                keep(fmt::format("device {} is not in the file", dev.name));
            }
        }
        std::erase_if(of.devices,
                      [&](const auto &dev) { return std::find(gone.begin(), gone.end(), dev.name) != gone.end(); });
    }
    for (const auto *of : by_name(want_.handlers))
        for (const auto *dev : by_name(of->devices))
            plan_device(*of, *dev);
}

} // namespace scstd::mgmt::scst_conf
