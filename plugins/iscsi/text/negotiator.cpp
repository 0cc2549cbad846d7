// SPDX-License-Identifier: Apache-2.0
#include "text/negotiator.hpp"

#include "text/key_value.hpp"

#include <scst/text.hpp>

#include <algorithm>

namespace scstd::iscsi {
namespace {

constexpr std::string_view reject = "Reject";

// A number as RFC 7143 6.1 writes it: decimal or 0x hexadecimal. Too large ones count as the largest.
bool parse_wire_number(std::string_view text, std::uint64_t &value) noexcept {
    while (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9')
        text.remove_prefix(1); // leading zeros do not make it octal here
    const int error = scst::parse_unsigned(text, value);
    if (error == ERANGE)
        value = UINT64_MAX;
    return error == 0 || error == ERANGE;
}

} // namespace

negotiator::outcome negotiator::offer(std::string_view key, std::string_view value, std::string &answer) {
    const key_row *row = find_row(key);
    if (row == nullptr || row->rule == key_rule::internal)
        return outcome::unknown;
    if (settled(row->key))
        return outcome::answered;
    if (row->key == session_key::rdma_extensions && value == "Yes")
        return outcome::unworkable; // RFC 7145 6.3: iSER can't be had on this connection
    switch (row->rule) {
    case key_rule::boolean_or:
    case key_rule::boolean_and:
        offer_boolean(*row, value, answer);
        break;
    case key_rule::minimum:
    case key_rule::maximum:
        offer_number(*row, value, answer);
        break;
    case key_rule::declared:
        offer_segment_length(value, answer);
        break;
    case key_rule::digest:
        offer_digest(*row, value, answer);
        break;
    case key_rule::marker_length:
        offer_marker_length(*row, answer);
        break;
    case key_rule::task_list:
        offer_task_reporting(*row, value, answer);
        break;
    case key_rule::internal:
        break;
    }
    return outcome::answered;
}

void negotiator::agree(const key_row &row, std::uint32_t value, std::string &answer) {
    value_of(agreed_, row.key) = value;
    settled_[static_cast<std::size_t>(row.key)] = true;
    append_pair(answer, row.name, key_text(row, value));
}

void negotiator::offer_boolean(const key_row &row, std::string_view value, std::string &answer) {
    if (value != "Yes" && value != "No") {
        append_pair(answer, row.name, reject);
        return;
    }
    const bool theirs = value == "Yes";
    const bool own = value_of(ours_, row.key) != 0;
    agree(row, (row.rule == key_rule::boolean_or ? (theirs || own) : (theirs && own)) ? 1 : 0, answer);
}

void negotiator::offer_number(const key_row &row, std::string_view value, std::string &answer) {
    std::uint64_t number = 0;
    if (!parse_wire_number(value, number)) {
        append_pair(answer, row.name, reject);
        return;
    }
    const auto theirs = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(number, row.minimum, row.maximum));
    const std::uint32_t own = value_of(ours_, row.key);
    agree(row, row.rule == key_rule::minimum ? std::min(theirs, own) : std::max(theirs, own), answer);
}

void negotiator::offer_digest(const key_row &row, std::string_view value, std::string &answer) {
    const auto theirs = parse_digests(value);
    const std::uint32_t own = value_of(ours_, row.key);
    if (!theirs) {
        append_pair(answer, row.name, reject);
        return;
    }
    // The initiator's order decides (RFC 7143 6.2.1); without a common word None is answered, as SCST does.
    std::uint32_t chosen = digest_none;
    any_of_list(value, [&](std::string_view word) {
        const std::uint32_t one = equal_ignoring_case(word, "CRC32C") ? digest_crc32c : digest_none;
        if ((one & own) == 0)
            return false;
        chosen = one;
        return true;
    });
    agree(row, chosen, answer);
}

void negotiator::offer_segment_length(std::string_view value, std::string &answer) {
    const key_row &row = row_of(session_key::max_xmit_data_segment_length);
    std::uint64_t number = 0;
    if (!parse_wire_number(value, number)) {
        append_pair(answer, row_of(session_key::max_recv_data_segment_length).name, reject);
        return;
    }
    const auto theirs = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(number, row.minimum, row.maximum));
    value_of(agreed_, row.key) = std::min(theirs, value_of(ours_, row.key));
    settled_[static_cast<std::size_t>(session_key::max_recv_data_segment_length)] = true;
}

void negotiator::declare(std::string &answer) {
    constexpr session_key key = session_key::max_recv_data_segment_length;
    if (declared_ || !settled(key))
        return;
    declared_ = true;
    value_of(agreed_, key) = value_of(ours_, key);
    append_pair(answer, row_of(key).name, key_text(row_of(key), value_of(ours_, key)));
}

void negotiator::offer_marker_length(const key_row &row, std::string &answer) {
    settled_[static_cast<std::size_t>(row.key)] = true;
    append_pair(answer, row.name, reject); // markers are obsolete (RFC 7143 13.25)
}

void negotiator::offer_task_reporting(const key_row &row, std::string_view value, std::string &answer) {
    const bool known = any_of_list(value, [](std::string_view word) { return word == "RFC3720"; });
    if (known)
        agree(row, 0, answer);
    else
        append_pair(answer, row.name, reject);
}

key_values negotiator::result() const noexcept {
    key_values values = agreed_;
    std::uint32_t &first = value_of(values, session_key::first_burst_length);
    first = std::min(first, value_of(values, session_key::max_burst_length)); // RFC 7143 13.14
    return values;
}

} // namespace scstd::iscsi
