// SPDX-License-Identifier: Apache-2.0
// attributes: the device attributes of virtual devices in the management tree: formats, defaults and [key] marks are
// SCST's. One table for all handlers; a handler's set follows from its backend's flags. Management thread.
#pragma once

#include "settings.hpp"

#include <vector>

namespace scst::vdisk {

// The attributes of this backend's devices. They refer to constants only.
std::vector<scst_attribute> attribute_table(const scst_block_backend &backend);

} // namespace scst::vdisk
