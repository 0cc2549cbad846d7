// SPDX-License-Identifier: Apache-2.0
// sense: sense data in both formats, built in one place (SPC-4 4.5). Pure functions over bytes, any thread.
#pragma once

#include <scst/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace scstd::engine {

struct sense_code {
    std::uint8_t key = 0;
    std::uint8_t asc = 0;
    std::uint8_t ascq = 0;
    friend bool operator==(const sense_code &, const sense_code &) = default;
};

// The triples that the core itself uses, by SPC-4 annex D names.
namespace codes {
inline constexpr sense_code no_sense{0x0, 0x00, 0x00};
inline constexpr sense_code not_ready_alua_transition{0x2, 0x04, 0x0a};
inline constexpr sense_code not_ready_alua_standby{0x2, 0x04, 0x0b};
inline constexpr sense_code not_ready_alua_unavailable{0x2, 0x04, 0x0c};
inline constexpr sense_code hardware_error{0x4, 0x44, 0x00};
inline constexpr sense_code invalid_field_in_command_iu{0x5, 0x0e, 0x03};
inline constexpr sense_code parameter_list_length_error{0x5, 0x1a, 0x00};
inline constexpr sense_code invalid_opcode{0x5, 0x20, 0x00};
inline constexpr sense_code lba_out_of_range{0x5, 0x21, 0x00};
inline constexpr sense_code invalid_field_in_cdb{0x5, 0x24, 0x00};
inline constexpr sense_code lun_not_supported{0x5, 0x25, 0x00};
inline constexpr sense_code invalid_field_in_parameter_list{0x5, 0x26, 0x00};
inline constexpr sense_code set_target_port_groups_failed{0x4, 0x67, 0x0a};
inline constexpr sense_code invalid_message{0x5, 0x49, 0x00};
inline constexpr sense_code power_on{0x6, 0x29, 0x00};
inline constexpr sense_code nexus_loss{0x6, 0x29, 0x07};
inline constexpr sense_code mode_parameters_changed{0x6, 0x2a, 0x01};
inline constexpr sense_code log_parameters_changed{0x6, 0x2a, 0x02};
inline constexpr sense_code alua_state_changed{0x6, 0x2a, 0x06};
inline constexpr sense_code capacity_changed{0x6, 0x2a, 0x09};
inline constexpr sense_code cleared_by_another_initiator{0x6, 0x2f, 0x00};
inline constexpr sense_code inquiry_data_changed{0x6, 0x3f, 0x03};
inline constexpr sense_code reported_luns_changed{0x6, 0x3f, 0x0e};
inline constexpr sense_code write_protected{0x7, 0x27, 0x00}; // SCST says 7/00/00; SBC-3 4.12 names this one
inline constexpr sense_code internal_failure{0xb, 0x44, 0x00};
inline constexpr sense_code aborted_command{0xb, 0x00, 0x00};
inline constexpr sense_code miscompare{0xe, 0x1d, 0x00};
} // namespace codes

// Which byte (and bit) of a CDB or parameter list was wrong.
struct field_pointer {
    bool in_cdb = true;
    std::uint16_t byte = 0;
    std::int8_t bit = -1; // -1: the whole byte
};

// Everything optional that sense data can carry.
struct sense_details {
    std::optional<field_pointer> field;
    std::optional<std::uint64_t> information;
    std::optional<std::uint16_t> progress;
};

// Sense bytes by value: unit attentions and stored sense.
struct sense_data {
    std::array<std::uint8_t, SCST_MAX_SENSE_SIZE> bytes;
    std::uint32_t length = 0;
    [[nodiscard]] std::span<const std::uint8_t> view() const noexcept { return {bytes.data(), length}; }
};

// Writes sense data to `to` (at least 32 bytes) and returns its length: 18 in fixed format, 8 or more in descriptor
// format. Unit attentions of ASC 29h and 2A/01 are always in fixed format, as SCST has them.
std::uint32_t build_sense(std::uint8_t *to, bool descriptor_format, sense_code code,
                          const sense_details &details = {}) noexcept;

// The code in sense data of either format; no_sense when there is none.
sense_code parse_sense(std::span<const std::uint8_t> sense) noexcept;

// Converts to the other format when needed, keeping what the other one can hold.
std::uint32_t convert_sense(std::span<const std::uint8_t> sense, bool descriptor_format, std::uint8_t *to) noexcept;

} // namespace scstd::engine
