// SPDX-License-Identifier: Apache-2.0
// dispatch: from an operation code to its function, in one table that also makes the list for REPORT SUPPORTED
// OPERATION CODES. Rows of one operation code stand together.
#include "commands.hpp"

#include "command.hpp"
#include "inquiry.hpp"
#include "mode_pages.hpp"

#include <array>

namespace scst::vdisk {
namespace {

constexpr std::uint8_t disk = 1;
constexpr std::uint8_t cdrom = 2;
constexpr std::uint8_t both = disk | cdrom;

// When a command can run.
constexpr std::uint8_t always = 0;   // also while formatting or sanitizing (SBC-3 4.9, 4.11)
constexpr std::uint8_t idle = 1;     // not while formatting or sanitizing
constexpr std::uint8_t loaded = 2;   // and with a medium
constexpr std::uint8_t open_now = 3; // and with an open backing store

constexpr std::uint16_t no_action = 0xffff;

struct command {
    std::uint8_t opcode;
    std::uint16_t service_action;
    std::uint8_t types;
    std::uint8_t when;
    std::int32_t (*run)(device &, scst_cmd &);
};

// In SCST's order; then what SCST lacks.
constexpr std::array commands{
    command{0x35, no_action, both, open_now, synchronize_cache},
    command{0x91, no_action, both, open_now, synchronize_cache},
    command{0x1a, no_action, both, idle, mode_sense_6},
    command{0x5a, no_action, both, idle, mode_sense_10},
    command{0x15, no_action, both, idle, mode_select_6},
    command{0x55, no_action, both, idle, mode_select_10},
    command{0x4c, no_action, both, idle, log_select},
    command{0x4d, no_action, both, always, log_sense},
    command{0x1b, no_action, both, idle, start_stop_unit},
    command{0x25, no_action, both, loaded, read_capacity_10},
    command{0x1d, no_action, both, idle, send_diagnostic},
    command{0x08, no_action, both, open_now, read_6},
    command{0x28, no_action, both, open_now, read_blocks},
    command{0xa8, no_action, both, open_now, read_blocks},
    command{0x88, no_action, both, open_now, read_blocks},
    command{0x0a, no_action, disk, open_now, write_6},
    command{0x2a, no_action, both, open_now, write_blocks},
    command{0xaa, no_action, both, open_now, write_blocks},
    command{0x8a, no_action, both, open_now, write_blocks},
    command{0x2e, no_action, both, open_now, write_and_verify},
    command{0xae, no_action, both, open_now, write_and_verify},
    command{0x8e, no_action, both, open_now, write_and_verify},
    command{0x2f, no_action, both, open_now, verify},
    command{0xaf, no_action, both, open_now, verify},
    command{0x8f, no_action, both, open_now, verify},
    command{0x9e, 0x10, disk, loaded, read_capacity_16},
    command{0x9e, 0x12, disk, open_now, get_lba_status},
    command{0x41, no_action, disk, open_now, write_same_10},
    command{0x93, no_action, disk, open_now, write_same_16},
    command{0x42, no_action, disk, open_now, unmap},
    command{0x04, no_action, both, open_now, format_unit},
    command{0x12, no_action, both, always, inquiry},
    command{0x00, no_action, both, loaded, test_unit_ready},
    command{0x03, no_action, both, always, request_sense},
    command{0x1e, no_action, both, idle, prevent_allow},
    command{0x1c, no_action, both, idle, receive_diagnostic},
    command{0x34, no_action, both, open_now, pre_fetch},
    command{0x90, no_action, both, open_now, pre_fetch},
    command{0x37, no_action, disk, loaded, read_defect_data_10},
    command{0xb7, no_action, disk, loaded, read_defect_data_12},
    command{0x3b, no_action, both, idle, write_buffer},
    command{0x3c, no_action, both, idle, read_buffer},
    command{0x8b, no_action, disk, open_now, or_write},
    command{0x9c, no_action, disk, open_now, write_atomic},
    command{0x48, 0x01, disk, always, sanitize},
    command{0x48, 0x02, disk, always, sanitize},
    command{0x48, 0x03, disk, always, sanitize},
    command{0x48, 0x1f, disk, always, sanitize},
    command{0xa3, 0x0f, disk, idle, report_timestamp},
    command{0x43, no_action, cdrom, loaded, read_toc},
    command{0x46, no_action, cdrom, always, get_configuration},
    command{0x4a, no_action, cdrom, always, get_event_status},
};

constexpr std::uint8_t none = 0xff;
static_assert(commands.size() < none);

// First row of an operation code.
constexpr std::array<std::uint8_t, 256> first_row = [] {
    std::array<std::uint8_t, 256> rows{};
    rows.fill(none);
    for (std::size_t i = commands.size(); i-- > 0;)
        rows[commands[i].opcode] = static_cast<std::uint8_t>(i);
    return rows;
}();

const command *find(std::uint8_t opcode, std::uint16_t service_action, std::uint8_t type, bool &opcode_known) noexcept {
    opcode_known = false;
    for (std::size_t i = first_row[opcode]; i < commands.size() && commands[i].opcode == opcode; ++i) {
        if ((commands[i].types & type) == 0)
            continue;
        opcode_known = true;
        if (commands[i].service_action == no_action || commands[i].service_action == service_action)
            return &commands[i];
    }
    return nullptr;
}

sense_code closed_sense(std::uint32_t gate, std::uint8_t when, bool &closed) noexcept {
    closed = true;
    if (when != always) {
        if ((gate & gate_formatting) != 0)
            return sense::format_in_progress;
        if ((gate & gate_sanitizing) != 0)
            return sense::sanitize_in_progress;
    }
    if ((gate & gate_ejected) != 0 && when >= loaded)
        return sense::no_medium;
    if ((gate & gate_closed) != 0 && when >= open_now)
        return sense::no_medium;
    if ((gate & gate_sanitize_failed) != 0 && when >= loaded)
        return sense::sanitize_failed;
    closed = false;
    return {};
}

std::int32_t refuse_closed(device &dev, scst_cmd &cmd, sense_code code) noexcept {
    if (code.asc == 0x04)
        dev.core().cmd_set_sense_progress(&cmd, code.key, code.asc, code.ascq, dev.job().progress());
    else
        fail(dev, cmd, code);
    return SCST_EXEC_DONE;
}

std::int32_t refuse_unknown(device &dev, scst_cmd &cmd, bool opcode_known) noexcept {
    if (opcode_known && (cmd.opcode_key & 0xffff) != no_action)
        return invalid_cdb(dev, cmd, 1, 0); // the operation code is right, the service action is not
    return fail(dev, cmd, sense::invalid_opcode);
}

std::vector<scst_opcode> make_opcode_list(std::uint8_t type) {
    std::vector<scst_opcode> list;
    for (const command &each : commands) {
        if ((each.types & type) != 0)
            list.push_back({each.opcode, 0, each.service_action});
    }
    return list;
}

std::uint8_t service_action_of(const scst_cmd &cmd) noexcept {
    return cmd.cdb[1] & 0x1f;
}

std::int32_t run(device &dev, scst_cmd &cmd) {
    bool opcode_known = false;
    const std::uint8_t type = dev.is_cdrom() ? cdrom : disk;
    const command *row = find(cmd.cdb[0], service_action_of(cmd), type, opcode_known);
    if (row == nullptr || !supports(dev, row->opcode, row->service_action))
        return refuse_unknown(dev, cmd, opcode_known);
    if (const std::uint32_t gate = dev.gate(); gate != 0) [[unlikely]] {
        bool closed = false;
        if (const sense_code code = closed_sense(gate, row->when, closed); closed)
            return refuse_closed(dev, cmd, code);
    }
    return row->run(dev, cmd);
}

} // namespace

std::int32_t execute(device &dev, scst_cmd &cmd) noexcept {
    try {
        // The commands that matter, without the table.
        if (dev.gate() == 0) [[likely]] {
            switch (cmd.cdb[0]) {
            case 0x28:
            case 0x88:
                return read_blocks(dev, cmd);
            case 0x2a:
            case 0x8a:
                return write_blocks(dev, cmd);
            default:
                break;
            }
        }
        return run(dev, cmd);
    } catch (const std::bad_alloc &) {
        dev.core().cmd_set_busy(&cmd);
        return SCST_EXEC_DONE;
    } catch (const std::exception &error) {
        dev.log().error("operation code %02x: %s", cmd.cdb[0], error.what());
        return fail(dev, cmd, sense::internal_failure);
    }
}

std::span<const scst_opcode> opcode_list(std::uint32_t device_type) {
    static const std::vector<scst_opcode> of_disks = make_opcode_list(disk);
    static const std::vector<scst_opcode> of_cdroms = make_opcode_list(cdrom);
    return device_type == SCST_TYPE_CDROM ? of_cdroms : of_disks;
}

bool supports(const device &dev, std::uint8_t opcode, std::uint16_t service_action) noexcept {
    switch (opcode) {
    case 0x9c: // WRITE ATOMIC: VPD page B0h has to announce it
        return dev.config().extensions;
    case 0x48: // erasing needs a thin device, and VPD page B1h has to announce it
        return (service_action != 0x02 && service_action != 0x03) || (dev.config().extensions && dev.thin());
    default:
        return true;
    }
}

} // namespace scst::vdisk
