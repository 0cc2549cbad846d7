// SPDX-License-Identifier: Apache-2.0
#include "text/session_keys.hpp"

#include "text/key_value.hpp"

#include <scst/text.hpp>

namespace scstd::iscsi {
namespace {

using enum key_rule;
constexpr std::uint32_t yes = 1;
constexpr std::uint32_t no = 0;

// The order is that of session_key. Data*InOrder: the target offers No, as SCST does, and so leaves it to the
// initiator.
constexpr std::array<key_row, session_key_count> table{{
    {session_key::initial_r2t, "InitialR2T", boolean_or, yes, no, 0, 1, true, true},
    {session_key::immediate_data, "ImmediateData", boolean_and, yes, yes, 0, 1, true, true},
    {session_key::max_connections, "MaxConnections", minimum, 1, 1, 1, 1, false, false},
    {session_key::max_recv_data_segment_length, "MaxRecvDataSegmentLength", declared, 8192, max_segment, 512,
     max_segment, true, true},
    {session_key::max_xmit_data_segment_length, "MaxXmitDataSegmentLength", internal, 8192, max_segment, 512,
     max_segment, true, true},
    {session_key::max_burst_length, "MaxBurstLength", minimum, 262144, max_segment, 512, max_segment, true, true},
    {session_key::first_burst_length, "FirstBurstLength", minimum, 65536, 65536, 512, max_segment, true, true},
    {session_key::default_time2wait, "DefaultTime2Wait", maximum, 2, 0, 0, 0, false, false},
    {session_key::default_time2retain, "DefaultTime2Retain", minimum, 20, 0, 0, 0, false, false},
    {session_key::max_outstanding_r2t, "MaxOutstandingR2T", minimum, 1, 32, 1, 65535, true, true},
    {session_key::data_pdu_in_order, "DataPDUInOrder", boolean_or, yes, no, 0, 1, false, false},
    {session_key::data_sequence_in_order, "DataSequenceInOrder", boolean_or, yes, no, 0, 1, false, false},
    {session_key::error_recovery_level, "ErrorRecoveryLevel", minimum, 0, 0, 0, 0, false, false},
    {session_key::header_digest, "HeaderDigest", digest, digest_none, digest_none, 1, 3, true, true},
    {session_key::data_digest, "DataDigest", digest, digest_none, digest_none, 1, 3, true, true},
    {session_key::of_marker, "OFMarker", boolean_and, no, no, 0, 0, false, false},
    {session_key::if_marker, "IFMarker", boolean_and, no, no, 0, 0, false, false},
    {session_key::of_mark_int, "OFMarkInt", marker_length, 2048, 2048, 1, 65535, false, false},
    {session_key::if_mark_int, "IFMarkInt", marker_length, 2048, 2048, 1, 65535, false, false},
    {session_key::rdma_extensions, "RDMAExtensions", boolean_and, no, no, 0, 0, true, false},
    {session_key::task_reporting, "TaskReporting", task_list, 0, 0, 0, 0, false, false},
    {session_key::iscsi_protocol_level, "iSCSIProtocolLevel", minimum, 1, 2, 0, 31, false, false},
}};

constexpr bool in_order() noexcept {
    for (std::size_t i = 0; i < table.size(); ++i)
        if (static_cast<std::size_t>(table[i].key) != i)
            return false;
    return true;
}
static_assert(in_order());

bool is_boolean(key_rule rule) noexcept {
    return rule == boolean_or || rule == boolean_and;
}

} // namespace

const std::array<key_row, session_key_count> &key_table() noexcept {
    return table;
}

const key_row &row_of(session_key key) noexcept {
    return table[static_cast<std::size_t>(key)];
}

const key_row *find_row(std::string_view name) noexcept {
    for (const key_row &row : table)
        if (equal_ignoring_case(row.name, name))
            return &row;
    return nullptr;
}

key_values our_defaults() noexcept {
    key_values values{};
    for (std::size_t i = 0; i < table.size(); ++i)
        values[i] = table[i].ours;
    return values;
}

key_values rfc_defaults() noexcept {
    key_values values{};
    for (std::size_t i = 0; i < table.size(); ++i)
        values[i] = table[i].rfc_default;
    return values;
}

std::string key_text(const key_row &row, std::uint32_t value, std::string_view separator) {
    if (is_boolean(row.rule))
        return value != 0 ? "Yes" : "No";
    if (row.rule == task_list)
        return "RFC3720";
    if (row.rule != digest)
        return std::to_string(value);
    std::string text;
    if ((value & digest_none) != 0)
        text = "None";
    if ((value & digest_crc32c) != 0)
        text.append(text.empty() ? std::string_view{} : separator).append("CRC32C");
    return text;
}

std::optional<std::uint32_t> parse_digests(std::string_view list) noexcept {
    std::uint32_t set = 0;
    const bool unknown = any_of_list(list, [&](std::string_view word) {
        if (equal_ignoring_case(word, "None"))
            set |= digest_none;
        else if (equal_ignoring_case(word, "CRC32C"))
            set |= digest_crc32c;
        else
            return true;
        return false;
    });
    if (unknown)
        return std::nullopt;
    return set;
}

std::optional<std::uint32_t> parse_configured(const key_row &row, std::string_view text) noexcept {
    if (text == ":default:")
        return row.ours;
    if (is_boolean(row.rule)) {
        if (text != "Yes" && text != "No")
            return std::nullopt;
        return text == "Yes" ? 1 : 0;
    }
    if (row.rule == digest)
        return parse_digests(text);
    std::uint64_t number = 0;
    if (scst::parse_unsigned_in(text, row.minimum, row.maximum, number) != 0)
        return std::nullopt;
    return static_cast<std::uint32_t>(number);
}

} // namespace scstd::iscsi
