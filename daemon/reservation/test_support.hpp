// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: TransportIDs, parameter lists, and a logical unit to send commands to.
#pragma once

#include "reservation/persistent_reservations.hpp"

#include <scst/bytes.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::reservation::test {

using bytes = std::vector<std::uint8_t>;

// `isid` empty: the name only, a wildcard.
inline bytes iscsi_id(std::string_view name, std::string_view isid) {
    std::string text{name};
    if (!isid.empty())
        text.append(",i,0x").append(isid);
    bytes id(std::max<std::size_t>(24, (4 + text.size() + 1 + 3) / 4 * 4));
    id[0] = isid.empty() ? 0x05 : 0x45;
    std::copy(text.begin(), text.end(), id.begin() + 4);
    scst::store_be16(&id[2], static_cast<std::uint16_t>(id.size() - 4));
    return id;
}

inline bytes sas_id(std::uint64_t address) {
    bytes id(24);
    id[0] = 0x06;
    scst::store_be64(&id[4], address);
    return id;
}

inline constexpr std::uint8_t aptpl = 1;
inline constexpr std::uint8_t all_tg_pt = 4;
inline constexpr std::uint8_t spec_i_pt = 8;

inline bytes parameter_list(std::uint64_t key, std::uint64_t action_key, std::uint8_t flags = 0) {
    bytes list(24);
    scst::store_be64(&list[0], key);
    scst::store_be64(&list[8], action_key);
    list[20] = flags;
    return list;
}

inline bytes with_ids(bytes list, const std::vector<bytes> &ids) {
    bytes all;
    for (const bytes &id : ids)
        all.insert(all.end(), id.begin(), id.end());
    list.resize(28);
    scst::store_be32(&list[24], static_cast<std::uint32_t>(all.size()));
    list.insert(list.end(), all.begin(), all.end());
    return list;
}

inline bytes move_list(std::uint64_t key, std::uint64_t action_key, std::uint16_t port, const bytes &id,
                       std::uint8_t flags = 0) {
    bytes list(24);
    scst::store_be64(&list[0], key);
    scst::store_be64(&list[8], action_key);
    list[17] = flags;
    scst::store_be16(&list[18], port);
    scst::store_be32(&list[20], static_cast<std::uint32_t>(id.size()));
    list.insert(list.end(), id.begin(), id.end());
    return list;
}

// Three initiators a, b, c on port 1 are nexuses 1, 2, 3; a on port 2 is nexus 4.
struct logical_unit {
    persistent_reservations pr;
    std::vector<std::uint16_t> ports{1, 2};

    logical_unit() {
        add(1, id('a'), 1);
        add(2, id('b'), 1);
        add(3, id('c'), 1);
        add(4, id('a'), 2);
    }

    static bytes id(char who) { return iscsi_id(std::string{"iqn.2026-01.org.example:host-"} + who, "00023d000001"); }
    void add(nexus_number nexus, const bytes &transport_id, std::uint16_t port) {
        if (!pr.bind(nexus, transport_id, port))
            throw std::logic_error{"a nexus was not admitted"};
    }

    pr_outcome send(nexus_number nexus, std::uint8_t action, std::uint8_t type, const bytes &list,
                    std::uint8_t scope = 0) {
        pr_out_request request;
        request.service_action = action;
        request.scope = scope;
        request.type = type;
        request.parameters = list;
        pr_outcome outcome = pr.prepare_out(nexus, request, ports);
        pr_outcome copy = outcome;
        if (outcome.answer.good() && !pr.commit(std::move(outcome)))
            throw std::logic_error{"an outcome was out of date"};
        return copy;
    }
    pr_outcome enroll(nexus_number nexus, std::uint64_t key, std::uint8_t flags = 0) {
        return send(nexus, 0, 0, parameter_list(0, key, flags));
    }
    pr_outcome reserve(nexus_number nexus, std::uint64_t key, std::uint8_t type) {
        return send(nexus, 1, type, parameter_list(key, 0));
    }

    [[nodiscard]] std::vector<std::uint64_t> keys() const {
        std::vector<std::uint64_t> all;
        for (const registrant &one : pr.state().registrants)
            all.push_back(one.key);
        return all;
    }
};

inline bool is_conflict(const pr_outcome &outcome) {
    return outcome.answer.status == SCST_STATUS_RESERVATION_CONFLICT;
}
inline bool is_illegal(const pr_outcome &outcome, std::uint8_t asc, std::uint8_t ascq) {
    return outcome.answer.status == SCST_STATUS_CHECK_CONDITION && outcome.answer.key == SCST_SENSE_ILLEGAL_REQUEST &&
           outcome.answer.asc == asc && outcome.answer.ascq == ascq;
}
inline bool points_at(const pr_outcome &outcome, bool in_cdb, std::uint16_t byte) {
    return outcome.answer.field && outcome.answer.field->in_cdb == in_cdb && outcome.answer.field->byte == byte;
}

} // namespace scstd::reservation::test
