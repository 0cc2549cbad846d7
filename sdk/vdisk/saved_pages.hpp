// SPDX-License-Identifier: Apache-2.0
// saved_pages: the file that keeps saved mode pages, in SCST's format.
//
// <state_dir>/vdev_mode_pages/<device>: the device's name as signature, then LABEL=value for every field that is not
// the default. All default: no file. Written to a temporary file, synced, renamed, so that a crash at any point leaves
// the old or the new one. SCST's backup <device>1 is read when the main file is missing or damaged. A damaged file is
// renamed to <device>.damaged and told. Blocking; one thread per device at a time.
#pragma once

#include "mode_state.hpp"

#include <string>
#include <string_view>

namespace scst::vdisk {

class saved_pages {
  public:
    // Makes the folder; without one, saving is not available.
    saved_pages(std::string state_dir, std::string device);

    [[nodiscard]] bool available() const noexcept { return !directory_.empty(); }

    enum class outcome { none, loaded, damaged };
    // `state` holds the defaults and is changed only when a file was loaded. `note` says what was set aside.
    outcome load(mode_state &state, std::string &note) const;
    // 0 or an errno.
    int save(const mode_state &state, const mode_state &defaults) const;

  private:
    bool load_file(const std::string &path, mode_state &state, bool &exists) const;

    std::string directory_; // empty: not available
    std::string device_;
};

// The text of a file; empty when all fields are default.
std::string render_pages(std::string_view device, const mode_state &state, const mode_state &defaults);
// False when it is damaged; then `state` is untouched.
bool parse_pages(std::string_view text, std::string_view device, mode_state &state);

} // namespace scst::vdisk
