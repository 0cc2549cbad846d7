// SPDX-License-Identifier: Apache-2.0
// aptpl_store: keeps the reservations of one logical unit in a file and its backup (PATH and PATH.1, as SCST names
// them).
//
// Owned by the device. Calls block on the disk: run them on a worker thread, one at a time per store, without the
// device's mutex. Whatever happens in the middle of a call, the next load() finds the state before it or the state
// after it: each file is written under another name, synced and renamed, and the directory is synced before success is
// reported. A file that is damaged is renamed to PATH.damaged-N and told, never dropped or overwritten.
#pragma once

#include "base/result.hpp"
#include "reservation/file_ops.hpp"
#include "reservation/pr_state.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace scstd::reservation {

struct loaded_state {
    pr_state state;                    // without registrants when there is no file
    bool found = false;                // one of the files was good
    std::vector<std::string> warnings; // one sentence each, for the log: what was damaged and where it is now
};

class aptpl_store {
  public:
    // `path` is absolute; the folder must exist when load() or save() is called.
    explicit aptpl_store(std::string path, file_ops &files = system_file_ops());

    [[nodiscard]] const std::string &path() const noexcept { return path_; }

    // The main file, else the backup. Fails with ENOENT when the folder is missing, EINVAL for a path that can't be
    // used, or the errno of a file that can neither be read nor set aside: then the device must not be started.
    [[nodiscard]] result<loaded_state> load();
    // Only when it succeeds the state may count as saved. After a failure the files hold what they held before, or the
    // error says that they may not.
    [[nodiscard]] result<> save(const pr_state &state);
    // No reservations survive any more: removes both files.
    [[nodiscard]] result<> remove();

  private:
    [[nodiscard]] result<> write_file(const std::string &path, std::span<const std::uint8_t> bytes);
    [[nodiscard]] result<> replace_files();
    [[nodiscard]] result<> remove_files();
    [[nodiscard]] result<> put_back();
    [[nodiscard]] result<> undo(const error &failure);
    [[nodiscard]] result<std::string> set_aside(const std::string &path);
    [[nodiscard]] result<bool> load_file(const std::string &path, loaded_state &into);

    file_ops &files_;
    std::string path_;
    std::string backup_;
    std::string directory_;
    std::vector<std::uint8_t> saved_; // what the files hold, as far as this store wrote or read it; empty: no files
};

} // namespace scstd::reservation
