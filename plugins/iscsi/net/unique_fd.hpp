// SPDX-License-Identifier: Apache-2.0
// unique_fd: a file descriptor with one owner, closed with it. Any one thread at a time.
#pragma once

#include <unistd.h>

#include <utility>

namespace scstd::iscsi {

class unique_fd {
  public:
    unique_fd() = default;
    explicit unique_fd(int fd) noexcept : fd_{fd} {}
    unique_fd(unique_fd &&other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    unique_fd &operator=(unique_fd &&other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~unique_fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
    void reset() noexcept {
        if (fd_ >= 0)
            ::close(std::exchange(fd_, -1));
    }

  private:
    int fd_ = -1;
};

} // namespace scstd::iscsi
