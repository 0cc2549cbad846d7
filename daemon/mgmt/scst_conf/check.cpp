// SPDX-License-Identifier: Apache-2.0
// check: see check.hpp; SCST's own check is management.md 5.4. What SCST warns of and then leaves out (unknown
// handlers, attributes, devices of LUNs) is an error here: a disk that is silently missing is worse than a start that
// fails.
#include "mgmt/scst_conf/check.hpp"

#include "config/nearest.hpp"
#include "core/core.hpp"
#include "mgmt/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace scstd::mgmt::scst_conf {

namespace {

class checker {
  public:
    checker(const core &registry, std::vector<diagnostic> &errors, std::vector<diagnostic> &warnings)
        : core_{registry}, errors_{errors}, warnings_{warnings} {}

    void run(const model &file);

  private:
    void error(position at, std::string text) {
        if (errors_.size() < max_errors)
            errors_.push_back({at, std::move(text)});
    }
    void warn(position at, std::string text) {
        if (warnings_.size() < max_errors)
            warnings_.push_back({at, std::move(text)});
    }
    void check_attributes(const attributes &attrs, const schema &known, std::string_view what);
    void check_attribute(const attribute &attr, const schema &known, std::string_view what);
    void check_handler(const handler &from);
    void check_driver(const driver &from);
    void check_target(const driver &of, const target &from, const scstd::session::target_driver &there);
    void check_copy_manager(const driver &from);
    void check_luns(const std::vector<lun> &luns, std::string_view of);
    void check_initiators(const target &from);
    void check_device_group(const device_group &from);

