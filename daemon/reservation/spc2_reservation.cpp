// SPDX-License-Identifier: Apache-2.0
#include "reservation/spc2_reservation.hpp"

namespace scstd::reservation {

namespace {

// SPC-4 5.13.3: a nexus that the persistent reservation, or the registrations alone, give full access.
std::uint8_t next_to_persistent(nexus_number nexus, const persistent_reservations &persistent) noexcept {
    const bool good = persistent.is_registered(nexus) && persistent.rule_for(nexus) == access_rule::all;
    return good ? SCST_STATUS_GOOD : SCST_STATUS_RESERVATION_CONFLICT;
}

} // namespace

std::uint8_t spc2_reservation::reserve(nexus_number nexus, const persistent_reservations &persistent) noexcept {
    if (persistent.has_registrants())
        return next_to_persistent(nexus, persistent);
    if (excludes(nexus))
        return SCST_STATUS_RESERVATION_CONFLICT;
    owner_ = nexus;
    return SCST_STATUS_GOOD;
}

std::uint8_t spc2_reservation::release(nexus_number nexus, const persistent_reservations &persistent) noexcept {
    if (persistent.has_registrants())
        return next_to_persistent(nexus, persistent);
    drop(nexus);
    return SCST_STATUS_GOOD;
}

bool spc2_reservation::clear() noexcept {
    const bool was = is_reserved();
    owner_ = 0;
    return was;
}

bool spc2_reservation::drop(nexus_number nexus) noexcept {
    return owner_ == nexus && clear();
}

void spc2_reservation::move(nexus_number from, nexus_number to) noexcept {
    if (from != 0 && owner_ == from)
        owner_ = to;
}

} // namespace scstd::reservation
