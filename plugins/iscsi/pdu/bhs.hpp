// SPDX-License-Identifier: Apache-2.0
// bhs: the 48-byte header that starts every iSCSI PDU (RFC 7143 11.2 to 11.19).
//
// Structs hold host-order values and know nothing of layout. Decoders take exactly 48 bytes and never look at AHS or
// data; they ignore reserved bits, as 11.1 demands. Encoders write all 48 bytes. Pure functions, no allocation, any
// thread.
#pragma once

#include <scst/bytes.hpp>

#include <cstdint>
#include <cstring>
#include <span>

namespace scstd::iscsi {

inline constexpr std::size_t bhs_size = 48;
using bhs_view = std::span<const std::uint8_t, bhs_size>;
using bhs_out = std::span<std::uint8_t, bhs_size>;

inline constexpr std::uint32_t reserved_tag = 0xffffffff;

// RFC 7143 11.2.1.2
enum class opcode : std::uint8_t {
    nop_out = 0x00,
    scsi_command = 0x01,
    task_management_request = 0x02,
    login_request = 0x03,
    text_request = 0x04,
    data_out = 0x05,
    logout_request = 0x06,
    snack_request = 0x10,
    nop_in = 0x20,
    scsi_response = 0x21,
    task_management_response = 0x22,
    login_response = 0x23,
    text_response = 0x24,
    data_in = 0x25,
    logout_response = 0x26,
    r2t = 0x31,
    async_message = 0x32,
    reject = 0x3f,
};

// RFC 7143 11.17.1
enum class reject_reason : std::uint8_t {
    data_digest_error = 0x02,
    snack_reject = 0x03,
    protocol_error = 0x04,
    command_not_supported = 0x05,
    immediate_command_reject = 0x06,
    task_in_progress = 0x07,
    invalid_data_ack = 0x08,
    invalid_pdu_field = 0x09,
    long_op_reject = 0x0a,
    waiting_for_logout = 0x0c,
};

// Class and detail as one number, RFC 7143 11.13.5
enum class login_status : std::uint16_t {
    success = 0x0000,
    target_moved_temporarily = 0x0101,
    target_moved_permanently = 0x0102,
    initiator_error = 0x0200,
    authentication_failure = 0x0201,
    authorization_failure = 0x0202,
    not_found = 0x0203,
    target_removed = 0x0204,
    unsupported_version = 0x0205,
    too_many_connections = 0x0206,
    missing_parameter = 0x0207,
    cannot_include_in_session = 0x0208,
    session_type_not_supported = 0x0209,
    session_does_not_exist = 0x020a,
    invalid_during_login = 0x020b,
    target_error = 0x0300,
    service_unavailable = 0x0301,
    out_of_resources = 0x0302,
};

// What every header has in the same place.
struct basic_header {
    std::uint8_t code; // of opcode, perhaps none that exists
    bool immediate;
    std::uint32_t ahs_length;  // bytes
    std::uint32_t data_length; // bytes, without padding
};
[[nodiscard]] inline basic_header decode_basic_header(bhs_view from) noexcept {
    const std::uint32_t lengths = scst::load_be32(&from[4]);
    return {.code = static_cast<std::uint8_t>(from[0] & 0x3f),
            .immediate = (from[0] & 0x40) != 0,
            .ahs_length = (lengths >> 24) * 4,
            .data_length = lengths & 0xffffff};
}
// CmdSN, which has the same place in all requests that bear one.
[[nodiscard]] inline std::uint32_t cmd_sn_of(bhs_view from) noexcept {
    return scst::load_be32(&from[24]);
}

// The LUN as it is on the wire; its meaning is the core's.
struct wire_lun {
    std::uint64_t value = 0; // the eight bytes, big-endian
    friend bool operator==(const wire_lun &, const wire_lun &) = default;
};

struct scsi_command_pdu {
    bool final;
    bool read;
    bool write;
    std::uint8_t attribute; // RFC 7143 11.3.1; 5 to 7 are reserved
    wire_lun lun;
    std::uint32_t itt;
    std::uint32_t expected_length;
    std::uint32_t cmd_sn;
    std::uint32_t exp_stat_sn;
    const std::uint8_t *cdb; // 16 bytes inside the decoded header
};
[[nodiscard]] inline scsi_command_pdu decode_scsi_command(bhs_view from) noexcept {
    return {.final = (from[1] & 0x80) != 0,
            .read = (from[1] & 0x40) != 0,
            .write = (from[1] & 0x20) != 0,
            .attribute = static_cast<std::uint8_t>(from[1] & 0x07),
            .lun = {scst::load_be64(&from[8])},
            .itt = scst::load_be32(&from[16]),
            .expected_length = scst::load_be32(&from[20]),
            .cmd_sn = scst::load_be32(&from[24]),
            .exp_stat_sn = scst::load_be32(&from[28]),
            .cdb = &from[32]};
}

struct data_out_pdu {
    bool final;
    wire_lun lun;
    std::uint32_t itt;
    std::uint32_t ttt;
    std::uint32_t exp_stat_sn;
    std::uint32_t data_sn;
    std::uint32_t buffer_offset;
};
[[nodiscard]] data_out_pdu decode_data_out(bhs_view from) noexcept;

struct task_management_pdu {
    std::uint8_t function; // RFC 7143 11.5.1, RFC 7144 4.1
    wire_lun lun;
    std::uint32_t itt;
    std::uint32_t referenced_task_tag;
    std::uint32_t cmd_sn;
    std::uint32_t exp_stat_sn;
    std::uint32_t ref_cmd_sn;
};
[[nodiscard]] task_management_pdu decode_task_management(bhs_view from) noexcept;

struct nop_out_pdu {
    bool final;
    wire_lun lun;
    std::uint32_t itt;
    std::uint32_t ttt;
    std::uint32_t cmd_sn;
    std::uint32_t exp_stat_sn;
};
[[nodiscard]] nop_out_pdu decode_nop_out(bhs_view from) noexcept;

struct text_request_pdu {
    bool final;
    bool more; // the C bit
    wire_lun lun;
    std::uint32_t itt;
    std::uint32_t ttt;
    std::uint32_t cmd_sn;
    std::uint32_t exp_stat_sn;
};
[[nodiscard]] text_request_pdu decode_text_request(bhs_view from) noexcept;

struct logout_request_pdu {
    std::uint8_t reason;
    std::uint32_t itt;
    std::uint16_t cid;
    std::uint32_t cmd_sn;
    std::uint32_t exp_stat_sn;
};
[[nodiscard]] logout_request_pdu decode_logout_request(bhs_view from) noexcept;

// RFC 7143 11.12.6; kept as bytes, compared as a whole.
using isid_bytes = std::uint64_t; // the six bytes, big-endian

struct login_request_pdu {
    bool transit;
    bool more; // the C bit
    std::uint8_t current_stage;
    std::uint8_t next_stage;
    std::uint8_t version_max;
    std::uint8_t version_min;
    isid_bytes isid;
    std::uint16_t tsih;
    std::uint32_t itt;
    std::uint16_t cid;
    std::uint32_t cmd_sn;
    std::uint32_t exp_stat_sn;
};
[[nodiscard]] login_request_pdu decode_login_request(bhs_view from) noexcept;

// ---- target to initiator ----

// The three numbers that nearly every response carries.
struct sequence_numbers {
    std::uint32_t stat_sn;
    std::uint32_t exp_cmd_sn;
    std::uint32_t max_cmd_sn;
};

// Residuals of SCSI Response and Data-In, RFC 7143 11.4.5
struct residual {
    std::uint32_t kind = 0; // as scst_cmd: 0 none, 1 underflow, 2 overflow
    std::uint32_t count = 0;
};

struct scsi_response_pdu {
    std::uint8_t response; // 0: completed at target
    std::uint8_t status;
    residual rest;
    std::uint32_t itt;
    std::uint32_t exp_data_sn;
    std::uint32_t data_length; // of the sense segment
};
void encode(bhs_out to, const scsi_response_pdu &pdu, const sequence_numbers &numbers) noexcept;

struct data_in_pdu {
    bool final;
    bool has_status;     // S: the command ends with this PDU
    std::uint8_t status; // with has_status
    residual rest;       // with has_status
    std::uint32_t itt;
    std::uint32_t data_sn;
    std::uint32_t buffer_offset;
    std::uint32_t data_length;
};
inline void encode(bhs_out to, const data_in_pdu &pdu, const sequence_numbers &numbers) noexcept {
    std::uint8_t flags = pdu.final ? 0x80 : 0x00;
    std::uint32_t residual_count = 0;
    if (pdu.has_status) {
        flags = static_cast<std::uint8_t>(flags | 0x01 |
                                          (pdu.rest.kind == 1   ? 0x02
                                           : pdu.rest.kind == 2 ? 0x04
                                                                : 0x00));
        residual_count = pdu.rest.count;
    }
    std::uint8_t *at = to.data();
    at[0] = static_cast<std::uint8_t>(opcode::data_in);
    at[1] = flags;
    at[2] = 0;
    at[3] = pdu.has_status ? pdu.status : std::uint8_t{0};
    scst::store_be32(at + 4, pdu.data_length); // TotalAHSLength is 0
    scst::store_be64(at + 8, 0);               // the LUN is reserved without a transfer tag
    scst::store_be32(at + 16, pdu.itt);
    scst::store_be32(at + 20, reserved_tag);
    scst::store_be32(at + 24, numbers.stat_sn);
    scst::store_be32(at + 28, numbers.exp_cmd_sn);
    scst::store_be32(at + 32, numbers.max_cmd_sn);
    scst::store_be32(at + 36, pdu.data_sn);
    scst::store_be32(at + 40, pdu.buffer_offset);
    scst::store_be32(at + 44, residual_count);
}

struct r2t_pdu {
    wire_lun lun;
    std::uint32_t itt;
    std::uint32_t ttt;
    std::uint32_t r2t_sn;
    std::uint32_t buffer_offset;
    std::uint32_t desired_length;
};
void encode(bhs_out to, const r2t_pdu &pdu, const sequence_numbers &numbers) noexcept;

struct task_management_response_pdu {
    std::uint8_t response;
    std::uint32_t additional_information; // 24 bits, RFC 7144 4.2
    std::uint32_t itt;
};
void encode(bhs_out to, const task_management_response_pdu &pdu, const sequence_numbers &numbers) noexcept;

struct nop_in_pdu {
    wire_lun lun;
    std::uint32_t itt;
    std::uint32_t ttt;
    std::uint32_t data_length;
};
void encode(bhs_out to, const nop_in_pdu &pdu, const sequence_numbers &numbers) noexcept;

struct text_response_pdu {
    bool final;
    bool more;
    wire_lun lun;
    std::uint32_t itt;
    std::uint32_t ttt;
    std::uint32_t data_length;
};
void encode(bhs_out to, const text_response_pdu &pdu, const sequence_numbers &numbers) noexcept;

struct logout_response_pdu {
    std::uint8_t response;
    std::uint32_t itt;
};
void encode(bhs_out to, const logout_response_pdu &pdu, const sequence_numbers &numbers) noexcept;

struct reject_pdu {
    reject_reason reason;
    std::uint32_t data_length;
};
void encode(bhs_out to, const reject_pdu &pdu, const sequence_numbers &numbers) noexcept;

struct async_message_pdu {
    std::uint8_t event; // RFC 7143 11.9.1
    wire_lun lun;
    std::uint32_t data_length;
};
void encode(bhs_out to, const async_message_pdu &pdu, const sequence_numbers &numbers) noexcept;

struct login_response_pdu {
    bool transit;
    bool more;
    std::uint8_t current_stage;
    std::uint8_t next_stage;
    isid_bytes isid;
    std::uint16_t tsih;
    std::uint32_t itt;
    login_status status;
    std::uint32_t data_length;
};
void encode(bhs_out to, const login_response_pdu &pdu, const sequence_numbers &numbers) noexcept;

// Bytes of padding that follow `length` bytes of data or digest-covered header (RFC 7143 11.2.3).
constexpr std::uint32_t padding_of(std::uint32_t length) noexcept {
    return (4 - (length & 3)) & 3;
}

} // namespace scstd::iscsi
