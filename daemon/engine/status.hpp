// SPDX-License-Identifier: Apache-2.0
// status: how a command gets its SCSI status and sense: the only place that writes them. The thread that has the
// command.
#pragma once

#include "engine/sense.hpp"

#include <cstdint>
#include <span>

namespace scstd::engine {

struct command;

// CHECK CONDITION in the device's format. The first error of a command wins.
void set_sense(command &cmd, sense_code code, const sense_details &details = {}) noexcept;
// ILLEGAL REQUEST with a field pointer into the CDB or the parameter list; bit -1: the whole byte.
void set_invalid_field(command &cmd, bool in_cdb, std::uint32_t byte, int bit) noexcept;
// BUSY, or TASK SET FULL when the session has more commands (reference/scsi.md 1.3).
void set_busy(command &cmd) noexcept;
void set_status(command &cmd, std::uint8_t status) noexcept;

// Makes `bytes` the data-in of a core command, cut to what the initiator takes. BUSY when there is no memory.
void respond(command &cmd, std::span<const std::uint8_t> bytes) noexcept;
// Gives the command one segment from the SGV cache; BUSY and false without memory.
bool allocate_buffer(command &cmd, std::uint64_t length) noexcept;
// The data-out that has arrived: the command's one memory segment, cut to what was received.
std::span<const std::uint8_t> received_data(const command &cmd) noexcept;

} // namespace scstd::engine
