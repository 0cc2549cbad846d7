// SPDX-License-Identifier: Apache-2.0
// running: see running.hpp.
#include "mgmt/scst_conf/running.hpp"

#include "core/core.hpp"
#include "mgmt/schema.hpp"
#include "mgmt/values.hpp"

#include <algorithm>
#include <charconv>

namespace scstd::mgmt::scst_conf {

namespace {

// What never belongs to a configuration, however it reads.
constexpr std::string_view never[] = {"trace_level", "type", "version", "last_sysfs_mgmt_res", "pr_state", "block"};

std::string last_element(std::string_view path) {
    return std::string{path.substr(path.rfind('/') + 1)};
}

// IncomingUser2 is one more value of IncomingUser.
std::string attribute_name(const std::string &file, const schema &known) {
    if (known.file(file) != nullptr)
        return file;
    std::string base = file;
    base.erase(base.find_last_not_of("0123456789") + 1);
    return known.has_dynamic(base) ? base : file;
}

void add_file(attributes &attrs, const file_content &file, const schema &known) {
    if (file.is.is.type != node_type::file || file.error != 0 || (file.is.is.mode & 0444) == 0 ||
        file.is.name == "mgmt" || std::find(std::begin(never), std::end(never), file.is.name) != std::end(never))
        return;
    auto value = split_value(file.text);
    const std::string name = attribute_name(file.is.name, known);
    const auto found = std::find_if(attrs.begin(), attrs.end(), [&](const auto &each) { return each.name == name; });
    if (found != attrs.end()) {
        found->values.push_back({std::move(value.value), {}});
        found->key = found->key || value.key;
        return;
    }
    attribute made;
    made.name = name;
    made.values.push_back({std::move(value.value), {}});
    made.key = value.key;
    made.writable = (file.is.is.mode & 0222) != 0;
    attrs.push_back(std::move(made));
}

class running_reader {
  public:
    explicit running_reader(const tree &from) : tree_{from} {}

    model run() {
        model found;
        found.attrs = attributes_at("", root_schema());
        for (const auto &[name, hnd] : tree_.registry().handlers)
            found.handlers.push_back(read_handler(name, *hnd));
        driver copies;
        copies.name = copy_manager;
        copies.attrs = attributes_at(driver_path(copies.name), copy_manager_schema());
        found.drivers.push_back(std::move(copies));
        for (const auto &[name, each] : tree_.registry().drivers)
            found.drivers.push_back(read_driver(name, *each));
        for (const auto &name : folders("device_groups"))
            found.device_groups.push_back(read_device_group(name));
        return found;
    }

  private:
    std::vector<file_content> contents(const std::string &path) {
        auto found = tree_.read_all(path);
        return found ? found.take() : std::vector<file_content>{};
    }
    std::vector<std::string> folders(const std::string &path) {
        std::vector<std::string> names;
        if (auto listed = tree_.list(path))
            for (const auto &each : listed.value())
                if (each.is.type == node_type::directory)
                    names.push_back(each.name);
        return names;
    }
    attributes attributes_at(const std::string &path, const schema &known) {
        attributes attrs;
        for (const auto &file : contents(path))
            add_file(attrs, file, known);
        return attrs;
    }
    handler read_handler(const std::string &name, const scstd::device::handler &hnd);
    driver read_driver(const std::string &name, const scstd::session::target_driver &from);
    target read_target(const std::string &driver_name, const std::string &name, const schema &known,
                       const schema &known_of_groups);
    std::vector<lun> read_luns(const std::string &path);
    device_group read_device_group(const std::string &name);
    target_group read_target_group(const std::string &group, const std::string &name);

