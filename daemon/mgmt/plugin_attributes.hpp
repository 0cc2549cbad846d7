// SPDX-License-Identifier: Apache-2.0
// plugin_attributes: the attribute tables and dynamic attributes of plugins as items of the tree. Management thread.
#pragma once

#include "mgmt/directory.hpp"

#include <scst/types.h>

#include <cstdint>
#include <string_view>

namespace scstd::session {
class target;
class target_driver;
} // namespace scstd::session

namespace scstd::mgmt {

// A name that an earlier item has is left out: what the core has itself goes first.
void add_plugin_table(items &out, const scst_attribute *table, std::uint32_t count, void *object);

// The dynamic attributes of a driver (`tgt` null) or of a target.
void add_dynamic_attributes(items &out, session::target_driver &driver, session::target *tgt);

// The error of a plugin's call that answered -errno, with the reason it gave.
[[nodiscard]] error plugin_error(std::int32_t answer, const scst_error &why, std::string_view what);

} // namespace scstd::mgmt
