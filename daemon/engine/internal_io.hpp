// SPDX-License-Identifier: Apache-2.0
// internal_io: READ and WRITE that the core itself gives to a handler, for COMPARE AND WRITE and EXTENDED COPY. Worker
// threads only: the caller waits for the answer. Admission checks are the caller's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace scstd::device {
class device;
}

namespace scstd::engine {

struct command;

struct internal_result {
    std::uint8_t status = 0;
    std::vector<std::uint8_t> sense;
    [[nodiscard]] bool good() const noexcept { return status == 0; }
};

// Reads blocks into `to`, whose size is a multiple of the block size. `parent` lends its session and abort flags.
internal_result internal_read(device::device &dev, const command &parent, std::uint64_t lba,
                              std::span<std::uint8_t> to);
internal_result internal_write(device::device &dev, const command &parent, std::uint64_t lba,
                               std::span<std::uint8_t> from, bool force_unit_access);

// cmd_done() for an internal command; any thread.
void internal_done(command &cmd);

} // namespace scstd::engine
