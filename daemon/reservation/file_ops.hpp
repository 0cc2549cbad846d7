// SPDX-License-Identifier: Apache-2.0
// file_ops: the few file system operations that a reservation file is kept with, behind an interface so that a test can
// stop or fail any single one.
//
// An implementation need not be thread-safe; the store that uses it runs one operation at a time.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace scstd::reservation {

class file_ops {
  public:
    file_ops() = default;
    file_ops(const file_ops &) = delete;
    file_ops &operator=(const file_ops &) = delete;
    virtual ~file_ops() = default;

    // The whole file, or its first `limit` bytes. ENOENT when there is none; EINVAL when it is not a regular file.
    virtual result<std::vector<std::uint8_t>> read(const std::string &path, std::size_t limit) = 0;
    // Makes or empties the file (mode 0600, no symbolic link is followed) and opens it for writing; returns a handle.
    virtual result<int> create(const std::string &path) = 0;
    // Returns how many bytes were taken, at least one.
    virtual result<std::size_t> write(int handle, std::span<const std::uint8_t> bytes) = 0;
    virtual result<> sync(int handle) = 0;
    virtual void close(int handle) noexcept = 0;
    virtual result<> rename(const std::string &from, const std::string &to) = 0;
    // EEXIST when `to` exists.
    virtual result<> rename_new(const std::string &from, const std::string &to) = 0;
    // Success when there was none.
    virtual result<> remove(const std::string &path) = 0;
    virtual result<> sync_directory(const std::string &directory) = 0;
};

// The real ones. Never changes; any thread.
[[nodiscard]] file_ops &system_file_ops() noexcept;

} // namespace scstd::reservation
