// SPDX-License-Identifier: Apache-2.0
// pr_state: all that persistent reservations of one logical unit are (SPC-4 5.13): registrants, the reservation, the
// generation and whether it survives power loss.
//
// A plain value. Copies share the immutable TransportIDs, so that a copy may go to another thread to be saved.
#pragma once

#include "base/result.hpp"
#include "reservation/transport_id.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace scstd::reservation {

// Registrations beyond this many are refused with INSUFFICIENT REGISTRATION RESOURCES.
inline constexpr std::size_t max_registrants = 4096;

// Reservation types (SPC-4 table 184).
enum class pr_type : std::uint8_t {
    write_exclusive = 1,
    exclusive_access = 3,
    write_exclusive_registrants = 5,
    exclusive_access_registrants = 6,
    write_exclusive_all = 7,
    exclusive_access_all = 8,
};

[[nodiscard]] std::optional<pr_type> pr_type_from(std::uint8_t code) noexcept;

// Every registrant is a holder.
[[nodiscard]] constexpr bool is_all_registrants(pr_type type) noexcept {
    return type == pr_type::write_exclusive_all || type == pr_type::exclusive_access_all;
}
// Every registrant has access.
[[nodiscard]] constexpr bool admits_registrants(pr_type type) noexcept {
    return type == pr_type::write_exclusive_registrants || type == pr_type::exclusive_access_registrants ||
           is_all_registrants(type);
}
[[nodiscard]] constexpr bool is_exclusive_access(pr_type type) noexcept {
    return type == pr_type::exclusive_access || type == pr_type::exclusive_access_registrants ||
           type == pr_type::exclusive_access_all;
}

// A registered I_T nexus.
struct registrant {
    transport_id_ptr initiator; // never null
    std::uint16_t target_port = 0;
    bool holder = false; // only for types with one holder; see is_holder()
    std::uint64_t key = 0;
    friend bool operator==(const registrant &, const registrant &) = default; // the initiator: the same object
};

struct pr_state {
    std::vector<registrant> registrants; // in order of registration
    std::optional<pr_type> reservation;  // the scope is always the logical unit
    std::uint32_t generation = 0;        // PRGENERATION; lost with power
    bool aptpl = false;                  // ACTIVATE PERSIST THROUGH POWER LOSS

    [[nodiscard]] bool is_holder(const registrant &who) const noexcept {
        return reservation && (is_all_registrants(*reservation) || who.holder);
    }
    // The registration of this I_T nexus: its own, else the one of its device (a wildcard). Index, or nothing.
    [[nodiscard]] std::optional<std::size_t> find(const transport_id &initiator,
                                                  std::uint16_t target_port) const noexcept;
};

// What must hold of any state that comes from outside; also takes back holder marks where every registrant is one.
[[nodiscard]] result<> check_and_normalise(pr_state &state);

} // namespace scstd::reservation
