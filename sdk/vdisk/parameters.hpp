// SPDX-License-Identifier: Apache-2.0
// parameters: the creation parameters of virtual devices (add_device NAME name=value; …), names and ranges as SCST's.
//
// Stricter than SCST where it silently changes what was asked for: a flag is 0 or 1, a block size is a power of two,
// and what this implementation can't do (cluster_mode, dif_*) is refused, not ignored.
#pragma once

#include "settings.hpp"

#include <span>
#include <string>
#include <vector>

namespace scst::vdisk {

// The names that devices of this backend take, in SCST's order, then the backend's own.
std::vector<const char *> parameter_names(const scst_block_backend &backend);

// Fills `wanted`. 0 or -errno; then `why` is a sentence that names device and parameter.
int parse_parameters(const scst_block_backend &backend, std::string_view device,
                     std::span<const scst_parameter> parameters, settings &wanted, std::string &why);

} // namespace scst::vdisk
