// SPDX-License-Identifier: Apache-2.0
// unit_commands: commands about the unit as a whole: ready, sense, start and stop, removal, diagnostics, time.
#include "commands.hpp"

#include "command.hpp"
#include "page_builder.hpp"

#include <chrono>

namespace scst::vdisk {
namespace {

constexpr std::uint8_t start_bit = 0x01;
constexpr std::uint8_t load_eject_bit = 0x02;
constexpr std::uint8_t no_flush_bit = 0x04;

// Sense data as parameter data (SPC-4 4.5).
std::size_t build_sense(sense_code code, bool descriptor, bool with_progress, std::uint16_t progress,
                        std::span<std::uint8_t> bytes) {
    page_builder page{bytes};
    if (descriptor) {
        page.u8(0x72).u8(code.key).u8(code.asc).u8(code.ascq).zeros(3).u8(with_progress ? 8u : 0u);
        if (with_progress) // sense key specific descriptor
            page.u8(0x02).u8(0x06).be16(0).u8(0x80).be16(progress).u8(0);
        return page.size();
    }
    page.u8(0x70).u8(0).u8(code.key).zeros(4).u8(0x0a).zeros(4).u8(code.asc).u8(code.ascq).u8(0);
    if (with_progress)
        page.u8(0x80).be16(progress);
    page.up_to(18);
    return page.size();
}

std::int32_t flush_all(device &dev, scst_cmd &cmd) {
    medium *open = dev.backing();
    if (open == nullptr || dev.nv_cache())
        return SCST_EXEC_DONE;
    if (const int result = open->flush(); result != 0)
        return fail_io(dev, cmd, result, true);
    return SCST_EXEC_DONE;
}

// SBC-3 5.25 with LOEJ: the medium goes (START 0) or comes (START 1).
std::int32_t load_or_eject(device &dev, scst_cmd &cmd, bool load) {
    if (!dev.config().removable && !dev.is_cdrom())
        return invalid_cdb(dev, cmd, 4, 1);
    if (dev.removal_prevented())
        return fail(dev, cmd, sense::removal_prevented);
    if (dev.is_cdrom() && load && dev.backing() == nullptr)
        return fail(dev, cmd, sense::no_medium);
    if (load && (dev.gate() & gate_ejected) != 0) {
        dev.open_gate(gate_ejected);
        dev.core().device_unit_attention(dev.handle(), 0x28, 0x00, &cmd);
    } else if (!load) {
        dev.close_gate(gate_ejected);
    }
    return SCST_EXEC_DONE;
}

} // namespace

std::int32_t test_unit_ready(device &, scst_cmd &) {
    return SCST_EXEC_DONE;
}

// SPC-4 6.39: comes here when the core has neither sense nor a unit attention for the nexus.
std::int32_t request_sense(device &dev, scst_cmd &cmd) {
    const bool descriptor = (cmd.cdb[1] & 0x01) != 0;
    const std::uint32_t gate = dev.gate();
    sense_code code{SCST_SENSE_NO_SENSE, 0, 0};
    if ((gate & gate_formatting) != 0)
        code = sense::format_in_progress;
    else if ((gate & gate_sanitizing) != 0)
        code = sense::sanitize_in_progress;
    else if ((gate & gate_ejected) != 0)
        code = sense::no_medium;
    std::array<std::uint8_t, 18> bytes{};
    const bool progress = code.asc == 0x04;
    const std::size_t size = build_sense(code, descriptor, progress, dev.job().progress(), bytes);
    return reply(dev, cmd, std::span{bytes}.first(size));
}

std::int32_t start_stop_unit(device &dev, scst_cmd &cmd) {
    const std::uint8_t flags = cmd.cdb[4];
    if (flags >> 4 != 0) // a power condition: START and LOEJ are ignored, and there is no power to save
        return SCST_EXEC_DONE;
    const bool start = (flags & start_bit) != 0;
    if (!start && (flags & no_flush_bit) == 0) {
        if (!on_worker(cmd))
            return SCST_EXEC_NEED_THREAD;
        if (flush_all(dev, cmd); cmd.status != SCST_STATUS_GOOD)
            return SCST_EXEC_DONE;
    }
    return (flags & load_eject_bit) != 0 ? load_or_eject(dev, cmd, start) : SCST_EXEC_DONE;
}

std::int32_t prevent_allow(device &dev, scst_cmd &cmd) {
    const std::uint8_t prevent = cmd.cdb[4] & 0x03;
    if (prevent > 1) // 10b and 11b are obsolete
        return invalid_cdb(dev, cmd, 4, 1);
    dev.prevent(dev.core().cmd_nexus_id(&cmd), prevent == 1);
    return SCST_EXEC_DONE;
}

// SPC-4 6.42: the default self-test is the one there is; page 00h asks for the supported pages.
std::int32_t send_diagnostic(device &dev, scst_cmd &cmd) {
    const bool page_format = (cmd.cdb[1] & 0x10) != 0;
    const bool self_test = (cmd.cdb[1] & 0x04) != 0;
    const std::uint8_t code = cmd.cdb[1] >> 5;
    const std::uint32_t length = load_be16(cmd.cdb + 3);
    if (self_test && code != 0)
        return invalid_cdb(dev, cmd, 1, 7);
    if (code == 3 || code == 7)
        return invalid_cdb(dev, cmd, 1, 7);
    if (length == 0)
        return SCST_EXEC_DONE;
    if (!page_format || self_test || code != 0)
        return invalid_cdb(dev, cmd, 3);
    const parameter_list<4> list{cmd};
    if (list.bytes().size() < 4)
        return fail(dev, cmd, sense::list_length_error);
    if (list.bytes()[0] != 0)
        return invalid_list(dev, cmd, 0);
    return load_be16(list.bytes().data() + 2) != 0 ? invalid_list(dev, cmd, 2) : SCST_EXEC_DONE;
}

std::int32_t receive_diagnostic(device &dev, scst_cmd &cmd) {
    const bool valid = (cmd.cdb[1] & 0x01) != 0; // PCV
    if (valid && cmd.cdb[2] != 0)
        return invalid_cdb(dev, cmd, 2);
    const std::array<std::uint8_t, 5> supported{0x00, 0, 0, 1, 0x00};
    return reply(dev, cmd, supported);
}

// SPC-4 6.37: milliseconds since 1970, set by a method outside of the standard (the host's clock).
std::int32_t report_timestamp(device &dev, scst_cmd &cmd) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    std::array<std::uint8_t, 12> bytes{};
    page_builder page{bytes};
    page.be16(10).u8(0x03).u8(0);
    page.be16(static_cast<std::uint32_t>(milliseconds >> 32)).be32(static_cast<std::uint64_t>(milliseconds));
    page.be16(0);
    return reply(dev, cmd, page.bytes());
}

} // namespace scst::vdisk
