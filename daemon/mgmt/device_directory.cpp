// SPDX-License-Identifier: Apache-2.0
// device_directory: devices/ and handlers/ (management.md 1.8, 1.9; the mgmt verbs: 2.1.1).
#include "core/core.hpp"
#include "log/log.hpp"
#include "mgmt/command_line.hpp"
#include "mgmt/directories.hpp"
#include "mgmt/help_texts.hpp"
#include "mgmt/plugin_attributes.hpp"
#include "mgmt/schema.hpp"
#include "mgmt/trace_level.hpp"
#include "mgmt/values.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace scstd::mgmt {

namespace {

struct device_ref {
    core &registry;
    device::device &dev;
};

std::string type_text(std::uint32_t type) {
    // The texts of SCST, which scstadmin splits at " - " (management.md 1.8.1).
    constexpr std::string_view names[] = {
        "Direct-access device (e.g., magnetic disk)",
        "Sequential-access device (e.g., magnetic tape)",
        "Printer device",
        "Processor device",
        "Write-once device (e.g., some optical disks)",
        "CD-ROM device",
        "Scanner device (obsolete)",
        "Optical memory device (e.g., some optical disks)",
        "Medium changer device (e.g., jukeboxes)",
        "Communications device (obsolete)",
        "Defined by ASC IT8 (Graphic arts pre-press devices)",
        "Defined by ASC IT8 (Graphic arts pre-press devices)",
        "Storage array controller device (e.g., RAID)",
        "Enclosure services device",
        "Simplified direct-access device (e.g., magnetic disk)",
        "Optical card reader/writer device",
    };
    return fmt::format("{} - {}\n", type, type < std::size(names) ? names[type] : "unknown");
}

result<std::string> show_type(const device_ref &at) {
    return type_text(at.dev.hnd().table().device_type);
}

result<std::string> show_threads_num(const device_ref &at) {
    return shown(at.dev.threads_num, at.dev.threads_num != at.dev.hnd().table().threads_num);
}

result<> store_threads_num(const device_ref &at, std::string_view text) {
    auto count = parse_integer(text);
    if (!count)
        return count.error();
    return at.registry.set_device_threads(at.dev, count.value());
}

result<std::string> show_pool_type(const device_ref &at) {
    if (at.dev.threads_num == 0)
        return shown("Async");
    return shown(at.dev.threads_pool_type, at.dev.threads_pool_type != "per_initiator");
}

result<> store_pool_type(const device_ref &at, std::string_view text) {
    if (at.dev.threads_num == 0)
        return fail(EPERM, "{} has no threads of its own: threads_num is 0", at.dev.name());
    for (const auto *type : {"per_initiator", "shared"})
        if (word_matches(text, type)) {
            at.dev.threads_pool_type = type;
            return ok();
        }
    return fail(EINVAL, "'{}' is neither per_initiator nor shared", chomp(text));
}

std::uint32_t default_max_commands(const device::device &dev) {
    constexpr std::uint32_t usual = 64;
    const auto wanted = dev.hnd().table().max_commands_per_nexus;
    return wanted == 0 ? usual : wanted;
}

result<std::string> show_max_commands(const device_ref &at) {
    const auto most = at.dev.max_commands_per_nexus.load();
    return shown(most, most != default_max_commands(at.dev));
}

result<> store_max_commands(const device_ref &at, std::string_view text) {
    auto most = parse_unsigned(text);
    if (!most)
        return most.error();
    if (most.value() > INT32_MAX)
        return fail(ERANGE, "'{}' is too big", chomp(text));
    at.dev.max_commands_per_nexus = static_cast<std::uint32_t>(most.value());
    return ok();
}

// Seconds after which a command of the device is ended with COMMAND TIMEOUT; 0: never. Not an attribute of SCST.
result<std::string> show_command_timeout(const device_ref &at) {
    const auto seconds = at.dev.command_timeout_s.load();
    return shown(seconds, seconds != 0);
}

result<> store_command_timeout(const device_ref &at, std::string_view text) {
    constexpr std::uint64_t most_seconds = 86400;
    auto seconds = parse_unsigned(text);
    if (!seconds)
        return seconds.error();
    if (seconds.value() > most_seconds)
        return fail(EINVAL, "command_timeout {} is not between 0 and {} s", chomp(text), most_seconds);
    at.dev.command_timeout_s = static_cast<std::uint32_t>(seconds.value());
    return ok();
}

result<std::string> show_block(const device_ref &at) {
    const std::scoped_lock held{at.dev.lock};
    return fmt::format("{} {}\n", at.dev.block_count_external, at.dev.block_pending_external);
}

result<> store_block(const device_ref &at, std::string_view text) {
    constexpr std::size_t longest_note = 3072; // as SCST's events (management.md part 8)
    const auto command = trim(text);
    if (command == "0") {
        at.registry.unblock_device(at.dev);
        return ok();
    }
    if (command == "1")
        return at.registry.block_device(at.dev);
    std::string_view note;
    if (command.starts_with("11"))
        note = command.substr(2);
    else if (command.starts_with("1 1"))
        note = command.substr(3);
    else
        return fail(EINVAL, "'{}' is not one of 0, 1, 11 TEXT", command);
    if (!note.empty() && note.front() != ' ' && note.front() != '\t')
        return fail(EINVAL, "'{}' is not one of 0, 1, 11 TEXT", command);
    if (note.size() > longest_note)
        return fail(EINVAL, "a text of more than {} bytes", longest_note);
    return at.registry.block_device_async(at.dev, std::string{trim(note)});
}

result<std::string> show_pr_state(const device_ref &at) {
    return at.registry.pr_state(at.dev);
}

result<> store_pr_state(const device_ref &at, std::string_view text) {
    return at.registry.set_pr_state(at.dev, text);
}

result<std::string> show_pr_file_name(const device_ref &at) {
    if (!at.dev.pr_file_name.empty())
        return shown(at.dev.pr_file_name, true);
    return shown(at.registry.options().state_dir + "/pr/" + at.dev.name());
}

result<> store_pr_file_name(const device_ref &at, std::string_view text) {
    return at.registry.set_pr_file_name(at.dev, chomp(text));
}

result<> store_dump_prs(const device_ref &at, std::string_view) {
    const std::string state = at.registry.pr_state(at.dev);
    for (std::size_t from = 0; from < state.size();) {
        const auto end = std::min(state.find('\n', from), state.size());
        log::info("dev." + at.dev.name(), "persistent reservations: {}", state.substr(from, end - from));
        from = end + 1;
    }
    return ok();
}

constexpr attribute<device_ref> table[] = {
    {"block", read_write, show_block, store_block},
    {"command_timeout", read_write, show_command_timeout, store_command_timeout},
    {"dump_prs", write_only, nullptr, store_dump_prs},
    {"max_tgt_dev_commands", read_write, show_max_commands, store_max_commands},
    {"pr_file_name", read_write, show_pr_file_name, store_pr_file_name},
    {"pr_state", read_write, show_pr_state, store_pr_state},
    {"threads_num", read_write, show_threads_num, store_threads_num},
    {"threads_pool_type", read_write, show_pool_type, store_pool_type},
    {"type", read_only, show_type},
};

// ---- handlers/<handler>/mgmt ----

std::span<const char *const> creation_parameters(const device::handler &hnd) {
    return {hnd.table().parameters, hnd.table().parameter_count};
}

result<> add_device(core &registry, device::handler &hnd, command_line &line) {
    auto name = line.required("the device's name");
    if (!name)
        return name.error();
    auto given = line.parameters();
    if (!given)
        return given.error();
    // Names are compared without case, as SCST does; the handler sees its own spelling.
    for (auto &[parameter, value] : given.value())
        for (const char *known : creation_parameters(hnd))
            if (equal_without_case(parameter, known))
                parameter = known;
    return registry.add_device(hnd, name.value(), given.value());
}

result<> del_device(core &registry, device::handler &hnd, command_line &line) {
    auto name = line.required("the device's name");
    if (!name)
        return name.error();
    if (auto good = line.end(); !good)
        return good;
    auto *const dev = registry.find_device(name.value());
    if (dev == nullptr)
        return fail(EINVAL, "there is no device {}", name.value());
    if (&dev->hnd() != &hnd)
        return fail(EINVAL, "device {} belongs to the handler {}", name.value(), dev->hnd().name());
    return registry.del_device(*dev);
}

result<> handler_command(core &registry, device::handler &hnd, std::string_view text) {
    command_line line{text};
    const auto verb = line.word();
    if (equal_without_case(verb, "add_device"))
        return add_device(registry, hnd, line);
    if (equal_without_case(verb, "del_device"))
        return del_device(registry, hnd, line);
    return fail(EINVAL, "'{}' is neither add_device nor del_device", verb);
}

std::string handler_help(const device::handler &hnd) {
    constexpr std::string_view commands[] = {"add_device device_name [parameters]", "del_device device_name"};
    const announced lists[] = {{announces_parameters, creation_parameters(hnd)}};
    return usage_with_parameters(commands, lists);
}

// Calls use(group, lun, entry) for every LUN that the device is.
template <class Use>
void for_each_export(core &registry, const device::device &dev, Use &&use) {
    const auto of_group = [&](session::access_group &group) {
        for (const auto &[lun, entry] : group.luns)
            if (entry.dev == &dev)
                use(group, lun, entry);
    };
    for (const auto &[driver_name, driver] : registry.drivers)
        for (const auto &[target_name, tgt] : driver->targets) {
            of_group(tgt->default_group());
            for (const auto &group : tgt->groups)
                of_group(*group);
        }
}

} // namespace

