// SPDX-License-Identifier: Apache-2.0
// capacity: READ CAPACITY (SBC-3 5.15, 5.16). Any thread.
#include "commands.hpp"

#include "command.hpp"

namespace scst::vdisk {

std::int32_t read_capacity_10(device &dev, scst_cmd &cmd) {
    const bool partial = (cmd.cdb[8] & 0x01) != 0; // PMI
    if (!partial && load_be32(cmd.cdb + 2) != 0)
        return invalid_cdb(dev, cmd, 2);
    const std::uint64_t blocks = dev.block_count();
    if (blocks == 0)
        return fail(dev, cmd, sense::no_medium);
    std::array<std::uint8_t, 8> data{};
    store_be32(data.data(), blocks > 0xffffffffu ? 0xffffffffu : static_cast<std::uint32_t>(blocks - 1));
    store_be32(data.data() + 4, dev.block_size());
    return reply(dev, cmd, data);
}

std::int32_t read_capacity_16(device &dev, scst_cmd &cmd) {
    const bool partial = (cmd.cdb[14] & 0x01) != 0;
    if (!partial && load_be64(cmd.cdb + 2) != 0)
        return invalid_cdb(dev, cmd, 2);
    const std::uint64_t blocks = dev.block_count();
    if (blocks == 0)
        return fail(dev, cmd, sense::no_medium);
    std::array<std::uint8_t, 32> data{};
    store_be64(data.data(), blocks - 1);
    store_be32(data.data() + 8, dev.block_size());
    data[13] = static_cast<std::uint8_t>(dev.physical_exponent());
    if (dev.thin())
        data[14] = static_cast<std::uint8_t>(0x80u | (dev.unmap_zeroes() ? 0x40u : 0u)); // LBPME, LBPRZ
    return reply(dev, cmd, data);
}

} // namespace scst::vdisk
