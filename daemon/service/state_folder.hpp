// SPDX-License-Identifier: Apache-2.0
// state_folder: the folder of what outlives a restart, ours alone while we run: a lock file keeps a second daemon out.
// Used by main() only.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

#include <string>

namespace scstd::service {

class state_folder {
  public:
    // Makes the folder (0700) when it is missing. EPERM: others may write to it, or it is another user's. EBUSY:
    // another daemon has it.
    [[nodiscard]] static result<state_folder> open(const std::string &path);

  private:
    explicit state_folder(unique_fd lock) : lock_{std::move(lock)} {}
    unique_fd lock_; // held as long as it is open
};

} // namespace scstd::service
