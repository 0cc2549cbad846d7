// SPDX-License-Identifier: Apache-2.0
// planner: the order of a plan, attributes, and carrying it out. See planner.hpp and plan.hpp.
#include "mgmt/scst_conf/planner.hpp"

#include "core/core.hpp"
#include "log/log.hpp"
#include "mgmt/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace scstd::mgmt::scst_conf {

const attribute *find_attribute(const attributes &attrs, std::string_view name) {
    return find(attrs, name);
}

std::string value_of(const attributes &attrs, std::string_view name) {
    const auto *const found = find(attrs, name);
    return found == nullptr || found->values.empty() ? std::string{} : found->values.front().text;
}

bool same_value(std::string_view left, std::string_view right) {
    if (left == right)
        return true;
    const auto a = parse_integer(left);
    const auto b = parse_integer(right);
    return a && b && a.value() == b.value();
}

std::string lun_command(std::string_view verb, const lun &which) {
    const auto read_only = value_of(which.attrs, "read_only");
    return fmt::format("{} {} {}{}", verb, which.device.text, which.number,
                       read_only.empty() || same_value(read_only, "0") ? "" : " read_only=" + read_only);
}

bool is_given_at_creation(const attribute &attr, const schema &known) {
    // What can be added by a command of its own, or be written to a file, may have any value there.
    if (!known.has_parameter(attr.name) || known.has_dynamic(attr.name))
        return false;
    return !known.has_writable(attr.name) ||
           std::all_of(attr.values.begin(), attr.values.end(), [](const auto &v) { return is_command_word(v.text); });
}

std::string creation_command(std::string_view verb, std::string_view name, const attributes &attrs, const schema &known,
                             bool only_marked) {
    std::string command = fmt::format("{} {}", verb, name);
    std::string last; // as SCST does: cluster_mode looks at all the others
    for (const auto &attr : attrs) {
        if (!is_given_at_creation(attr, known) || (only_marked && !attr.key))
            continue;
        for (const auto &value : attr.values) {
            std::string &into = attr.name == "cluster_mode" ? last : command;
            into += fmt::format(" {}={};", attr.name, trim(value.text));
        }
    }
    return command + last;
}

void restore_attributes(std::vector<tree_write> &into, const std::string &path, const attributes &attrs,
                        const schema &known) {
    for (const auto &attr : attrs)
        if (attr.key && attr.writable && !is_given_at_creation(attr, known) && !known.has_dynamic(attr.name))
            into.push_back({path + '/' + attr.name, attr.values.front().text + '\n'});
}

void planner::add(std::string what, tree_write action, std::vector<tree_write> undo, position at) {
    plan_.changes.push_back({std::move(what), std::move(action), false, std::move(undo), at});
}

void planner::add_object(std::string what, tree_write action, std::vector<tree_write> undo, position at,
                         const attributes &attrs, const schema &known) {
    add(std::move(what), std::move(action), std::move(undo), at);
    constexpr std::size_t telling = 3; // a shorter value may stand in any message
    auto &parts = plan_.changes.back().parts;
    for (const auto &attr : attrs) {
        if (!is_given_at_creation(attr, known))
            continue;
        parts.push_back({attr.name, attr.at});
        for (const auto &value : attr.values)
            if (value.text.size() >= telling)
                parts.push_back({value.text, attr.at});
    }
}

void planner::set_attribute(const std::string &path, const attribute &wanted, const attributes *now) {
    const auto &value = wanted.values.front();
    const std::string file = path.empty() ? wanted.name : path + '/' + wanted.name;
    std::vector<tree_write> undo;
    if (now != nullptr) {
        const auto *const present = find_attribute(*now, wanted.name);
        if (present != nullptr) {
            if (same_value(present->values.front().text, value.text))
                return;
            undo.push_back({file, present->values.front().text + '\n'});
        }
    }
    plan_.changes.push_back(
        {fmt::format("set {} to '{}'", file, value.text), {file, value.text + '\n'}, true, std::move(undo), wanted.at});
}

void planner::set_attributes(const std::string &path, const attributes &wanted, const attributes *now,
                             const schema &known, std::string_view skip) {
    for (const auto &attr : wanted) {
        if (attr.name == skip || known.has_dynamic(attr.name))
            continue;
        const bool parameter = is_given_at_creation(attr, known);
        // A parameter was given when the object was made; of one that is there already it may have another value.
        if (parameter && (now == nullptr || !known.has_writable(attr.name)))
            continue;
        if (!parameter) {
            set_attribute(path, attr, now);
            continue;
        }
        auto as_given = attr; // blanks at the end of a parameter get lost when the object is made
        as_given.values.front().text = trim(attr.values.front().text);
        set_attribute(path, as_given, now);
    }
}

