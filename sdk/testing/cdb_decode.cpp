// SPDX-License-Identifier: Apache-2.0
// See cdb_decode.hpp.
#include "cdb_decode.hpp"

#include <scst/bytes.hpp>

#include <array>

namespace scst::testing {
namespace {

enum class kind : std::uint8_t {
    none,    // no data
    in,      // `size` bytes at `at` say how many bytes come
    out,     // … go
    fixed,   // `size` bytes come
    read,    // blocks come
    write,   // blocks go
    blocks,  // names blocks, moves none
    checked, // VERIFY: BYTCHK decides
    same,    // WRITE SAME: one block goes, or none with NDOB
};

struct rule {
    std::uint8_t opcode;
    kind what;
    std::uint8_t at;
    std::uint8_t size;
    std::uint8_t lba_at;
    std::uint8_t lba_size;
};

constexpr std::array rules{
    rule{0x03, kind::in, 4, 1, 0, 0},       rule{0x08, kind::read, 4, 1, 1, 3},
    rule{0x0a, kind::write, 4, 1, 1, 3},    rule{0x12, kind::in, 3, 2, 0, 0},
    rule{0x15, kind::out, 4, 1, 0, 0},      rule{0x1a, kind::in, 4, 1, 0, 0},
    rule{0x1c, kind::in, 3, 2, 0, 0},       rule{0x1d, kind::out, 3, 2, 0, 0},
    rule{0x25, kind::fixed, 0, 8, 0, 0},    rule{0x28, kind::read, 7, 2, 2, 4},
    rule{0x2a, kind::write, 7, 2, 2, 4},    rule{0x2e, kind::write, 7, 2, 2, 4},
    rule{0x2f, kind::checked, 7, 2, 2, 4},  rule{0x34, kind::blocks, 7, 2, 2, 4},
    rule{0x35, kind::blocks, 7, 2, 2, 4},   rule{0x37, kind::in, 7, 2, 0, 0},
    rule{0x3b, kind::out, 6, 3, 0, 0},      rule{0x3c, kind::in, 6, 3, 0, 0},
    rule{0x41, kind::same, 7, 2, 2, 4},     rule{0x42, kind::out, 7, 2, 0, 0},
    rule{0x43, kind::in, 7, 2, 0, 0},       rule{0x46, kind::in, 7, 2, 0, 0},
    rule{0x48, kind::out, 7, 2, 0, 0},      rule{0x4a, kind::in, 7, 2, 0, 0},
    rule{0x4c, kind::out, 7, 2, 0, 0},      rule{0x4d, kind::in, 7, 2, 0, 0},
    rule{0x55, kind::out, 7, 2, 0, 0},      rule{0x5a, kind::in, 7, 2, 0, 0},
    rule{0x88, kind::read, 10, 4, 2, 8},    rule{0x8a, kind::write, 10, 4, 2, 8},
    rule{0x8b, kind::write, 10, 4, 2, 8},   rule{0x8e, kind::write, 10, 4, 2, 8},
    rule{0x8f, kind::checked, 10, 4, 2, 8}, rule{0x90, kind::blocks, 10, 4, 2, 8},
    rule{0x91, kind::blocks, 10, 4, 2, 8},  rule{0x93, kind::same, 10, 4, 2, 8},
    rule{0x9c, kind::write, 12, 2, 2, 8},   rule{0x9e, kind::in, 10, 4, 2, 8},
    rule{0xa3, kind::in, 6, 4, 0, 0},       rule{0xa8, kind::read, 6, 4, 2, 4},
    rule{0xaa, kind::write, 6, 4, 2, 4},    rule{0xae, kind::write, 6, 4, 2, 4},
    rule{0xaf, kind::checked, 6, 4, 2, 4},  rule{0xb7, kind::in, 6, 4, 0, 0},
};

std::uint64_t field(std::span<const std::uint8_t> cdb, std::size_t at, std::size_t size) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = at; i < at + size && i < cdb.size(); ++i)
        value = value << 8 | cdb[i];
    return value;
}

void take(decoded_cdb &to, std::uint8_t direction, std::uint64_t length) noexcept {
    to.direction = length == 0 ? SCST_DATA_NONE : direction;
    to.data_length = length;
}

void apply(const rule &by, std::span<const std::uint8_t> cdb, std::uint32_t block_size, decoded_cdb &to) {
    const std::uint64_t value = field(cdb, by.at, by.size);
    const std::uint32_t checked = cdb[1] >> 1 & 3u;
    switch (by.what) {
    case kind::none:
        return;
    case kind::in:
        return take(to, SCST_DATA_READ, value);
    case kind::out:
        return take(to, SCST_DATA_WRITE, value);
    case kind::fixed:
        return take(to, SCST_DATA_READ, by.size);
    case kind::read:
        return take(to, SCST_DATA_READ, to.block_count * block_size);
    case kind::write:
        return take(to, SCST_DATA_WRITE, to.block_count * block_size);
    case kind::blocks:
        return;
    case kind::checked:
        return take(to, SCST_DATA_WRITE, checked == 0 ? 0 : checked == 1 ? to.block_count * block_size : block_size);
    case kind::same:
        return take(to, SCST_DATA_WRITE, cdb[0] == 0x93 && (cdb[1] & 1) != 0 ? 0 : block_size);
    }
}

} // namespace

decoded_cdb decode_cdb(std::span<const std::uint8_t> cdb, std::uint32_t block_size) {
    decoded_cdb decoded;
    if (cdb[0] == 0x9e || cdb[0] == 0xa3 || cdb[0] == 0x48)
        decoded.service_action = cdb[1] & 0x1f;
    for (const rule &by : rules) {
        if (by.opcode != cdb[0])
            continue;
        if (by.lba_size != 0) {
            decoded.lba = field(cdb, by.lba_at, by.lba_size);
            decoded.block_count = field(cdb, by.at, by.size);
            if (cdb[0] == 0x08 || cdb[0] == 0x0a) {
                decoded.lba &= 0x1fffff;
                decoded.block_count = decoded.block_count == 0 ? 256 : decoded.block_count;
            }
            if (cdb[0] == 0x9e)
                decoded.block_count = 0;
        }
        apply(by, cdb, block_size, decoded);
    }
    if (cdb[0] == 0x04 && (cdb[1] & 0x10) != 0)
        take(decoded, SCST_DATA_WRITE, ~std::uint64_t{0});
    return decoded;
}

} // namespace scst::testing
