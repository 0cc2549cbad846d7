// SPDX-License-Identifier: Apache-2.0
// command: what every command function needs: answers, sense, and access to the data of a scst_cmd.
//
// A command function is `std::int32_t f(device &, scst_cmd &)` and returns SCST_EXEC_*; it runs on a reactor first and
// on a worker after it answered SCST_EXEC_NEED_THREAD. Everything in a CDB or parameter list comes from a stranger.
#pragma once

#include "device.hpp"

#include <scst/bytes.hpp>

#include <algorithm>
#include <cstring>
#include <span>

namespace scst::vdisk {

struct sense_code {
    std::uint8_t key;
    std::uint8_t asc;
    std::uint8_t ascq;
};

namespace sense {
inline constexpr sense_code format_in_progress{SCST_SENSE_NOT_READY, 0x04, 0x04};
inline constexpr sense_code sanitize_in_progress{SCST_SENSE_NOT_READY, 0x04, 0x1b};
inline constexpr sense_code no_medium{SCST_SENSE_NOT_READY, 0x3a, 0x00};
inline constexpr sense_code sanitize_failed{SCST_SENSE_MEDIUM_ERROR, 0x31, 0x03};
inline constexpr sense_code write_error{SCST_SENSE_MEDIUM_ERROR, 0x03, 0x00};
inline constexpr sense_code read_error{SCST_SENSE_MEDIUM_ERROR, 0x11, 0x00};
inline constexpr sense_code internal_failure{SCST_SENSE_HARDWARE_ERROR, 0x44, 0x00};
inline constexpr sense_code list_length_error{SCST_SENSE_ILLEGAL_REQUEST, 0x1a, 0x00};
inline constexpr sense_code invalid_opcode{SCST_SENSE_ILLEGAL_REQUEST, 0x20, 0x00};
inline constexpr sense_code lba_out_of_range{SCST_SENSE_ILLEGAL_REQUEST, 0x21, 0x00};
inline constexpr sense_code saving_unsupported{SCST_SENSE_ILLEGAL_REQUEST, 0x39, 0x00};
inline constexpr sense_code removal_prevented{SCST_SENSE_ILLEGAL_REQUEST, 0x53, 0x02};
inline constexpr sense_code data_protect{SCST_SENSE_DATA_PROTECT, 0x00, 0x00};
inline constexpr sense_code space_exhausted{SCST_SENSE_DATA_PROTECT, 0x27, 0x07};
inline constexpr sense_code miscompare{SCST_SENSE_MISCOMPARE, 0x1d, 0x00};
inline constexpr sense_code aborted{SCST_SENSE_ABORTED_COMMAND, 0x00, 0x00};
} // namespace sense

inline std::int32_t fail(device &dev, scst_cmd &cmd, sense_code code) noexcept {
    dev.core().cmd_set_sense(&cmd, code.key, code.asc, code.ascq);
    return SCST_EXEC_DONE;
}

inline std::int32_t invalid_cdb(device &dev, scst_cmd &cmd, std::uint32_t byte, std::int32_t bit = -1) noexcept {
    dev.core().cmd_set_invalid_field(&cmd, 1, byte, bit);
    return SCST_EXEC_DONE;
}

inline std::int32_t invalid_list(device &dev, scst_cmd &cmd, std::uint32_t byte, std::int32_t bit = -1) noexcept {
    dev.core().cmd_set_invalid_field(&cmd, 0, byte, bit);
    return SCST_EXEC_DONE;
}

inline bool on_worker(const scst_cmd &cmd) noexcept {
    return (cmd.flags & SCST_CMD_ON_WORKER) != 0;
}

// Turns -errno of the backend into sense. `writing`: what was being done.
std::int32_t fail_io(device &dev, scst_cmd &cmd, std::int32_t result, bool writing) noexcept;

// Answers a data-in command with `bytes`, cut to what the initiator takes.
std::int32_t reply(device &dev, scst_cmd &cmd, std::span<const std::uint8_t> bytes) noexcept;

// A parameter list that came with the command: at most `Capacity` bytes of it in one piece.
template <std::size_t Capacity>
class parameter_list {
  public:
    explicit parameter_list(const scst_cmd &cmd) noexcept {
        std::uint64_t left = std::min<std::uint64_t>(cmd.transfer_length, Capacity);
        for (std::uint32_t i = 0; i < cmd.segment_count && left != 0; ++i) {
            const scst_segment &segment = cmd.segments[i];
            if (segment.kind != SCST_SEGMENT_MEMORY)
                return;
            const auto piece = static_cast<std::size_t>(std::min(left, segment.length));
            std::memcpy(bytes_.data() + size_, segment.address, piece);
            size_ += piece;
            left -= piece;
        }
    }
    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return {bytes_.data(), size_}; }

  private:
    std::array<std::uint8_t, Capacity> bytes_{};
    std::size_t size_ = 0;
};

// False (and sense) when LBA and count are not within the device.
inline bool in_range(device &dev, scst_cmd &cmd) noexcept {
    const std::uint64_t blocks = dev.block_count();
    if (cmd.lba <= blocks && cmd.block_count <= blocks - cmd.lba && (cmd.lba < blocks || cmd.block_count == 0))
        return true;
    fail(dev, cmd, sense::lba_out_of_range);
    return false;
}

// False (and sense) when a READ or WRITE of 10 bytes and more asks for protection information, which no device has.
inline bool protect_field_ok(device &dev, scst_cmd &cmd) noexcept {
    if ((cmd.cdb[1] & 0xe0) == 0)
        return true;
    invalid_cdb(dev, cmd, 1, 5);
    return false;
}

// Calls step(address, length, offset) for the command's memory segments, `length` bytes in all, until one returns not
// 0.
template <typename Step>
std::int32_t for_each_segment(const scst_cmd &cmd, std::uint64_t length, Step step) noexcept {
    std::uint64_t done = 0;
    for (std::uint32_t i = 0; i < cmd.segment_count && done < length; ++i) {
        const scst_segment &segment = cmd.segments[i];
        const std::uint64_t piece = std::min(segment.length, length - done);
        if (const std::int32_t result = step(segment.address, piece, done); result != 0)
            return result;
        done += piece;
    }
    return 0;
}

} // namespace scst::vdisk