    const core &core_;
    std::vector<diagnostic> &errors_;
    std::vector<diagnostic> &warnings_;
    std::map<std::string, position> devices_; // of the file
    std::map<std::string, std::string> group_of_device_;
};

template <class Map>
std::vector<std::string> keys(const Map &map) {
    std::vector<std::string> names;
    for (const auto &[name, value] : map)
        names.push_back(name);
    return names;
}

void checker::check_attribute(const attribute &attr, const schema &known, std::string_view what) {
    const bool parameter = known.has_parameter(attr.name);
    const bool dynamic = known.has_dynamic(attr.name);
    const auto *const file = known.file(attr.name);
    if (!parameter && !dynamic && file == nullptr) {
        error(attr.at,
              fmt::format("{} has no attribute '{}'{}", what, attr.name, config::suggestion(attr.name, known.names())));
        return;
    }
    if (!parameter && !dynamic && !file->writable) {
        error(attr.at, fmt::format("{}: '{}' can't be set", what, attr.name));
        return;
    }
    if (attr.values.size() > 1 && !dynamic && !parameter) {
        error(attr.values[1].at,
              fmt::format("'{}' has a second value; the first is on line {}", attr.name, attr.values[0].at.line));
        return;
    }
    // What has a file that can be written may also be set afterwards.
    if (!parameter || dynamic || known.has_writable(attr.name))
        return;
    for (const auto &value : attr.values) {
        if (value.text.find_first_not_of(" \t") == std::string::npos)
            error(attr.at, fmt::format("'{}' needs a value", attr.name));
        else if (!is_command_word(value.text))
            error(value.at,
                  fmt::format("'{}': a value with blanks, '=' or ';' can't be given to a new object", attr.name));
    }
}

void checker::check_attributes(const attributes &attrs, const schema &known, std::string_view what) {
    for (const auto &attr : attrs)
        check_attribute(attr, known, what);
}

void checker::check_handler(const handler &from) {
    const auto found = core_.handlers.find(from.name);
    if (found == core_.handlers.end()) {
        error(from.at, fmt::format("there is no handler '{}'{}; is its plugin loaded?", from.name,
                                   config::suggestion(from.name, keys(core_.handlers))));
        return;
    }
    check_attributes(from.attrs, handler_schema(), "a handler");
    const auto known = device_schema(*found->second);
    for (const auto &dev : from.devices) {
        if (dev.name.find_first_of("/. \t=;") != std::string::npos)
            error(dev.at, fmt::format("'{}' is no name for a device: no '/', '.', '=', ';' or blanks", dev.name));
        check_attributes(dev.attrs, known, fmt::format("a device of {}", from.name));
    }
}

void checker::check_luns(const std::vector<lun> &luns, std::string_view of) {
    for (const auto &each : luns) {
        if (!devices_.contains(each.device.text))
            error(each.device.at, fmt::format("LUN {}: the file has no device '{}'{}", each.number, each.device.text,
                                              config::suggestion(each.device.text, keys(devices_))));
        check_attributes(each.attrs, lun_schema(), "a LUN");
    }
    const auto zero = [](const auto &each) { return each.number == 0; };
    if (!luns.empty() && std::none_of(luns.begin(), luns.end(), zero))
        warn(luns.front().at, fmt::format("{} has LUNs but no LUN 0, which many initiators look for first", of));
}

void checker::check_initiators(const target &from) {
    std::map<std::string, const group *> seen;
    for (const auto &each : from.groups)
        for (const auto &pattern : each.initiators) {
            if (pattern.text.find('/') != std::string::npos)
                error(pattern.at, fmt::format("INITIATOR '{}' holds a '/'", pattern.text));
            const auto [at, added] = seen.emplace(pattern.text, &each);
            if (!added)
                error(pattern.at, fmt::format("INITIATOR {} is in the group {} of this target, too", pattern.text,
                                              at->second->name));
        }
}

void checker::check_target(const driver &of, const target &from, const scstd::session::target_driver &there) {
    if (from.hardware && !there.targets.contains(from.name)) {
        error(from.at, fmt::format("there is no hardware target '{}'", from.name));
        return;
    }
    check_attributes(from.attrs, target_schema(there), fmt::format("a target of {}", of.name));
    check_luns(from.luns, fmt::format("target {}", from.name));
    check_initiators(from);
    const auto known = group_schema(there);
    for (const auto &each : from.groups) {
        if (each.name.find_first_of("/ \t=;") != std::string::npos || each.name == "mgmt")
            error(each.at, fmt::format("'{}' is no name for a group", each.name));
        check_attributes(each.attrs, known, "a group");
        check_luns(each.luns, fmt::format("group {}", each.name));
    }
}

// SCST's files list the devices that can be copied, with read_only where the device is. Here every device can be
// copied, so such a list holds as soon as its devices exist.
void checker::check_copy_manager(const driver &from) {
    check_attributes(from.attrs, copy_manager_schema(), "the copy manager");
    for (const auto &each : from.targets) {
        if (each.name != copy_manager_target)
            error(each.at, fmt::format("the copy manager has no target but {}", copy_manager_target));
        check_attributes(each.attrs, schema{}, "the copy manager's target");
        for (const auto &group : each.groups)
            error(group.at, "the copy manager has no groups");
        for (const auto &lun : each.luns) {
            if (!devices_.contains(lun.device.text))
                error(lun.device.at, fmt::format("LUN {}: the file has no device '{}'", lun.number, lun.device.text));
            check_attributes(lun.attrs, lun_schema(), "a LUN");
        }
    }
}

void checker::check_driver(const driver &from) {
    if (from.name == copy_manager) {
        check_copy_manager(from);
        return;
    }
    const auto found = core_.drivers.find(from.name);
    if (found == core_.drivers.end()) {
        error(from.at, fmt::format("there is no target driver '{}'{}; is its plugin loaded?", from.name,
                                   config::suggestion(from.name, keys(core_.drivers))));
        return;
    }
    check_attributes(from.attrs, driver_schema(*found->second), fmt::format("the driver {}", from.name));
    for (const auto &each : from.targets)
        check_target(from, each, *found->second);
}

void checker::check_device_group(const device_group &from) {
    check_attributes(from.attrs, schema{}, "a device group");
    for (const auto &dev : from.devices) {
        if (!devices_.contains(dev.text))
            error(dev.at,
                  fmt::format("the file has no device '{}'{}", dev.text, config::suggestion(dev.text, keys(devices_))));
        const auto [at, added] = group_of_device_.emplace(dev.text, from.name);
        if (!added)
            error(dev.at, fmt::format("device {} is in the device group {}, too", dev.text, at->second));
    }
    std::set<std::string> members;
    for (const auto &ports : from.target_groups) {
        check_attributes(ports.attrs, target_group_schema(), "a target group");
        for (const auto &port : ports.targets) {
            check_attributes(port.attrs, group_target_schema(), "a target of a target group");
            if (!members.insert(port.name).second)
                error(port.at, fmt::format("target {} is in another target group of {}, too", port.name, from.name));
        }
    }
}

void checker::run(const model &file) {
    for (const auto &each : file.handlers)
        for (const auto &dev : each.devices) {
            const auto [at, added] = devices_.emplace(dev.name, dev.at);
            if (!added)
                error(dev.at, fmt::format("DEVICE {} is here a second time; the first is on line {}", dev.name,
                                          at->second.line));
        }
    for (const auto &each : file.handlers)
        check_handler(each);
    for (const auto &each : file.drivers)
        check_driver(each);
    for (const auto &each : file.device_groups)
        check_device_group(each);
    check_attributes(file.attrs, root_schema(), "SCST");
    if (file.handlers.empty())
        warn({}, "no HANDLER: there are no devices");
    if (file.drivers.empty())
        warn({}, "no TARGET_DRIVER: nobody can reach the devices");
}

} // namespace

void check(const model &file, const core &registry, std::vector<diagnostic> &errors,
           std::vector<diagnostic> &warnings) {
    checker{registry, errors, warnings}.run(file);
}

} // namespace scstd::mgmt::scst_conf
