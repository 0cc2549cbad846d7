// SPDX-License-Identifier: Apache-2.0
// pdu: the basic header segments of iSCSI as an initiator writes and reads them (RFC 7143 11).
//
// Pure functions over 48 bytes, any thread, no allocation. What they don't set is left zero by the caller.
#pragma once

#include <scst/bytes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scstd::bench {

inline constexpr std::size_t bhs_size = 48;
inline constexpr std::uint32_t reserved_tag = 0xffffffffU;

using bhs = std::array<std::uint8_t, bhs_size>;

enum class opcode : std::uint8_t {
    nop_out = 0x00,
    scsi_command = 0x01,
    login_request = 0x03,
    data_out = 0x05,
    logout_request = 0x06,
    nop_in = 0x20,
    scsi_response = 0x21,
    login_response = 0x23,
    data_in = 0x25,
    logout_response = 0x26,
    ready_to_transfer = 0x31,
    async_message = 0x32,
    reject = 0x3f,
};

inline constexpr std::uint8_t flag_immediate = 0x40; // byte 0
inline constexpr std::uint8_t flag_final = 0x80;     // byte 1
inline constexpr std::uint8_t flag_read = 0x40;      // byte 1 of a SCSI Command
inline constexpr std::uint8_t flag_write = 0x20;
inline constexpr std::uint8_t attribute_simple = 0x01;
inline constexpr std::uint8_t data_in_status = 0x01; // byte 1 of Data-In: status is in this PDU
inline constexpr std::uint8_t residual_under = 0x02; // byte 1 of Data-In with status and of SCSI Response
inline constexpr std::uint8_t residual_over = 0x04;
inline constexpr std::uint8_t login_transit = 0x80; // byte 1 of login PDUs
inline constexpr std::uint8_t login_continue = 0x40;

inline constexpr std::size_t padded(std::size_t length) noexcept {
    return (length + 3) & ~std::size_t{3};
}

// Reads of a header that came from the target.
inline std::uint8_t opcode_of(const std::uint8_t *header) noexcept {
    return header[0] & 0x3fU;
}
inline std::size_t ahs_length(const std::uint8_t *header) noexcept {
    return std::size_t{header[4]} * 4;
}
inline std::uint32_t data_length(const std::uint8_t *header) noexcept {
    return scst::load_be24(header + 5);
}
inline std::uint32_t task_tag(const std::uint8_t *header) noexcept {
    return scst::load_be32(header + 16);
}
inline std::uint32_t transfer_tag(const std::uint8_t *header) noexcept {
    return scst::load_be32(header + 20);
}
inline std::uint32_t stat_sn(const std::uint8_t *header) noexcept {
    return scst::load_be32(header + 24);
}
inline std::uint32_t exp_cmd_sn(const std::uint8_t *header) noexcept {
    return scst::load_be32(header + 28);
}
inline std::uint32_t max_cmd_sn(const std::uint8_t *header) noexcept {
    return scst::load_be32(header + 32);
}
inline std::uint32_t buffer_offset(const std::uint8_t *header) noexcept {
    return scst::load_be32(header + 40);
}
inline std::uint32_t last_word(const std::uint8_t *header) noexcept {
    return scst::load_be32(header + 44);
}

// RFC 1982 serial number arithmetic: is `left` not after `right`?
inline bool serial_not_after(std::uint32_t left, std::uint32_t right) noexcept {
    return static_cast<std::int32_t>(right - left) >= 0;
}

// LUN 0..16383 in SAM's single level addressing: peripheral below 256, flat space above.
[[nodiscard]] std::uint64_t lun_field(std::uint32_t lun) noexcept;

// Fields of a SCSI Command that change from command to command; the CDB is written by the functions below.
struct scsi_command_fields {
    std::uint8_t flags = 0; // byte 1: F, R, W; SIMPLE is added
    std::uint32_t immediate_length = 0;
    std::uint64_t lun = 0; // as lun_field() gives it
    std::uint32_t tag = 0;
    std::uint32_t expected_length = 0;
    std::uint32_t cmd_sn = 0;
    std::uint32_t exp_stat_sn = 0;
};

inline void put_scsi_command(std::uint8_t *header, const scsi_command_fields &fields) noexcept {
    header[0] = static_cast<std::uint8_t>(opcode::scsi_command);
    header[1] = fields.flags | attribute_simple;
    scst::store_be32(header + 4, fields.immediate_length); // no AHS, so the length's upper byte is TotalAHSLength 0
    scst::store_be64(header + 8, fields.lun);
    scst::store_be32(header + 16, fields.tag);
    scst::store_be32(header + 20, fields.expected_length);
    scst::store_be32(header + 24, fields.cmd_sn);
    scst::store_be32(header + 28, fields.exp_stat_sn);
}

// READ or WRITE of (10) where the numbers fit, else (16); SBC-3 5.10, 5.12, 5.32, 5.34. `cdb` is 16 zeroed bytes.
inline void put_rw_cdb(std::uint8_t *cdb, bool write, std::uint64_t lba, std::uint32_t blocks) noexcept {
    if (lba <= 0xffffffffU && blocks <= 0xffffU) {
        cdb[0] = write ? 0x2a : 0x28;
        scst::store_be32(cdb + 2, static_cast<std::uint32_t>(lba));
        scst::store_be16(cdb + 7, static_cast<std::uint16_t>(blocks));
        return;
    }
    cdb[0] = write ? 0x8a : 0x88;
    scst::store_be64(cdb + 2, lba);
    scst::store_be32(cdb + 10, blocks);
}

struct data_out_fields {
    bool final = false;
    std::uint32_t length = 0;
    std::uint64_t lun = 0;
    std::uint32_t tag = 0;
    std::uint32_t transfer_tag = reserved_tag;
    std::uint32_t exp_stat_sn = 0;
    std::uint32_t data_sn = 0;
    std::uint32_t offset = 0;
};
void put_data_out(std::uint8_t *header, const data_out_fields &fields) noexcept;

// The answer to a target's ping (RFC 7143 11.18): immediate, so that CmdSN does not advance.
void put_ping_answer(std::uint8_t *header, std::uint64_t lun, std::uint32_t target_tag, std::uint32_t cmd_sn,
                     std::uint32_t exp_stat_sn) noexcept;

void put_logout(std::uint8_t *header, std::uint32_t tag, std::uint32_t cmd_sn, std::uint32_t exp_stat_sn) noexcept;

struct login_fields {
    std::uint8_t current_stage = 0;
    std::uint8_t next_stage = 0;
    bool transit = false;
    std::uint32_t text_length = 0;
    std::uint32_t isid_qualifier = 0; // makes the sessions of one initiator name differ
    std::uint16_t tsih = 0;
    std::uint32_t tag = 0;
    std::uint32_t cmd_sn = 0;
    std::uint32_t exp_stat_sn = 0;
};
void put_login(std::uint8_t *header, const login_fields &fields) noexcept;

using text_keys = std::vector<std::pair<std::string, std::string>>;

// "key=value\0" for each key, and back. Parsing stops at what is no key=value pair and says so.
[[nodiscard]] std::string encode_text(const text_keys &keys);
[[nodiscard]] bool decode_text(std::string_view bytes, text_keys &keys);

// Sense data of either format in words an operator reads: "key 6h asc 29h ascq 00h"; empty when there is none.
struct sense_summary {
    std::uint8_t key = 0;
    std::uint8_t asc = 0;
    std::uint8_t ascq = 0;
    bool valid = false;
};
[[nodiscard]] sense_summary read_sense(std::span<const std::uint8_t> sense) noexcept;

} // namespace scstd::bench
