// SPDX-License-Identifier: Apache-2.0
// group_directory: LUN sets and initiator groups (management.md 1.5, 1.6; the mgmt verbs: 2.3 to 2.5).
#include "core/core.hpp"
#include "mgmt/command_line.hpp"
#include "mgmt/directories.hpp"
#include "mgmt/help_texts.hpp"
#include "mgmt/plugin_attributes.hpp"
#include "mgmt/schema.hpp"
#include "mgmt/values.hpp"

#include <scst/types.h>

#include <algorithm>
#include <cerrno>

namespace scstd::mgmt {

namespace {

struct group_ref {
    core &registry;
    session::access_group &group;
};

struct method_name {
    std::string_view name;
    session::address_method method;
};
// In the order in which SCST tries them.
constexpr method_name methods[] = {{"FLAT", session::address_method::flat},
                                   {"PERIPHERAL", session::address_method::peripheral},
                                   {"LUN", session::address_method::lun}};

result<std::string> show_method(const group_ref &at) {
    for (const auto &each : methods)
        if (each.method == at.group.method)
            return shown(each.name, at.group.method != session::address_method::peripheral);
    return fail(EIO, "an unknown address method");
}

result<> store_method(const group_ref &at, std::string_view text) {
    for (const auto &each : methods)
        if (word_matches(text, each.name)) {
            at.registry.set_address_method(at.group, each.method);
            return ok();
        }
    return fail(EINVAL, "'{}' is not one of PERIPHERAL, FLAT, LUN", chomp(text));
}

result<std::string> show_grouping(const group_ref &at) {
    return shown(at.group.io_grouping_type, at.group.io_grouping_type != "auto");
}

result<> store_grouping(const group_ref &at, std::string_view text) {
    for (const auto *word : {"auto", "this_group_only", "never"})
        if (word_matches(text, word)) {
            at.group.io_grouping_type = word;
            return ok();
        }
    auto number = parse_unsigned(text);
    if (!number || number.value() == 0 || number.value() > INT32_MAX)
        return fail(EINVAL, "'{}' is not one of auto, this_group_only, never or a number above 0", chomp(text));
    at.group.io_grouping_type = std::to_string(number.value());
    return ok();
}

result<std::string> show_black_hole(const group_ref &at) {
    return shown(unsigned{at.group.black_hole});
}

result<> store_black_hole(const group_ref &at, std::string_view text) {
    if (text.empty() || text.front() < '0' || text.front() > '4')
        return fail(EINVAL, "'{}' is not between 0 and 4", chomp(text));
    at.registry.set_black_hole(at.group, static_cast<std::uint8_t>(text.front() - '0'));
    return ok();
}

bool is_all(const threads::cpu_mask &mask) {
    return mask.empty() || mask == threads::cpu_mask::all();
}

result<std::string> show_cpu_mask(const group_ref &at) {
    const bool all = is_all(at.group.cpus);
    return shown((all ? threads::cpu_mask::all() : at.group.cpus).format(), !all);
}

result<> store_cpu_mask(const group_ref &at, std::string_view text) {
    auto mask = threads::cpu_mask::parse(trim(text));
    if (!mask)
        return mask.error();
    if (mask.value().empty())
        return fail(EINVAL, "a mask without any CPU");
    if (!(mask.value() == (is_all(at.group.cpus) ? threads::cpu_mask::all() : at.group.cpus)))
        at.registry.set_cpu_mask(at.group, mask.value());
    return ok();
}

constexpr attribute<group_ref> table[] = {
    {"addr_method", read_write, show_method, store_method},
    {"black_hole", read_write, show_black_hole, store_black_hole},
    {"cpu_mask", read_write, show_cpu_mask, store_cpu_mask},
    {"io_grouping_type", read_write, show_grouping, store_grouping},
};

// ---- luns/mgmt ----

constexpr const char *lun_parameters[] = {"read_only"};

std::string luns_help() {
    constexpr std::string_view commands[] = {"add H:C:I:L lun [parameters]",
                                             "add VNAME lun [parameters]",
                                             "del lun",
                                             "replace H:C:I:L lun [parameters]",
                                             "replace VNAME lun [parameters]",
                                             "replace_no_ua H:C:I:L lun [parameters]",
                                             "replace_no_ua VNAME lun [parameters]",
                                             "clear"};
    const announced lists[] = {{announces_parameters, lun_parameters}};
    std::string text = usage_with_parameters(commands, lists);
    text.pop_back(); // this one ends without the empty line
    return text;
}

result<std::uint64_t> lun_number(command_line &line) {
    auto text = line.required("the LUN");
    if (!text)
        return text.error();
    auto lun = parse_unsigned(text.value());
    if (!lun || lun.value() > SCST_MAX_LUN)
        return fail(EINVAL, "'{}' is not a LUN between 0 and {}", text.value(), SCST_MAX_LUN);
    return lun;
}

result<bool> read_only_parameter(command_line &line) {
    auto given = line.parameters();
    if (!given)
        return given.error();
    bool read_only = false;
    for (const auto &[name, value] : given.value()) {
        if (!equal_without_case(name, "read_only"))
            return fail(EINVAL, "a LUN has no parameter {}", name);
        auto on = parse_unsigned(value);
        if (!on)
            return fail(EINVAL, "read_only: {}", on.error().message);
        read_only = on.value() != 0;
    }
    return read_only;
}

result<> map_lun(core &registry, session::access_group &group, std::string_view verb, command_line &line) {
    auto name = line.required("the device's name");
    if (!name)
        return name.error();
    auto *const dev = registry.find_device(name.value());
    if (dev == nullptr)
        return fail(EINVAL, "there is no device {}", name.value());
    auto lun = lun_number(line);
    if (!lun)
        return lun.error();
    auto read_only = read_only_parameter(line);
    if (!read_only)
        return read_only.error();
    if (equal_without_case(verb, "add"))
        return registry.add_lun(group, *dev, lun.value(), read_only.value());
    const bool notify = equal_without_case(verb, "replace");
    return registry.replace_lun(group, *dev, lun.value(), read_only.value(), notify);
}

result<> luns_command(core &registry, session::access_group &group, std::string_view text) {
    command_line line{text};
    const std::string verb{line.word()};
    const auto is = [&](std::string_view word) { return equal_without_case(verb, word); };
    if (is("add") || is("replace") || is("replace_no_ua"))
        return map_lun(registry, group, verb, line);
    if (is("del")) {
        auto lun = lun_number(line);
        if (!lun)
            return lun.error();
        if (auto good = line.end(); !good)
            return good;
        return registry.del_lun(group, lun.value());
    }
    if (is("clear")) {
        if (auto good = line.end(); !good)
            return good;
        return registry.clear_luns(group);
    }
    return fail(EINVAL, "'{}' is not one of add, del, replace, replace_no_ua, clear", verb);
}

// ---- ini_groups/mgmt, initiators/mgmt ----

// The names become names of files.
result<std::string> file_name(command_line &line, std::string_view what) {
    constexpr std::size_t longest = 223; // RFC 7143 4.2.7.1: the longest iSCSI name
    auto name = line.required(what);
    if (!name)
        return name;
    const auto &text = name.value();
    if (text.size() > longest || text.find('/') != std::string::npos || text == "." || text == ".." || text == "mgmt")
        return fail(EINVAL, "{} '{}' is not legal: at most {} characters, no '/', not '.', '..' or 'mgmt'", what, text,
                    longest);
    return name;
}

result<session::access_group *> group_named(session::target &tgt, command_line &line) {
    auto name = line.required("the group's name");
    if (!name)
        return name.error();
    auto *const group = tgt.find_group(name.value());
    if (group == nullptr)
        return fail(EINVAL, "target {} has no group {}", tgt.name(), name.value());
    return group;
}

result<> ini_groups_command(core &registry, session::target &tgt, std::string_view text) {
    command_line line{text};
    const auto verb = line.word();
    if (equal_without_case(verb, "create")) {
        auto name = file_name(line, "the group's name");
        if (!name)
            return name.error();
        return registry.create_group(tgt, name.value());
    }
    if (equal_without_case(verb, "del")) {
        auto group = group_named(tgt, line);
        if (!group)
            return group.error();
        return registry.delete_group(*group.value());
    }
    return fail(EINVAL, "'{}' is neither create nor del", verb);
}

result<> initiators_command(core &registry, session::access_group &group, std::string_view text) {
    command_line line{text};
    const std::string verb{line.word()};
    const auto is = [&](std::string_view word) { return equal_without_case(verb, word); };
    if (is("clear"))
        return registry.clear_initiators(group);
    if (!is("add") && !is("del") && !is("move"))
        return fail(EINVAL, "'{}' is not one of add, del, move, clear", verb);
    auto pattern = file_name(line, "the initiator's name");
    if (!pattern)
        return pattern.error();
    if (is("add"))
        return registry.add_initiator(group, pattern.value());
    if (is("del"))
        return registry.del_initiator(group, pattern.value());
    auto to = line.required("the group to move to");
    if (!to)
        return to.error();
    return registry.move_initiator(group, pattern.value(), to.value());
}

} // namespace

void add_group_attributes(items &out, core &registry, session::access_group &group) {
    add_table<group_ref>(out, table, group_ref{registry, group});
}

void add_group_files(schema &into) {
    add_files(into, table);
}

schema group_schema(const session::target_driver &driver) {
    schema made;
    add_group_files(made);
    made.add(driver.table().group_attributes, driver.table().group_attribute_count);
    return made;
}

void luns_directory::entries(items &out) {
    auto *const registry = &core_;
    auto *const group = &group_;
    out.push_back(mgmt_item(
        luns_help, [registry, group](std::string_view text) { return luns_command(*registry, *group, text); }));
    for (const auto &[lun, entry] : group_.luns)
        out.push_back(directory_item<lun_directory>(std::to_string(lun), std::ref(group_), lun));
}

void lun_directory::entries(items &out) {
    const auto found = group_.luns.find(lun_);
    if (found == group_.luns.end())
        return;
    const auto &entry = found->second;
    const std::string up = group_.is_default() ? "../../../../../" : "../../../../../../../";
    out.push_back(link_item("device", up + "devices/" + entry.dev->name()));
    const bool on = entry.read_only || entry.dev->read_only;
    item read_only_file{"read_only", {node_type::file, read_only}, {}};
    read_only_file.show = [on]() -> result<std::string> { return shown(on ? 1 : 0, on); };
    out.push_back(std::move(read_only_file));
}

void ini_groups_directory::entries(items &out) {
    auto *const registry = &core_;
    auto *const tgt = &target_;
    constexpr std::string_view commands[] = {"create GROUP_NAME", "del GROUP_NAME"};
    out.push_back(
        mgmt_item([=] { return usage(commands); },
                  [registry, tgt](std::string_view text) { return ini_groups_command(*registry, *tgt, text); }));
    for (const auto &group : target_.groups)
        out.push_back(directory_item<group_directory>(group->name(), std::ref(core_), std::ref(*group)));
}

void group_directory::entries(items &out) {
    out.push_back(directory_item<initiators_directory>("initiators", std::ref(core_), std::ref(group_)));
    out.push_back(directory_item<luns_directory>("luns", std::ref(core_), std::ref(group_)));
    add_group_attributes(out, core_, group_);
    const auto &rows = group_.owner().driver().table();
    add_plugin_table(out, rows.group_attributes, rows.group_attribute_count, group_.driver_data);
}

void initiators_directory::entries(items &out) {
    auto *const registry = &core_;
    auto *const group = &group_;
    constexpr std::string_view commands[] = {"add INITIATOR_NAME", "del INITIATOR_NAME",
                                             "move INITIATOR_NAME DEST_GROUP_NAME", "clear"};
    out.push_back(
        mgmt_item([=] { return usage(commands); },
                  [registry, group](std::string_view text) { return initiators_command(*registry, *group, text); }));
    for (const auto &pattern : group_.initiators) {
        item made{pattern, {node_type::file, read_only}, {}};
        made.show = [pattern]() -> result<std::string> { return shown(pattern); };
        out.push_back(std::move(made));
    }
}

} // namespace scstd::mgmt
