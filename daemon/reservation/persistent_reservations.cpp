// SPDX-License-Identifier: Apache-2.0
#include "reservation/persistent_reservations.hpp"

#include "reservation/pr_out.hpp"
#include "reservation/pr_status.hpp"
#include "reservation/pr_text.hpp"

#include <algorithm>
#include <utility>

namespace scstd::reservation {

pr_out_request pr_out_request::from_cdb(std::span<const std::uint8_t> cdb,
                                        std::span<const std::uint8_t> parameters) noexcept {
    pr_out_request request;
    request.service_action = cdb[1] & 0x1f;
    request.scope = static_cast<std::uint8_t>(cdb[2] >> 4);
    request.type = cdb[2] & 0x0f;
    request.parameters = parameters;
    return request;
}

// ---- nexuses ----

bool persistent_reservations::bind(nexus_number nexus, std::span<const std::uint8_t> transport_id,
                                   std::uint16_t target_port) {
    live_nexus live;
    live.initiator = transport_id::parse(transport_id);
    live.target_port = target_port;
    if (!live.initiator && has_registrants())
        return false;
    unbind(nexus);
    if (live.initiator)
        live.registration = state_.find(*live.initiator, target_port);
    else
        ++nameless_;
    nexuses_.emplace(nexus, std::move(live));
    return true;
}

void persistent_reservations::unbind(nexus_number nexus) noexcept {
    const auto found = nexuses_.find(nexus);
    if (found == nexuses_.end())
        return;
    if (!found->second.initiator)
        --nameless_;
    nexuses_.erase(found);
}

const persistent_reservations::live_nexus *persistent_reservations::find(nexus_number nexus) const noexcept {
    const auto found = nexuses_.find(nexus);
    return found == nexuses_.end() ? nullptr : &found->second;
}

// Finds each nexus its registration again after the state has changed.
void persistent_reservations::link_nexuses() {
    using entry = std::pair<std::uint64_t, std::size_t>; // match_hash() and index
    std::vector<entry> sorted;
    sorted.reserve(state_.registrants.size());
    for (std::size_t i = 0; i < state_.registrants.size(); ++i)
        sorted.emplace_back(state_.registrants[i].initiator->match_hash(), i);
    std::sort(sorted.begin(), sorted.end());
    for (auto &[number, live] : nexuses_) {
        live.registration.reset();
        if (!live.initiator)
            continue;
        const std::uint64_t hash = live.initiator->match_hash();
        auto each = std::lower_bound(sorted.begin(), sorted.end(), entry{hash, 0});
        for (; each != sorted.end() && each->first == hash; ++each) {
            const registrant &one = state_.registrants[each->second];
            if (one.target_port != live.target_port || !one.initiator->matches(*live.initiator))
                continue;
            const bool exact = one.initiator->equals(*live.initiator);
            if (exact || !live.registration)
                live.registration = each->second;
            if (exact)
                break;
        }
    }
}

void persistent_reservations::remember(const missed_attention &one) {
    const auto same = [&](const missed_attention &other) {
        return other.target_port == one.target_port && other.ascq == one.ascq && other.asc == one.asc &&
               other.initiator->equals(*one.initiator);
    };
    if (std::any_of(missed_.begin(), missed_.end(), same))
        return;
    if (missed_.size() >= max_registrants)
        missed_.erase(missed_.begin());
    missed_.push_back(one);
}

std::vector<pr_attention> persistent_reservations::take_missed(nexus_number nexus) {
    std::vector<pr_attention> taken;
    const live_nexus *live = find(nexus);
    if (!live || !live->initiator)
        return taken;
    std::erase_if(missed_, [&](const missed_attention &one) {
        if (one.target_port != live->target_port || !one.initiator->matches(*live->initiator))
            return false;
        taken.push_back({nexus, one.asc, one.ascq});
        return true;
    });
    return taken;
}

// ---- access ----

bool persistent_reservations::is_registered(nexus_number nexus) const noexcept {
    const live_nexus *live = find(nexus);
    return live && live->registration;
}

bool persistent_reservations::is_holder(nexus_number nexus) const noexcept {
    const live_nexus *live = find(nexus);
    return live && live->registration && state_.is_holder(state_.registrants[*live->registration]);
}

access_rule persistent_reservations::rule_for(nexus_number nexus) const noexcept {
    if (!state_.reservation || is_holder(nexus))
        return access_rule::all;
    if (admits_registrants(*state_.reservation) && is_registered(nexus))
        return access_rule::all;
    return is_exclusive_access(*state_.reservation) ? access_rule::exclusive : access_rule::write_exclusive;
}

// ---- commands ----

pr_outcome persistent_reservations::prepare_out(nexus_number nexus, const pr_out_request &request,
                                                std::span<const std::uint16_t> target_ports) const {
    const live_nexus *live = find(nexus);
    if (!live || !is_supported()) {
        pr_outcome refused;
        refused.answer = invalid_opcode();
        return refused;
    }
    return pr_out_operation{*this, *live, request, target_ports}.run();
}

bool persistent_reservations::commit(pr_outcome &&outcome) {
    if (!outcome.changed)
        return outcome.answer.good();
    if (outcome.based_on != version_)
        return false;
    state_ = std::move(outcome.next);
    ++version_;
    if (outcome.access_changed)
        link_nexuses();
    for (const missed_attention &one : outcome.missed)
        remember(one);
    return true;
}

// ---- management ----

void persistent_reservations::load(pr_state state) {
    state_ = std::move(state);
    ++version_;
    link_nexuses();
}

result<pr_outcome> persistent_reservations::prepare_restore(std::string_view text) const {
    auto parsed = from_text(text);
    if (!parsed)
        return parsed.error();
    pr_outcome outcome;
    outcome.based_on = version_;
    outcome.next = parsed.take();
    outcome.next.aptpl = state_.aptpl; // not part of the text
    finish_outcome(outcome, state_);
    return outcome;
}

std::string persistent_reservations::to_text() const {
    return reservation::to_text(state_);
}

} // namespace scstd::reservation
