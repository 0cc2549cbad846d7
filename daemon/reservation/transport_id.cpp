// SPDX-License-Identifier: Apache-2.0
#include "reservation/transport_id.hpp"

#include <scst/bytes.hpp>

#include <algorithm>
#include <string_view>

namespace scstd::reservation {

namespace {

constexpr std::uint8_t format_device = 0; // TPID FORMAT of iSCSI: the name only
constexpr std::uint8_t format_port = 1;   // the name and the ISID
constexpr std::string_view isid_separator = ",i,0x";

std::uint8_t format_of(std::span<const std::uint8_t> bytes) noexcept {
    return static_cast<std::uint8_t>(bytes[0] >> 6);
}

// iSCSI names are ASCII once prepared (RFC 3722); no locale has a say in this.
char lower(std::uint8_t byte) noexcept {
    return static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
}

std::uint64_t fnv(std::uint64_t hash, std::uint8_t byte) noexcept {
    return (hash ^ byte) * 0x100000001b3u;
}

} // namespace

transport_id::transport_id(std::span<const std::uint8_t> bytes) : bytes_(bytes.begin(), bytes.end()) {}

std::optional<std::size_t> transport_id::size_at(std::span<const std::uint8_t> bytes) noexcept {
    if (bytes.empty())
        return std::nullopt;
    if ((bytes[0] & 0x0f) != protocol_iscsi)
        return min_size;
    if (bytes.size() < 4)
        return std::nullopt;
    const std::size_t size = std::size_t{scst::load_be16(&bytes[2])} + 4;
    if (size < min_size || size > max_size || size % 4 != 0)
        return std::nullopt;
    return size;
}

transport_id_ptr transport_id::parse(std::span<const std::uint8_t> bytes) {
    if (size_at(bytes) != bytes.size())
        return nullptr;
    std::shared_ptr<transport_id> made{new transport_id{bytes}};
    if (made->protocol() == protocol_iscsi) {
        if (!made->read_iscsi_name())
            return nullptr;
    } else if (format_of(bytes) != 0) {
        return nullptr;
    }
    std::uint64_t hash = fnv(0xcbf29ce484222325u, made->protocol());
    if (made->protocol() == protocol_iscsi)
        for (const char letter : made->device_)
            hash = fnv(hash, static_cast<std::uint8_t>(letter));
    else
        for (const std::uint8_t byte : made->bytes_)
            hash = fnv(hash, byte);
    made->match_hash_ = hash;
    return made;
}

// SPC-4 7.6.4.6: a null-terminated, null-padded string; with format 01b the separator ",i,0x" and the ISID follow the
// name.
bool transport_id::read_iscsi_name() {
    const std::uint8_t format = format_of(bytes_);
    const auto text = std::span{bytes_}.subspan(4);
    const auto end = std::find(text.begin(), text.end(), std::uint8_t{0});
    if (end == text.end() || end == text.begin() || (format != format_device && format != format_port))
        return false;
    std::transform(text.begin(), end, std::back_inserter(device_), lower);
    has_port_ = format == format_port;
    const auto separator = device_.find(isid_separator);
    if (!has_port_)
        return separator == std::string::npos;
    if (separator == std::string::npos || separator == 0)
        return false;
    port_ = device_.substr(separator + isid_separator.size());
    device_.resize(separator);
    const auto is_digit = [](char letter) {
        return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
    };
    if (port_.empty() || !std::all_of(port_.begin(), port_.end(), is_digit))
        return false;
    port_.erase(0, std::min(port_.find_first_not_of('0'), port_.size() - 1)); // it is a number
    return true;
}

bool transport_id::equals(const transport_id &other) const noexcept {
    if (match_hash_ != other.match_hash_ || protocol() != other.protocol())
        return false;
    if (protocol() != protocol_iscsi)
        return bytes_ == other.bytes_;
    return has_port_ == other.has_port_ && device_ == other.device_ && port_ == other.port_;
}

bool transport_id::matches(const transport_id &other) const noexcept {
    if (match_hash_ != other.match_hash_ || protocol() != other.protocol())
        return false;
    if (protocol() == protocol_iscsi && has_port_ != other.has_port_)
        return device_ == other.device_;
    return equals(other);
}

} // namespace scstd::reservation