    const tree &tree_;
};

handler running_reader::read_handler(const std::string &name, const scstd::device::handler &hnd) {
    handler found;
    found.name = name;
    const auto known = device_schema(hnd);
    for (const auto &file : contents(handler_path(name))) {
        if (file.is.is.type != node_type::link) {
            add_file(found.attrs, file, handler_schema());
            continue;
        }
        scst_conf::device dev;
        dev.name = file.is.name;
        dev.attrs = attributes_at(device_path(dev.name), known);
        found.devices.push_back(std::move(dev));
    }
    return found;
}

driver running_reader::read_driver(const std::string &name, const scstd::session::target_driver &from) {
    driver found;
    found.name = name;
    const auto known = driver_schema(from);
    const auto of_targets = target_schema(from);
    const auto of_groups = group_schema(from);
    for (const auto &file : contents(driver_path(name))) {
        if (file.is.is.type == node_type::directory)
            found.targets.push_back(read_target(name, file.is.name, of_targets, of_groups));
        else
            add_file(found.attrs, file, known);
    }
    return found;
}

target running_reader::read_target(const std::string &driver_name, const std::string &name, const schema &known,
                                   const schema &known_of_groups) {
    target found;
    found.name = name;
    const auto path = target_path(driver_name, name);
    found.attrs = attributes_at(path, known);
    found.luns = read_luns(path + "/luns");
    for (const auto &group_name : folders(path + "/ini_groups")) {
        group made;
        made.name = group_name;
        const auto inner = group_path(driver_name, name, group_name);
        made.attrs = attributes_at(inner, known_of_groups);
        made.luns = read_luns(inner + "/luns");
        for (const auto &file : contents(inner + "/initiators"))
            if (file.is.name != "mgmt")
                made.initiators.push_back({file.is.name, {}});
        found.groups.push_back(std::move(made));
    }
    return found;
}

std::vector<lun> running_reader::read_luns(const std::string &path) {
    std::vector<lun> found;
    for (const auto &name : folders(path)) {
        lun made;
        std::from_chars(name.data(), name.data() + name.size(), made.number);
        for (const auto &file : contents(path + '/' + name)) {
            if (file.is.is.type == node_type::link)
                made.device.text = last_element(file.is.target);
            else
                add_file(made.attrs, file, lun_schema());
        }
        found.push_back(std::move(made));
    }
    std::sort(found.begin(), found.end(), [](const auto &a, const auto &b) { return a.number < b.number; });
    return found;
}

device_group running_reader::read_device_group(const std::string &name) {
    device_group found;
    found.name = name;
    for (const auto &file : contents(device_group_path(name) + "/devices"))
        if (file.is.name != "mgmt")
            found.devices.push_back({file.is.name, {}});
    for (const auto &inner : folders(device_group_path(name) + "/target_groups"))
        found.target_groups.push_back(read_target_group(name, inner));
    return found;
}

target_group running_reader::read_target_group(const std::string &group, const std::string &name) {
    target_group found;
    found.name = name;
    const auto path = target_group_path(group, name);
    for (const auto &file : contents(path)) {
        if (file.is.is.type == node_type::file) {
            add_file(found.attrs, file, target_group_schema());
            continue;
        }
        group_target port;
        port.name = file.is.name;
        if (file.is.is.type == node_type::directory)
            port.attrs = attributes_at(path + '/' + port.name, group_target_schema());
        found.targets.push_back(std::move(port));
    }
    return found;
}

} // namespace

model read_running(const tree &from) {
    return running_reader{from}.run();
}

std::string device_path(std::string_view device) {
    return std::string{"devices/"}.append(device);
}
std::string handler_path(std::string_view handler) {
    return std::string{"handlers/"}.append(handler);
}
std::string driver_path(std::string_view driver) {
    return std::string{"targets/"}.append(driver);
}
std::string target_path(std::string_view driver, std::string_view target) {
    return driver_path(driver).append("/").append(target);
}
std::string group_path(std::string_view driver, std::string_view target, std::string_view group) {
    return target_path(driver, target).append("/ini_groups/").append(group);
}
std::string device_group_path(std::string_view group) {
    return std::string{"device_groups/"}.append(group);
}
std::string target_group_path(std::string_view group, std::string_view target_group) {
    return device_group_path(group).append("/target_groups/").append(target_group);
}

} // namespace scstd::mgmt::scst_conf
