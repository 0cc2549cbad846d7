// SPDX-License-Identifier: Apache-2.0
// check: whether the daemon knows everything that a file names: handlers, drivers, attributes, parameters, devices.
// After it only values can still be refused. Changes nothing. Management thread.
#pragma once

#include "mgmt/scst_conf/model.hpp"

#include <vector>

namespace scstd {
class core;
}

namespace scstd::mgmt::scst_conf {

void check(const model &file, const core &registry, std::vector<diagnostic> &errors, std::vector<diagnostic> &warnings);

} // namespace scstd::mgmt::scst_conf
