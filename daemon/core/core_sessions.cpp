// SPDX-License-Identifier: Apache-2.0
// Sessions: from a driver's request to a published session, and its end.
#include "core/core.hpp"
#include "core/session_request.hpp"
#include "engine/engine.hpp"
#include "engine/gates.hpp"
#include "log/log.hpp"

#include <algorithm>

namespace scstd {

namespace {

std::string unique_name(const session::target &tgt, const std::string &initiator) {
    std::string name = initiator;
    for (unsigned i = 1; tgt.sessions.contains(name); ++i)
        name = fmt::format("{}_{}", initiator, i);
    return name;
}

void answer(const core::session_request &request, scst_session *sess, std::int32_t code) {
    request.done(request.argument, sess, code);
}

void refuse(std::shared_ptr<core::session_request> request, std::int32_t code) {
    threads::reactor &on = *request->reactor;
    on.post([request = std::move(request), code] { answer(*request, nullptr, code); });
}

// Reinstatement: what the old session had reserved goes over to the new one (iscsi.md 10).
void take_over(session::session &from, session::session &to) {
    for (const auto &nex : to.nexuses) {
        const auto old = std::find_if(from.nexuses.begin(), from.nexuses.end(),
                                      [&nex](const auto &each) { return &each->dev == &nex->dev; });
        if (old == from.nexuses.end())
            continue;
        const std::lock_guard guard{nex->dev.lock};
        nex->dev.reservation.move((*old)->number, nex->number);
        engine::update_reservation_gates(nex->dev);
    }
}

} // namespace

void core::start_session(std::shared_ptr<session_request> request) {
    session::target *tgt = nullptr;
    for (auto &[name, driver] : drivers) {
        for (auto &[target_name, each] : driver->targets) {
            if (each.get() == request->tgt)
                tgt = each.get();
        }
    }
    if (tgt == nullptr || tgt->going || !tgt->enabled)
        return refuse(std::move(request), -EPERM);
    session::access_group &group = tgt->group_for(request->identity.initiator_name);
    if (group.luns.empty())
        return refuse(std::move(request), -ENOENT);
    auto sess = std::make_shared<session::session>(*tgt, *request->reactor, request->identity, next_session_++);
    sess->name = unique_name(*tgt, request->identity.initiator_name);
    sess->group = &group;
    sess->method = static_cast<std::uint8_t>(group.method);
    sess->black_hole = group.black_hole;
    sess->events_disabled = tgt->aen_disabled;
    const auto first = request->identity.initial_nexus_loss ? sense_of_nexus::nexus_loss : sense_of_nexus::power_on;
    for (const auto &[lun, entry] : group.luns)
        create_nexus(*sess, *entry.dev, lun, entry.read_only, first);
    for (auto &[name, old] : tgt->sessions) {
        if (old.get() == request->replaces)
            take_over(*old, *sess);
    }
    tgt->sessions.emplace(sess->name, sess);
    sess->reactor().sessions.fetch_add(1);
    {
        const std::lock_guard guard{sessions_lock_};
        ++session_count_;
    }
    log::info("core", "session {} of target {} started: {} LUNs{}{}", log::escape(sess->name), tgt->name(),
              sess->nexuses.size(), group.is_default() ? "" : ", group ", group.name());
    std::vector<session::nexus *> shown;
    for (auto &nex : sess->nexuses)
        shown.push_back(nex.get());
    sess->reactor().post([request, sess, shown, measure = measure_latency_] {
        for (session::nexus *nex : shown)
            sess->publish(nex->lun, nex);
        if (measure)
            sess->latency = std::make_unique<engine::latency_tables>();
        answer(*request, sess.get(), 0);
    });
}

void core::forget_session(std::shared_ptr<session::session> sess, void (*done)(void *), void *argument) {
    session::target &tgt = sess->tgt();
    tgt.sessions.erase(sess->name);
    for (auto &nex : sess->nexuses)
        unlink_nexus(*nex);
    log::info("core", "session {} of target {} ended", log::escape(sess->name), tgt.name());
    threads::reactor &on = sess->reactor();
    on.sessions.fetch_sub(1);
    on.post([this, sess, done, argument] {
        sess->retire();
        done(argument);
        management_->post([this, sess] {
            for (auto &nex : sess->nexuses) {
                if (nex->dev.going) {
                    device::device *dev = &nex->dev;
                    management_->post([this, dev] {
                        const bool exists = std::any_of(devices.begin(), devices.end(),
                                                        [dev](const auto &entry) { return entry.second.get() == dev; });
                        if (exists && dev->going)
                            finish_device(*dev);
                    });
                }
            }
            sess->nexuses.clear();
            const std::lock_guard guard{sessions_lock_};
            --session_count_;
            sessions_changed_.notify_all();
        });
    });
}

result<> core::close_session(session::session &sess) {
    sess.closing = true;
    sess.reactor().post([keep = sess.shared_from_this()] {
        if (!keep->ending)
            keep->tgt().driver().table().close_session(keep->driver_data());
    });
    return ok();
}

} // namespace scstd
