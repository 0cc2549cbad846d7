// SPDX-License-Identifier: Apache-2.0
// control_reports: the lists that the control protocol gives as objects: read from the tree, so they say what it says.
// Management thread only.
#pragma once

#include "base/result.hpp"
#include "mgmt/tree.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace scstd::mgmt {

[[nodiscard]] nlohmann::json device_list(const tree &from);
[[nodiscard]] result<nlohmann::json> device_show(const tree &from, const std::string &name);
[[nodiscard]] nlohmann::json target_list(const tree &from);
[[nodiscard]] result<nlohmann::json> target_show(const tree &from, const std::string &driver, const std::string &name);
// `driver` and `target` may be empty: all.
[[nodiscard]] nlohmann::json session_list(const tree &from, const std::string &driver, const std::string &target);
// A folder with all that is below it; texts of files only with `values`.
[[nodiscard]] result<nlohmann::json> tree_dump(const tree &from, const std::string &path, bool values);
// A file's mode as 4 octal digits.
[[nodiscard]] std::string mode_text(const node &of);
[[nodiscard]] std::string type_text(const node &of);

} // namespace scstd::mgmt
