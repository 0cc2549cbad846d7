// SPDX-License-Identifier: Apache-2.0
// configuration: what can be done with a scst.conf: check, compare, apply, save. Management thread.
#pragma once

#include "base/result.hpp"
#include "mgmt/scst_conf/model.hpp"
#include "mgmt/tree.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace scstd::mgmt::scst_conf {

struct outcome {
    std::vector<std::string> changes;  // what was done, or would be
    std::vector<std::string> kept;     // differences that only `force` removes
    std::vector<std::string> warnings; // with positions
};

class configuration {
  public:
    explicit configuration(tree &of) : tree_{of} {}

    // `name` is what errors call the file. An error lists all that is wrong, a line each.
    [[nodiscard]] result<outcome> check(std::string_view text, std::string_view name);
    // What apply() would do.
    [[nodiscard]] result<outcome> diff(std::string_view text, std::string_view name, bool force);
    // All or nothing.
    [[nodiscard]] result<outcome> apply(std::string_view text, std::string_view name, bool force);
    // The running configuration as a file that gives the same when it is loaded (management.md 5.8).
    [[nodiscard]] result<std::string> save();

  private:
    [[nodiscard]] result<model> read(std::string_view text, std::string_view name, outcome &into);
    [[nodiscard]] result<outcome> plan_and_run(std::string_view text, std::string_view name, bool force, bool run);

    tree &tree_;
};

} // namespace scstd::mgmt::scst_conf
