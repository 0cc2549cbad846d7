// SPDX-License-Identifier: Apache-2.0
// ALUA: every change of the groups goes through here and on to the nexuses it concerns.
#include "core/core.hpp"
#include "device/handler.hpp"
#include "engine/gates.hpp"

#include <algorithm>

namespace scstd {

void core::carry_out(const alua::changes &changes, const session::nexus *except) {
    for (const alua::affected &change : changes) {
        const auto found = devices.find(change.device);
        if (found == devices.end())
            continue;
        device::device &dev = *found->second;
        {
            const std::lock_guard guard{dev.lock};
            for (session::nexus *nex : dev.nexuses) {
                if (nex->sess.tgt().name() != change.target)
                    continue;
                nex->alua_state = static_cast<std::uint8_t>(change.after);
                if (change.attention && nex != except) {
                    engine::queue_attention(*nex, engine::codes::alua_state_changed);
                    engine::report_event(*nex, engine::codes::alua_state_changed);
                }
            }
            engine::update_mode_gates(dev);
            engine::wake(dev);
        }
        if (change.before != change.after && dev.hnd().table().alua_state_changed != nullptr)
            dev.hnd().table().alua_state_changed(dev.handler_device, std::string{alua::name_of(change.before)}.c_str(),
                                                 std::string{alua::name_of(change.after)}.c_str());
    }
}

void core::apply_port_groups(device::device &dev,
                             const std::vector<std::pair<std::uint16_t, alua::access_state>> &wanted,
                             const session::nexus *except) {
    // The nexus is compared, never used, so it may be gone when the management thread gets to it.
    management_->post([this, name = dev.name(), wanted, except] {
        alua::changes changes;
        {
            const std::lock_guard guard{groups_lock_};
            changes = groups.apply(name, wanted);
        }
        carry_out(changes, except);
    });
}

namespace {

template <class T>
result<> plain(const result<T> &from) {
    return from ? ok() : result<>{from.error()};
}

} // namespace

result<> core::create_device_group(const std::string &name) {
    const std::lock_guard guard{groups_lock_};
    return groups.create(name);
}

result<> core::create_target_group(const std::string &group, const std::string &name) {
    const std::lock_guard guard{groups_lock_};
    return groups.create_target_group(group, name);
}

result<> core::set_group_id(const std::string &group, const std::string &target_group, std::uint64_t id) {
    const std::lock_guard guard{groups_lock_};
    return groups.set_group_id(group, target_group, id);
}

result<> core::set_remote_relative_id(const std::string &group, const std::string &target_group,
                                      const std::string &target, std::uint64_t id) {
    const std::lock_guard guard{groups_lock_};
    return groups.set_remote_id(group, target_group, target, id);
}

result<> core::change_groups(result<alua::changes> (*change)(alua::device_groups &, const void *),
                             const void *context) {
    result<alua::changes> changed = [&] {
        const std::lock_guard guard{groups_lock_};
        return change(groups, context);
    }();
    if (changed)
        carry_out(changed.value(), nullptr);
    return plain(changed);
}

namespace {

// Lets a lambda with captures go through change_groups().
template <class F>
result<alua::changes> call(alua::device_groups &groups, const void *context) {
    return (*static_cast<const F *>(context))(groups);
}

} // namespace

result<> core::delete_device_group(const std::string &name) {
    const auto act = [&](alua::device_groups &all) { return all.remove(name); };
    return change_groups(call<decltype(act)>, &act);
}

result<> core::add_group_device(const std::string &group, const std::string &device_name) {
    if (find_device(device_name) == nullptr)
        return fail(EINVAL, "there is no device {}", device_name);
    const auto act = [&](alua::device_groups &all) { return all.add_device(group, device_name); };
    return change_groups(call<decltype(act)>, &act);
}

result<> core::del_group_device(const std::string &group, const std::string &device_name) {
    const auto act = [&](alua::device_groups &all) { return all.remove_device(group, device_name); };
    return change_groups(call<decltype(act)>, &act);
}

result<> core::delete_target_group(const std::string &group, const std::string &name) {
    const auto act = [&](alua::device_groups &all) { return all.remove_target_group(group, name); };
    return change_groups(call<decltype(act)>, &act);
}

result<> core::add_group_target(const std::string &group, const std::string &target_group, const std::string &target) {
    const auto act = [&](alua::device_groups &all) { return all.add_target(group, target_group, target); };
    return change_groups(call<decltype(act)>, &act);
}

result<> core::del_group_target(const std::string &group, const std::string &target_group, const std::string &target) {
    static_cast<void>(target_group); // SCST looks in the whole device group
    const auto act = [&](alua::device_groups &all) { return all.remove_target(group, target); };
    return change_groups(call<decltype(act)>, &act);
}

result<> core::set_preferred(const std::string &group, const std::string &target_group, bool preferred) {
    const auto act = [&](alua::device_groups &all) {
        return all.set_preferred(group, target_group, preferred ? 1 : 0);
    };
    return change_groups(call<decltype(act)>, &act);
}

result<> core::set_alua_state(const std::string &group, const std::string &target_group, std::string_view state) {
    const auto act = [&](alua::device_groups &all) { return all.set_state(group, target_group, state); };
    return change_groups(call<decltype(act)>, &act);
}

} // namespace scstd
