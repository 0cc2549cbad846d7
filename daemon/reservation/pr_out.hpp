// SPDX-License-Identifier: Apache-2.0
// pr_out_operation: one PERSISTENT RESERVE OUT on a copy of the state (SPC-4 5.13, 6.16). Internal to
// persistent_reservations; lives as long as prepare_out().
#pragma once

#include "reservation/persistent_reservations.hpp"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace scstd::reservation {

// Fills in what follows from the states before and after.
void finish_outcome(pr_outcome &outcome, const pr_state &before);

class pr_out_operation {
  public:
    pr_out_operation(const persistent_reservations &owner, const persistent_reservations::live_nexus &self,
                     const pr_out_request &request, std::span<const std::uint16_t> target_ports);

    [[nodiscard]] pr_outcome run() &&;

  private:
    enum class on_existing { replace, keep };

    [[nodiscard]] pr_status check();
    [[nodiscard]] pr_status check_flags() const;
    [[nodiscard]] pr_status dispatch();

    [[nodiscard]] pr_status do_register(bool ignore_key);
    [[nodiscard]] pr_status register_new();
    [[nodiscard]] pr_status register_again(bool ignore_key);
    [[nodiscard]] pr_status register_transport_ids();
    [[nodiscard]] pr_status register_listed(const transport_id_ptr &listed);
    [[nodiscard]] std::vector<transport_id_ptr> initiators_of(const transport_id_ptr &listed) const;
    void unregister();
    [[nodiscard]] pr_status reserve();
    [[nodiscard]] pr_status release();
    void clear();
    [[nodiscard]] pr_status preempt(bool abort);
    void preempt_all(const std::vector<bool> &victims, bool abort);
    void take_over(pr_type type);
    [[nodiscard]] pr_status move();
    [[nodiscard]] pr_status check_move() const;
    [[nodiscard]] pr_status move_to(const transport_id_ptr &initiator, std::uint16_t target_port);

    [[nodiscard]] std::vector<std::uint16_t> wanted_ports() const;
    [[nodiscard]] pr_status enter(const transport_id_ptr &initiator, std::uint16_t target_port, on_existing what);
    // Takes away those marked; ends the reservation with its holder.
    void remove(const std::vector<bool> &victims);
    // These take indices into the state before.
    void attention(std::size_t registration, std::uint8_t ascq);
    void abort(std::size_t registration);
    void attention_all_others(std::uint8_t ascq);
    void keep_aptpl(std::uint8_t flags) { next_.aptpl = (flags & 1) != 0; }

    const persistent_reservations &owner_;
    const pr_state &before_;
    const persistent_reservations::live_nexus &self_;
    const pr_out_request &request_;
    std::span<const std::uint16_t> target_ports_;
    std::uint64_t key_ = 0;        // RESERVATION KEY
    std::uint64_t action_key_ = 0; // SERVICE ACTION RESERVATION KEY
    // Registrations (before) and the live nexuses that have them, in order.
    std::vector<std::pair<std::size_t, nexus_number>> bound_;
    pr_outcome outcome_;
    pr_state &next_;
};

} // namespace scstd::reservation
