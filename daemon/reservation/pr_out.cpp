// SPDX-License-Identifier: Apache-2.0
#include "reservation/pr_out.hpp"

#include "reservation/pr_status.hpp"

#include <scst/bytes.hpp>

#include <algorithm>

namespace scstd::reservation {

namespace {

// Service actions (SPC-4 table 212).
namespace action {
constexpr std::uint8_t register_key = 0;
constexpr std::uint8_t reserve = 1;
constexpr std::uint8_t release = 2;
constexpr std::uint8_t clear = 3;
constexpr std::uint8_t preempt = 4;
constexpr std::uint8_t preempt_and_abort = 5;
constexpr std::uint8_t register_and_ignore = 6;
constexpr std::uint8_t register_and_move = 7;
} // namespace action

// The parameter list (SPC-4 tables 213 and 216).
constexpr std::size_t list_size = 24;
constexpr std::size_t flags_at = 20;
constexpr std::uint8_t spec_i_pt = 0x08;
constexpr std::uint8_t all_tg_pt = 0x04;
constexpr std::size_t move_flags_at = 17;
constexpr std::uint8_t move_unregister = 0x02;

// Qualifiers of additional sense code 2Ah.
constexpr std::uint8_t reservations_preempted = 0x03;
constexpr std::uint8_t reservations_released = 0x04;
constexpr std::uint8_t registrations_preempted = 0x05;

pr_persist how_to_persist(const pr_state &before, const pr_state &after) {
    const bool had = before.aptpl && !before.registrants.empty();
    const bool wants = after.aptpl && !after.registrants.empty();
    if (!wants)
        return had ? pr_persist::remove : pr_persist::nothing;
    const bool same = had && before.reservation == after.reservation && before.registrants == after.registrants;
    return same ? pr_persist::nothing : pr_persist::save;
}

} // namespace

pr_out_operation::pr_out_operation(const persistent_reservations &owner,
                                   const persistent_reservations::live_nexus &self, const pr_out_request &request,
                                   std::span<const std::uint16_t> target_ports)
    : owner_{owner}, before_{owner.state_}, self_{self}, request_{request},
      target_ports_{target_ports}, next_{outcome_.next} {
    for (const auto &[number, live] : owner.nexuses_)
        if (live.registration)
            bound_.emplace_back(*live.registration, number);
    std::sort(bound_.begin(), bound_.end());
}

pr_outcome pr_out_operation::run() && {
    outcome_.based_on = owner_.version_;
    next_ = before_;
    outcome_.answer = check();
    if (outcome_.answer.good())
        outcome_.answer = dispatch();
    if (!outcome_.answer.good()) {
        pr_outcome refused;
        refused.answer = outcome_.answer;
        return refused;
    }
    // SPC-4 6.15.2: PRGENERATION counts what may change registrations, not reservations.
    if (request_.service_action != action::reserve && request_.service_action != action::release)
        ++next_.generation;
    finish_outcome(outcome_, before_);
    return std::move(outcome_);
}

void finish_outcome(pr_outcome &outcome, const pr_state &before) {
    const pr_state &next = outcome.next;
    outcome.access_changed = before.reservation != next.reservation || before.registrants != next.registrants;
    outcome.changed = outcome.access_changed || before.generation != next.generation || before.aptpl != next.aptpl;
    outcome.persist = how_to_persist(before, next);
}

// ---- what every service action has in common ----

pr_status pr_out_operation::check() {
    const std::uint8_t code = request_.service_action;
    // REPLACE LOST RESERVATION (8) is among the unknown ones: reservations never get lost here (RLR_C is zero).
    if (code > action::register_and_move)
        return invalid_in_cdb(1, 0);
    const bool registers = code == action::register_key || code == action::register_and_ignore;
    if (!registers && !self_.registration)
        return conflict();
    if (!registers && code != action::clear && request_.scope != 0)
        return invalid_in_cdb(2, 4);
    if (request_.parameters.size() < list_size)
        return list_length_error();
    if (const pr_status flags = check_flags(); !flags.good())
        return flags;
    key_ = scst::load_be64(&request_.parameters[0]);
    action_key_ = scst::load_be64(&request_.parameters[8]);
    if (self_.registration && code != action::register_and_ignore &&
        key_ != before_.registrants[*self_.registration].key)
        return conflict();
    return {};
}

pr_status pr_out_operation::check_flags() const {
    const std::uint8_t code = request_.service_action;
    if (code == action::register_and_move)
        return {};
    const std::uint8_t flags = request_.parameters[flags_at];
    const bool lists_initiators = (flags & spec_i_pt) != 0;
    if (lists_initiators && code != action::register_key)
        return invalid_in_list(flags_at, std::uint8_t{3});
    if ((flags & all_tg_pt) != 0 && code != action::register_key && code != action::register_and_ignore)
        return invalid_in_list(flags_at, std::uint8_t{2});
    if (!lists_initiators && request_.parameters.size() != list_size)
        return list_length_error();
    return {};
}

pr_status pr_out_operation::dispatch() {
    switch (request_.service_action) {
    case action::register_key:
        return do_register(false);
    case action::reserve:
        return reserve();
    case action::release:
        return release();
    case action::clear:
        clear();
        return {};
    case action::preempt:
        return preempt(false);
    case action::preempt_and_abort:
        return preempt(true);
    case action::register_and_ignore:
        return do_register(true);
    case action::register_and_move:
        return move();
    default: // a number from outside; check() has refused the others
        return invalid_in_cdb(1, 0);
    }
}

void pr_out_operation::attention(std::size_t registration, std::uint8_t ascq) {
    const auto first = std::lower_bound(bound_.begin(), bound_.end(), std::pair{registration, nexus_number{0}});
    auto each = first;
    for (; each != bound_.end() && each->first == registration; ++each)
        outcome_.attentions.push_back({each->second, 0x2a, ascq});
    if (each == first) {
        const registrant &absent = before_.registrants[registration];
        outcome_.missed.push_back({absent.initiator, absent.target_port, 0x2a, ascq});
    }
}

void pr_out_operation::attention_all_others(std::uint8_t ascq) {
    for (std::size_t i = 0; i < before_.registrants.size(); ++i)
        if (i != self_.registration)
            attention(i, ascq);
}

void pr_out_operation::abort(std::size_t registration) {
    auto each = std::lower_bound(bound_.begin(), bound_.end(), std::pair{registration, nexus_number{0}});
    for (; each != bound_.end() && each->first == registration; ++each)
        outcome_.aborts.push_back(each->second);
}

void pr_out_operation::remove(const std::vector<bool> &victims) {
    std::vector<registrant> remaining;
    bool holder_gone = false;
    for (std::size_t i = 0; i < next_.registrants.size(); ++i) {
        if (!victims[i])
            remaining.push_back(std::move(next_.registrants[i]));
        else
            holder_gone = holder_gone || next_.registrants[i].holder;
    }
    next_.registrants = std::move(remaining);
    // SPC-4 5.13.11.1.2: with one holder it ends with the holder, otherwise with the last registrant.
    if (holder_gone || next_.registrants.empty())
        next_.reservation.reset();
}

// ---- REGISTER, REGISTER AND IGNORE EXISTING KEY (SPC-4 5.13.7) ----

pr_status pr_out_operation::do_register(bool ignore_key) {
    return self_.registration ? register_again(ignore_key) : register_new();
}

pr_status pr_out_operation::register_new() {
    if (request_.service_action == action::register_key && key_ != 0)
        return conflict();
    if (action_key_ == 0)
        return {}; // nothing to unregister, and no say in APTPL either
    if (const pr_status own = enter(self_.initiator, self_.target_port, on_existing::replace); !own.good())
        return own;
    for (const std::uint16_t port : wanted_ports())
        if (const pr_status other = enter(self_.initiator, port, on_existing::replace); !other.good())
            return other;
    if ((request_.parameters[flags_at] & spec_i_pt) != 0)
        if (const pr_status listed = register_transport_ids(); !listed.good())
            return listed;
    keep_aptpl(request_.parameters[flags_at]);
    return {};
}

pr_status pr_out_operation::register_again(bool ignore_key) {
    const std::uint8_t flags = request_.parameters[flags_at];
    if ((flags & spec_i_pt) != 0)
        return invalid_in_list(flags_at, std::uint8_t{3});
    keep_aptpl(flags);
    if (action_key_ == 0) {
        unregister();
        return {};
    }
    next_.registrants[*self_.registration].key = action_key_;
    for (const std::uint16_t port : wanted_ports()) {
        // As if the command had come through each port: there, an unregistered nexus may only ignore the key.
        if (!ignore_key && !next_.find(*self_.initiator, port))
            continue;
        if (const pr_status other = enter(self_.initiator, port, on_existing::replace); !other.good())
            return other;
    }
    return {};
}

std::vector<std::uint16_t> pr_out_operation::wanted_ports() const {
    std::vector<std::uint16_t> ports{self_.target_port};
    if ((request_.parameters[flags_at] & all_tg_pt) == 0)
        return ports;
    for (const std::uint16_t port : target_ports_)
        if (std::find(ports.begin(), ports.end(), port) == ports.end())
            ports.push_back(port);
    return ports;
}

pr_status pr_out_operation::enter(const transport_id_ptr &initiator, std::uint16_t target_port, on_existing what) {
    if (const auto at = next_.find(*initiator, target_port)) {
        if (what == on_existing::replace)
            next_.registrants[*at].key = action_key_;
        return {};
    }
    if (next_.registrants.size() >= max_registrants)
        return illegal(0x55, 0x04); // INSUFFICIENT REGISTRATION RESOURCES
    next_.registrants.push_back({initiator, target_port, false, action_key_});
    return {};
}

// The list of TransportIDs behind the parameters (SPC-4 table 215): all of them or none.
pr_status pr_out_operation::register_transport_ids() {
    const auto list = request_.parameters;
    constexpr std::size_t ids_at = 28;
    if (list.size() < ids_at || scst::load_be32(&list[list_size]) > list.size() - ids_at)
        return list_length_error();
    auto rest = list.subspan(ids_at, scst::load_be32(&list[list_size]));
    while (!rest.empty()) {
        const auto size = transport_id::size_at(rest);
        if (!size || *size > rest.size())
            return invalid_in_list(list_size);
        const transport_id_ptr listed = transport_id::parse(rest.first(*size));
        if (!listed || listed->protocol() != self_.initiator->protocol())
            return invalid_in_list(list_size);
        if (const pr_status entered = register_listed(listed); !entered.good())
            return entered;
        rest = rest.subspan(*size);
    }
    return {};
}

// Those that are registered already are left alone.
pr_status pr_out_operation::register_listed(const transport_id_ptr &listed) {
    const auto ports = wanted_ports();
    for (const transport_id_ptr &initiator : initiators_of(listed))
        for (const std::uint16_t port : ports)
            if (const pr_status entered = enter(initiator, port, on_existing::keep); !entered.good())
                return entered;
    return {};
}

// An iSCSI name without ISID stands for all ports of the device that are logged in; while there is none, for itself.
std::vector<transport_id_ptr> pr_out_operation::initiators_of(const transport_id_ptr &listed) const {
    if (!listed->is_wildcard())
        return {listed};
    const bool any_port = (request_.parameters[flags_at] & all_tg_pt) != 0;
    std::vector<std::pair<nexus_number, transport_id_ptr>> known;
    for (const auto &[number, live] : owner_.nexuses_)
        if (live.initiator->matches(*listed) && (any_port || live.target_port == self_.target_port))
            known.emplace_back(number, live.initiator);
    std::sort(known.begin(), known.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
    std::vector<transport_id_ptr> initiators;
    for (auto &one : known)
        initiators.push_back(std::move(one.second));
    if (initiators.empty())
        initiators.push_back(listed);
    return initiators;
}

void pr_out_operation::unregister() {
    const bool everywhere = (request_.parameters[flags_at] & all_tg_pt) != 0;
    std::vector<bool> victims(before_.registrants.size());
    for (std::size_t i = 0; i < victims.size(); ++i)
        victims[i] =
            i == self_.registration || (everywhere && before_.registrants[i].initiator->matches(*self_.initiator));
    const auto reservation = before_.reservation;
    remove(victims);
    // SPC-4 5.13.11.1.3: whom a registrants only reservation let in is told that it has ended.
    if (!reservation || next_.reservation || !admits_registrants(*reservation))
        return;
    for (std::size_t i = 0; i < victims.size(); ++i)
        if (!victims[i])
            attention(i, reservations_released);
}

// ---- RESERVE, RELEASE, CLEAR (SPC-4 5.13.9 to 5.13.11) ----

pr_status pr_out_operation::reserve() {
    const auto type = pr_type_from(request_.type);
    if (!type)
        return invalid_in_cdb(2, 0);
    if (!before_.reservation) {
        take_over(*type);
        return {};
    }
    const bool holds = before_.is_holder(before_.registrants[*self_.registration]);
    return holds && *before_.reservation == *type ? pr_status{} : conflict();
}

pr_status pr_out_operation::release() {
    if (!before_.reservation || !before_.is_holder(before_.registrants[*self_.registration]))
        return {};
    if (pr_type_from(request_.type) != before_.reservation)
        return illegal(0x26, 0x04); // INVALID RELEASE OF PERSISTENT RESERVATION
    next_.reservation.reset();
    next_.registrants[*self_.registration].holder = false;
    if (admits_registrants(*before_.reservation))
        attention_all_others(reservations_released);
    return {};
}

void pr_out_operation::clear() {
    attention_all_others(reservations_preempted);
    next_.registrants.clear();
    next_.reservation.reset();
}

// ---- PREEMPT, PREEMPT AND ABORT (SPC-4 5.13.11.2) ----

pr_status pr_out_operation::preempt(bool abort) {
    const auto type = pr_type_from(request_.type);
    if (!type)
        return invalid_in_cdb(2, 0);
    const bool everyone = before_.reservation && is_all_registrants(*before_.reservation) && action_key_ == 0;
    std::vector<bool> victims(before_.registrants.size());
    bool found = everyone;
    bool holder_named = everyone;
    for (std::size_t i = 0; i < victims.size(); ++i) {
        const registrant &one = before_.registrants[i];
        const bool named = everyone || one.key == action_key_;
        found = found || named;
        holder_named = holder_named || (named && one.holder);
        // The requester stays, also when it names its own key: it is the one that goes on using the logical unit.
        victims[i] = named && i != self_.registration;
    }
    if (action_key_ == 0 && before_.reservation && !everyone)
        return invalid_in_list(8);
    if (!found)
        return conflict();
    preempt_all(victims, abort);
    if (holder_named) {
        if (*before_.reservation != *type)
            for (std::size_t i = 0; i < victims.size(); ++i)
                if (!victims[i] && i != self_.registration)
                    attention(i, reservations_released);
        take_over(*type);
    }
    return {};
}

void pr_out_operation::preempt_all(const std::vector<bool> &victims, bool abort_commands) {
    for (std::size_t i = 0; i < victims.size(); ++i) {
        if (!victims[i])
            continue;
        attention(i, registrations_preempted);
        if (abort_commands)
            abort(i);
    }
    remove(victims);
}

void pr_out_operation::take_over(pr_type type) {
    for (registrant &one : next_.registrants)
        one.holder = false;
    next_.reservation = type;
    if (!is_all_registrants(type))
        if (const auto self = next_.find(*self_.initiator, self_.target_port))
            next_.registrants[*self].holder = true;
}

// ---- REGISTER AND MOVE (SPC-4 5.13.8, 6.16.4) ----

pr_status pr_out_operation::check_move() const {
    const auto list = request_.parameters;
    const std::size_t id_size = scst::load_be32(&list[20]);
    if (id_size < transport_id::min_size || id_size > transport_id::max_size)
        return invalid_in_list(20);
    if (id_size > list.size() - list_size)
        return illegal(0x26, 0x00);
    if (!before_.reservation)
        return illegal(0x24, 0x00);
    if (!before_.is_holder(before_.registrants[*self_.registration]) || is_all_registrants(*before_.reservation))
        return conflict();
    return action_key_ == 0 ? invalid_in_list(8) : pr_status{};
}

pr_status pr_out_operation::move() {
    if (const pr_status checked = check_move(); !checked.good())
        return checked;
    const auto list = request_.parameters;
    const transport_id_ptr initiator = transport_id::parse(list.subspan(list_size, scst::load_be32(&list[20])));
    // A reservation has one holder: a name that may stand for several ports can't be it.
    if (!initiator || initiator->is_wildcard())
        return invalid_in_list(list_size);
    const std::uint16_t target_port = scst::load_be16(&list[18]);
    // The requester's own registration, which may be that of its whole device, can't be the new holder.
    if (before_.find(*initiator, target_port) == self_.registration)
        return invalid_in_list(list_size);
    return move_to(initiator, target_port);
}

pr_status pr_out_operation::move_to(const transport_id_ptr &initiator, std::uint16_t target_port) {
    if (const pr_status entered = enter(initiator, target_port, on_existing::replace); !entered.good())
        return entered;
    const std::uint8_t flags = request_.parameters[move_flags_at];
    next_.registrants[*self_.registration].holder = false;
    next_.registrants[*next_.find(*initiator, target_port)].holder = true;
    if ((flags & move_unregister) != 0) {
        std::vector<bool> victims(next_.registrants.size());
        victims[*self_.registration] = true;
        remove(victims);
    }
    keep_aptpl(flags);
    return {};
}

} // namespace scstd::reservation
