// SPDX-License-Identifier: Apache-2.0
// control_reports: see control_reports.hpp.
#include "mgmt/control_reports.hpp"

#include "mgmt/values.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>

namespace scstd::mgmt {

using nlohmann::json;

namespace {

std::vector<std::string> names_of(const tree &from, const std::string &path, node_type type) {
    std::vector<std::string> names;
    if (auto listed = from.list(path))
        for (auto &each : listed.value())
            if (each.is.type == type)
                names.push_back(std::move(each.name));
    return names;
}

std::string value_at(const tree &from, const std::string &path) {
    auto text = from.read(path);
    return text ? split_value(text.value()).value : std::string{};
}

std::string last_element(const std::string &path) {
    return path.substr(path.rfind('/') + 1);
}

json number_or_text(const std::string &value) {
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (failed == std::errc{} && end == value.data() + value.size() && !value.empty())
        return number;
    return value;
}

// The attributes of a folder: value, whether it is saved, whether it can be written.
json attributes_at(const tree &from, const std::string &path) {
    json list = json::array();
    auto contents = from.read_all(path);
    if (!contents)
        return list;
    for (const auto &file : contents.value()) {
        if (file.is.is.type != node_type::file || file.is.name == "mgmt" || file.is.name == "trace_level")
            continue;
        json entry{{"name", file.is.name}, {"writable", (file.is.is.mode & 0222) != 0}};
        if ((file.is.is.mode & 0444) != 0 && file.error == 0) {
            const auto value = split_value(file.text);
            entry["value"] = value.value;
            entry["key"] = value.key;
        }
        list.push_back(std::move(entry));
    }
    return list;
}

json exports_of(const tree &from, const std::string &device) {
    json list = json::array();
    if (auto listed = from.list("devices/" + device + "/exported"))
        for (const auto &each : listed.value())
            list.push_back(each.target.starts_with("../../../") ? each.target.substr(9) : each.target);
    return list;
}

json device_entry(const tree &from, const std::string &name) {
    const std::string path = "devices/" + name;
    json entry{{"name", name}};
    if (auto handler = from.readlink(path + "/handler"))
        entry["handler"] = last_element(handler.value());
    for (const auto *file : {"size", "blocksize", "read_only", "active", "filename"})
        if (auto text = from.read(path + '/' + file))
            entry[file] = number_or_text(split_value(text.value()).value);
    entry["exports"] = exports_of(from, name);
    return entry;
}

json lun_entries(const tree &from, const std::string &path) {
    json list = json::array();
    for (const auto &name : names_of(from, path, node_type::directory)) {
        json entry{{"lun", number_or_text(name)}};
        if (auto device = from.readlink(path + '/' + name + "/device"))
            entry["device"] = last_element(device.value());
        entry["read_only"] = value_at(from, path + '/' + name + "/read_only") == "1";
        list.push_back(std::move(entry));
    }
    std::sort(list.begin(), list.end(), [](const json &a, const json &b) { return a["lun"] < b["lun"]; });
    return list;
}

json target_entry(const tree &from, const std::string &driver, const std::string &name) {
    const std::string path = "targets/" + driver + '/' + name;
    json entry{{"driver", driver}, {"name", name}};
    // Without the file (copy_manager) a target can't be switched off.
    auto enabled = from.read(path + "/enabled");
    entry["enabled"] = !enabled || split_value(enabled.value()).value == "1";
    entry["rel_tgt_id"] = number_or_text(value_at(from, path + "/rel_tgt_id"));
    entry["luns"] = names_of(from, path + "/luns", node_type::directory).size();
    entry["groups"] = names_of(from, path + "/ini_groups", node_type::directory).size();
    entry["sessions"] = names_of(from, path + "/sessions", node_type::directory).size();
    return entry;
}

bool is_counter(const std::string &name) {
    return name.ends_with("_count") || name.ends_with("_count_kb");
}

json connection_entry(const tree &from, const std::string &path, const std::string &name) {
    json entry{{"name", name}};
    if (auto files = from.read_all(path + '/' + name))
        for (const auto &file : files.value())
            entry[file.is.name] = std::string{trim(file.text)};
    return entry;
}

json session_entry(const tree &from, const std::string &driver, const std::string &target, const std::string &name) {
    const std::string path = "targets/" + driver + '/' + target + "/sessions/" + name;
    json entry{{"driver", driver}, {"target", target}, {"name", name}, {"group", ""}};
    json counters = json::object();
    json negotiated = json::object();
    json connections = json::array();
    std::size_t luns = 0;
    auto contents = from.read_all(path);
    if (!contents)
        return entry;
    for (const auto &file : contents.value()) {
        const auto &id = file.is.name;
        const std::string value = split_value(file.text).value;
        if (file.is.is.type == node_type::link) {
            // ../../ini_groups/GROUP/luns, or ../../luns
            const auto group = file.is.target.find("ini_groups/");
            if (group != std::string::npos)
                entry["group"] = file.is.target.substr(group + 11, file.is.target.rfind('/') - group - 11);
        } else if (file.is.is.type == node_type::directory) {
            if (id.starts_with("lun") && id.size() > 3 && id[3] >= '0' && id[3] <= '9')
                ++luns;
            else if (id != "latency")
                connections.push_back(connection_entry(from, path, id));
        } else if (id == "initiator_name") {
            entry["initiator"] = value;
        } else if (is_counter(id)) {
            counters[id] = number_or_text(value);
        } else if (id == "commands" || id == "active_commands") {
            entry[id] = number_or_text(value);
        } else if ((file.is.is.mode & 0444) != 0 && file.error == 0) {
            negotiated[id] = number_or_text(value);
        }
    }
    entry["luns"] = luns;
    entry["counters"] = std::move(counters);
    entry["negotiated"] = std::move(negotiated);
    entry["connections"] = std::move(connections);
    return entry;
}

} // namespace

std::string mode_text(const node &of) {
    return fmt::format("{:04o}", of.mode);
}

std::string type_text(const node &of) {
    switch (of.type) {
    case node_type::directory:
        return "dir";
    case node_type::file:
        return "file";
    case node_type::link:
        return "link";
    }
    return {};
}

json device_list(const tree &from) {
    json list = json::array();
    for (const auto &name : names_of(from, "devices", node_type::directory))
        list.push_back(device_entry(from, name));
    return {{"devices", std::move(list)}};
}

result<json> device_show(const tree &from, const std::string &name) {
    if (name.empty() || name.find('/') != std::string::npos || !from.exists("devices/" + name))
        return fail(ENOENT, "there is no device {}", name);
    json entry = device_entry(from, name);
    entry["attributes"] = attributes_at(from, "devices/" + name);
    return entry;
}

json target_list(const tree &from) {
    json list = json::array();
    for (const auto &driver : names_of(from, "targets", node_type::directory))
        for (const auto &name : names_of(from, "targets/" + driver, node_type::directory))
            list.push_back(target_entry(from, driver, name));
    return {{"targets", std::move(list)}};
}

result<json> target_show(const tree &from, const std::string &driver, const std::string &name) {
    const std::string path = "targets/" + driver + '/' + name;
    if (driver.empty() || name.empty() || (driver + name).find('/') != std::string::npos ||
        !from.exists(path + "/luns"))
        return fail(ENOENT, "there is no target {} of {}", name, driver);
    json entry = target_entry(from, driver, name);
    entry["attributes"] = attributes_at(from, path);
    entry["luns"] = lun_entries(from, path + "/luns");
    json groups = json::array();
    for (const auto &group : names_of(from, path + "/ini_groups", node_type::directory)) {
        const std::string inner = path + "/ini_groups/" + group;
        json initiators = json::array();
        for (const auto &pattern : names_of(from, inner + "/initiators", node_type::file))
            if (pattern != "mgmt")
                initiators.push_back(pattern);
        groups.push_back({{"name", group},
                          {"initiators", std::move(initiators)},
                          {"luns", lun_entries(from, inner + "/luns")},
                          {"attributes", attributes_at(from, inner)}});
    }
    entry["groups"] = std::move(groups);
    entry["sessions"] = names_of(from, path + "/sessions", node_type::directory);
    return entry;
}

json session_list(const tree &from, const std::string &driver, const std::string &target) {
    json list = json::array();
    for (const auto &each : names_of(from, "targets", node_type::directory)) {
        if (!driver.empty() && each != driver)
            continue;
        for (const auto &on : names_of(from, "targets/" + each, node_type::directory)) {
            if (!target.empty() && on != target)
                continue;
            for (const auto &name : names_of(from, "targets/" + each + '/' + on + "/sessions", node_type::directory))
                list.push_back(session_entry(from, each, on, name));
        }
    }
    return {{"sessions", std::move(list)}};
}

result<json> tree_dump(const tree &from, const std::string &path, bool values) {
    auto contents = from.read_all(path);
    if (!contents)
        return contents.error();
    json list = json::array();
    for (auto &each : contents.value()) {
        json entry{{"name", each.is.name}, {"type", type_text(each.is.is)}, {"mode", mode_text(each.is.is)}};
        if (each.is.is.type == node_type::link)
            entry["target"] = each.is.target;
        else if (each.is.is.type == node_type::directory) {
            auto inner = tree_dump(from, path.empty() ? each.is.name : path + '/' + each.is.name, values);
            entry["entries"] = inner ? inner.take() : json::array();
        } else if (values && (each.is.is.mode & 0444) != 0 && each.error == 0)
            entry["text"] = each.text;
        list.push_back(std::move(entry));
    }
    return list;
}

} // namespace scstd::mgmt