schema device_schema(const device::handler &hnd) {
    schema made;
    const auto parameters = creation_parameters(hnd);
    made.parameters.assign(parameters.begin(), parameters.end());
    add_files(made, table);
    made.add(hnd.table().device_attributes, hnd.table().device_attribute_count);
    return made;
}

void devices_directory::entries(items &out) {
    for (const auto &[name, dev] : core_.devices)
        out.push_back(directory_item<device_directory>(name, std::ref(core_), std::ref(*dev)));
}

std::optional<item> devices_directory::find(std::string_view name) {
    auto *const dev = core_.find_device(name);
    if (dev == nullptr)
        return std::nullopt;
    return directory_item<device_directory>(dev->name(), std::ref(core_), std::ref(*dev));
}

void device_directory::entries(items &out) {
    const auto &handler = dev_.hnd().table();
    out.push_back(directory_item<exported_directory>("exported", std::ref(core_), std::ref(dev_)));
    out.push_back(link_item("handler", "../../handlers/" + dev_.hnd().name()));
    add_table<device_ref>(out, table, device_ref{core_, dev_});
    add_plugin_table(out, handler.device_attributes, handler.device_attribute_count, dev_.handler_device);
}

void exported_directory::entries(items &out) {
    for_each_export(core_, dev_, [&](session::access_group &group, std::uint32_t lun, const session::lun_entry &entry) {
        const auto &tgt = group.owner();
        const std::string inner = group.is_default() ? "luns" : "ini_groups/" + group.name() + "/luns";
        out.push_back(
            link_item(fmt::format("export{}", entry.export_number),
                      fmt::format("../../../targets/{}/{}/{}/{}", tgt.driver().name(), tgt.name(), inner, lun)));
    });
}

void handlers_directory::entries(items &out) {
    for (const auto &[name, hnd] : core_.handlers)
        out.push_back(directory_item<handler_directory>(name, std::ref(core_), std::ref(*hnd)));
}

void handler_directory::entries(items &out) {
    auto *const registry = &core_;
    auto *const hnd = &handler_;
    out.push_back(mgmt_item([hnd] { return handler_help(*hnd); },
                            [registry, hnd](std::string_view text) { return handler_command(*registry, *hnd, text); }));
    item type{"type", {node_type::file, read_only}, {}};
    type.show = [hnd]() -> result<std::string> { return type_text(hnd->table().device_type); };
    out.push_back(std::move(type));
    item trace{"trace_level", {node_type::file, read_write}, {}};
    trace.show = [hnd]() -> result<std::string> { return trace_level_text(hnd->name()); };
    trace.store = [hnd](std::string_view text) { return set_trace_level(hnd->name(), text); };
    out.push_back(std::move(trace));
    for (const auto &name : handler_.device_names)
        out.push_back(link_item(name, "../../devices/" + name));
}

} // namespace scstd::mgmt
