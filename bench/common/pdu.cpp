// SPDX-License-Identifier: Apache-2.0
// pdu: the PDUs off the fast path; see the header.
#include "pdu.hpp"

namespace scstd::bench {

using scst::store_be16;
using scst::store_be24;
using scst::store_be32;
using scst::store_be64;

std::uint64_t lun_field(std::uint32_t lun) noexcept {
    const std::uint64_t method = lun < 256 ? 0 : 0x4000U; // SAM-5 4.7.7: peripheral device, flat space
    return (method | (lun & 0x3fffU)) << 48;
}

void put_data_out(std::uint8_t *header, const data_out_fields &fields) noexcept {
    header[0] = static_cast<std::uint8_t>(opcode::data_out);
    header[1] = fields.final ? flag_final : 0;
    store_be24(header + 5, fields.length);
    store_be64(header + 8, fields.lun);
    store_be32(header + 16, fields.tag);
    store_be32(header + 20, fields.transfer_tag);
    store_be32(header + 28, fields.exp_stat_sn);
    store_be32(header + 36, fields.data_sn);
    store_be32(header + 40, fields.offset);
}

void put_ping_answer(std::uint8_t *header, std::uint64_t lun, std::uint32_t target_tag, std::uint32_t cmd_sn,
                     std::uint32_t exp_stat_sn) noexcept {
    header[0] = static_cast<std::uint8_t>(opcode::nop_out) | flag_immediate;
    header[1] = flag_final;
    store_be64(header + 8, lun);
    store_be32(header + 16, reserved_tag);
    store_be32(header + 20, target_tag);
    store_be32(header + 24, cmd_sn);
    store_be32(header + 28, exp_stat_sn);
}

void put_logout(std::uint8_t *header, std::uint32_t tag, std::uint32_t cmd_sn, std::uint32_t exp_stat_sn) noexcept {
    header[0] = static_cast<std::uint8_t>(opcode::logout_request) | flag_immediate;
    header[1] = flag_final; // reason 0: close the session
    store_be32(header + 16, tag);
    store_be32(header + 24, cmd_sn);
    store_be32(header + 28, exp_stat_sn);
}

void put_login(std::uint8_t *header, const login_fields &fields) noexcept {
    header[0] = static_cast<std::uint8_t>(opcode::login_request) | flag_immediate;
    header[1] = static_cast<std::uint8_t>((fields.transit ? login_transit : 0) | (fields.current_stage << 2) |
                                          (fields.transit ? fields.next_stage : 0));
    store_be24(header + 5, fields.text_length);
    header[8] = 0x80; // ISID type "random" (RFC 7143 11.12.5)
    store_be24(header + 9, fields.isid_qualifier >> 16);
    store_be16(header + 12, static_cast<std::uint16_t>(fields.isid_qualifier));
    store_be16(header + 14, fields.tsih);
    store_be32(header + 16, fields.tag);
    store_be32(header + 24, fields.cmd_sn);
    store_be32(header + 28, fields.exp_stat_sn);
}

std::string encode_text(const text_keys &keys) {
    std::string text;
    for (const auto &[key, value] : keys) {
        text += key;
        text += '=';
        text += value;
        text += '\0';
    }
    return text;
}

bool decode_text(std::string_view bytes, text_keys &keys) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\0');
        const auto pair = bytes.substr(0, end);
        bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
        if (pair.empty())
            continue; // padding
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos || equals == 0)
            return false;
        keys.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
    return true;
}

sense_summary read_sense(std::span<const std::uint8_t> sense) noexcept {
    if (sense.size() < 4)
        return {};
    const std::uint8_t format = sense[0] & 0x7fU;
    if (format == 0x72 || format == 0x73) // SPC-4 4.5.2 descriptor format
        return {static_cast<std::uint8_t>(sense[1] & 0xfU), sense[2], sense[3], true};
    if ((format == 0x70 || format == 0x71) && sense.size() >= 14) // SPC-4 4.5.3 fixed format
        return {static_cast<std::uint8_t>(sense[2] & 0xfU), sense[12], sense[13], true};
    return {};
}

} // namespace scstd::bench
