// SPDX-License-Identifier: Apache-2.0
// net: the few socket calls that the load generator and the ceiling share. Failures are std::runtime_error with a line
// for the user. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace scstd::bench {

// Owns a file descriptor.
class unique_fd {
  public:
    unique_fd() = default;
    explicit unique_fd(int fd) noexcept : fd_{fd} {}
    unique_fd(unique_fd &&other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    unique_fd &operator=(unique_fd &&other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    unique_fd(const unique_fd &) = delete;
    unique_fd &operator=(const unique_fd &) = delete;
    ~unique_fd();

    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

// "host", "host:port" or "[v6]:port"; port 3260 when there is none.
struct portal_address {
    std::string host;
    std::string port = "3260";
};
[[nodiscard]] portal_address parse_portal(const std::string &text);

[[nodiscard]] unique_fd connect_to(const portal_address &portal);
[[nodiscard]] unique_fd listen_on(const portal_address &portal);
void set_no_delay(int fd);

// Whole transfers, for login and handshakes. A closed connection is a failure.
void read_exactly(int fd, std::span<std::uint8_t> bytes);
void write_exactly(int fd, std::span<const std::uint8_t> bytes);

// Binds the calling thread to one CPU.
void pin_to_cpu(unsigned cpu);

[[noreturn]] void fail_with_errno(const std::string &what);

} // namespace scstd::bench
