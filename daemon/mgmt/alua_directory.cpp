// SPDX-License-Identifier: Apache-2.0
// alua_directory: device_groups/ (management.md 1.10; the mgmt verbs: 2.6).
#include "core/core.hpp"
#include "mgmt/command_line.hpp"
#include "mgmt/directories.hpp"
#include "mgmt/help_texts.hpp"
#include "mgmt/schema.hpp"
#include "mgmt/values.hpp"

#include <algorithm>
#include <cerrno>

namespace scstd::mgmt {

namespace {

// All four mgmt files have one verb to add and one to remove a name; the rest of the line is not looked at.
template <class Add, class Remove>
item add_and_remove(std::vector<std::string_view> help, std::vector<std::string_view> adds, Add add, Remove remove) {
    return mgmt_item([help] { return usage(help); },
                     [=](std::string_view text) -> result<> {
                         command_line line{text};
                         const auto verb = line.word();
                         const auto is = [&](std::string_view word) { return equal_without_case(verb, word); };
                         const bool adding = std::any_of(adds.begin(), adds.end(), is);
                         if (!adding && !is("del"))
                             return fail(EINVAL, "'{}' is neither {} nor del", verb, adds.front());
                         auto name = line.required("the name");
                         if (!name)
                             return name.error();
                         if (name.value().find('/') != std::string::npos || name.value() == "mgmt" ||
                             name.value() == "." || name.value() == "..")
                             return fail(EINVAL, "'{}' is not a legal name", name.value());
                         return adding ? add(name.value()) : remove(name.value());
                     });
}

struct ports_ref {
    core &registry;
    const alua::device_group &group;
    const alua::target_group &ports;
};

result<std::string> show_group_id(const ports_ref &at) {
    return shown(at.ports.group_id, true);
}

// Whatever is no number of the range is EINVAL here, also what is too big.
result<std::uint64_t> small_number(std::string_view text) {
    auto number = parse_unsigned(text);
    if (!number)
        return fail(EINVAL, "{}", number.error().message);
    return number;
}

result<> store_group_id(const ports_ref &at, std::string_view text) {
    auto id = small_number(text);
    if (!id)
        return id.error();
    return at.registry.set_group_id(at.group.name, at.ports.name, id.value());
}

result<std::string> show_preferred(const ports_ref &at) {
    return shown(at.ports.preferred ? 1 : 0, at.ports.preferred);
}

result<> store_preferred(const ports_ref &at, std::string_view text) {
    auto on = parse_zero_or_one(text);
    if (!on)
        return fail(EINVAL, "{}", on.error().message);
    return at.registry.set_preferred(at.group.name, at.ports.name, on.value());
}

result<std::string> show_state(const ports_ref &at) {
    return shown(alua::name_of(at.ports.state), true);
}

result<> store_state(const ports_ref &at, std::string_view text) {
    return at.registry.set_alua_state(at.group.name, at.ports.name, chomp(text));
}

constexpr attribute<ports_ref> table[] = {
    {"group_id", read_write, show_group_id, store_group_id},
    {"preferred", read_write, show_preferred, store_preferred},
    {"state", read_write, show_state, store_state},
};

// A port of another node: only its relative id is known.
class remote_target_directory final : public directory {
  public:
    remote_target_directory(const ports_ref &at, const alua::group_target &port) : at_{at}, port_{port} {}
    void entries(items &out) override {
        item id{"rel_tgt_id", {node_type::file, read_write}, {}};
        id.show = [number = port_.remote_id]() -> result<std::string> { return shown(number, true); };
        id.store = [at = at_, name = port_.name](std::string_view text) -> result<> {
            auto number = small_number(text);
            if (!number)
                return number.error();
            return at.registry.set_remote_relative_id(at.group.name, at.ports.name, name, number.value());
        };
        out.push_back(std::move(id));
    }

  private:
    ports_ref at_;
    const alua::group_target &port_;
};

// The driver that has a target of this name, or nullptr.
const session::target_driver *driver_of(core &registry, const std::string &target) {
    for (const auto &[name, driver] : registry.drivers)
        if (driver->targets.contains(target))
            return driver.get();
    return nullptr;
}

} // namespace

schema target_group_schema() {
    schema made;
    add_files(made, table);
    return made;
}

void device_groups_directory::entries(items &out) {
    auto *const registry = &core_;
    out.push_back(add_and_remove(
        {"create group_name", "del group_name"}, {"create", "add"},
        [registry](const std::string &name) { return registry->create_device_group(name); },
        [registry](const std::string &name) { return registry->delete_device_group(name); }));
    for (const auto &[name, group] : core_.groups.all())
        out.push_back(directory_item<device_group_directory>(name, std::ref(core_), std::ref(group)));
}

void device_group_directory::entries(items &out) {
    out.push_back(directory_item<group_devices_directory>("devices", std::ref(core_), std::ref(group_)));
    out.push_back(directory_item<target_groups_directory>("target_groups", std::ref(core_), std::ref(group_)));
}

void group_devices_directory::entries(items &out) {
    auto *const registry = &core_;
    out.push_back(add_and_remove(
        {"add device", "del device"}, {"add"},
        [registry, group = group_.name](const std::string &name) { return registry->add_group_device(group, name); },
        [registry, group = group_.name](const std::string &name) { return registry->del_group_device(group, name); }));
    for (const auto &name : group_.devices)
        out.push_back(link_item(name, "../../../devices/" + name));
}

void target_groups_directory::entries(items &out) {
    auto *const registry = &core_;
    out.push_back(add_and_remove(
        {"create group_name", "del group_name"}, {"create", "add"},
        [registry, group = group_.name](const std::string &name) { return registry->create_target_group(group, name); },
        [registry, group = group_.name](const std::string &name) {
            return registry->delete_target_group(group, name);
        }));
    for (const auto &ports : group_.target_groups)
        out.push_back(
            directory_item<target_group_directory>(ports->name, std::ref(core_), std::ref(group_), std::ref(*ports)));
}

void target_group_directory::entries(items &out) {
    auto *const registry = &core_;
    const ports_ref at{core_, group_, ports_};
    out.push_back(add_and_remove(
        {"add target", "del target"}, {"add"},
        [registry, group = group_.name, ports = ports_.name](const std::string &name) {
            return registry->add_group_target(group, ports, name);
        },
        [registry, group = group_.name, ports = ports_.name](const std::string &name) {
            return registry->del_group_target(group, ports, name);
        }));
    add_table<ports_ref>(out, table, at);
    for (const auto &port : ports_.targets) {
        if (const auto *driver = driver_of(core_, port.name))
            out.push_back(link_item(port.name, "../../../../targets/" + driver->name() + "/" + port.name));
        else
            out.push_back(directory_item<remote_target_directory>(port.name, at, std::ref(port)));
    }
}

} // namespace scstd::mgmt
