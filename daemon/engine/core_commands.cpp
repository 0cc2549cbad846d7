// SPDX-License-Identifier: Apache-2.0
#include "engine/core_commands.hpp"

#include "alua/port_group_commands.hpp"
#include "core/core.hpp"
#include "device/device.hpp"
#include "device/handler.hpp"
#include "engine/attention.hpp"
#include "engine/command.hpp"
#include "engine/compare_and_write.hpp"
#include "engine/extended_copy.hpp"
#include "engine/report_opcodes.hpp"
#include "engine/reservation_commands.hpp"
#include "engine/status.hpp"
#include "session/session.hpp"
#include "session/target.hpp"

#include <scst/bytes.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace scstd::engine {

namespace {

// ---- REPORT LUNS (SPC-4 6.33) ----

void put_lun(std::vector<std::uint8_t> &list, std::uint32_t lun, std::uint8_t method) {
    const std::size_t at = list.size();
    list.resize(at + 8);
    if (lun != 0)
        scst::store_be16(list.data() + at, static_cast<std::uint16_t>((static_cast<unsigned>(method) << 14) | lun));
}

void report_luns(command &cmd) {
    const std::uint8_t select = cmd.cdb[2];
    // 00h and 02h: what is addressable; 01h: well-known logical units; 10h…12h: of an administrative LU. We have none
    // of those.
    if (select > 0x02 && !(select >= 0x10 && select <= 0x12)) {
        set_invalid_field(cmd, true, 2, -1);
        return;
    }
    if (scst::load_be32(cmd.cdb + 6) < 16 && scst::load_be32(cmd.cdb + 6) != 0) {
        set_invalid_field(cmd, true, 6, -1);
        return;
    }
    std::vector<std::uint8_t> list(8);
    if (select == 0x00 || select == 0x02 || select == 0x11) {
        const std::uint8_t method = cmd.sess->method.load(std::memory_order_relaxed);
        for (const session::nexus *nex : cmd.sess->table()) {
            if (nex != nullptr)
                put_lun(list, nex->lun, method);
        }
    }
    scst::store_be32(list.data(), static_cast<std::uint32_t>(list.size() - 8));
    respond(cmd, list);
    drop_reported_luns(*cmd.sess);
}

// ---- REQUEST SENSE (SPC-4 6.39) ----

void respond_sense(command &cmd, std::span<const std::uint8_t> sense) {
    std::array<std::uint8_t, SCST_MAX_SENSE_SIZE> bytes{};
    const std::uint32_t length = convert_sense(sense, (cmd.cdb[1] & 0x01) != 0, bytes.data());
    respond(cmd, {bytes.data(), length});
}

core_outcome request_sense(command &cmd) {
    session::nexus &nex = *cmd.nex;
    if (nex.stored_sense.length != 0) {
        respond_sense(cmd, nex.stored_sense.view());
        nex.stored_sense.length = 0;
        return core_outcome::done;
    }
    if (const auto code = take_attention_for_sense(nex)) {
        std::array<std::uint8_t, 32> sense{};
        const std::uint32_t length = build_sense(sense.data(), (cmd.cdb[1] & 0x01) != 0, *code);
        respond(cmd, {sense.data(), length});
        return core_outcome::done;
    }
    return core_outcome::pass_to_handler;
}

// ---- ALUA ----

void report(command &cmd, const alua::command_error &error) {
    sense_details details;
    if (error.field)
        details.field = field_pointer{true, error.field->byte,
                                      error.field->bit ? static_cast<std::int8_t>(*error.field->bit) : std::int8_t{-1}};
    set_sense(cmd, {error.key, error.asc, error.ascq}, details);
}

void report_port_groups(command &cmd) {
    const auto answer = core::instance().with_groups([&cmd](const alua::device_groups &groups) {
        return alua::report_target_port_groups(groups, cmd.dev->name(), {cmd.cdb, 12});
    });
    if (answer.error.good())
        respond(cmd, answer.data);
    else
        report(cmd, answer.error);
}

void set_port_groups(command &cmd) {
    const auto answer = core::instance().with_groups([&cmd](const alua::device_groups &groups) {
        return alua::decide_set_target_port_groups(
            groups, cmd.dev->name(), cmd.dev->explicit_alua.load(std::memory_order_relaxed), received_data(cmd));
    });
    if (!answer.error.good())
        report(cmd, answer.error);
    else if (!answer.wanted.empty())
        core::instance().apply_port_groups(*cmd.dev, answer.wanted, cmd.nex);
}

// ---- a LUN that does not exist ----

constexpr std::size_t absent_inquiry_length = 36;

void absent_inquiry(command &cmd) {
    if ((cmd.cdb[1] & 0x01) != 0) {
        set_sense(cmd, codes::lun_not_supported);
        return;
    }
    std::array<std::uint8_t, absent_inquiry_length> data{};
    data[0] = 0x7f;
    data[2] = 0x06;
    data[3] = 0x02;
    data[4] = absent_inquiry_length - 5;
    constexpr std::string_view vendor = "SCST    ";
    std::copy(vendor.begin(), vendor.end(), data.begin() + 8);
    std::fill(data.begin() + 16, data.end(), std::uint8_t{' '});
    respond(cmd, data);
}

void absent_request_sense(command &cmd) {
    std::array<std::uint8_t, 32> sense{};
    const std::uint32_t length = build_sense(sense.data(), (cmd.cdb[1] & 0x01) != 0, codes::lun_not_supported);
    respond(cmd, {sense.data(), length});
}

// Without a device: the CDB's allocation length, limited by what the initiator takes.
void set_allocation(command &cmd, std::uint64_t length) {
    cmd.data_direction = SCST_DATA_READ;
    cmd.data_length = length;
    cmd.transfer_length = cmd.expected_direction == SCST_DATA_READ ? std::min(length, cmd.expected_length) : 0;
}

} // namespace

