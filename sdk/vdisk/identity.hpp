// SPDX-License-Identifier: Apache-2.0
// identity: the names that a device shows in INQUIRY data and VPD pages, and SCST's defaults for them.
//
// A plain value; device::identity() hands out a copy under its lock, so any thread may build pages from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace scst::vdisk {

// A text that shows a default until someone sets it.
struct id_text {
    std::string value;
    bool set = false;
};

struct identity {
    id_text t10_vend_id;
    id_text prod_id;
    id_text prod_rev_lvl;
    id_text scsi_device_name;
    id_text t10_dev_id;
    id_text vend_specific_id;
    id_text usn;
    id_text inq_vend_specific;
    std::string naa;   // binary: empty, 8 or 16 bytes
    std::string eui64; // binary: empty, 8, 12 or 16 bytes
};

inline constexpr std::size_t max_t10_vend_id = 8;
inline constexpr std::size_t max_prod_id = 16;
inline constexpr std::size_t max_prod_rev_lvl = 4;
inline constexpr std::size_t max_scsi_device_name = 256;
inline constexpr std::size_t max_t10_dev_id = 25;
inline constexpr std::size_t max_vend_specific_id = 128;
inline constexpr std::size_t max_usn = 20;
inline constexpr std::size_t max_inq_vend_specific = 160;

// SCST's number of a device: setup_id in the upper half, CRC32C (seed 0, no inversion) of the name with its NUL below.
std::uint64_t device_number(std::uint32_t setup_id, std::string_view name) noexcept;

// All defaults of a device of this name.
identity default_identity(std::uint32_t setup_id, std::string_view name, std::string_view vendor);

// Parses hex with optional 0x into bytes; false when it is not hex or of odd length. Empty text gives empty bytes.
bool parse_hex(std::string_view text, std::string &bytes);
std::string to_hex(std::string_view bytes);
bool valid_naa(std::string_view bytes) noexcept;
bool valid_eui64(std::string_view bytes) noexcept;

} // namespace scst::vdisk
