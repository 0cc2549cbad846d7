// SPDX-License-Identifier: Apache-2.0
// plan: what has to be written to the tree so that the daemon becomes what a file says, in SCST's order
// (management.md 5.5). What is the same already is not in it. Each change knows how it is taken back. Management
// thread.
#pragma once

#include "mgmt/scst_conf/model.hpp"
#include "mgmt/tree.hpp"

#include <string>
#include <vector>

namespace scstd::mgmt::scst_conf {

struct tree_write {
    std::string path;
    std::string text;
};

struct change {
    std::string what; // for people
    tree_write action;
    bool attribute = false; // a value: not written when the file has it already
    std::vector<tree_write> undo;
    position at;                  // of the file's statement; none for removals
    std::vector<word> parts = {}; // parameters of a new object and their values: an error may be about one of them
};

struct plan {
    std::vector<change> changes;
    std::vector<std::string> kept; // differences that only `force` may remove
    std::vector<diagnostic> errors;
};

// `force`: also remove what the file does not name and make anew what can't be changed.
[[nodiscard]] plan make_plan(const model &file, const tree &running, bool force);

// Carries it out; at the first failure what was done is undone, and the error has the position.
[[nodiscard]] result<> carry_out(const plan &changes, tree &running, std::string_view file_name);

} // namespace scstd::mgmt::scst_conf
