// SPDX-License-Identifier: Apache-2.0
// verify: VERIFY and WRITE AND VERIFY (SBC-3 5.36 to 5.47): always on a worker, in pieces, stopping when aborted.
#include "commands.hpp"

#include "command.hpp"

#include <cerrno>

namespace scst::vdisk {
namespace {

constexpr std::size_t piece_size = 262'144;
constexpr std::int32_t differs = 1; // besides 0 and -errno

// BYTCHK (SBC-3 table 76): what the medium is compared with.
enum class check : std::uint8_t { medium_only = 0, all_blocks = 1, reserved = 2, one_block = 3 };

check check_of(const scst_cmd &cmd) noexcept {
    return static_cast<check>(cmd.cdb[1] >> 1 & 3);
}

// The command's data as one range, at any offset.
class data_view {
  public:
    explicit data_view(const scst_cmd &cmd) noexcept : cmd_{cmd} {}

    // True when `bytes` equals the data from `at` on.
    [[nodiscard]] bool equals(std::span<const std::uint8_t> bytes, std::uint64_t at) const noexcept {
        std::uint64_t start = 0;
        for (std::uint32_t i = 0; i < cmd_.segment_count && !bytes.empty(); ++i) {
            const scst_segment &segment = cmd_.segments[i];
            if (at < start + segment.length) {
                const std::uint64_t skip = at - start;
                const auto piece =
                    static_cast<std::size_t>(std::min<std::uint64_t>(segment.length - skip, bytes.size()));
                if (std::memcmp(segment.address + skip, bytes.data(), piece) != 0)
                    return false;
                bytes = bytes.subspan(piece);
                at += piece;
            }
            start += segment.length;
        }
        return bytes.empty();
    }

  private:
    const scst_cmd &cmd_;
};

bool piece_equals(const device &dev, const scst_cmd &cmd, check how, std::span<const std::uint8_t> there,
                  std::uint64_t at) noexcept {
    const data_view data{cmd};
    switch (how) {
    case check::medium_only:
    case check::reserved:
        return true;
    case check::all_blocks:
        return data.equals(there, at);
    case check::one_block:
        break;
    }
    for (std::size_t done = 0; done < there.size(); done += dev.block_size()) {
        if (!data.equals(there.subspan(done, dev.block_size()), 0))
            return false;
    }
    return true;
}

// Reads the range back; 0, `differs` or -errno.
std::int32_t compare(device &dev, scst_cmd &cmd, std::uint64_t length, check how) {
    medium &open = *dev.backing();
    std::vector<std::uint8_t> buffer(std::min<std::uint64_t>(length, piece_size));
    const std::uint64_t offset = cmd.lba << dev.block_shift();
    for (std::uint64_t done = 0; done < length;) {
        if (dev.core().cmd_aborted(&cmd) != 0)
            return -ECANCELED;
        const auto there = std::span{buffer}.first(std::min<std::uint64_t>(buffer.size(), length - done));
        if (const int result = open.read(offset + done, there); result != 0)
            return result;
        if (!piece_equals(dev, cmd, how, there, done))
            return differs;
        done += there.size();
    }
    return 0;
}

std::int32_t check_medium(device &dev, scst_cmd &cmd, std::uint64_t length, check how) {
    if ((dev.backend().flags & SCST_BLOCK_NO_CONTENT) != 0 || length == 0)
        return SCST_EXEC_DONE;
    // From the medium, not from what is not there yet.
    if (!dev.nv_cache()) {
        if (const int result = dev.backing()->flush(); result != 0)
            return fail_io(dev, cmd, result, true);
    }
    const std::int32_t result = compare(dev, cmd, length, how);
    if (result == differs)
        return fail(dev, cmd, sense::miscompare);
    return result == 0 ? SCST_EXEC_DONE : fail_io(dev, cmd, result, false);
}

} // namespace

std::int32_t verify(device &dev, scst_cmd &cmd) {
    if (!protect_field_ok(dev, cmd))
        return SCST_EXEC_DONE;
    const check how = check_of(cmd);
    if (how == check::reserved)
        return invalid_cdb(dev, cmd, 1, 2);
    if (!in_range(dev, cmd))
        return SCST_EXEC_DONE;
    if (!on_worker(cmd))
        return SCST_EXEC_NEED_THREAD;
    std::uint64_t length = cmd.block_count << dev.block_shift();
    if (how == check::all_blocks) // of a truncated command only what came
        length = std::min(length, cmd.transfer_length);
    if (how == check::one_block && cmd.block_count != 0 && cmd.transfer_length < dev.block_size())
        return fail(dev, cmd, {SCST_SENSE_ILLEGAL_REQUEST, 0x0e, 0x03});
    return check_medium(dev, cmd, length, how);
}

std::int32_t write_and_verify(device &dev, scst_cmd &cmd) {
    if (!protect_field_ok(dev, cmd))
        return SCST_EXEC_DONE;
    const check how = check_of(cmd);
    if (how != check::medium_only && how != check::all_blocks)
        return invalid_cdb(dev, cmd, 1, 2);
    if (!in_range(dev, cmd))
        return SCST_EXEC_DONE;
    if (!on_worker(cmd))
        return SCST_EXEC_NEED_THREAD;
    const std::uint64_t offset = cmd.lba << dev.block_shift();
    medium &open = *dev.backing();
    const std::int32_t result =
        for_each_segment(cmd, cmd.transfer_length, [&](std::uint8_t *from, std::uint64_t piece, std::uint64_t at) {
            return open.write(offset + at, {from, static_cast<std::size_t>(piece)}, dev.write_through());
        });
    if (result != 0)
        return fail_io(dev, cmd, result, true);
    return check_medium(dev, cmd, cmd.transfer_length, how);
}

} // namespace scst::vdisk
