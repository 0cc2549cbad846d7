// SPDX-License-Identifier: Apache-2.0
#include "reservation/file_ops.hpp"

#include "base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace scstd::reservation {

namespace {

scstd::error errno_error(const char *what, const std::string &path) {
    const int code = errno;
    return fail(code, "{} {}: {}", what, path, std::strerror(code));
}

class system_files final : public file_ops {
  public:
    result<std::vector<std::uint8_t>> read(const std::string &path, std::size_t limit) override;
    result<int> create(const std::string &path) override;
    result<std::size_t> write(int handle, std::span<const std::uint8_t> bytes) override;
    result<> sync(int handle) override;
    void close(int handle) noexcept override { ::close(handle); }
    result<> rename(const std::string &from, const std::string &to) override;
    result<> rename_new(const std::string &from, const std::string &to) override;
    result<> remove(const std::string &path) override;
    result<> sync_directory(const std::string &directory) override;
};

result<std::vector<std::uint8_t>> system_files::read(const std::string &path, std::size_t limit) {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    const unique_fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (!file)
        return errno == ELOOP ? fail(EINVAL, "{} is a symbolic link", path) : errno_error("can't open", path);
    struct stat about {};
    if (::fstat(file.get(), &about) != 0)
        return errno_error("can't look at", path);
    if (!S_ISREG(about.st_mode))
        return fail(EINVAL, "{} is not a regular file", path);
    std::vector<std::uint8_t> bytes(std::min(limit, static_cast<std::size_t>(about.st_size)));
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t count = ::read(file.get(), &bytes[done], bytes.size() - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno_error("can't read", path);
        if (count == 0)
            break;
        done += static_cast<std::size_t>(count);
    }
    bytes.resize(done);
    return bytes;
}

result<int> system_files::create(const std::string &path) {
    unique_fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600)};
    if (!file)
        return errno_error("can't write", path);
    // The file may have been there already, with another mode.
    if (::fchmod(file.get(), 0600) != 0)
        return errno_error("can't set the mode of", path);
    return file.release();
}

result<std::size_t> system_files::write(int handle, std::span<const std::uint8_t> bytes) {
    while (true) {
        const ssize_t count = ::write(handle, bytes.data(), bytes.size());
        if (count > 0 || bytes.empty())
            return static_cast<std::size_t>(count);
        if (count < 0 && errno == EINTR)
            continue;
        const int code = count == 0 ? EIO : errno;
        return fail(code, "can't write: {}", std::strerror(code));
    }
}

result<> system_files::sync(int handle) {
    if (::fsync(handle) == 0)
        return ok();
    const int code = errno;
    return fail(code, "can't sync: {}", std::strerror(code));
}

result<> system_files::rename(const std::string &from, const std::string &to) {
    return ::rename(from.c_str(), to.c_str()) == 0 ? ok() : errno_error("can't rename to", to);
}

result<> system_files::rename_new(const std::string &from, const std::string &to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0)
        return ok();
    if (errno != EINVAL)
        return errno_error("can't rename to", to);
    // A file system without RENAME_NOREPLACE: a second link never replaces anything either.
    if (::link(from.c_str(), to.c_str()) != 0)
        return errno_error("can't rename to", to);
    return ::unlink(from.c_str()) == 0 ? ok() : errno_error("can't remove", from);
}

result<> system_files::remove(const std::string &path) {
    return ::unlink(path.c_str()) == 0 || errno == ENOENT ? ok() : errno_error("can't remove", path);
}

result<> system_files::sync_directory(const std::string &directory) {
    const unique_fd folder{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!folder || ::fsync(folder.get()) != 0)
        return errno_error("can't sync", directory);
    return ok();
}

} // namespace

file_ops &system_file_ops() noexcept {
    static system_files files;
    return files;
}

} // namespace scstd::reservation
