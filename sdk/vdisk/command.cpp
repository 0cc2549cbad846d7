// SPDX-License-Identifier: Apache-2.0
// See command.hpp.
#include "command.hpp"

#include <cerrno>

namespace scst::vdisk {

std::int32_t fail_io(device &dev, scst_cmd &cmd, std::int32_t result, bool writing) noexcept {
    switch (-result) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return fail(dev, cmd, sense::space_exhausted);
    case EAGAIN:
    case ENOMEM:
        dev.core().cmd_set_busy(&cmd);
        return SCST_EXEC_DONE;
    case EROFS:
    case EBADF:
    case EPERM:
        if (writing)
            return fail(dev, cmd, sense::data_protect);
        break;
    case ECANCELED:
        return fail(dev, cmd, sense::aborted);
    default:
        break;
    }
    if (writing)
        dev.count_write_error();
    else
        dev.count_read_error();
    dev.log().error("%s at LBA %llu failed: %s", writing ? "write" : "read", static_cast<unsigned long long>(cmd.lba),
                    std::strerror(-result));
    return fail(dev, cmd, writing ? sense::write_error : sense::read_error);
}

std::int32_t reply(device &dev, scst_cmd &cmd, std::span<const std::uint8_t> bytes) noexcept {
    const std::uint64_t length = std::min<std::uint64_t>(bytes.size(), cmd.transfer_length);
    cmd.response_length = length;
    if (length == 0)
        return SCST_EXEC_DONE;
    if (cmd.segment_count == 0 && dev.core().cmd_alloc_buffer(&cmd, length) != 0)
        return SCST_EXEC_DONE; // BUSY or TASK SET FULL is set
    for_each_segment(cmd, length, [&](std::uint8_t *to, std::uint64_t piece, std::uint64_t at) {
        std::memcpy(to, bytes.data() + at, piece);
        return 0;
    });
    return SCST_EXEC_DONE;
}

} // namespace scst::vdisk
