// SPDX-License-Identifier: Apache-2.0
#include "engine/decode.hpp"

#include "device/device.hpp"
#include "device/handler.hpp"
#include "engine/command.hpp"
#include "engine/status.hpp"

#include <scst/bytes.hpp>

#include <algorithm>

namespace scstd::engine {

namespace {

constexpr std::uint64_t transport_length_cap = 15u << 20; // of commands whose length only the transport knows

// For opcodes of device types that the table does not describe: the handler knows what they are.
constexpr opcode_entry opaque{.opcode = 0,
                              .service_action = no_service_action,
                              .name = "unknown",
                              .types = 0,
                              .cdb_size = 16,
                              .direction = SCST_DATA_NONE,
                              .rule = length_rule::transport,
                              .length_at = 0,
                              .length_size = 0,
                              .lba_at = 0,
                              .lba_size = 0,
                              .flags = 0,
                              .byte1 = 0,
                              .extra = {},
                              .gate_mask = ~std::uint32_t{0}};

std::uint64_t read_field(const std::uint8_t *cdb, unsigned at, unsigned size) noexcept {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i)
        value = (value << 8) | cdb[at + i];
    return value;
}

std::uint64_t read_lba(const opcode_entry &entry, const std::uint8_t *cdb) noexcept {
    const std::uint64_t lba = read_field(cdb, entry.lba_at, entry.lba_size);
    return entry.lba_size == 3 ? lba & 0x1fffff : lba; // READ(6), WRITE(6): 21 bits
}

// Blocks that move and blocks that are meant; false: an invalid field, already reported.
struct extent {
    std::uint64_t bytes = 0;
    std::uint64_t blocks = 0;
    std::uint8_t direction = SCST_DATA_NONE;
};

bool verify_extent(command &cmd, const opcode_entry &entry, std::uint64_t count, std::uint64_t block_size, extent &to) {
    const unsigned byte_check = (cmd.cdb[1] >> 1) & 3u; // SBC-3 table 103
    if (byte_check == 2) {
        set_invalid_field(cmd, true, 1, 2);
        return false;
    }
    to.blocks = count;
    if (byte_check == 0)
        return true;
    to.direction = entry.direction;
    to.bytes = byte_check == 1 ? count * block_size : (count == 0 ? 0 : block_size);
    return true;
}

bool write_same_extent(command &cmd, const opcode_entry &entry, std::uint64_t count, std::uint64_t block_size,
                       extent &to) {
    const bool no_data_out = entry.opcode == 0x93 && (cmd.cdb[1] & 0x01) != 0;
    to.blocks = count;
    if (no_data_out)
        return true;
    to.direction = entry.direction;
    to.bytes = block_size;
    return true;
}

std::uint64_t transport_bytes(const command &cmd) noexcept {
    return std::min(cmd.expected_length, transport_length_cap);
}

bool extent_of(command &cmd, const opcode_entry &entry, std::uint64_t block_size, extent &to) {
    const std::uint64_t field = read_field(cmd.cdb, entry.length_at, entry.length_size);
    to.direction = entry.direction;
    switch (entry.rule) {
    case length_rule::none:
        to.direction = SCST_DATA_NONE;
        return true;
    case length_rule::bytes:
        to.bytes = field;
        return true;
    case length_rule::blocks:
        to.blocks = field;
        to.bytes = field * block_size;
        return true;
    case length_rule::read6:
        to.blocks = field == 0 ? 256 : field;
        to.bytes = to.blocks * block_size;
        return true;
    case length_rule::fixed:
        to.bytes = entry.fixed_length;
        return true;
    case length_rule::verify:
        to.direction = SCST_DATA_NONE;
        return verify_extent(cmd, entry, field, block_size, to);
    case length_rule::write_same:
        to.direction = SCST_DATA_NONE;
        return write_same_extent(cmd, entry, field, block_size, to);
    case length_rule::compare:
        to.blocks = field;
        to.bytes = 2 * field * block_size;
        return true;
    case length_rule::range_only:
        to.direction = SCST_DATA_NONE;
        to.blocks = field;
        return true;
    case length_rule::format_unit:
        to.direction = (cmd.cdb[1] & 0x10) != 0 ? SCST_DATA_WRITE : SCST_DATA_NONE;
        to.bytes = to.direction == SCST_DATA_NONE ? 0 : std::min<std::uint64_t>(transport_bytes(cmd), 4096);
        return true;
    case length_rule::transport:
        to.direction = cmd.expected_direction;
        to.bytes = transport_bytes(cmd);
        return true;
    }
    return true;
}

// The command's blocks lie on the device. SYNCHRONIZE CACHE and PRE-FETCH may name zero blocks: "to the end".
bool in_range(command &cmd, const opcode_entry &entry) {
    if (!entry.has(op::blocks))
        return true;
    const std::uint64_t capacity = cmd.dev->block_count.load(std::memory_order_relaxed);
    if (capacity == 0 && cmd.dev->hnd().table().device_type != SCST_TYPE_DISK)
        return true; // no medium: the handler says so
    if (cmd.lba <= capacity && cmd.block_count <= capacity - cmd.lba)
        return true;
    set_sense(cmd, codes::lba_out_of_range);
    return false;
}

// Compares what the CDB wants with what the transport announced (reference/scsi.md 2.1).
bool reconcile(command &cmd) {
    if (cmd.data_length == 0)
        cmd.data_direction = SCST_DATA_NONE;
    if (cmd.data_direction == SCST_DATA_NONE) {
        cmd.transfer_length = 0;
        return true;
    }
    if (cmd.expected_direction == SCST_DATA_NONE || cmd.expected_length == 0) {
        cmd.transfer_length = 0;
        if (cmd.data_direction == SCST_DATA_WRITE)
            cmd.flags |= SCST_CMD_WRITE_TRUNCATED;
        return true;
    }
    if (cmd.expected_direction != cmd.data_direction && cmd.data_direction == SCST_DATA_READ) {
        cmd.expected_length = 0; // announced as a WRITE: it runs, nothing can be sent, all is overflow
        cmd.transfer_length = 0;
        return true;
    }
    if (cmd.expected_direction != cmd.data_direction) {
        set_sense(cmd, codes::invalid_message);
        return false;
    }
    cmd.transfer_length = std::min(cmd.expected_length, cmd.data_length);
    if (cmd.data_direction == SCST_DATA_WRITE && cmd.transfer_length < cmd.data_length)
        cmd.flags |= SCST_CMD_WRITE_TRUNCATED;
    return true;
}

bool check_cdb(command &cmd, const opcode_entry &entry) {
    if (cmd.cdb_length < entry.cdb_size) {
        set_sense(cmd, codes::invalid_field_in_cdb);
        return false;
    }
    const std::uint8_t control = cmd.cdb[entry.cdb_size - 1];
    if ((control & 0x01) != 0) { // LINK, obsolete
        set_invalid_field(cmd, true, entry.cdb_size - 1u, 0);
        return false;
    }
    return true;
}

const opcode_entry *lookup(command &cmd) {
    const std::uint32_t type = cmd.dev->hnd().table().device_type;
    if (const auto *entry = find_opcode(cmd.cdb, cmd.cdb_length, type))
        return entry;
    if (opcode_has_service_actions(cmd.cdb[0], type)) {
        set_invalid_field(cmd, true, 1, 4);
        return nullptr;
    }
    if (type == SCST_TYPE_DISK || type == SCST_TYPE_CDROM) {
        set_sense(cmd, codes::invalid_opcode);
        return nullptr;
    }
    return &opaque;
}

} // namespace

