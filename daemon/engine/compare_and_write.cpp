// SPDX-License-Identifier: Apache-2.0
#include "engine/compare_and_write.hpp"

#include "device/device.hpp"
#include "engine/command.hpp"
#include "engine/internal_io.hpp"
#include "engine/status.hpp"

#include <algorithm>
#include <vector>

namespace scstd::engine {

namespace {

void adopt(command &cmd, const internal_result &result) {
    if (result.status == SCST_STATUS_CHECK_CONDITION) {
        cmd.status = result.status;
        cmd.sense_length = static_cast<std::uint32_t>(std::min<std::size_t>(result.sense.size(), SCST_MAX_SENSE_SIZE));
        std::copy_n(result.sense.begin(), cmd.sense_length, cmd.sense);
    } else {
        set_busy(cmd);
    }
}

} // namespace

void run_compare_and_write(command &cmd) {
    if (cmd.expected_length !=
        cmd.data_length) { // both instances or nothing; also 256 blocks, which the field can't say
        set_invalid_field(cmd, true, 13, -1);
        return;
    }
    if (cmd.block_count == 0)
        return;
    if ((cmd.cdb[1] & 0xe0) != 0) { // WRPROTECT: no protection information here
        set_invalid_field(cmd, true, 1, 7);
        return;
    }
    if (cmd.written != cmd.data_length) {
        set_sense(cmd, codes::aborted_command);
        return;
    }
    const auto data = cmd.segments->address;
    const auto half = static_cast<std::size_t>(cmd.data_length / 2);
    std::vector<std::uint8_t> present(half);
    auto result = internal_read(*cmd.dev, cmd, cmd.lba, present);
    if (!result.good()) {
        adopt(cmd, result);
        return;
    }
    const auto [differs, unused] = std::mismatch(present.begin(), present.end(), data);
    if (differs != present.end()) {
        sense_details details;
        details.information = static_cast<std::uint64_t>(differs - present.begin());
        set_sense(cmd, codes::miscompare, details);
        return;
    }
    if (cmd.aborted())
        return;
    result = internal_write(*cmd.dev, cmd, cmd.lba, {data + half, half}, (cmd.cdb[1] & 0x08) != 0);
    if (!result.good())
        adopt(cmd, result);
}

} // namespace scstd::engine
