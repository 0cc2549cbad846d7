// SPDX-License-Identifier: Apache-2.0
// Targets and what their access groups say of sessions.
#include "core/abi_error.hpp"
#include "core/core.hpp"
#include "engine/gates.hpp"
#include "log/log.hpp"

#include <algorithm>
#include <system_error>

namespace scstd {

namespace {

constexpr std::size_t longest_name = 255;

template <class F>
void each_session(session::access_group &group, F &&act) {
    for (auto &[name, sess] : group.owner().sessions) {
        if (sess->group == &group)
            act(*sess);
    }
}

} // namespace

session::target *core::find_target(std::string_view driver, std::string_view name) noexcept {
    const auto of = drivers.find(std::string{driver});
    if (of == drivers.end())
        return nullptr;
    const auto found = of->second->targets.find(std::string{name});
    return found == of->second->targets.end() ? nullptr : found->second.get();
}

result<> core::add_target(session::target_driver &driver, const std::string &name, const parameters &given) {
    if (name.empty() || name.size() > longest_name || name.find('/') != std::string::npos)
        return fail(EINVAL, "target name {} is empty, has a '/' or more than {} characters", log::escape(name),
                    longest_name);
    if (driver.targets.contains(name))
        return fail(EEXIST, "target {} already exists", name);
    auto tgt = std::make_unique<session::target>(driver, name);
    std::vector<scst_parameter> list;
    for (const auto &[key, value] : given)
        list.push_back({key.c_str(), value.c_str()});
    scst_error why = empty_error();
    const std::int32_t code =
        driver.table().add_target(driver.self(), tgt.get(), name.c_str(), list.data(),
                                  static_cast<std::uint32_t>(list.size()), &tgt->driver_target, &why);
    if (code != 0)
        return from_abi(code, why, "target " + name);
    if (driver.table().add_group != nullptr)
        static_cast<void>(driver.table().add_group(tgt->driver_target, "", &tgt->default_group().driver_data));
    if (!driver.has_enabled())
        tgt->enabled = true;
    driver.targets.emplace(name, std::move(tgt));
    log::info("core", "target {} of driver {} registered", name, driver.name());
    return ok();
}

result<> core::del_target(session::target &tgt) {
    const std::string name = tgt.name();
    if (!tgt.sessions.empty())
        return fail(EBUSY, "target {} has {} session{}; close {} first", name, tgt.sessions.size(),
                    tgt.sessions.size() == 1 ? "" : "s", tgt.sessions.size() == 1 ? "it" : "them");
    tgt.going = true;
    session::target_driver &driver = tgt.driver();
    const auto &table = driver.table();
    if (tgt.enabled && driver.has_enabled()) {
        scst_error why = empty_error();
        static_cast<void>(table.enable_target(tgt.driver_target, 0, &why));
    }
    std::vector<device::device *> exported;
    const auto drop = [&](session::access_group &group) {
        for (auto &[lun, entry] : group.luns)
            exported.push_back(entry.dev);
        group.luns.clear();
        if (table.del_group != nullptr)
            table.del_group(group.driver_data);
    };
    drop(tgt.default_group());
    for (auto &group : tgt.groups)
        drop(*group);
    carry_out(groups.forget_target(name), nullptr);
    table.del_target(tgt.driver_target);
    driver.targets.erase(name);
    for (device::device *dev : exported)
        refresh_ports(*dev);
    log::info("core", "target {} unregistered", name);
    return ok();
}

std::uint16_t core::free_relative_id() {
    const auto used = [this](std::uint16_t id) {
        for (const auto &[name, driver] : drivers) {
            for (const auto &[target_name, tgt] : driver->targets) {
                if (tgt->enabled && tgt->relative_id.load() == id)
                    return true;
            }
        }
        return false;
    };
    for (unsigned tries = 0; tries < 65535; ++tries) {
        const std::uint16_t id = next_relative_id_;
        next_relative_id_ =
            next_relative_id_ == 65535 ? std::uint16_t{1} : static_cast<std::uint16_t>(next_relative_id_ + 1);
        if (!used(id))
            return id;
    }
    return 0;
}

namespace {

result<> check_relative_id(const core &of, const session::target &self, std::uint16_t id) {
    for (const auto &[name, driver] : of.drivers) {
        for (const auto &[target_name, tgt] : driver->targets) {
            if (tgt.get() != &self && tgt->enabled && tgt->relative_id.load() == id)
                return fail(EBADSLT, "relative target id {} is used by target {}", id, target_name);
        }
    }
    return ok();
}

} // namespace

result<> core::enable_target(session::target &tgt, bool enable) {
    session::target_driver &driver = tgt.driver();
    if (!driver.has_enabled())
        return fail(EINVAL, "targets of driver {} are always enabled", driver.name());
    const std::uint16_t before = tgt.relative_id.load();
    if (enable && before != 0) {
        if (auto unique = check_relative_id(*this, tgt, before); !unique)
            return unique;
    }
    if (enable && before == 0) {
        tgt.relative_id = free_relative_id();
        groups.set_local_target(tgt.name(), tgt.relative_id.load());
    }
    scst_error why = empty_error();
    const std::int32_t code = driver.table().enable_target(tgt.driver_target, enable ? 1 : 0, &why);
    if (code != 0) {
        tgt.relative_id = before;
        return from_abi(code, why, "target " + tgt.name());
    }
    const bool changed = tgt.enabled != enable;
    tgt.enabled = enable;
    {
        const std::lock_guard guard{groups_lock_};
        groups.set_local_target(tgt.name(), tgt.relative_id.load());
    }
    for (auto &[name, dev] : devices)
        refresh_ports(*dev);
    if (changed)
        log::info("core", "target {} {}", tgt.name(), enable ? "enabled" : "disabled");
    return ok();
}

result<> core::set_relative_id(session::target &tgt, std::uint64_t id) {
    if (id > 65535 || (id == 0 && tgt.enabled))
        return fail(EINVAL, "target {}: rel_tgt_id {} is not between {} and 65535", tgt.name(), id,
                    tgt.enabled ? 1 : 0);
    if (tgt.enabled) {
        if (auto unique = check_relative_id(*this, tgt, static_cast<std::uint16_t>(id)); !unique)
            return unique;
    }
    tgt.relative_id = static_cast<std::uint16_t>(id);
    {
        const std::lock_guard guard{groups_lock_};
        groups.set_local_target(tgt.name(), tgt.relative_id.load());
    }
    for (auto &[name, dev] : devices)
        refresh_ports(*dev);
    return ok();
}

void core::set_address_method(session::access_group &group, session::address_method method) {
    group.method = method;
    each_session(group, [method](session::session &sess) { sess.method = static_cast<std::uint8_t>(method); });
}

void core::set_black_hole(session::access_group &group, std::uint8_t mode) {
    group.black_hole = mode;
    each_session(group, [mode](session::session &sess) { sess.black_hole = mode; });
}

void core::set_cpu_mask(session::access_group &group, threads::cpu_mask mask) {
    if (group.cpus == mask)
        return;
    group.cpus = std::move(mask);
    if (group.is_default())
        group.owner().set_cpus_snapshot(group.cpus);
    // A session lives on one reactor: those on a CPU that is not allowed any more have to come anew.
    each_session(group, [this, &group](session::session &sess) {
        const auto &bound = sess.reactor().cpus();
        if (bound && !group.cpus.empty() && !group.cpus.intersects(*bound))
            static_cast<void>(close_session(sess));
    });
}

void core::set_aen_disabled(session::target &tgt, bool disabled) {
    tgt.aen_disabled = disabled;
    for (auto &[name, sess] : tgt.sessions)
        sess->events_disabled = disabled;
}

result<> core::create_group(session::target &tgt, const std::string &name) {
    if (name.empty() || name.size() > longest_name || name.find('/') != std::string::npos)
        return fail(EINVAL, "group name {} is empty, has a '/' or more than {} characters", log::escape(name),
                    longest_name);
    if (tgt.find_group(name) != nullptr)
        return fail(EEXIST, "group {} of target {} already exists", name, tgt.name());
    auto group = std::make_unique<session::access_group>(tgt, name);
    const auto &table = tgt.driver().table();
    if (table.add_group != nullptr) {
        if (const std::int32_t code = table.add_group(tgt.driver_target, name.c_str(), &group->driver_data); code != 0)
            return fail(-code, "group {}: {}", name, std::generic_category().message(-code));
    }
    tgt.groups.push_back(std::move(group));
    return ok();
}

result<> core::delete_group(session::access_group &group) {
    session::target &tgt = group.owner();
    bool used = false;
    each_session(group, [&used](session::session &) { used = true; });
    if (used)
        return fail(EBUSY, "group {} of target {} is used by a session", group.name(), tgt.name());
    std::vector<device::device *> exported;
    for (auto &[lun, entry] : group.luns)
        exported.push_back(entry.dev);
    const auto &table = tgt.driver().table();
    if (table.del_group != nullptr)
        table.del_group(group.driver_data);
    tgt.groups.remove_if([&group](const auto &each) { return each.get() == &group; });
    for (device::device *dev : exported)
        refresh_ports(*dev);
    return ok();
}

result<> core::add_initiator(session::access_group &group, const std::string &pattern) {
    if (pattern.empty() || pattern.size() > longest_name + 64 || pattern.find('/') != std::string::npos)
        return fail(EINVAL, "initiator pattern {} is empty, has a '/' or is too long", log::escape(pattern));
    auto &list = group.initiators;
    if (std::find(list.begin(), list.end(), pattern) != list.end())
        return fail(EEXIST, "initiator {} is already in group {}", pattern, group.name());
    list.push_back(pattern);
    regroup_sessions(group.owner());
    return ok();
}

result<> core::del_initiator(session::access_group &group, const std::string &pattern) {
    if (std::erase(group.initiators, pattern) == 0)
        return fail(EINVAL, "initiator {} is not in group {}", pattern, group.name());
    regroup_sessions(group.owner());
    return ok();
}

result<> core::move_initiator(session::access_group &group, const std::string &pattern, const std::string &to_group) {
    session::access_group *to = group.owner().find_group(to_group);
    if (to == nullptr)
        return fail(EINVAL, "target {} has no group {}", group.owner().name(), to_group);
    auto &from = group.initiators;
    const auto found = std::find(from.begin(), from.end(), pattern);
    if (found == from.end())
        return fail(EINVAL, "initiator {} is not in group {}", pattern, group.name());
    if (std::find(to->initiators.begin(), to->initiators.end(), pattern) != to->initiators.end())
        return fail(EEXIST, "initiator {} is already in group {}", pattern, to_group);
    from.erase(found);
    to->initiators.push_back(pattern);
    regroup_sessions(group.owner());
    return ok();
}

result<> core::clear_initiators(session::access_group &group) {
    group.initiators.clear();
    regroup_sessions(group.owner());
    return ok();
}

} // namespace scstd
