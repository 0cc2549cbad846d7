// SPDX-License-Identifier: Apache-2.0
// target_directory: targets/, a driver's and a target's own files (management.md 1.3, 1.4; the mgmt verbs: 2.2).
#include "core/core.hpp"
#include "mgmt/command_line.hpp"
#include "mgmt/directories.hpp"
#include "mgmt/help_texts.hpp"
#include "mgmt/plugin_attributes.hpp"
#include "mgmt/schema.hpp"
#include "mgmt/trace_level.hpp"
#include "mgmt/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <span>

namespace scstd::mgmt {

namespace {

struct target_ref {
    core &registry;
    session::target &tgt;
};

bool has_enabled(const target_ref &at) {
    return at.tgt.driver().has_enabled();
}

result<std::string> show_enabled(const target_ref &at) {
    return shown(at.tgt.enabled ? 1 : 0);
}

result<> store_enabled(const target_ref &at, std::string_view text) {
    auto on = parse_first_boolean(text);
    if (!on)
        return on.error();
    return at.registry.enable_target(at.tgt, on.value());
}

result<std::string> show_relative_id(const target_ref &at) {
    const auto id = at.tgt.relative_id.load();
    return shown(id, id != 0);
}

result<> store_relative_id(const target_ref &at, std::string_view text) {
    auto id = parse_unsigned(text);
    if (!id)
        return fail(EINVAL, "{}", id.error().message);
    return at.registry.set_relative_id(at.tgt, id.value());
}

result<std::string> show_comment(const target_ref &at) {
    if (at.tgt.comment.empty())
        return std::string{};
    return shown(at.tgt.comment, true);
}

result<> store_comment(const target_ref &at, std::string_view text) {
    const auto comment = chomp(text);
    if (comment.find('\n') != std::string_view::npos)
        return fail(EINVAL, "a comment is one line");
    at.tgt.comment = comment;
    return ok();
}

result<std::string> show_aen_disabled(const target_ref &at) {
    return shown(at.tgt.aen_disabled ? 1 : 0, at.tgt.aen_disabled);
}

result<> store_aen_disabled(const target_ref &at, std::string_view text) {
    auto on = parse_first_boolean(text);
    if (!on)
        return on.error();
    at.registry.set_aen_disabled(at.tgt, on.value());
    return ok();
}

constexpr attribute<target_ref> table[] = {
    {"aen_disabled", read_write, show_aen_disabled, store_aen_disabled},
    {"comment", read_write, show_comment, store_comment},
    {"enabled", read_write, show_enabled, store_enabled, has_enabled},
    {"rel_tgt_id", read_write, show_relative_id, store_relative_id},
};

// ---- targets/copy_manager ----

// EXTENDED COPY needs no target here: it reaches the devices that its session sees. Only the setting is left of SCST's.
class copy_manager_directory final : public directory {
  public:
    void entries(items &out) override {
        // EXTENDED COPY reaches what the session sees and nothing else (CVE-2020-28374): there is no way to lift that.
        item made{"allow_not_connected_copy", {node_type::file, read_write}, {}};
        made.show = []() -> result<std::string> { return shown(0, false); };
        made.store = [](std::string_view text) -> result<> {
            auto on = parse_unsigned(text);
            if (!on)
                return on.error();
            if (on.value() != 0)
                return fail(EOPNOTSUPP,
                            "copies between logical units that the initiator does not see are not supported");
            return ok();
        };
        out.push_back(std::move(made));
    }
};

// ---- targets/<driver>/mgmt ----

using names = std::span<const char *const>;

names target_parameters(const session::target_driver &driver) {
    return {driver.table().target_parameters, driver.table().target_parameter_count};
}
names driver_attributes(const session::target_driver &driver) {
    return {driver.table().dynamic_driver_attributes, driver.table().dynamic_driver_attribute_count};
}
names target_attributes(const session::target_driver &driver) {
    return {driver.table().dynamic_target_attributes, driver.table().dynamic_target_attribute_count};
}

std::string driver_help(const session::target_driver &driver) {
    std::vector<std::string_view> commands{"add_target target_name [parameters]", "del_target target_name"};
    if (!driver_attributes(driver).empty()) {
        commands.emplace_back("add_attribute <attribute> <value>");
        commands.emplace_back("del_attribute <attribute> <value>");
    }
    if (!target_attributes(driver).empty()) {
        commands.emplace_back("add_target_attribute target_name <attribute> <value>");
        commands.emplace_back("del_target_attribute target_name <attribute> <value>");
    }
    const announced lists[] = {{announces_parameters, target_parameters(driver)},
                               {announces_driver_attributes, driver_attributes(driver)},
                               {announces_target_attributes, target_attributes(driver)}};
    return usage_with_parameters(commands, lists);
}

result<> add_target(core &registry, session::target_driver &driver, command_line &line) {
    auto name = line.required("the target's name");
    if (!name)
        return name.error();
    auto given = line.parameters();
    if (!given)
        return given.error();
    return registry.add_target(driver, name.value(), given.value());
}

result<session::target *> target_named(session::target_driver &driver, command_line &line) {
    auto name = line.required("the target's name");
    if (!name)
        return name.error();
    const auto found = driver.targets.find(name.value());
    if (found == driver.targets.end())
        return fail(ENOENT, "there is no target {}", name.value());
    return found->second.get();
}

result<> del_target(core &registry, session::target_driver &driver, command_line &line) {
    auto tgt = target_named(driver, line);
    if (!tgt)
        return tgt.error();
    if (auto good = line.end(); !good)
        return good;
    return registry.del_target(*tgt.value());
}

// add_attribute and del_attribute of a driver (`tgt` null) or a target.
result<> dynamic_attribute(session::target_driver &driver, session::target *tgt, bool add, command_line &line) {
    auto name = line.required("the attribute's name");
    if (!name)
        return name.error();
    // The name may carry the digits that its file has: IncomingUser2.
    std::string base = name.value();
    base.erase(base.find_last_not_of("0123456789") + 1);
    const auto known = tgt == nullptr ? driver_attributes(driver) : target_attributes(driver);
    const auto found = std::find_if(known.begin(), known.end(), [&](const char *each) {
        return equal_without_case(each, base) || equal_without_case(each, name.value());
    });
    if (found == known.end())
        return fail(EINVAL, "there is no attribute {} that could be added or removed", name.value());
    const std::string value{line.rest()};
    if (value.empty())
        return fail(EINVAL, "{} needs a value", name.value());
    const auto call = add ? driver.table().add_attribute : driver.table().del_attribute;
    if (call == nullptr)
        return fail(EINVAL, "{} has no attributes that could be {}", driver.name(), add ? "added" : "removed");
    scst_error why{};
    why.struct_size = sizeof why;
    const auto answer = call(driver.self(), tgt == nullptr ? nullptr : tgt->driver_target, *found, value.c_str(), &why);
    if (answer != 0)
        return plugin_error(answer, why, name.value());
    return ok();
}

result<> driver_command(core &registry, session::target_driver &driver, std::string_view text) {
    command_line line{text};
    const auto verb = line.word();
    const auto is = [&](std::string_view word) { return equal_without_case(verb, word); };
    if (is("add_target"))
        return add_target(registry, driver, line);
    if (is("del_target"))
        return del_target(registry, driver, line);
    if (is("add_attribute") || is("del_attribute"))
        return dynamic_attribute(driver, nullptr, is("add_attribute"), line);
    if (is("add_target_attribute") || is("del_target_attribute")) {
        auto tgt = target_named(driver, line);
        if (!tgt)
            return tgt.error();
        return dynamic_attribute(driver, tgt.value(), is("add_target_attribute"), line);
    }
    return fail(EINVAL, "'{}' is no command of a target driver", verb);
}

} // namespace

schema driver_schema(const session::target_driver &driver) {
    schema made;
    made.files = {{"trace_level", true}};
    made.add(driver.table().driver_attributes, driver.table().driver_attribute_count);
    made.dynamic.assign(driver_attributes(driver).begin(), driver_attributes(driver).end());
    return made;
}

schema copy_manager_schema() {
    schema made;
    made.files = {{"allow_not_connected_copy", true}};
    return made;
}

schema target_schema(const session::target_driver &driver) {
    schema made;
    made.parameters.assign(target_parameters(driver).begin(), target_parameters(driver).end());
    for (const auto &row : table)
        if (row.exists == nullptr || driver.has_enabled())
            made.files.push_back({row.name, (row.mode & 0222) != 0});
    add_group_files(made);
    made.add(driver.table().target_attributes, driver.table().target_attribute_count);
    made.dynamic.assign(target_attributes(driver).begin(), target_attributes(driver).end());
    return made;
}

void targets_directory::entries(items &out) {
    out.push_back(directory_item<copy_manager_directory>(std::string{copy_manager}));
    for (const auto &[name, driver] : core_.drivers)
        out.push_back(directory_item<driver_directory>(name, std::ref(core_), std::ref(*driver)));
}

void driver_directory::entries(items &out) {
    auto *const registry = &core_;
    auto *const driver = &driver_;
    out.push_back(
        mgmt_item([driver] { return driver_help(*driver); },
                  [registry, driver](std::string_view text) { return driver_command(*registry, *driver, text); }));
    item trace{"trace_level", {node_type::file, read_write}, {}};
    trace.show = [driver]() -> result<std::string> { return trace_level_text(driver->name()); };
    trace.store = [driver](std::string_view text) { return set_trace_level(driver->name(), text); };
    out.push_back(std::move(trace));
    const auto &rows = driver_.table();
    add_plugin_table(out, rows.driver_attributes, rows.driver_attribute_count, driver_.self());
    add_dynamic_attributes(out, driver_, nullptr);
    for (const auto &[name, tgt] : driver_.targets)
        out.push_back(directory_item<target_directory>(name, std::ref(core_), std::ref(*tgt)));
}

std::optional<item> driver_directory::find(std::string_view name) {
    const auto found = driver_.targets.find(std::string{name});
    if (found != driver_.targets.end())
        return directory_item<target_directory>(found->first, std::ref(core_), std::ref(*found->second));
    return directory::find(name);
}

void target_directory::folders(items &out) {
    out.push_back(directory_item<ini_groups_directory>("ini_groups", std::ref(core_), std::ref(target_)));
    out.push_back(directory_item<luns_directory>("luns", std::ref(core_), std::ref(target_.default_group())));
    out.push_back(directory_item<sessions_directory>("sessions", std::ref(core_), std::ref(target_)));
}

void target_directory::entries(items &out) {
    folders(out);
    add_table<target_ref>(out, table, target_ref{core_, target_});
    add_group_attributes(out, core_, target_.default_group());
    add_counter_sums(out, target_);
    const auto &rows = target_.driver().table();
    add_plugin_table(out, rows.target_attributes, rows.target_attribute_count, target_.driver_target);
    add_dynamic_attributes(out, target_.driver(), &target_);
}

std::optional<item> target_directory::find(std::string_view name) {
    items common;
    folders(common);
    for (auto &each : common)
        if (each.name == name)
            return std::move(each);
    return directory::find(name);
}

} // namespace scstd::mgmt
