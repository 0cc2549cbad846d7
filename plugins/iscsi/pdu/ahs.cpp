// SPDX-License-Identifier: Apache-2.0
#include "pdu/ahs.hpp"

#include "pdu/bhs.hpp"

#include <scst/bytes.hpp>

namespace scstd::iscsi {
namespace {

constexpr std::uint8_t type_extended_cdb = 1;
constexpr std::uint8_t type_bidirectional_length = 2;
constexpr std::size_t header_size = 3; // AHSLength and AHSType

} // namespace

ahs_content parse_ahs(std::span<const std::uint8_t> bytes) noexcept {
    ahs_content content;
    scst::byte_reader reader{bytes};
    while (content.valid && reader.remaining() >= header_size) {
        const std::uint16_t length = reader.u16(); // of what follows AHSType, RFC 7143 11.2.2.2
        const std::uint8_t type = reader.u8() & 0x3f;
        const auto body = reader.bytes(length);
        if (!reader.ok() || length == 0) {
            content.valid = false;
            break;
        }
        if (type == type_extended_cdb) { // one reserved byte, then the CDB's rest
            content.valid = content.long_cdb.empty();
            content.long_cdb = body.subspan(1);
        } else if (type == type_bidirectional_length) {
            content.valid = length == 5 && !content.has_bidirectional_length;
            content.has_bidirectional_length = true;
            if (content.valid)
                content.bidirectional_length = scst::load_be32(body.data() + 1);
        }
        const auto used = static_cast<std::uint32_t>(header_size + length);
        const std::size_t padding = padding_of(used);
        reader.skip(padding < reader.remaining() ? padding : reader.remaining());
    }
    return content;
}

} // namespace scstd::iscsi
