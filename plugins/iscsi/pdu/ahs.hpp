// SPDX-License-Identifier: Apache-2.0
// ahs: the additional header segments between header and data (RFC 7143 11.2.2). One walker for all, which never reads
// past what was received and believes no length before it was compared. Pure function, any thread.
#pragma once

#include <cstdint>
#include <span>

namespace scstd::iscsi {

struct ahs_content {
    bool valid = true;                      // false: the segments contradict their total length
    std::span<const std::uint8_t> long_cdb; // what follows the 16 CDB bytes of the header
    bool has_bidirectional_length = false;  // the read length of a bidirectional command
    std::uint32_t bidirectional_length = 0;
};

[[nodiscard]] ahs_content parse_ahs(std::span<const std::uint8_t> bytes) noexcept;

} // namespace scstd::iscsi
