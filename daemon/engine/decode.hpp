// SPDX-License-Identifier: Apache-2.0
// decode: from a CDB to direction, lengths, LBA and block count, by the opcode table (reference/scsi.md 2). Changes
// only the command; the session's reactor.
#pragma once

#include <cstdint>

namespace scstd::engine {

struct command;

// The eight LUN bytes to a number; false when they name no LUN that we can have (SAM-5 4.7: methods 0, 1 and 2, one
// level).
bool decode_lun(const std::uint8_t *bytes, std::uint32_t &lun) noexcept;

// Fills entry_of_opcode, data_direction, data_length, transfer_length, lba, block_count. On failure status and sense
// are set.
bool decode_cdb(command &cmd) noexcept;

} // namespace scstd::engine
