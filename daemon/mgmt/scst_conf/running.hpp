// SPDX-License-Identifier: Apache-2.0
// running: the configuration that the daemon has now, read from the tree, in the form that a file has. Management
// thread.
#pragma once

#include "mgmt/scst_conf/model.hpp"
#include "mgmt/tree.hpp"

#include <string>

namespace scstd::mgmt::scst_conf {

// Every readable attribute is there; `key` tells which have to be saved.
[[nodiscard]] model read_running(const tree &from);

// Paths of the tree.
[[nodiscard]] std::string device_path(std::string_view device);
[[nodiscard]] std::string handler_path(std::string_view handler);
[[nodiscard]] std::string driver_path(std::string_view driver);
[[nodiscard]] std::string target_path(std::string_view driver, std::string_view target);
[[nodiscard]] std::string group_path(std::string_view driver, std::string_view target, std::string_view group);
[[nodiscard]] std::string device_group_path(std::string_view group);
[[nodiscard]] std::string target_group_path(std::string_view group, std::string_view target_group);

} // namespace scstd::mgmt::scst_conf
