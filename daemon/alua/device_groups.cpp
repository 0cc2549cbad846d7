// SPDX-License-Identifier: Apache-2.0
#include "alua/device_groups.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace scstd::alua {

namespace {

constexpr std::uint64_t max_id = 65535;

bool is_name(std::string_view name) noexcept {
    return !name.empty() && name.find('/') == std::string_view::npos;
}

} // namespace

// ---- look-ups ----

const group_target *target_group::find(std::string_view target) const noexcept {
    const auto found =
        std::find_if(targets.begin(), targets.end(), [&](const auto &one) { return one.name == target; });
    return found == targets.end() ? nullptr : &*found;
}

target_group *device_group::find(std::string_view group) const noexcept {
    const auto found =
        std::find_if(target_groups.begin(), target_groups.end(), [&](const auto &one) { return one->name == group; });
    return found == target_groups.end() ? nullptr : found->get();
}

bool device_group::has_device(std::string_view device) const noexcept {
    return std::find(devices.begin(), devices.end(), device) != devices.end();
}

target_group *device_group::group_of(std::string_view target) const noexcept {
    const auto found = std::find_if(target_groups.begin(), target_groups.end(),
                                    [&](const auto &one) { return one->find(target) != nullptr; });
    return found == target_groups.end() ? nullptr : found->get();
}

const device_group *device_groups::find(std::string_view group) const noexcept {
    const auto found = groups_.find(group);
    return found == groups_.end() ? nullptr : &found->second;
}

device_group *device_groups::find_group(std::string_view group) noexcept {
    const auto found = groups_.find(group);
    return found == groups_.end() ? nullptr : &found->second;
}

const device_group *device_groups::group_of(std::string_view device) const noexcept {
    for (const auto &[name, group] : groups_)
        if (group.has_device(device))
            return &group;
    return nullptr;
}

const target_group *device_groups::decides(std::string_view device, std::string_view target) const noexcept {
    const device_group *group = group_of(device);
    return group ? group->group_of(target) : nullptr;
}

access_state device_groups::state_for(std::string_view device, std::string_view target) const noexcept {
    const target_group *group = decides(device, target);
    return group ? group->state : access_state::active;
}

bool device_groups::is_local(std::string_view target) const noexcept {
    return local_targets_.find(target) != local_targets_.end();
}

std::optional<std::uint16_t> device_groups::relative_id(const group_target &target) const noexcept {
    const auto local = local_targets_.find(target.name);
    if (local != local_targets_.end())
        return local->second;
    return target.remote_id == 0 ? std::nullopt : std::optional{target.remote_id};
}

std::vector<std::uint16_t> device_groups::remote_ports(std::string_view device) const {
    std::vector<std::uint16_t> ports;
    const device_group *group = group_of(device);
    if (!group)
        return ports;
    for (const auto &one : group->target_groups)
        for (const group_target &target : one->targets)
            if (!is_local(target.name) && target.remote_id != 0)
                ports.push_back(target.remote_id);
    return ports;
}

result<target_group *> device_groups::find_target_group(std::string_view group, std::string_view target_group) {
    device_group *in = find_group(group);
    if (!in)
        return fail(EINVAL, "there is no device group {}", group);
    alua::target_group *found = in->find(target_group);
    if (!found)
        return fail(EINVAL, "device group {} has no target group {}", group, target_group);
    return found;
}

// ---- what a change does to nexuses ----

changes device_groups::pairs_of(const device_group &group) const {
    changes pairs;
    for (const std::string &device : group.devices)
        for (const auto &one : group.target_groups)
            for (const group_target &target : one->targets)
                if (is_local(target.name))
                    pairs.push_back({device, target.name, one->state, one->state, false});
    return pairs;
}

// Entering `transitioning` is not told: the end of the transition is.
changes device_groups::finish(changes before) const {
    for (affected &pair : before) {
        pair.after = state_for(pair.device, pair.target);
        pair.attention = pair.after != pair.before && pair.after != access_state::transitioning;
    }
    std::erase_if(before, [](const affected &pair) { return pair.before == pair.after; });
    return before;
}

// ---- what exists ----

void device_groups::set_local_target(std::string_view target, std::uint16_t relative_id) {
    local_targets_.insert_or_assign(std::string{target}, relative_id);
}

changes device_groups::forget_target(std::string_view target) {
    changes all;
    for (auto &[name, group] : groups_) {
        alua::target_group *in = group.group_of(target);
        if (!in)
            continue;
        changes before = pairs_of(group);
        std::erase_if(in->targets, [&](const group_target &one) { return one.name == target; });
        changes after = finish(std::move(before));
        all.insert(all.end(), after.begin(), after.end());
    }
    if (const auto local = local_targets_.find(target); local != local_targets_.end())
        local_targets_.erase(local);
    return all;
}

changes device_groups::forget_device(std::string_view device) {
    for (auto &[name, group] : groups_) {
        if (!group.has_device(device))
            continue;
        changes before = pairs_of(group);
        std::erase(group.devices, device);
        return finish(std::move(before));
    }
    return {};
}

// ---- commands ----

result<> device_groups::create(std::string_view group) {
    if (!is_name(group))
        return fail(EINVAL, "\"{}\" can't be the name of a device group", group);
    if (find(group))
        return fail(EEXIST, "device group {} exists already", group);
    groups_[std::string{group}].name = group;
    return ok();
}

result<changes> device_groups::remove(std::string_view group) {
    const auto found = groups_.find(group);
    if (found == groups_.end())
        return fail(EINVAL, "there is no device group {}", group);
    changes before = pairs_of(found->second);
    groups_.erase(found);
    return finish(std::move(before));
}

