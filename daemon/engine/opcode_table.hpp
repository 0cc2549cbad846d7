// SPDX-License-Identifier: Apache-2.0
// opcode_table: all that the core knows of a SCSI operation, in one row: name, CDB size, where its LBA and length are,
// which way data moves, who may send it under reservations, how it is ordered. Decoding, admission checks, REPORT
// SUPPORTED OPERATION CODES, logs, fuzzers and docs/scsi.md read this table and nothing else. Constant data, any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace scstd::engine {

inline constexpr std::uint16_t no_service_action = 0xffff;

namespace op {
inline constexpr std::uint32_t blocks = 1u << 0;        // length counts blocks; LBA range is checked
inline constexpr std::uint32_t writes = 1u << 1;        // changes the medium: refused on read-only LUNs and under SWP
inline constexpr std::uint32_t spc2_ok = 1u << 2;       // passes another nexus' SPC-2 reservation
inline constexpr std::uint32_t wx_ok = 1u << 3;         // passes a write-exclusive persistent reservation
inline constexpr std::uint32_t xa_ok = 1u << 4;         // passes an exclusive-access persistent reservation
inline constexpr std::uint32_t head_of_queue = 1u << 5; // SIMPLE is treated as HEAD OF QUEUE
inline constexpr std::uint32_t no_attention = 1u << 6;  // does not report unit attentions
inline constexpr std::uint32_t serialized = 1u << 7;    // runs alone on its device
inline constexpr std::uint32_t exclusive = 1u << 8;     // has its blocks for itself
inline constexpr std::uint32_t core = 1u << 9;          // executed by the core
inline constexpr std::uint32_t on_worker = 1u << 10;    // the core's execution may block: a worker thread
inline constexpr std::uint32_t quick = 1u << 11;        // recommended timeout 10 s
inline constexpr std::uint32_t slow = 1u << 12;         // recommended timeout 1 h
inline constexpr std::uint32_t optional = 1u << 13;     // listed only when the handler lists it (or a condition holds)
} // namespace op

// How the length field is to be understood.
enum class length_rule : std::uint8_t {
    none,        // no data
    bytes,       // allocation length or parameter list length in bytes
    blocks,      // that many blocks are moved
    read6,       // blocks, 0 means 256 (SBC-3 5.11)
    fixed,       // `fixed_length` bytes
    verify,      // blocks move only with BYTCHK (SBC-3 5.24)
    write_same,  // one block moves, or none with NDOB (SBC-3 5.35)
    compare,     // twice the blocks (SBC-3 5.2)
    range_only,  // the field counts blocks, none moves (SYNCHRONIZE CACHE, PRE-FETCH)
    format_unit, // a parameter list of the transport's length when FMTDATA (SBC-3 5.3)
    transport    // whatever the transport announced
};

struct opcode_entry {
    std::uint8_t opcode;
    std::uint16_t service_action;
    std::string_view name;
    std::uint8_t types; // bit 0: direct access, bit 1: CD-ROM, bit 7: every type
    std::uint8_t cdb_size;
    std::uint8_t direction; // SCST_DATA_*
    length_rule rule;
    std::uint8_t length_at;
    std::uint8_t length_size; // bytes
    std::uint8_t lba_at;
    std::uint8_t lba_size; // bytes; READ(6): 3 with the top bits masked
    std::uint32_t flags;
    std::uint8_t byte1;                // bits of CDB byte 1 that mean something, for the usage map
    std::array<std::uint8_t, 6> extra; // pairs (byte, mask) for the usage map, 0 0 = none
    std::uint32_t fixed_length = 0;
    std::uint32_t gate_mask = 0; // filled by the table: bits of the gate that concern the command

    [[nodiscard]] constexpr bool has(std::uint32_t flag) const noexcept { return (flags & flag) != 0; }
};

// All rows, in the order of their opcodes.
std::span<const opcode_entry> opcode_table() noexcept;

// The row of a CDB for a device type, or nullptr. `cdb` has at least `length` bytes, length at least 1.
const opcode_entry *find_opcode(const std::uint8_t *cdb, std::uint32_t length, std::uint32_t device_type) noexcept;
// The row by numbers, for REPORT SUPPORTED OPERATION CODES.
const opcode_entry *find_opcode(std::uint8_t opcode, std::uint16_t service_action, std::uint32_t device_type) noexcept;
// Whether some row of the opcode has a service action.
bool opcode_has_service_actions(std::uint8_t opcode, std::uint32_t device_type) noexcept;

// The CDB usage data of SPC-4 6.35.3: cdb_size bytes at `to`.
void cdb_usage(const opcode_entry &entry, std::uint8_t *to) noexcept;

// CDB size by the group code of the opcode (SPC-4 4.2.5.1); 0 for variable and vendor groups.
std::uint32_t cdb_size_by_group(std::uint8_t opcode) noexcept;

} // namespace scstd::engine
