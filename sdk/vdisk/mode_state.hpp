// SPDX-License-Identifier: Apache-2.0
// mode_state: the mode page fields of a device that can change: Control mode page and write cache.
//
// A plain value. "Default" is what the device was created with, "saved" what the state file holds, "current" what
// counts now (SPC-4 7.5; SCST's file format in saved_pages.hpp).
#pragma once

#include <cstdint>

namespace scst::vdisk {

struct mode_state {
    std::uint8_t tst = 1; // set at creation only
    bool tmf_only = false;
    bool dpicz = false;
    bool d_sense = false;
    std::uint8_t queue_algorithm = 1;
    std::uint8_t qerr = 0;
    bool swp = false;
    bool tas = false;
    bool write_through = false; // WCE = 0

    bool operator==(const mode_state &) const = default;
};

} // namespace scst::vdisk
