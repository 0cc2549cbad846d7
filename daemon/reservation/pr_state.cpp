// SPDX-License-Identifier: Apache-2.0
#include "reservation/pr_state.hpp"

#include <algorithm>
#include <cerrno>
#include <unordered_map>

namespace scstd::reservation {

std::optional<pr_type> pr_type_from(std::uint8_t code) noexcept {
    switch (code) {
    case 1:
    case 3:
    case 5:
    case 6:
    case 7:
    case 8:
        return static_cast<pr_type>(code);
    default: // a number from outside, not an enumeration
        return std::nullopt;
    }
}

std::optional<std::size_t> pr_state::find(const transport_id &initiator, std::uint16_t target_port) const noexcept {
    std::optional<std::size_t> of_device;
    for (std::size_t i = 0; i < registrants.size(); ++i) {
        const registrant &candidate = registrants[i];
        if (candidate.target_port != target_port || candidate.initiator->match_hash() != initiator.match_hash())
            continue;
        if (candidate.initiator->equals(initiator))
            return i;
        if (!of_device && candidate.initiator->matches(initiator))
            of_device = i;
    }
    return of_device;
}

namespace {

result<> check_registrants(const pr_state &state) {
    if (state.registrants.size() > max_registrants)
        return fail(EINVAL, "{} registrants are more than {}", state.registrants.size(), max_registrants);
    std::unordered_multimap<std::uint64_t, const registrant *> seen;
    for (const registrant &one : state.registrants) {
        if (one.key == 0)
            return fail(EINVAL, "a registrant has the key 0, which means none");
        const auto [first, last] = seen.equal_range(one.initiator->match_hash());
        const bool twice = std::any_of(first, last, [&](const auto &other) {
            return other.second->target_port == one.target_port && other.second->initiator->equals(*one.initiator);
        });
        if (twice)
            return fail(EINVAL, "a registrant of target port {} is there twice", one.target_port);
        seen.emplace(one.initiator->match_hash(), &one);
    }
    return ok();
}

} // namespace

result<> check_and_normalise(pr_state &state) {
    if (auto checked = check_registrants(state); !checked)
        return checked;
    const auto marked = [](const registrant &one) { return one.holder; };
    const auto holders = std::count_if(state.registrants.begin(), state.registrants.end(), marked);
    if (!state.reservation)
        return holders == 0 ? ok() : fail(EINVAL, "a registrant holds a reservation that does not exist");
    if (is_all_registrants(*state.reservation)) {
        if (state.registrants.empty())
            return fail(EINVAL, "there is a reservation of all registrants without a registrant");
        for (registrant &one : state.registrants)
            one.holder = false;
        return ok();
    }
    if (holders != 1)
        return fail(EINVAL, "the reservation has {} holders, not one", holders);
    return ok();
}

} // namespace scstd::reservation