void answer_without_lun(command &cmd) {
    switch (cmd.cdb[0]) {
    case 0x12:
        set_allocation(cmd, scst::load_be16(cmd.cdb + 3));
        absent_inquiry(cmd);
        return;
    case 0x03:
        set_allocation(cmd, cmd.cdb[4]);
        absent_request_sense(cmd);
        return;
    case 0xa0:
        set_allocation(cmd, scst::load_be32(cmd.cdb + 6));
        report_luns(cmd);
        return;
    default:
        set_sense(cmd, codes::lun_not_supported);
    }
}

core_outcome run_core_command(command &cmd) {
    switch (cmd.cdb[0]) {
    case 0x03:
        return request_sense(cmd);
    case 0x16:
    case 0x56:
        run_reserve(cmd);
        return core_outcome::done;
    case 0x17:
    case 0x57:
        run_release(cmd);
        return core_outcome::done;
    case 0x5e:
        run_persistent_reserve_in(cmd);
        return core_outcome::done;
    case 0x5f:
        run_persistent_reserve_out(cmd);
        if (cmd.status == SCST_STATUS_GOOD && (cmd.dev->hnd().table().flags & SCST_HANDLER_WANTS_PR_OUT) != 0)
            return core_outcome::pass_to_handler;
        return core_outcome::done;
    case 0x83:
        run_extended_copy(cmd);
        return core_outcome::done;
    case 0x84:
        run_receive_copy_results(cmd);
        return core_outcome::done;
    case 0x89:
        run_compare_and_write(cmd);
        return core_outcome::done;
    case 0xa0:
        report_luns(cmd);
        return core_outcome::done;
    case 0xa3:
        if (cmd.entry_of_opcode->service_action == 0x0a)
            report_port_groups(cmd);
        else if (cmd.entry_of_opcode->service_action == 0x0c)
            report_supported_opcodes(cmd);
        else
            report_supported_task_management(cmd);
        return core_outcome::done;
    case 0xa4:
        set_port_groups(cmd);
        return core_outcome::done;
    default:
        return core_outcome::pass_to_handler;
    }
}

} // namespace scstd::engine
