// SPDX-License-Identifier: Apache-2.0
// state_folder: see state_folder.hpp.
#include "service/state_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace scstd::service {

namespace {

error errno_error(const std::string &path) {
    const int why = errno;
    return fail(why, "state_dir {}: {}", path, std::strerror(why));
}

result<> make(const std::string &path) {
    std::error_code failed;
    const auto parent = std::filesystem::path{path}.parent_path();
    if (!std::filesystem::exists(parent, failed) && !failed)
        std::filesystem::create_directories(parent, failed);
    if (failed)
        return fail(failed.value(), "state_dir {}: {}", path, failed.message());
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return errno_error(path);
    return ok();
}

} // namespace

result<state_folder> state_folder::open(const std::string &path) {
    if (path.empty())
        return fail(EINVAL, "state_dir is empty");
    if (auto made = make(path); !made)
        return made.error();
    const unique_fd folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!folder)
        return errno_error(path);
    struct stat state {};
    if (::fstat(folder.get(), &state) != 0)
        return errno_error(path);
    // Who may write here could forge reservations, or have us write where he wants by a link.
    if ((state.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(EPERM, "state_dir {}: others may write to it (chmod go-w {})", path, path);
    if (state.st_uid != ::geteuid())
        return fail(EPERM, "state_dir {} belongs to another user", path);
    if (::access(path.c_str(), W_OK | X_OK) != 0)
        return errno_error(path);
    unique_fd lock{::openat(folder.get(), "scstd.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!lock)
        return errno_error(path + "/scstd.lock");
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return fail(errno == EWOULDBLOCK ? EBUSY : errno, "state_dir {} is in use by another scstd", path);
    return state_folder{std::move(lock)};
}

} // namespace scstd::service
