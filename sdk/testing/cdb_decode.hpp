// SPDX-License-Identifier: Apache-2.0
// cdb_decode: what the core decodes before a handler sees a command, for the fake core: direction, length, LBA, count.
#pragma once

#include <scst/types.h>

#include <cstdint>
#include <span>

namespace scst::testing {

struct decoded_cdb {
    std::uint8_t direction = SCST_DATA_NONE;
    std::uint64_t data_length = 0;
    std::uint64_t lba = 0;
    std::uint64_t block_count = 0;
    std::uint16_t service_action = 0xffff;
};

decoded_cdb decode_cdb(std::span<const std::uint8_t> cdb, std::uint32_t block_size);

} // namespace scst::testing
