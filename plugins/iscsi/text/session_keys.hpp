// SPDX-License-Identifier: Apache-2.0
// session_keys: the operational keys of a session as one table: names, how they are negotiated, RFC 7143 defaults,
// SCST's own values and ranges (RFC 7143 13, RFC 7144 3). The table serves negotiation, target attributes and session
// attributes. Constant data and pure functions, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace scstd::iscsi {

enum class session_key : std::uint8_t {
    initial_r2t,
    immediate_data,
    max_connections,
    max_recv_data_segment_length, // ours: what we declare
    max_xmit_data_segment_length, // theirs: the initiator's MaxRecvDataSegmentLength, limited by our own value
    max_burst_length,
    first_burst_length,
    default_time2wait,
    default_time2retain,
    max_outstanding_r2t,
    data_pdu_in_order,
    data_sequence_in_order,
    error_recovery_level,
    header_digest,
    data_digest,
    of_marker,
    if_marker,
    of_mark_int,
    if_mark_int,
    rdma_extensions,
    task_reporting,
    iscsi_protocol_level,
};
inline constexpr std::size_t session_key_count = 22;

// How the two sides' values become one.
enum class key_rule : std::uint8_t {
    boolean_or,
    boolean_and,
    minimum,
    maximum,
    declared,      // each side says its own (MaxRecvDataSegmentLength)
    internal,      // never on the wire
    digest,        // a list of None and CRC32C
    marker_length, // obsolete; answered Irrelevant or Reject
    task_list,     // TaskReporting
};

// Digest values are sets.
inline constexpr std::uint32_t digest_none = 1;
inline constexpr std::uint32_t digest_crc32c = 2;

struct key_row {
    session_key key;
    std::string_view name;
    key_rule rule;
    std::uint32_t rfc_default;
    std::uint32_t ours; // what a new target brings
    std::uint32_t minimum;
    std::uint32_t maximum;
    bool configurable; // an attribute of the target
    bool shown;        // an attribute of the session
};

inline constexpr std::uint32_t max_segment = 1048576; // the most we ever receive or send in one data segment

using key_values = std::array<std::uint32_t, session_key_count>;

[[nodiscard]] const std::array<key_row, session_key_count> &key_table() noexcept;
[[nodiscard]] const key_row &row_of(session_key key) noexcept;
[[nodiscard]] const key_row *find_row(std::string_view name) noexcept; // without case
[[nodiscard]] key_values our_defaults() noexcept;
[[nodiscard]] key_values rfc_defaults() noexcept;

constexpr std::uint32_t value_of(const key_values &values, session_key key) noexcept {
    return values[static_cast<std::size_t>(key)];
}
constexpr std::uint32_t &value_of(key_values &values, session_key key) noexcept {
    return values[static_cast<std::size_t>(key)];
}

// A value as text: "Yes", "65536", "None,CRC32C" (`separator` between words).
[[nodiscard]] std::string key_text(const key_row &row, std::uint32_t value, std::string_view separator = ",");

// What an administrator writes: exact "Yes"/"No", a number in range, a digest list, or ":default:". Nothing when
// refused.
[[nodiscard]] std::optional<std::uint32_t> parse_configured(const key_row &row, std::string_view text) noexcept;

// A digest list on the wire; nothing when a word is unknown.
[[nodiscard]] std::optional<std::uint32_t> parse_digests(std::string_view list) noexcept;

} // namespace scstd::iscsi
