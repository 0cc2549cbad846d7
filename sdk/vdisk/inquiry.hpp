// SPDX-License-Identifier: Apache-2.0
// inquiry: INQUIRY (SPC-4 6.6): standard data and vital product data pages, byte for byte as SCST gives them.
//
// Any thread. One builder per page in a table; VPD page 00h lists what the table has for this device.
#pragma once

#include "identity.hpp"
#include "page_builder.hpp"

#include <scst/types.h>

#include <cstdint>
#include <span>

namespace scst::vdisk {

class device;

std::int32_t inquiry(device &dev, scst_cmd &cmd);

// The designators of VPD page 83h that belong to the logical unit, not to a port; returns their size.
std::size_t build_lu_designators(const identity &id, std::span<std::uint8_t> page);

} // namespace scst::vdisk
