// SPDX-License-Identifier: Apache-2.0
// persistent_reservations: PERSISTENT RESERVE IN and OUT of one logical unit (SPC-4 5.13, 6.15, 6.16).
//
// Owned by the device; every call needs the device's mutex. Pure logic: it does no I/O, knows no command and no
// session, and answers with what its caller has to do. A PERSISTENT RESERVE OUT runs in two steps, so that a state that
// has to survive power loss is on disk before it counts:
//     outcome = prepare_out(...)       mutex held; nothing has changed yet
//     outcome.persist                  save or remove the file, on a worker, mutex not held; failed: drop the outcome
//     commit(outcome)                  mutex held; now it is done, then queue outcome.attentions, abort, refresh gates
// The caller runs one such command at a time per logical unit.
#pragma once

#include "base/result.hpp"
#include "reservation/pr_state.hpp"

#include <scst/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace scstd::reservation {

// Names a live I_T_L nexus. The caller chooses the numbers and never uses one again while the daemon runs; 0 is none.
using nexus_number = std::uint64_t;

// Which commands of a nexus pass (SPC-4 tables 66, 67): bits of the opcode table decide.
enum class access_rule : std::uint8_t {
    all,             // everything
    write_exclusive, // only commands allowed next to a Write Exclusive reservation (WX)
    exclusive,       // only commands allowed next to an Exclusive Access reservation (XA)
};

// Which field of the CDB or of the parameter list is wrong (SPC-4 4.5.2.4.2).
struct field_pointer {
    bool in_cdb = false;
    std::uint16_t byte = 0;
    std::optional<std::uint8_t> bit;
};

// Status and, for CHECK CONDITION, what the sense data say.
struct pr_status {
    std::uint8_t status = SCST_STATUS_GOOD; // GOOD, RESERVATION CONFLICT or CHECK CONDITION
    std::uint8_t key = 0;
    std::uint8_t asc = 0;
    std::uint8_t ascq = 0;
    std::optional<field_pointer> field;

    [[nodiscard]] bool good() const noexcept { return status == SCST_STATUS_GOOD; }
};

// PERSISTENT RESERVE OUT as received. `parameters` are the bytes of the parameter list that arrived.
struct pr_out_request {
    std::uint8_t service_action = 0;
    std::uint8_t scope = 0;
    std::uint8_t type = 0;
    std::span<const std::uint8_t> parameters;

    // `cdb` has at least 10 bytes.
    [[nodiscard]] static pr_out_request from_cdb(std::span<const std::uint8_t> cdb,
                                                 std::span<const std::uint8_t> parameters) noexcept;
};

struct pr_attention {
    nexus_number nexus = 0;
    std::uint8_t asc = 0;
    std::uint8_t ascq = 0;
    friend bool operator==(const pr_attention &, const pr_attention &) = default;
};

// A unit attention for an initiator port that has no nexus at the moment.
struct missed_attention {
    transport_id_ptr initiator;
    std::uint16_t target_port = 0;
    std::uint8_t asc = 0;
    std::uint8_t ascq = 0;
};

enum class pr_persist : std::uint8_t {
    nothing, // the file is right as it is
    save,    // write `next`
    remove,  // remove the file
};

struct pr_outcome {
    pr_status answer;            // when not good, all the rest is empty
    bool changed = false;        // commit() has something to do
    bool access_changed = false; // rules of nexuses may be different after commit()
    pr_persist persist = pr_persist::nothing;
    pr_state next;                        // the state after commit(), when changed
    std::vector<pr_attention> attentions; // to queue after commit(), never for the requester
    std::vector<nexus_number> aborts;     // PREEMPT AND ABORT: abort all commands of these nexuses
    std::vector<missed_attention> missed; // for registrants without a nexus; kept by commit()
    std::uint64_t based_on = 0;           // which state it was made from
};

struct pr_in_response {
    pr_status answer;
    std::vector<std::uint8_t> data; // at most ALLOCATION LENGTH bytes
};

class persistent_reservations {
  public:
    // ---- nexuses come and go ----

    // A nexus has begun. `transport_id` empty: its transport has none. Returns false, and takes nothing in, when the
    // nexus must not see the logical unit: it has no (usable) TransportID while registrations exist. Several nexuses
    // may have the same identity: one session that sees the logical unit as two LUNs.
    [[nodiscard]] bool bind(nexus_number nexus, std::span<const std::uint8_t> transport_id, std::uint16_t target_port);
    // It has ended; its registration stays. Unknown ones are ignored.
    void unbind(nexus_number nexus) noexcept;
    // Unit attentions that the initiator port of `nexus` earned while no nexus of it was there; each is told once.
    [[nodiscard]] std::vector<pr_attention> take_missed(nexus_number nexus);

    // ---- access ----

    [[nodiscard]] access_rule rule_for(nexus_number nexus) const noexcept;
    [[nodiscard]] bool is_registered(nexus_number nexus) const noexcept;
    [[nodiscard]] bool is_holder(nexus_number nexus) const noexcept;
    [[nodiscard]] bool has_registrants() const noexcept { return !state_.registrants.empty(); }
    [[nodiscard]] bool is_reserved() const noexcept { return state_.reservation.has_value(); }
    // Every nexus there is has a TransportID; otherwise both commands are INVALID COMMAND OPERATION CODE.
    [[nodiscard]] bool is_supported() const noexcept { return nameless_ == 0; }

    // ---- commands; the caller has already refused them under an SPC-2 reservation ----

    // `target_ports`: relative identifiers of all target ports of the requester's transport through which the logical
    // unit can be reached, with the remote ones of its device group (ALL_TG_PT).
    [[nodiscard]] pr_outcome prepare_out(nexus_number nexus, const pr_out_request &request,
                                         std::span<const std::uint16_t> target_ports) const;
    // Makes the outcome real. False, and nothing is done, when the state is not the one it was made from.
    [[nodiscard]] bool commit(pr_outcome &&outcome);
    [[nodiscard]] pr_in_response pr_in(nexus_number nexus, std::uint8_t service_action,
                                       std::size_t allocation_length) const;

    // ---- management ----

    [[nodiscard]] const pr_state &state() const noexcept { return state_; }
    // The state read from the file at start.
    void load(pr_state state);
    // pr_state text (see pr_text.hpp). To be carried through like prepare_out(); the device is not in use. EINVAL.
    [[nodiscard]] result<pr_outcome> prepare_restore(std::string_view text) const;
    [[nodiscard]] std::string to_text() const;

  private:
    friend class pr_out_operation;

    struct live_nexus {
        transport_id_ptr initiator; // null: its transport has no TransportID
        std::uint16_t target_port = 0;
        std::optional<std::size_t> registration; // index into state_.registrants
    };

    [[nodiscard]] const live_nexus *find(nexus_number nexus) const noexcept;
    void link_nexuses();
    void remember(const missed_attention &one);

    pr_state state_;
    std::uint64_t version_ = 0; // counts the states
    std::unordered_map<nexus_number, live_nexus> nexuses_;
    std::size_t nameless_ = 0; // nexuses without a TransportID
    std::vector<missed_attention> missed_;
};

} // namespace scstd::reservation
