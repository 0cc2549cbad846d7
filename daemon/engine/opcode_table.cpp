// SPDX-License-Identifier: Apache-2.0
// The rows: SPC-4 table 142, SBC-3 table 33, MMC-6 table 244, with the admission flags of SPC-4 tables 32 and 66.
#include "engine/opcode_table.hpp"

#include "session/gate.hpp"

#include <scst/types.h>

#include <algorithm>

namespace scstd::engine {

namespace {

constexpr std::uint8_t disk = 1;
constexpr std::uint8_t cdrom = 2;
constexpr std::uint8_t both = disk | cdrom;
constexpr std::uint8_t every = 0x80;
constexpr std::uint8_t no_data = SCST_DATA_NONE;
constexpr std::uint8_t in = SCST_DATA_READ;
constexpr std::uint8_t out = SCST_DATA_WRITE;
constexpr std::uint16_t no_sa = no_service_action;
using namespace op;

constexpr std::uint32_t always = spc2_ok | wx_ok | xa_ok;
constexpr std::uint32_t media_read = op::blocks | wx_ok;
constexpr std::uint32_t media_write = op::blocks | op::writes;

// Columns: opcode, service action, name, types, CDB size, direction, rule, length at/size, LBA at/size, flags, byte 1,
// extra.
// clang-format off
constexpr opcode_entry rows[] = {
    {0x00, no_sa, "TEST UNIT READY", every, 6, no_data, length_rule::none, 0, 0, 0, 0, always | head_of_queue | quick, 0, {}},
    {0x03, no_sa, "REQUEST SENSE", every, 6, in, length_rule::bytes, 4, 1, 0, 0, always | no_attention | core | quick, 0x01, {}},
    {0x04, no_sa, "FORMAT UNIT", disk, 6, out, length_rule::format_unit, 0, 0, 0, 0, op::writes | serialized | slow | optional, 0xff, {}},
    {0x08, no_sa, "READ(6)", disk, 6, in, length_rule::read6, 4, 1, 1, 3, media_read, 0, {}},
    {0x0a, no_sa, "WRITE(6)", disk, 6, out, length_rule::read6, 4, 1, 1, 3, media_write, 0, {}},
    {0x12, no_sa, "INQUIRY", every, 6, in, length_rule::bytes, 3, 2, 0, 0, always | head_of_queue | no_attention | quick, 0x01, {2, 0xff}},
    {0x15, no_sa, "MODE SELECT(6)", both, 6, out, length_rule::bytes, 4, 1, 0, 0, serialized | optional, 0x11, {}},
    {0x16, no_sa, "RESERVE(6)", every, 6, no_data, length_rule::none, 0, 0, 0, 0, wx_ok | xa_ok | core | quick, 0, {}},
    {0x17, no_sa, "RELEASE(6)", every, 6, no_data, length_rule::none, 0, 0, 0, 0, always | core | quick, 0, {}},
    {0x1a, no_sa, "MODE SENSE(6)", both, 6, in, length_rule::bytes, 4, 1, 0, 0, wx_ok | quick | optional, 0x08, {2, 0xff, 3, 0xff}},
    {0x1b, no_sa, "START STOP UNIT", both, 6, no_data, length_rule::none, 0, 0, 0, 0, slow | optional, 0x01, {3, 0x0f, 4, 0xf7}},
    {0x1c, no_sa, "RECEIVE DIAGNOSTIC RESULTS", both, 6, in, length_rule::bytes, 3, 2, 0, 0, wx_ok | optional, 0x01, {2, 0xff}},
    {0x1d, no_sa, "SEND DIAGNOSTIC", both, 6, out, length_rule::bytes, 3, 2, 0, 0, optional, 0xf7, {}},
    {0x1e, no_sa, "PREVENT ALLOW MEDIUM REMOVAL", both, 6, no_data, length_rule::none, 0, 0, 0, 0, slow | optional, 0, {4, 0x03}},
    {0x23, no_sa, "READ FORMAT CAPACITIES", cdrom, 10, in, length_rule::bytes, 7, 2, 0, 0, always | optional, 0, {}},
    {0x25, no_sa, "READ CAPACITY(10)", both, 10, in, length_rule::fixed, 0, 0, 2, 4, always | head_of_queue, 0, {8, 0x01}, 8},
    {0x28, no_sa, "READ(10)", both, 10, in, length_rule::blocks, 7, 2, 2, 4, media_read, 0xf8, {}},
    {0x2a, no_sa, "WRITE(10)", both, 10, out, length_rule::blocks, 7, 2, 2, 4, media_write, 0xfa, {}},
    {0x2e, no_sa, "WRITE AND VERIFY(10)", both, 10, out, length_rule::blocks, 7, 2, 2, 4, media_write | optional, 0xf6, {}},
    {0x2f, no_sa, "VERIFY(10)", both, 10, out, length_rule::verify, 7, 2, 2, 4, media_read | optional, 0xf6, {}},
    {0x34, no_sa, "PRE-FETCH(10)", disk, 10, no_data, length_rule::range_only, 7, 2, 2, 4, media_read | optional, 0x02, {}},
    {0x35, no_sa, "SYNCHRONIZE CACHE(10)", both, 10, no_data, length_rule::range_only, 7, 2, 2, 4, op::blocks | optional, 0x02, {}},
    {0x37, no_sa, "READ DEFECT DATA(10)", disk, 10, in, length_rule::bytes, 7, 2, 0, 0, wx_ok | optional, 0, {2, 0x1f}},
    {0x3b, no_sa, "WRITE BUFFER", both, 10, out, length_rule::bytes, 6, 3, 0, 0, quick | optional, 0xff, {2, 0xff, 3, 0xff, 4, 0xff}},
    {0x3c, no_sa, "READ BUFFER(10)", both, 10, in, length_rule::bytes, 6, 3, 0, 0, wx_ok | quick | optional, 0xff, {2, 0xff, 3, 0xff, 4, 0xff}},
    {0x41, no_sa, "WRITE SAME(10)", disk, 10, out, length_rule::write_same, 7, 2, 2, 4, media_write | optional, 0xf8, {}},
    {0x42, no_sa, "UNMAP", disk, 10, out, length_rule::bytes, 7, 2, 0, 0, op::writes | optional, 0x01, {}},
    {0x43, no_sa, "READ TOC/PMA/ATIP", cdrom, 10, in, length_rule::bytes, 7, 2, 0, 0, wx_ok | optional, 0x02, {2, 0x0f, 6, 0xff}},
    {0x46, no_sa, "GET CONFIGURATION", cdrom, 10, in, length_rule::bytes, 7, 2, 0, 0, always | optional, 0x03, {2, 0xff, 3, 0xff}},
    {0x48, 0x01, "SANITIZE OVERWRITE", disk, 10, out, length_rule::bytes, 7, 2, 0, 0, op::writes | serialized | slow | optional, 0xe0, {}},
    {0x48, 0x02, "SANITIZE BLOCK ERASE", disk, 10, out, length_rule::bytes, 7, 2, 0, 0, op::writes | serialized | slow | optional, 0xe0, {}},
    {0x48, 0x03, "SANITIZE CRYPTOGRAPHIC ERASE", disk, 10, out, length_rule::bytes, 7, 2, 0, 0, op::writes | serialized | slow | optional, 0xe0, {}},
    {0x48, 0x1f, "SANITIZE EXIT FAILURE MODE", disk, 10, out, length_rule::bytes, 7, 2, 0, 0, op::writes | serialized | slow | optional, 0xe0, {}},
    {0x4a, no_sa, "GET EVENT STATUS NOTIFICATION", cdrom, 10, in, length_rule::bytes, 7, 2, 0, 0, always | no_attention | optional, 0x01, {4, 0xff}},
    {0x4c, no_sa, "LOG SELECT", both, 10, out, length_rule::bytes, 7, 2, 0, 0, serialized | optional, 0x03, {2, 0xff, 3, 0xff}},
    {0x4d, no_sa, "LOG SENSE", both, 10, in, length_rule::bytes, 7, 2, 0, 0, always | quick | optional, 0x01, {2, 0xff, 3, 0xff, 5, 0xff}},
    {0x51, no_sa, "READ DISC INFORMATION", cdrom, 10, in, length_rule::bytes, 7, 2, 0, 0, wx_ok | optional, 0x07, {}},
    {0x52, no_sa, "READ TRACK INFORMATION", cdrom, 10, in, length_rule::bytes, 7, 2, 0, 0, wx_ok | optional, 0x03, {2, 0xff, 3, 0xff, 4, 0xff}},
    {0x55, no_sa, "MODE SELECT(10)", both, 10, out, length_rule::bytes, 7, 2, 0, 0, serialized | optional, 0x11, {}},
    {0x56, no_sa, "RESERVE(10)", every, 10, no_data, length_rule::none, 0, 0, 0, 0, wx_ok | xa_ok | core | quick, 0x10, {}},
    {0x57, no_sa, "RELEASE(10)", every, 10, no_data, length_rule::none, 0, 0, 0, 0, always | core | quick, 0x10, {}},
    {0x5a, no_sa, "MODE SENSE(10)", both, 10, in, length_rule::bytes, 7, 2, 0, 0, wx_ok | quick | optional, 0x18, {2, 0xff, 3, 0xff}},
    {0x5e, 0x00, "PERSISTENT RESERVE IN, READ KEYS", every, 10, in, length_rule::bytes, 7, 2, 0, 0, wx_ok | xa_ok | core | quick, 0, {}},
    {0x5e, 0x01, "PERSISTENT RESERVE IN, READ RESERVATION", every, 10, in, length_rule::bytes, 7, 2, 0, 0, wx_ok | xa_ok | core | quick, 0, {}},
    {0x5e, 0x02, "PERSISTENT RESERVE IN, REPORT CAPABILITIES", every, 10, in, length_rule::bytes, 7, 2, 0, 0, wx_ok | xa_ok | core | quick, 0, {}},
    {0x5e, 0x03, "PERSISTENT RESERVE IN, READ FULL STATUS", every, 10, in, length_rule::bytes, 7, 2, 0, 0, wx_ok | xa_ok | core | quick, 0, {}},
    {0x5f, 0x00, "PERSISTENT RESERVE OUT, REGISTER", every, 10, out, length_rule::bytes, 5, 4, 0, 0, wx_ok | xa_ok | core | on_worker | quick, 0, {2, 0xff}},
    {0x5f, 0x01, "PERSISTENT RESERVE OUT, RESERVE", every, 10, out, length_rule::bytes, 5, 4, 0, 0, wx_ok | xa_ok | core | on_worker | quick, 0, {2, 0xff}},
    {0x5f, 0x02, "PERSISTENT RESERVE OUT, RELEASE", every, 10, out, length_rule::bytes, 5, 4, 0, 0, wx_ok | xa_ok | core | on_worker | quick, 0, {2, 0xff}},
    {0x5f, 0x03, "PERSISTENT RESERVE OUT, CLEAR", every, 10, out, length_rule::bytes, 5, 4, 0, 0, wx_ok | xa_ok | core | on_worker | quick, 0, {2, 0xff}},
    {0x5f, 0x04, "PERSISTENT RESERVE OUT, PREEMPT", every, 10, out, length_rule::bytes, 5, 4, 0, 0, wx_ok | xa_ok | core | on_worker | quick, 0, {2, 0xff}},
    {0x5f, 0x05, "PERSISTENT RESERVE OUT, PREEMPT AND ABORT", every, 10, out, length_rule::bytes, 5, 4, 0, 0, wx_ok | xa_ok | core | on_worker | quick, 0, {2, 0xff}},
    {0x5f, 0x06, "PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY", every, 10, out, length_rule::bytes, 5, 4, 0, 0, wx_ok | xa_ok | core | on_worker | quick, 0, {2, 0xff}},
    {0x5f, 0x07, "PERSISTENT RESERVE OUT, REGISTER AND MOVE", every, 10, out, length_rule::bytes, 5, 4, 0, 0, wx_ok | xa_ok | core | on_worker | quick, 0, {2, 0xff}},
    {0x83, 0x00, "EXTENDED COPY(LID1)", disk, 16, out, length_rule::bytes, 10, 4, 0, 0, core | on_worker | slow | optional, 0, {}},
    {0x84, 0x00, "RECEIVE COPY RESULTS, COPY STATUS(LID1)", disk, 16, in, length_rule::bytes, 10, 4, 0, 0, wx_ok | xa_ok | core | optional, 0, {2, 0xff}},
    {0x84, 0x03, "RECEIVE COPY RESULTS, OPERATING PARAMETERS", disk, 16, in, length_rule::bytes, 10, 4, 0, 0, wx_ok | xa_ok | core | optional, 0, {}},
    {0x84, 0x04, "RECEIVE COPY RESULTS, FAILED SEGMENT DETAILS", disk, 16, in, length_rule::bytes, 10, 4, 0, 0, wx_ok | xa_ok | core | optional, 0, {2, 0xff}},
    {0x88, no_sa, "READ(16)", both, 16, in, length_rule::blocks, 10, 4, 2, 8, media_read, 0xf8, {}},
    {0x89, no_sa, "COMPARE AND WRITE", disk, 16, out, length_rule::compare, 13, 1, 2, 8, media_write | core | on_worker | exclusive, 0xfa, {}},
    {0x8a, no_sa, "WRITE(16)", both, 16, out, length_rule::blocks, 10, 4, 2, 8, media_write, 0xfa, {}},
    {0x8b, no_sa, "ORWRITE(16)", disk, 16, out, length_rule::blocks, 10, 4, 2, 8, media_write | exclusive | optional, 0xfa, {}},
    {0x8e, no_sa, "WRITE AND VERIFY(16)", both, 16, out, length_rule::blocks, 10, 4, 2, 8, media_write | optional, 0xf6, {}},
    {0x8f, no_sa, "VERIFY(16)", both, 16, out, length_rule::verify, 10, 4, 2, 8, media_read | optional, 0xf6, {}},
    {0x90, no_sa, "PRE-FETCH(16)", disk, 16, no_data, length_rule::range_only, 10, 4, 2, 8, media_read | optional, 0x02, {}},
    {0x91, no_sa, "SYNCHRONIZE CACHE(16)", both, 16, no_data, length_rule::range_only, 10, 4, 2, 8, op::blocks | optional, 0x02, {}},
    {0x93, no_sa, "WRITE SAME(16)", disk, 16, out, length_rule::write_same, 10, 4, 2, 8, media_write | optional, 0xf9, {}},
    {0x9c, no_sa, "WRITE ATOMIC(16)", disk, 16, out, length_rule::blocks, 12, 2, 2, 8, media_write | exclusive | optional, 0xfa, {10, 0xff, 11, 0xff}},
    {0x9e, 0x10, "READ CAPACITY(16)", disk, 16, in, length_rule::bytes, 10, 4, 2, 8, always | head_of_queue | optional, 0, {14, 0x01}},
    {0x9e, 0x12, "GET LBA STATUS", disk, 16, in, length_rule::bytes, 10, 4, 2, 8, wx_ok | optional, 0, {}},
    {0xa0, no_sa, "REPORT LUNS", every, 12, in, length_rule::bytes, 6, 4, 0, 0, always | head_of_queue | no_attention | core | quick, 0, {2, 0xff}},
    {0xa3, 0x05, "REPORT IDENTIFYING INFORMATION", both, 12, in, length_rule::bytes, 6, 4, 0, 0, always | optional, 0, {10, 0xfe}},
    {0xa3, 0x0a, "REPORT TARGET PORT GROUPS", disk, 12, in, length_rule::bytes, 6, 4, 0, 0, always | core | quick, 0xe0, {}},
    {0xa3, 0x0c, "REPORT SUPPORTED OPERATION CODES", every, 12, in, length_rule::bytes, 6, 4, 0, 0, wx_ok | core | quick, 0, {2, 0x87, 3, 0xff, 4, 0xff}},
    {0xa3, 0x0d, "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", every, 12, in, length_rule::bytes, 6, 4, 0, 0, wx_ok | core | quick, 0, {2, 0x80}},
    {0xa3, 0x0f, "REPORT TIMESTAMP", both, 12, in, length_rule::bytes, 6, 4, 0, 0, always | quick | optional, 0, {}},
    {0xa4, 0x0a, "SET TARGET PORT GROUPS", disk, 12, out, length_rule::bytes, 6, 4, 0, 0, serialized | core | optional, 0, {}},
    {0xa8, no_sa, "READ(12)", both, 12, in, length_rule::blocks, 6, 4, 2, 4, media_read, 0xf8, {}},
    {0xaa, no_sa, "WRITE(12)", both, 12, out, length_rule::blocks, 6, 4, 2, 4, media_write, 0xfa, {}},
    {0xad, no_sa, "READ DISC STRUCTURE", cdrom, 12, in, length_rule::bytes, 8, 2, 0, 0, wx_ok | optional, 0x0f, {6, 0xff, 7, 0xff}},
    {0xae, no_sa, "WRITE AND VERIFY(12)", both, 12, out, length_rule::blocks, 6, 4, 2, 4, media_write | optional, 0xf6, {}},
    {0xaf, no_sa, "VERIFY(12)", both, 12, out, length_rule::verify, 6, 4, 2, 4, media_read | optional, 0xf6, {}},
    {0xb7, no_sa, "READ DEFECT DATA(12)", disk, 12, in, length_rule::bytes, 6, 4, 0, 0, wx_ok | optional, 0x1f, {}},
    {0xbd, no_sa, "MECHANISM STATUS", cdrom, 12, in, length_rule::bytes, 8, 2, 0, 0, wx_ok | optional, 0, {}},
    {0xbe, no_sa, "READ CD", cdrom, 12, in, length_rule::transport, 6, 3, 2, 4, wx_ok | optional, 0xff, {9, 0xff, 10, 0xff}},
};
// clang-format on

// Which gate bits a command has to look at.
constexpr std::uint32_t relevant_gates(const opcode_entry &entry) noexcept {
    std::uint32_t mask = ~std::uint32_t{0};
    if (entry.has(op::no_attention))
        mask &= ~session::gate::unit_attention;
    if (entry.has(op::spc2_ok))
        mask &= ~session::gate::reserved;
    if (entry.has(op::wx_ok))
        mask &= ~session::gate::pr_write_exclusive;
    if (entry.has(op::xa_ok))
        mask &= ~session::gate::pr_exclusive;
    if (!entry.has(op::writes))
        mask &= ~session::gate::read_only;
    if (!entry.has(op::blocks) && entry.opcode != 0x42)
        mask &= ~session::gate::ranges;
    if (entry.opcode != 0x5e && entry.opcode != 0x5f)
        mask &= ~session::gate::no_reservations;
    return mask;
}

constexpr std::size_t row_count = std::size(rows);

constexpr std::array<opcode_entry, row_count> make_table() noexcept {
    std::array<opcode_entry, row_count> table{};
    for (std::size_t i = 0; i < row_count; ++i) {
        table[i] = rows[i];
        table[i].gate_mask = relevant_gates(rows[i]);
    }
    return table;
}

constexpr std::array<opcode_entry, row_count> table = make_table();

// First row of each opcode, row_count when there is none.
constexpr std::array<std::uint8_t, 256> make_index() noexcept {
    std::array<std::uint8_t, 256> index{};
    for (auto &slot : index)
        slot = static_cast<std::uint8_t>(row_count);
    for (std::size_t i = row_count; i-- > 0;)
        index[table[i].opcode] = static_cast<std::uint8_t>(i);
    return index;
}

static_assert(row_count < 255);
constexpr std::array<std::uint8_t, 256> first_row = make_index();

constexpr bool serves(const opcode_entry &entry, std::uint32_t device_type) noexcept {
    if (entry.types == every)
        return true;
    return (device_type == SCST_TYPE_DISK && (entry.types & disk) != 0) ||
           (device_type == SCST_TYPE_CDROM && (entry.types & cdrom) != 0);
}

} // namespace

std::span<const opcode_entry> opcode_table() noexcept {
    return table;
}

const opcode_entry *find_opcode(std::uint8_t opcode, std::uint16_t service_action, std::uint32_t device_type) noexcept {
    for (std::size_t i = first_row[opcode]; i < row_count && table[i].opcode == opcode; ++i) {
        const opcode_entry &entry = table[i];
        if (serves(entry, device_type) &&
            (entry.service_action == no_service_action || entry.service_action == service_action))
            return &entry;
    }
    return nullptr;
}

const opcode_entry *find_opcode(const std::uint8_t *cdb, std::uint32_t length, std::uint32_t device_type) noexcept {
    const std::uint16_t action = length > 1 ? static_cast<std::uint16_t>(cdb[1] & 0x1f) : no_service_action;
    return find_opcode(cdb[0], action, device_type);
}

bool opcode_has_service_actions(std::uint8_t opcode, std::uint32_t device_type) noexcept {
    for (std::size_t i = first_row[opcode]; i < row_count && table[i].opcode == opcode; ++i) {
        if (serves(table[i], device_type) && table[i].service_action != no_service_action)
            return true;
    }
    return false;
}

void cdb_usage(const opcode_entry &entry, std::uint8_t *to) noexcept {
    std::fill_n(to, entry.cdb_size, std::uint8_t{0});
    to[0] = entry.opcode;
    to[1] = entry.byte1;
    if (entry.service_action != no_service_action)
        to[1] = static_cast<std::uint8_t>(to[1] | entry.service_action);
    for (unsigned i = 0; i < entry.lba_size; ++i)
        to[entry.lba_at + i] = entry.lba_size == 3 && i == 0 ? 0x1f : 0xff;
    for (unsigned i = 0; i < entry.length_size; ++i)
        to[entry.length_at + i] = 0xff;
    for (unsigned i = 0; i + 1 < entry.extra.size(); i += 2) {
        if (entry.extra[i] != 0)
            to[entry.extra[i]] = entry.extra[i + 1];
    }
    to[entry.cdb_size - 1] = 0x04; // NACA
}

std::uint32_t cdb_size_by_group(std::uint8_t opcode) noexcept {
    constexpr std::array<std::uint32_t, 8> sizes{6, 10, 10, 0, 16, 12, 0, 0};
    return sizes[opcode >> 5];
}

} // namespace scstd::engine
