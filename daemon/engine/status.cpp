// SPDX-License-Identifier: Apache-2.0
#include "engine/status.hpp"

#include "core/core.hpp"
#include "device/device.hpp"
#include "engine/command.hpp"
#include "session/session.hpp"

#include <algorithm>
#include <cstring>

namespace scstd::engine {

void set_sense(command &cmd, sense_code code, const sense_details &details) noexcept {
    if (cmd.status != SCST_STATUS_GOOD)
        return;
    const bool descriptor = cmd.dev != nullptr && cmd.dev->d_sense.load(std::memory_order_relaxed) != 0;
    cmd.status = SCST_STATUS_CHECK_CONDITION;
    cmd.sense_length = build_sense(cmd.sense, descriptor, code, details);
    cmd.response_length = 0;
}

void set_invalid_field(command &cmd, bool in_cdb, std::uint32_t byte, int bit) noexcept {
    sense_details details;
    details.field = field_pointer{in_cdb, static_cast<std::uint16_t>(byte), static_cast<std::int8_t>(bit)};
    set_sense(cmd, in_cdb ? codes::invalid_field_in_cdb : codes::invalid_field_in_parameter_list, details);
}

void set_busy(command &cmd) noexcept {
    const bool alone = cmd.sess == nullptr || cmd.sess->active_commands.load(std::memory_order_relaxed) <= 1;
    set_status(cmd, alone ? SCST_STATUS_BUSY : SCST_STATUS_TASK_SET_FULL);
}

void set_status(command &cmd, std::uint8_t status) noexcept {
    if (cmd.status != SCST_STATUS_GOOD)
        return;
    cmd.status = status;
    cmd.response_length = 0;
}

bool allocate_buffer(command &cmd, std::uint64_t length) noexcept {
    sgv::memory_account *account = cmd.dev != nullptr ? &cmd.dev->memory : nullptr;
    cmd.buffer = core::instance().buffers().get(static_cast<std::size_t>(length), account);
    if (cmd.buffer == nullptr) {
        set_busy(cmd);
        return false;
    }
    cmd.own_segment = {SCST_SEGMENT_MEMORY, -1, length, cmd.buffer->data, 0};
    cmd.segments = &cmd.own_segment;
    cmd.segment_count = 1;
    return true;
}

void respond(command &cmd, std::span<const std::uint8_t> bytes) noexcept {
    const std::size_t length = std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(cmd.data_length));
    const std::size_t sent = std::min<std::size_t>(length, static_cast<std::size_t>(cmd.transfer_length));
    cmd.data_length = length; // so that residuals tell what there was
    cmd.response_length = sent;
    if (sent == 0)
        return;
    if (!allocate_buffer(cmd, sent))
        return;
    std::memcpy(cmd.own_segment.address, bytes.data(), sent);
}

std::span<const std::uint8_t> received_data(const command &cmd) noexcept {
    if (cmd.segment_count == 0 || cmd.segments == nullptr)
        return {};
    const std::uint64_t length = std::min(cmd.segments->length, cmd.transfer_length);
    return {cmd.segments->address, static_cast<std::size_t>(length)};
}

} // namespace scstd::engine