result<changes> device_groups::add_device(std::string_view group, std::string_view device) {
    device_group *in = find_group(group);
    if (!in)
        return fail(EINVAL, "there is no device group {}", group);
    if (const device_group *other = group_of(device))
        return fail(EEXIST, "device {} is in device group {} already", device, other->name);
    in->devices.emplace_back(device);
    changes before = pairs_of(*in);
    std::erase_if(before, [&](const affected &pair) { return pair.device != device; });
    for (affected &pair : before)
        pair.before = access_state::active; // without a group nothing is filtered
    return finish(std::move(before));
}

result<changes> device_groups::remove_device(std::string_view group, std::string_view device) {
    device_group *in = find_group(group);
    if (!in)
        return fail(EINVAL, "there is no device group {}", group);
    if (!in->has_device(device))
        return fail(EINVAL, "device {} is not in device group {}", device, group);
    return forget_device(device);
}

result<> device_groups::create_target_group(std::string_view group, std::string_view target_group) {
    device_group *in = find_group(group);
    if (!in)
        return fail(EINVAL, "there is no device group {}", group);
    if (!is_name(target_group))
        return fail(EINVAL, "\"{}\" can't be the name of a target group", target_group);
    if (in->find(target_group))
        return fail(EEXIST, "device group {} has a target group {} already", group, target_group);
    in->target_groups.push_back(std::make_unique<alua::target_group>());
    in->target_groups.back()->name = target_group;
    return ok();
}

result<changes> device_groups::remove_target_group(std::string_view group, std::string_view target_group) {
    auto found = find_target_group(group, target_group);
    if (!found)
        return found.error();
    device_group &in = *find_group(group);
    changes before = pairs_of(in);
    std::erase_if(in.target_groups, [&](const auto &one) { return one.get() == found.value(); });
    return finish(std::move(before));
}

result<changes> device_groups::add_target(std::string_view group, std::string_view target_group,
                                          std::string_view target) {
    auto found = find_target_group(group, target_group);
    if (!found)
        return found.error();
    if (!is_name(target))
        return fail(EINVAL, "\"{}\" can't be the name of a target", target);
    device_group &in = *find_group(group);
    if (const alua::target_group *other = in.group_of(target))
        return fail(EEXIST, "target {} is in target group {} already", target, other->name);
    found.value()->targets.push_back({std::string{target}, 0});
    changes before = pairs_of(in);
    std::erase_if(before, [&](const affected &pair) { return pair.target != target; });
    for (affected &pair : before)
        pair.before = access_state::active;
    return finish(std::move(before));
}

result<changes> device_groups::remove_target(std::string_view group, std::string_view target) {
    device_group *in = find_group(group);
    if (!in)
        return fail(EINVAL, "there is no device group {}", group);
    alua::target_group *has = in->group_of(target);
    if (!has)
        return fail(EINVAL, "target {} is in no target group of device group {}", target, group);
    changes before = pairs_of(*in);
    std::erase_if(has->targets, [&](const group_target &one) { return one.name == target; });
    return finish(std::move(before));
}

result<> device_groups::set_group_id(std::string_view group, std::string_view target_group, std::uint64_t id) {
    auto found = find_target_group(group, target_group);
    if (!found)
        return found.error();
    if (id == 0 || id > max_id)
        return fail(EINVAL, "{} is not a target group id (1 to {})", id, max_id);
    found.value()->group_id = static_cast<std::uint16_t>(id);
    return ok();
}

result<changes> device_groups::set_preferred(std::string_view group, std::string_view target_group,
                                             std::uint64_t preferred) {
    auto found = find_target_group(group, target_group);
    if (!found)
        return found.error();
    if (preferred > 1)
        return fail(EINVAL, "preferred is 0 or 1, not {}", preferred);
    changes told;
    if (found.value()->preferred == (preferred == 1))
        return told;
    found.value()->preferred = preferred == 1;
    for (affected &pair : pairs_of(*find_group(group))) {
        if (!found.value()->find(pair.target))
            continue;
        pair.attention = true;
        told.push_back(std::move(pair));
    }
    return told;
}

result<changes> device_groups::set_state(std::string_view group, std::string_view target_group,
                                         std::string_view state) {
    auto found = find_target_group(group, target_group);
    if (!found)
        return found.error();
    const auto wanted = state_named(state);
    if (!wanted)
        return fail(EINVAL, "\"{}\" is no state of a target group", state);
    changes before = pairs_of(*find_group(group));
    found.value()->state = *wanted;
    return finish(std::move(before));
}

result<> device_groups::set_remote_id(std::string_view group, std::string_view target_group, std::string_view target,
                                      std::uint64_t id) {
    auto found = find_target_group(group, target_group);
    if (!found)
        return found.error();
    auto &targets = found.value()->targets;
    const auto port = std::find_if(targets.begin(), targets.end(), [&](const auto &one) { return one.name == target; });
    if (port == targets.end())
        return fail(EINVAL, "target group {} has no target {}", target_group, target);
    if (id == 0 || id > max_id)
        return fail(EINVAL, "{} is not a relative target port id (1 to {})", id, max_id);
    port->remote_id = static_cast<std::uint16_t>(id);
    return ok();
}

changes device_groups::apply(std::string_view device,
                             const std::vector<std::pair<std::uint16_t, access_state>> &wanted) {
    const device_group *of = group_of(device);
    device_group *group = of ? find_group(of->name) : nullptr;
    if (!group)
        return {};
    changes before = pairs_of(*group);
    for (const auto &[id, state] : wanted)
        for (const auto &one : group->target_groups)
            if (one->group_id == id)
                one->state = state;
    return finish(std::move(before));
}

} // namespace scstd::alua