bool decode_lun(const std::uint8_t *bytes, std::uint32_t &lun) noexcept {
    if ((bytes[0] >> 6) == 3)
        return false;
    if (std::any_of(bytes + 2, bytes + 8, [](std::uint8_t byte) { return byte != 0; }))
        return false;
    lun = (static_cast<std::uint32_t>(bytes[0] & 0x3f) << 8) | bytes[1];
    return true;
}

bool decode_cdb(command &cmd) noexcept {
    const std::uint32_t size = cdb_size_by_group(cmd.cdb[0]);
    cmd.naca = size != 0 && size <= cmd.cdb_length && (cmd.cdb[size - 1] & 0x04) != 0;
    const opcode_entry *entry = lookup(cmd);
    if (entry == nullptr)
        return false;
    cmd.entry_of_opcode = entry;
    cmd.opcode_key = (static_cast<std::uint32_t>(cmd.cdb[0]) << 16) | entry->service_action;
    if (!check_cdb(cmd, *entry))
        return false;
    if (entry->lba_size != 0)
        cmd.lba = read_lba(*entry, cmd.cdb);
    extent wanted;
    if (!extent_of(cmd, *entry, cmd.dev->block_size.load(std::memory_order_relaxed), wanted))
        return false;
    cmd.block_count = wanted.blocks;
    cmd.data_direction = wanted.direction;
    cmd.data_length = wanted.bytes;
    return in_range(cmd, *entry) && reconcile(cmd);
}

} // namespace scstd::engine
