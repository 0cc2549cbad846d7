// SPDX-License-Identifier: Apache-2.0
#include "engine/report_opcodes.hpp"

#include "device/device.hpp"
#include "device/handler.hpp"
#include "engine/command.hpp"
#include "engine/extended_copy.hpp"
#include "engine/status.hpp"

#include <scst/bytes.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace scstd::engine {

namespace {

constexpr std::uint8_t service_action_valid = 0x01;
constexpr std::uint8_t timeouts_present = 0x02;
constexpr std::uint16_t timeouts_length = 0x0a;

// Whether this device answers the row: the core does, or its handler lists it.
bool is_supported(const device::device &dev, const opcode_entry &entry) {
    if (find_opcode(entry.opcode, entry.service_action, dev.hnd().table().device_type) != &entry)
        return false;
    if (entry.opcode == 0xa4)
        return dev.explicit_alua.load(std::memory_order_relaxed);
    if (entry.opcode == 0x83 || entry.opcode == 0x84)
        return extended_copy_supported(dev);
    if (entry.has(op::core) && !entry.has(op::optional))
        return true;
    const auto &table = dev.hnd().table();
    if (table.supports != nullptr && table.supports(dev.handler_device, entry.opcode, entry.service_action) == 0)
        return false;
    return std::any_of(table.opcodes, table.opcodes + table.opcode_count, [&entry](const scst_opcode &listed) {
        return listed.opcode == entry.opcode && listed.service_action == entry.service_action;
    });
}

std::uint32_t recommended_seconds(const opcode_entry &entry) noexcept {
    if (entry.has(op::quick))
        return 10;
    return entry.has(op::slow) ? 3600 : 60;
}

void put_timeouts(std::vector<std::uint8_t> &out, const opcode_entry &entry) {
    const std::size_t at = out.size();
    out.resize(at + 12);
    scst::store_be16(out.data() + at, timeouts_length);
    scst::store_be32(out.data() + at + 4, 1);
    scst::store_be32(out.data() + at + 8, recommended_seconds(entry));
}

void put_descriptor(std::vector<std::uint8_t> &out, const opcode_entry &entry, bool with_timeouts) {
    const std::size_t at = out.size();
    out.resize(at + 8);
    out[at] = entry.opcode;
    if (entry.service_action != no_service_action) {
        scst::store_be16(out.data() + at + 2, entry.service_action);
        out[at + 5] = service_action_valid;
    }
    if (with_timeouts)
        out[at + 5] = static_cast<std::uint8_t>(out[at + 5] | timeouts_present);
    scst::store_be16(out.data() + at + 6, entry.cdb_size);
    if (with_timeouts)
        put_timeouts(out, entry);
}

std::vector<std::uint8_t> all_commands(const device::device &dev, bool with_timeouts) {
    std::vector<std::uint8_t> out(4);
    for (const opcode_entry &entry : opcode_table()) {
        if (is_supported(dev, entry))
            put_descriptor(out, entry, with_timeouts);
    }
    scst::store_be32(out.data(), static_cast<std::uint32_t>(out.size() - 4));
    return out;
}

std::vector<std::uint8_t> one_command(const device::device &dev, const opcode_entry *entry, bool with_timeouts) {
    std::vector<std::uint8_t> out(4);
    if (entry == nullptr || !is_supported(dev, *entry)) {
        out[1] = 0x01; // not supported
        return out;
    }
    out[1] = static_cast<std::uint8_t>(0x03 | (with_timeouts ? 0x80 : 0));
    scst::store_be16(out.data() + 2, entry->cdb_size);
    out.resize(4u + entry->cdb_size);
    cdb_usage(*entry, out.data() + 4);
    if (with_timeouts)
        put_timeouts(out, *entry);
    return out;
}

} // namespace

void report_supported_opcodes(command &cmd) {
    const device::device &dev = *cmd.dev;
    const std::uint32_t type = dev.hnd().table().device_type;
    const bool with_timeouts = (cmd.cdb[2] & 0x80) != 0;
    const std::uint8_t option = cmd.cdb[2] & 0x07;
    const std::uint8_t opcode = cmd.cdb[3];
    const std::uint16_t action = scst::load_be16(cmd.cdb + 4);
    const bool has_actions = opcode_has_service_actions(opcode, type);
    switch (option) {
    case 0:
        respond(cmd, all_commands(dev, with_timeouts));
        return;
    case 1:
        if (has_actions) {
            set_invalid_field(cmd, true, 2, 2);
            return;
        }
        respond(cmd, one_command(dev, find_opcode(opcode, no_service_action, type), with_timeouts));
        return;
    case 2:
        if (!has_actions && find_opcode(opcode, no_service_action, type) != nullptr) {
            set_invalid_field(cmd, true, 2, 2);
            return;
        }
        respond(cmd, one_command(dev, find_opcode(opcode, action, type), with_timeouts));
        return;
    case 3: // either way
        respond(cmd,
                one_command(dev, find_opcode(opcode, has_actions ? action : no_service_action, type), with_timeouts));
        return;
    default:
        set_invalid_field(cmd, true, 2, 2);
    }
}

void report_supported_task_management(command &cmd) {
    // ABORT TASK, ABORT TASK SET, CLEAR ACA, CLEAR TASK SET, LOGICAL UNIT RESET, QUERY TASK; then QUERY ASYNC EVENT,
    // QUERY TASK SET, I_T NEXUS RESET (SPC-4 table 290).
    constexpr std::uint8_t first = 0x80 | 0x40 | 0x20 | 0x10 | 0x08 | 0x01;
    constexpr std::uint8_t second = 0x04 | 0x02 | 0x01;
    std::array<std::uint8_t, 16> data{};
    data[0] = first;
    data[1] = second;
    if ((cmd.cdb[2] & 0x80) == 0) {
        respond(cmd, {data.data(), 4});
        return;
    }
    data[3] = 0x0c;
    data[4] = 0x01;
    data[6] = 0xa0; // SCST's mask of valid timeouts
    scst::store_be32(data.data() + 8, 300);
    scst::store_be32(data.data() + 12, 150);
    respond(cmd, data);
}

} // namespace scstd::engine
