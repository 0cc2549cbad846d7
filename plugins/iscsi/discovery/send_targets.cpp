// SPDX-License-Identifier: Apache-2.0
#include "discovery/send_targets.hpp"

#include "driver.hpp"
#include "net/pattern.hpp"
#include "target/target.hpp"
#include "text/key_value.hpp"

#include <algorithm>
#include <utility>

namespace scstd::iscsi {
namespace {

// One question to the core, and what hangs on its answer.
struct question {
    std::size_t target;
    address portal;
    bool allowed = false;
};

struct candidate {
    std::string name;
    std::vector<address> portals; // of which some may turn out to be closed to the initiator
};

// All questions of one SendTargets. Lives until the last answer; touched on one reactor.
struct query {
    explicit query(driver &owner) : token{owner} {}
    std::vector<candidate> candidates;
    std::vector<question> questions;
    std::size_t open = 0;
    std::function<void(std::string)> done;
    life_token token;

    void finish() {
        std::string answer;
        for (std::size_t i = 0; i < candidates.size(); ++i) {
            std::vector<address> portals;
            for (const question &one : questions)
                if (one.target == i && one.allowed)
                    portals.push_back(one.portal);
            if (!portals.empty())
                append_target(answer, candidates[i].name, portals);
        }
        done(std::move(answer));
    }
};

struct asked {
    std::shared_ptr<query> whole;
    std::size_t index;
};

void answered(void *argument, std::int32_t has_luns) {
    const std::unique_ptr<asked> mine{static_cast<asked *>(argument)};
    mine->whole->questions[mine->index].allowed = has_luns != 0;
    if (--mine->whole->open == 0)
        mine->whole->finish();
}

} // namespace

std::vector<address> portal_addresses(const driver &owner, const target_view &view, const address &local) {
    std::vector<address> found;
    const auto add = [&](const address &one) {
        const bool hidden = one.is_link_local() && !owner.link_local.load(std::memory_order_relaxed);
        if (!hidden && patterns_allow(view.allowed_portals, one.ip()) &&
            std::find(found.begin(), found.end(), one) == found.end())
            found.push_back(one);
    };
    add(local);
    for (const address &portal : owner.portals()) {
        if (portal.is_v6() != local.is_v6())
            continue;
        if (!portal.is_wildcard()) {
            add(portal);
            continue;
        }
        for (address interface : interface_addresses())
            if (interface.is_v6() == local.is_v6()) {
                interface.set_port(portal.port());
                add(interface);
            }
    }
    return found;
}

void append_target(std::string &answer, const std::string &name, const std::vector<address> &portals) {
    append_pair(answer, "TargetName", name);
    for (const address &portal : portals)
        append_pair(answer, "TargetAddress", portal.text() + ",1");
}

std::string access_name(const target_view &view, const std::string &initiator, const address &portal) {
    return view.per_portal_acl ? initiator + '#' + portal.ip() : initiator;
}

void query_targets(driver &owner, scst_reactor *reactor, const std::string &initiator, const address &local,
                   const std::string &only, std::function<void(std::string)> done) {
    auto whole = std::make_shared<query>(owner);
    whole->done = std::move(done);
    std::vector<std::pair<std::shared_ptr<target>, std::string>> to_ask; // parallel to questions: whom, as whom
    for (const std::shared_ptr<target> &one : owner.targets()) {
        const auto view = one->view();
        if (!view->enabled || (!only.empty() && only != view->name))
            continue;
        const std::vector<address> portals = portal_addresses(owner, *view, local);
        for (const address &portal : portals) {
            whole->questions.push_back({.target = whole->candidates.size(), .portal = portal});
            to_ask.emplace_back(one, access_name(*view, initiator, portal));
        }
        whole->candidates.push_back({.name = view->name, .portals = portals});
    }
    whole->open = whole->questions.size() + 1; // one for this function, so that finish() comes last
    for (std::size_t i = 0; i < to_ask.size(); ++i) {
        auto mine = std::make_unique<asked>(asked{whole, i});
        const bool there = to_ask[i].first->with_handle([&](scst_target *handle) {
            owner.core().target_query_luns(handle, reactor, to_ask[i].second.c_str(), &answered, mine.release());
        });
        if (!there)
            answered(mine.release(), 0);
    }
    if (--whole->open == 0)
        whole->finish();
}

} // namespace scstd::iscsi
