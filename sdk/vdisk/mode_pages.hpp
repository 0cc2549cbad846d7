// SPDX-License-Identifier: Apache-2.0
// mode_pages: MODE SENSE and MODE SELECT (SPC-4 6.11, 6.13, 7.5; SBC-3 6.4). Pages and values are SCST's.
#pragma once

#include <cstdint>

struct scst_cmd;

namespace scst::vdisk {

class device;

std::int32_t mode_sense_6(device &dev, scst_cmd &cmd);
std::int32_t mode_sense_10(device &dev, scst_cmd &cmd);
std::int32_t mode_select_6(device &dev, scst_cmd &cmd);
std::int32_t mode_select_10(device &dev, scst_cmd &cmd);

} // namespace scst::vdisk