void planner::set_dynamic(const std::string &driver_name, const std::string &object, const attribute &wanted,
                          const attributes *now) {
    const auto *const present = now == nullptr ? nullptr : find_attribute(*now, wanted.name);
    const std::string mgmt = driver_path(driver_name) + "/mgmt";
    const std::string place = object.empty() ? "attribute " : "target_attribute " + object + ' ';
    for (const auto &value : wanted.values) {
        const bool there = present != nullptr && std::any_of(present->values.begin(), present->values.end(),
                                                             [&](const auto &v) { return v.text == value.text; });
        if (there || value.text.empty())
            continue;
        // The value may be a secret: it is not told.
        add(fmt::format("add {} to {}", wanted.name, object.empty() ? driver_name : object),
            {mgmt, fmt::format("add_{}{} {}", place, wanted.name, value.text)},
            {{mgmt, fmt::format("del_{}{} {}", place, wanted.name, value.text)}}, value.at);
    }
}

void planner::drop_dynamic(const std::string &driver_name, const std::string &object, const attributes &wanted,
                           const attributes &now, const schema &known) {
    const std::string mgmt = driver_path(driver_name) + "/mgmt";
    const std::string place = object.empty() ? "attribute " : "target_attribute " + object + ' ';
    for (const auto &attr : now) {
        if (!known.has_dynamic(attr.name))
            continue;
        const auto *const kept = find_attribute(wanted, attr.name);
        for (const auto &value : attr.values) {
            if (kept != nullptr && std::any_of(kept->values.begin(), kept->values.end(),
                                               [&](const auto &v) { return v.text == value.text; }))
                continue;
            const auto what =
                fmt::format("remove a value of {} from {}", attr.name, object.empty() ? driver_name : object);
            if (force_)
                add(what, {mgmt, fmt::format("del_{}{} {}", place, attr.name, value.text)},
                    {{mgmt, fmt::format("add_{}{} {}", place, attr.name, value.text)}}, {});
            else
                keep(what);
        }
    }
}

plan planner::run() {
    remove_unwanted_device_groups();
    remove_unwanted_targets();
    remove_unwanted_from_targets();
    plan_devices();
    for (const auto *each : by_name(want_.handlers)) {
        const auto *const now = find(now_.handlers, each->name);
        set_attributes(handler_path(each->name), each->attrs, now == nullptr ? nullptr : &now->attrs, handler_schema());
    }
    for (const auto *each : by_name(want_.drivers))
        plan_driver(*each);
    plan_device_groups();
    enable_targets();
    enable_drivers();
    set_attributes("", want_.attrs, &now_.attrs, root_schema());
    return std::move(plan_);
}

plan make_plan(const model &file, const tree &running, bool force) {
    return planner{file, running, force}.run();
}

namespace {

// Takes back what was done, newest first; a failure is logged, as there is nobody else who could put it right.
void undo(const plan &changes, std::size_t done, tree &running) {
    for (auto i = done; i-- > 0;)
        for (const auto &write : changes.changes[i].undo)
            if (auto taken_back = running.write(write.path, write.text); !taken_back)
                log::error("config", "after a failed change of the configuration, undoing '{}' failed: {}",
                           changes.changes[i].what, taken_back.error().message);
}

// The parameter that an error is about, if it names one or its value; else the statement itself.
position place_of(const change &failed, std::string_view message) {
    position best = failed.at;
    std::size_t longest = 0;
    for (const auto &part : failed.parts)
        if (part.text.size() > longest && message.find(part.text) != std::string_view::npos) {
            best = part.at;
            longest = part.text.size();
        }
    return best;
}

bool has_value(const tree &running, const change &wanted) {
    auto present = running.read(wanted.action.path);
    return present && same_value(split_value(present.value()).value, chomp(wanted.action.text));
}

} // namespace

result<> carry_out(const plan &changes, tree &running, std::string_view file_name) {
    for (std::size_t i = 0; i < changes.changes.size(); ++i) {
        const auto &each = changes.changes[i];
        if (each.attribute && has_value(running, each))
            continue;
        auto written = running.write(each.action.path, each.action.text);
        if (written) {
            log::debug("config", "{}", each.what);
            continue;
        }
        undo(changes, i, running);
        // The file's place says more than the tree's path.
        auto message = written.error().message;
        if (message.starts_with(each.action.path + ": "))
            message.erase(0, each.action.path.size() + 2);
        return fail(written.error().code, "{}", format({place_of(each, message), message}, file_name));
    }
    return ok();
}

} // namespace scstd::mgmt::scst_conf
