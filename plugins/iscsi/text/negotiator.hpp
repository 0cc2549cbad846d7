// SPDX-License-Identifier: Apache-2.0
// negotiator: the operational keys of one login (RFC 7143 6.2): takes what the initiator offers, says what to answer,
// and holds what was agreed. Belongs to one login; one thread at a time.
//
// As SCST does: numbers out of range are moved into it, a key that was answered is not answered again, and the target
// proposes nothing by itself, so that a key the initiator never mentions takes its RFC default.
#pragma once

#include "text/session_keys.hpp"

#include <array>
#include <string>
#include <string_view>

namespace scstd::iscsi {

class negotiator {
  public:
    explicit negotiator(const key_values &ours) noexcept : ours_{ours}, agreed_{rfc_defaults()} {}

    enum class outcome : std::uint8_t {
        answered,   // something may have been appended to the answer
        unknown,    // no key of the table: the caller answers NotUnderstood
        unworkable, // the login can't go on (RDMAExtensions=Yes over TCP)
    };
    outcome offer(std::string_view key, std::string_view value, std::string &answer);

    // What the target has to say by itself at the end of an operational response: its own MaxRecvDataSegmentLength,
    // once, after the initiator declared its own.
    void declare(std::string &answer);

    // What holds for the session: agreed values and defaults, consistent with each other.
    [[nodiscard]] key_values result() const noexcept;

  private:
    void offer_boolean(const key_row &row, std::string_view value, std::string &answer);
    void offer_number(const key_row &row, std::string_view value, std::string &answer);
    void offer_digest(const key_row &row, std::string_view value, std::string &answer);
    void offer_segment_length(std::string_view value, std::string &answer);
    void offer_marker_length(const key_row &row, std::string &answer);
    void offer_task_reporting(const key_row &row, std::string_view value, std::string &answer);
    void agree(const key_row &row, std::uint32_t value, std::string &answer);
    [[nodiscard]] bool settled(session_key key) const noexcept { return settled_[static_cast<std::size_t>(key)]; }

    key_values ours_;
    key_values agreed_;
    std::array<bool, session_key_count> settled_{};
    bool declared_ = false;
};

} // namespace scstd::iscsi
