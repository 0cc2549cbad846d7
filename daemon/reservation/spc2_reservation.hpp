// SPDX-License-Identifier: Apache-2.0
// spc2_reservation: RESERVE(6/10) and RELEASE(6/10) of one logical unit (SPC-2 7.21, 7.26), and how they live next to
// persistent reservations (compatible reservation handling, SPC-4 5.13.3).
//
// Owned by the device; every call needs the device's mutex. Third-party reservations, extents and long ids do not
// exist: the caller refuses the CDB fields.
#pragma once

#include "reservation/persistent_reservations.hpp"

#include <cstdint>

namespace scstd::reservation {

class spc2_reservation {
  public:
    // Both return GOOD or RESERVATION CONFLICT. With persistent registrations nothing is reserved or released: the
    // answer is GOOD for whom the persistent reservation allows it, else a conflict.
    [[nodiscard]] std::uint8_t reserve(nexus_number nexus, const persistent_reservations &persistent) noexcept;
    [[nodiscard]] std::uint8_t release(nexus_number nexus, const persistent_reservations &persistent) noexcept;

    [[nodiscard]] bool is_reserved() const noexcept { return owner_ != 0; }
    [[nodiscard]] nexus_number owner() const noexcept { return owner_; }
    // Commands that are not allowed next to a reservation conflict for this nexus.
    [[nodiscard]] bool excludes(nexus_number nexus) const noexcept { return owner_ != 0 && owner_ != nexus; }
    // PERSISTENT RESERVE IN and OUT conflict, even for the owner.
    [[nodiscard]] bool excludes_persistent() const noexcept { return owner_ != 0; }

    // LOGICAL UNIT RESET, TARGET RESET. True when there was a reservation.
    bool clear() noexcept;
    // The nexus is lost. True when it was the owner.
    bool drop(nexus_number nexus) noexcept;
    // Session reinstatement: `to` takes what `from` had.
    void move(nexus_number from, nexus_number to) noexcept;

  private:
    nexus_number owner_ = 0;
};

} // namespace scstd::reservation
