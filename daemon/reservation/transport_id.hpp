// SPDX-License-Identifier: Apache-2.0
// transport_id: the name of an initiator port as SCSI carries it (TransportID, SPC-4 7.6.4).
//
// Immutable once made; any thread. The bytes come from initiators, plugins and files, so nothing is a transport_id that
// parse() has not looked at. Comparison follows what the transports say: iSCSI names have no case.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace scstd::reservation {

class transport_id {
  public:
    static constexpr std::size_t min_size = 24;
    static constexpr std::size_t max_size = 512;
    static constexpr std::uint8_t protocol_iscsi = 5; // SPC-4 7.6.1

    // The TransportID that these bytes are, all of them; nullptr when they are none.
    [[nodiscard]] static std::shared_ptr<const transport_id> parse(std::span<const std::uint8_t> bytes);
    // How many bytes the TransportID at the start of `bytes` takes, when its header can be read and names a sane size.
    // The bytes need not all be there.
    [[nodiscard]] static std::optional<std::size_t> size_at(std::span<const std::uint8_t> bytes) noexcept;

    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint8_t protocol() const noexcept { return bytes_[0] & 0x0f; }
    // iSCSI without an ISID: names an initiator device, which may have several ports (TPID FORMAT 00b).
    [[nodiscard]] bool is_wildcard() const noexcept { return protocol() == protocol_iscsi && !has_port_; }

    // The very same port (or, for two wildcards, the same device).
    [[nodiscard]] bool equals(const transport_id &other) const noexcept;
    // The same port, or one is a wildcard for the device that the other is a port of.
    [[nodiscard]] bool matches(const transport_id &other) const noexcept;
    // Equal for all that match.
    [[nodiscard]] std::uint64_t match_hash() const noexcept { return match_hash_; }

  private:
    explicit transport_id(std::span<const std::uint8_t> bytes);
    [[nodiscard]] bool read_iscsi_name();

    std::vector<std::uint8_t> bytes_;
    std::string device_; // iSCSI: the node's name in lower case
    std::string port_;   // iSCSI: what follows the name, in lower case
    bool has_port_ = true;
    std::uint64_t match_hash_ = 0;
};

using transport_id_ptr = std::shared_ptr<const transport_id>;

} // namespace scstd::reservation
