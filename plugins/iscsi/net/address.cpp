// SPDX-License-Identifier: Apache-2.0
#include "net/address.hpp"

#include <scst/text.hpp>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cstring>

namespace scstd::iscsi {
namespace {

sockaddr_in as_v4(const sockaddr_storage &storage) noexcept {
    sockaddr_in v4;
    std::memcpy(&v4, &storage, sizeof v4);
    return v4;
}
sockaddr_in6 as_v6(const sockaddr_storage &storage) noexcept {
    sockaddr_in6 v6;
    std::memcpy(&v6, &storage, sizeof v6);
    return v6;
}

} // namespace

std::optional<address> address::from(const sockaddr *raw, socklen_t length) noexcept {
    const bool v4 = raw->sa_family == AF_INET && length >= sizeof(sockaddr_in);
    const bool v6 = raw->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6);
    if (!v4 && !v6)
        return std::nullopt;
    address result;
    result.length_ = v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    std::memcpy(&result.storage_, raw, result.length_);
    return result;
}

address address::any_v4(std::uint16_t port) noexcept {
    address result;
    result.storage_.ss_family = AF_INET;
    result.length_ = sizeof(sockaddr_in);
    result.set_port(port);
    return result;
}

address address::any_v6(std::uint16_t port) noexcept {
    address result;
    result.storage_.ss_family = AF_INET6;
    result.length_ = sizeof(sockaddr_in6);
    result.set_port(port);
    return result;
}

std::optional<address> address::parse(std::string_view text) noexcept {
    std::string host;
    std::string_view port_text;
    bool v6 = false;
    if (!text.empty() && text[0] == '[') {
        const auto close = text.find(']');
        if (close == std::string_view::npos)
            return std::nullopt;
        v6 = true;
        host = text.substr(1, close - 1);
        port_text = text.substr(close + 1);
        if (!port_text.empty() && port_text[0] != ':')
            return std::nullopt;
    } else {
        const auto colon = text.find(':');
        host = text.substr(0, colon);
        port_text = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
    }
    std::uint64_t port = default_port;
    if (!port_text.empty() &&
        (port_text.size() < 2 || scst::parse_unsigned_in(port_text.substr(1), 0, 65535, port) != 0))
        return std::nullopt;
    address result = v6 ? any_v6(0) : any_v4(0);
    auto *bytes = reinterpret_cast<std::uint8_t *>(&result.storage_);
    void *where = bytes + (v6 ? offsetof(sockaddr_in6, sin6_addr) : offsetof(sockaddr_in, sin_addr));
    if (inet_pton(v6 ? AF_INET6 : AF_INET, host.c_str(), where) != 1)
        return std::nullopt;
    result.set_port(static_cast<std::uint16_t>(port));
    return result;
}

std::uint16_t address::port() const noexcept {
    return ntohs(is_v6() ? as_v6(storage_).sin6_port : as_v4(storage_).sin_port);
}

void address::set_port(std::uint16_t port) noexcept {
    const std::uint16_t wire = htons(port);
    auto *bytes = reinterpret_cast<std::uint8_t *>(&storage_);
    std::memcpy(bytes + (is_v6() ? offsetof(sockaddr_in6, sin6_port) : offsetof(sockaddr_in, sin_port)), &wire,
                sizeof wire);
}

bool address::is_wildcard() const noexcept {
    if (!is_v6())
        return as_v4(storage_).sin_addr.s_addr == INADDR_ANY;
    const sockaddr_in6 v6 = as_v6(storage_);
    return IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) != 0;
}

bool address::is_loopback() const noexcept {
    if (!is_v6())
        return (ntohl(as_v4(storage_).sin_addr.s_addr) >> 24) == 127;
    const sockaddr_in6 v6 = as_v6(storage_);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
}

bool address::is_link_local() const noexcept {
    if (!is_v6())
        return false;
    const sockaddr_in6 v6 = as_v6(storage_);
    return IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) != 0;
}

std::string address::ip() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (is_v6()) {
        const sockaddr_in6 v6 = as_v6(storage_);
        inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    } else {
        const sockaddr_in v4 = as_v4(storage_);
        inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    }
    return text;
}

std::string address::bracketed_ip() const {
    return is_v6() ? '[' + ip() + ']' : ip();
}

std::string address::text() const {
    return bracketed_ip() + ':' + std::to_string(port());
}

std::array<std::uint8_t, 16> address::host_key() const noexcept {
    std::array<std::uint8_t, 16> key{};
    if (is_v6()) {
        const sockaddr_in6 v6 = as_v6(storage_);
        std::memcpy(key.data(), &v6.sin6_addr, 8); // one host commonly owns a whole /64
        key[15] = 6;
    } else {
        const sockaddr_in v4 = as_v4(storage_);
        std::memcpy(key.data(), &v4.sin_addr, 4);
        key[15] = 4;
    }
    return key;
}

bool operator==(const address &a, const address &b) noexcept {
    return a.length_ == b.length_ && a.is_v6() == b.is_v6() && a.port() == b.port() && a.ip() == b.ip();
}

std::optional<std::vector<address>> parse_portals(std::string_view setting, std::string *culprit) {
    std::vector<address> portals;
    while (true) {
        const auto comma = setting.find(',');
        const std::string_view word = scst::trim(setting.substr(0, comma));
        std::uint64_t port = 0;
        if (word.size() > 1 && word[0] == ':' && scst::parse_unsigned_in(word.substr(1), 0, 65535, port) == 0) {
            portals.push_back(address::any_v4(static_cast<std::uint16_t>(port)));
            portals.push_back(address::any_v6(static_cast<std::uint16_t>(port)));
        } else if (const auto one = address::parse(word)) {
            portals.push_back(*one);
        } else {
            *culprit = word;
            return std::nullopt;
        }
        if (comma == std::string_view::npos)
            return portals;
        setting.remove_prefix(comma + 1);
    }
}

std::vector<address> interface_addresses() {
    std::vector<address> found;
    ifaddrs *list = nullptr;
    if (getifaddrs(&list) != 0)
        return found;
    for (const ifaddrs *one = list; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_LOOPBACK) != 0 || (one->ifa_flags & IFF_UP) == 0)
            continue;
        const socklen_t length = one->ifa_addr->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
        if (const auto known = address::from(one->ifa_addr, length))
            found.push_back(*known);
    }
    freeifaddrs(list);
    return found;
}

} // namespace scstd::iscsi
