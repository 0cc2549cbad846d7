// SPDX-License-Identifier: Apache-2.0
// LUNs: from an access group's map to the nexuses of live sessions and back.
//
// A nexus comes into being in this order: bound to the device (reservations, attentions, gates) under the device's
// lock, then published to the session's reactor. It goes in the opposite order: off the reactor's table, idle, unlinked
// from the device, then one more round trip to the reactor so that everything that was posted for it has run, then
// destroyed.
#include "core/core.hpp"
#include "core/latch.hpp"
#include "device/handler.hpp"
#include "engine/engine.hpp"
#include "engine/gates.hpp"
#include "log/log.hpp"

#include <algorithm>

namespace scstd {

namespace gate = session::gate;

// The removal of one nexus, shared by the management thread and the reactor.
struct core::removal {
    latch idle;
    std::mutex mutex;
    bool is_idle = false;
    bool detached = false; // nobody waits any more: finish by yourself
    std::shared_ptr<session::session> sess;
    session::nexus *nex = nullptr;
};

namespace {

constexpr std::uint64_t removal_patience_ms = 15000;

} // namespace

result<> core::check_lun(const session::access_group &group, std::uint64_t lun) const {
    if (lun > SCST_MAX_LUN)
        return fail(EINVAL, "LUN {} of target {} is above {}", lun, group.owner().name(), SCST_MAX_LUN);
    return ok();
}

void core::create_nexus(session::session &sess, device::device &dev, std::uint32_t lun, bool read_only,
                        sense_of_nexus first) {
    auto nex = std::make_unique<session::nexus>(sess, dev, lun, read_only, next_nexus_++);
    const auto &tid = sess.identity().transport_id;
    nex->alua_state = static_cast<std::uint8_t>(groups.state_for(dev.name(), sess.tgt().name()));
    {
        const std::lock_guard guard{dev.lock};
        if (!dev.pr.bind(nex->number, tid, sess.tgt().relative_id.load())) {
            log::warning("core",
                         "LUN {} is not shown to {}: device {} has persistent registrations and the transport has no "
                         "TransportID",
                         lun, sess.name, dev.name());
            return;
        }
        dev.nexuses.push_back(nex.get());
        engine::update_reservation_gate(dev, *nex);
        engine::update_mode_gates(dev);
        engine::set_gate(*nex, gate::no_reservations, tid.empty());
        engine::set_gate(*nex, gate::blocked, dev.block_total != 0);
        engine::set_gate(*nex, gate::ranges, !dev.ranges.empty());
        engine::set_gate(*nex, gate::aca, dev.shared_tasks.aca());
        if (first != sense_of_nexus::nothing)
            engine::queue_attention(*nex, first == sense_of_nexus::nexus_loss ? engine::codes::nexus_loss
                                                                              : engine::codes::power_on);
        if (first == sense_of_nexus::inquiry_changed)
            engine::queue_attention(*nex, engine::codes::inquiry_data_changed);
        for (const auto &missed : dev.pr.take_missed(nex->number))
            engine::queue_attention(*nex, {SCST_SENSE_UNIT_ATTENTION, missed.asc, missed.ascq});
    }
    sess.nexuses.push_back(std::move(nex));
}

void core::publish_nexus(session::nexus &nex) {
    nex.sess.reactor().post([keep = nex.sess.shared_from_this(), &nex] {
        if (!nex.removed)
            nex.sess.publish(nex.lun, &nex);
    });
}

std::shared_ptr<core::removal> core::begin_removal(session::nexus &nex) {
    auto going = std::make_shared<removal>();
    going->sess = nex.sess.shared_from_this();
    going->nex = &nex;
    nex.sess.reactor().post([going, &nex] {
        if (nex.removed)
            return;
        if (nex.sess.find(nex.lun) == &nex)
            nex.sess.publish(nex.lun, nullptr);
        nex.removed = true;
        nex.sess.removed_nexuses.push_back(&nex);
        nex.when_removed_context = going;
        nex.when_removed = [](session::nexus &gone) {
            const auto at = std::static_pointer_cast<removal>(std::exchange(gone.when_removed_context, nullptr));
            bool alone = false;
            {
                const std::lock_guard guard{at->mutex};
                at->is_idle = true;
                alone = at->detached;
            }
            if (alone)
                core::instance().finish_removal(*at->nex, at->sess);
            else
                at->idle.signal();
        };
        engine::check_nexus_gone(nex);
    });
    return going;
}

void core::finish_removal(session::nexus &nex, const std::shared_ptr<session::session> &sess) {
    management_->post([this, &nex, sess] {
        device::device &dev = nex.dev;
        unlink_nexus(nex);
        destroy_nexus(nex);
        if (dev.going)
            finish_device(dev);
    });
}

result<> core::wait_for_removals(const std::vector<std::shared_ptr<removal>> &removals, const std::string &what) {
    bool all = true;
    for (const auto &going : removals) {
        if (!going->idle.wait_for(removal_patience_ms)) {
            const std::lock_guard guard{going->mutex};
            if (!going->is_idle) {
                going->detached = true;
                all = false;
                continue;
            }
        }
        unlink_nexus(*going->nex);
        destroy_nexus(*going->nex);
    }
    if (all)
        return ok();
    return fail(EAGAIN, "{}: commands are still running after {} ms; the rest happens when they end", what,
                removal_patience_ms);
}

void core::unlink_nexus(session::nexus &nex) {
    device::device &dev = nex.dev;
    if (dev.hnd().table().nexus_lost != nullptr)
        dev.hnd().table().nexus_lost(dev.handler_device, nex.sess.id());
    const std::lock_guard guard{dev.lock};
    std::erase(dev.nexuses, &nex);
    dev.pr.unbind(nex.number);
    const bool held = dev.reservation.drop(nex.number);
    if (dev.shared_tasks.aca() && dev.shared_tasks.faulted() == &nex) {
        dev.shared_tasks.clear_aca();
        engine::set_gate_all(dev, gate::aca, false);
        engine::wake(dev);
    }
    if (held)
        engine::update_reservation_gates(dev);
}

void core::destroy_nexus(session::nexus &nex) {
    session::session &sess = nex.sess;
    sess.reactor().call([] {}); // what was posted for it has run now
    std::erase_if(sess.nexuses, [&nex](const auto &each) { return each.get() == &nex; });
}

void core::refresh_ports(device::device &dev) {
    std::vector<std::pair<const void *, std::uint16_t>> ports;
    for (const auto &[name, driver] : drivers) {
        for (const auto &[target_name, tgt] : driver->targets) {
            const auto exports = [&dev](const session::access_group &group) {
                return std::any_of(group.luns.begin(), group.luns.end(),
                                   [&dev](const auto &entry) { return entry.second.dev == &dev; });
            };
            const bool any = exports(tgt->default_group()) || std::any_of(tgt->groups.begin(), tgt->groups.end(),
                                                                          [&](const auto &g) { return exports(*g); });
            if (any && tgt->relative_id.load() != 0)
                ports.emplace_back(driver.get(), tgt->relative_id.load());
        }
    }
    const std::lock_guard guard{dev.lock};
    dev.ports = std::move(ports);
}

std::vector<std::uint16_t> core::ports_of(device::device &dev, const session::target_driver &driver) {
    std::vector<std::uint16_t> ids =
        with_groups([&dev](const alua::device_groups &all) { return all.remote_ports(dev.name()); });
    const std::lock_guard guard{dev.lock};
    for (const auto &[of, id] : dev.ports) {
        if (of == &driver)
            ids.push_back(id);
    }
    return ids;
}

void core::announce_luns(session::access_group &group) {
    for (auto &[name, sess] : group.owner().sessions) {
        if (sess->group != &group)
            continue;
        bool told = false;
        for (auto &nex : sess->nexuses) {
            const std::lock_guard guard{nex->dev.lock};
            engine::queue_attention(*nex, engine::codes::reported_luns_changed);
            if (!told)
                engine::report_event(*nex, engine::codes::reported_luns_changed);
            told = true;
        }
    }
}

result<> core::add_lun(session::access_group &group, device::device &dev, std::uint64_t lun, bool read_only) {
    if (auto legal = check_lun(group, lun); !legal)
        return legal;
    const auto number = static_cast<std::uint32_t>(lun);
    if (group.luns.contains(number))
        return fail(EEXIST, "LUN {} of target {} already exists", lun, group.owner().name());
    announce_luns(group); // those who know the old list; the new nexus starts with its own attention
    group.luns.emplace(number, session::lun_entry{&dev, read_only, dev.next_export_number++});
    refresh_ports(dev);
    for (auto &[name, sess] : group.owner().sessions) {
        if (sess->group != &group)
            continue;
        const std::size_t before = sess->nexuses.size();
        create_nexus(*sess, dev, number, read_only, sense_of_nexus::power_on);
        if (sess->nexuses.size() != before)
            publish_nexus(*sess->nexuses.back());
    }
    return ok();
}

result<> core::del_lun(session::access_group &group, std::uint64_t lun) {
    const auto found = group.luns.find(static_cast<std::uint32_t>(lun));
    if (lun > SCST_MAX_LUN || found == group.luns.end())
        return fail(EINVAL, "target {} has no LUN {}", group.owner().name(), lun);
    device::device &dev = *found->second.dev;
    group.luns.erase(found);
    refresh_ports(dev);
    std::vector<std::shared_ptr<removal>> removals;
    for (auto &[name, sess] : group.owner().sessions) {
        if (sess->group != &group)
            continue;
        for (auto &nex : sess->nexuses) {
            if (nex->lun == lun)
                removals.push_back(begin_removal(*nex));
        }
    }
    announce_luns(group);
    return wait_for_removals(removals, fmt::format("LUN {} of target {}", lun, group.owner().name()));
}

result<> core::replace_lun(session::access_group &group, device::device &dev, std::uint64_t lun, bool read_only,
                           bool notify) {
    if (auto legal = check_lun(group, lun); !legal)
        return legal;
    const auto number = static_cast<std::uint32_t>(lun);
    const auto found = group.luns.find(number);
    if (found == group.luns.end())
        return add_lun(group, dev, lun, read_only);
    device::device &old = *found->second.dev;
    found->second = session::lun_entry{&dev, read_only, dev.next_export_number++};
    refresh_ports(old);
    refresh_ports(dev);
    std::vector<std::shared_ptr<removal>> removals;
    for (auto &[name, sess] : group.owner().sessions) {
        if (sess->group != &group)
            continue;
        for (std::size_t i = 0, count = sess->nexuses.size(); i < count; ++i) {
            if (sess->nexuses[i]->lun == number)
                removals.push_back(begin_removal(*sess->nexuses[i]));
        }
        const std::size_t before = sess->nexuses.size();
        create_nexus(*sess, dev, number, read_only, notify ? sense_of_nexus::inquiry_changed : sense_of_nexus::nothing);
        if (sess->nexuses.size() != before)
            publish_nexus(*sess->nexuses.back());
    }
    return wait_for_removals(removals, fmt::format("LUN {} of target {}", lun, group.owner().name()));
}

result<> core::clear_luns(session::access_group &group) {
    std::vector<device::device *> exported;
    for (auto &[lun, entry] : group.luns)
        exported.push_back(entry.dev);
    group.luns.clear();
    for (device::device *dev : exported)
        refresh_ports(*dev);
    std::vector<std::shared_ptr<removal>> removals;
    for (auto &[name, sess] : group.owner().sessions) {
        if (sess->group != &group)
            continue;
        for (auto &nex : sess->nexuses)
            removals.push_back(begin_removal(*nex));
    }
    return wait_for_removals(removals, "LUNs of target " + group.owner().name());
}

// Sessions follow the patterns at once: LUNs that stay the same are kept with all their state.
void core::regroup_sessions(session::target &tgt) {
    for (auto &[name, sess] : tgt.sessions) {
        session::access_group &wanted = tgt.group_for(sess->identity().initiator_name);
        if (sess->group == &wanted)
            continue;
        if (auto moved = move_session(*sess, wanted); !moved)
            log::warning("core", "session {}: {}", name, moved.error().message);
    }
}

result<> core::move_session(session::session &sess, session::access_group &to) {
    sess.group = &to;
    sess.method = static_cast<std::uint8_t>(to.method);
    sess.black_hole = to.black_hole;
    std::vector<std::shared_ptr<removal>> removals;
    std::vector<std::uint32_t> kept;
    bool list_differs = false;
    const std::size_t count = sess.nexuses.size();
    for (std::size_t i = 0; i < count; ++i) {
        session::nexus &nex = *sess.nexuses[i];
        const auto same = to.luns.find(nex.lun);
        if (same != to.luns.end() && same->second.dev == &nex.dev && same->second.read_only == nex.read_only) {
            kept.push_back(nex.lun);
            continue;
        }
        list_differs = list_differs || same == to.luns.end();
        removals.push_back(begin_removal(nex));
    }
    for (const auto &[lun, entry] : to.luns) {
        if (std::find(kept.begin(), kept.end(), lun) != kept.end())
            continue;
        list_differs = true;
        const std::size_t before = sess.nexuses.size();
        create_nexus(sess, *entry.dev, lun, entry.read_only, sense_of_nexus::inquiry_changed);
        if (sess.nexuses.size() != before)
            publish_nexus(*sess.nexuses.back());
    }
    if (list_differs)
        announce_luns(to);
    return wait_for_removals(removals, "session " + sess.name);
}

} // namespace scstd
