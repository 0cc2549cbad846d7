// SPDX-License-Identifier: Apache-2.0
// address: an IPv4 or IPv6 endpoint as a value, its text forms, and the "portals" setting. Values; any thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::iscsi {

inline constexpr std::uint16_t default_port = 3260;

class address {
  public:
    address() = default;

    // Nothing for another family than IPv4 and IPv6.
    [[nodiscard]] static std::optional<address> from(const sockaddr *raw, socklen_t length) noexcept;
    // "127.0.0.1:3260", "[::1]:3260", "127.0.0.1", "[::1]"; nothing when it is none of these.
    [[nodiscard]] static std::optional<address> parse(std::string_view text) noexcept;
    [[nodiscard]] static address any_v4(std::uint16_t port) noexcept;
    [[nodiscard]] static address any_v6(std::uint16_t port) noexcept;

    [[nodiscard]] const sockaddr *raw() const noexcept { return reinterpret_cast<const sockaddr *>(&storage_); }
    [[nodiscard]] socklen_t length() const noexcept { return length_; }
    [[nodiscard]] bool is_v6() const noexcept { return storage_.ss_family == AF_INET6; }
    [[nodiscard]] std::uint16_t port() const noexcept;
    void set_port(std::uint16_t port) noexcept;
    [[nodiscard]] bool is_wildcard() const noexcept;
    [[nodiscard]] bool is_loopback() const noexcept;
    [[nodiscard]] bool is_link_local() const noexcept;

    // "127.0.0.1" or "::1": what SCST's patterns are matched with.
    [[nodiscard]] std::string ip() const;
    // "127.0.0.1" or "[::1]": as connection directories and portals are written.
    [[nodiscard]] std::string bracketed_ip() const;
    // "127.0.0.1:3260" or "[::1]:3260".
    [[nodiscard]] std::string text() const;
    // What one host is known by: the IPv4 address, or the first 64 bits of the IPv6 one.
    [[nodiscard]] std::array<std::uint8_t, 16> host_key() const noexcept;

    friend bool operator==(const address &a, const address &b) noexcept;

  private:
    sockaddr_storage storage_{};
    socklen_t length_ = 0;
};

// The comma separated setting; ":3260" means all addresses of both families. Nothing, and the faulty word in *culprit,
// when one can't be read.
[[nodiscard]] std::optional<std::vector<address>> parse_portals(std::string_view setting, std::string *culprit);

// The addresses of this host's interfaces, without loopback.
[[nodiscard]] std::vector<address> interface_addresses();

} // namespace scstd::iscsi
