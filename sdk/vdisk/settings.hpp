// SPDX-License-Identifier: Apache-2.0
// settings: what the creation parameters of a virtual device say, and the handler it belongs to.
//
// Filled once by parameters.cpp on the management thread, before the device exists; constant afterwards except where a
// member says so. Names, ranges and defaults are SCST's.
#pragma once

#include <scst/block.h>

#include <cstdint>
#include <string>
#include <vector>

namespace scst::vdisk {

// Which devices a parameter or attribute belongs to: the backend's flags and one bit for the device type.
inline constexpr std::uint32_t trait_disk = 1u << 30;
inline constexpr std::uint32_t trait_cdrom = 1u << 31;

inline std::uint32_t traits_of(const scst_block_backend &backend) noexcept {
    return backend.flags | (backend.device_type == SCST_TYPE_CDROM ? trait_cdrom : trait_disk);
}

struct settings {
    std::string filename;
    std::uint64_t size = 0; // bytes; 0: not given
    std::uint32_t block_size = 512;
    std::uint8_t tst = 1;
    bool read_only = false;
    bool write_through = false; // the value at creation; MODE SELECT changes device::write_through_
    bool nv_cache = false;
    bool o_direct = false;
    bool rotational = true;
    bool removable = false;
    bool dummy = false;
    bool thin = false;     // as it was asked for
    bool thin_set = false; // thin was asked for
    bool extensions = false;
    // Changed later by attributes, on the management thread only.
    bool async = false;
    bool active = true;
    bool bind_alua = false;
    bool lb_per_pb_exp = true;
    bool expl_alua = false;
    bool read_zero = false;
    std::string t10_dev_id; // empty: default
    bool t10_dev_id_set = false;
    // The backend's own parameters, as they came.
    std::vector<std::pair<std::string, std::string>> own;
};

} // namespace scst::vdisk
