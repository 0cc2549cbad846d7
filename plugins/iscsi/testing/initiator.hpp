// SPDX-License-Identifier: Apache-2.0
// initiator: the other end of a connection, for unit tests: writes PDUs byte by byte as the test wants them, right or
// wrong, and reads what comes back. Its driver and fake core run in the same thread, whenever it waits for something.
#pragma once

#include "driver.hpp"
#include "pdu/bhs.hpp"
#include "target/target.hpp"
#include "testing/fake_core.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::iscsi::testing {

using bytes = std::vector<std::uint8_t>;

struct received_pdu {
    std::array<std::uint8_t, bhs_size> header{};
    bytes data;

    [[nodiscard]] opcode code() const noexcept { return static_cast<opcode>(header[0] & 0x3f); }
    [[nodiscard]] std::uint8_t flags() const noexcept { return header[1]; }
    [[nodiscard]] bool final() const noexcept { return (header[1] & 0x80) != 0; }
    [[nodiscard]] std::uint32_t word(std::size_t at) const noexcept;
    [[nodiscard]] std::uint32_t itt() const noexcept { return word(16); }
    [[nodiscard]] std::uint32_t ttt() const noexcept { return word(20); }
    [[nodiscard]] std::uint32_t stat_sn() const noexcept { return word(24); }
    [[nodiscard]] std::uint32_t exp_cmd_sn() const noexcept { return word(28); }
    [[nodiscard]] std::uint32_t max_cmd_sn() const noexcept { return word(32); }
    [[nodiscard]] std::uint16_t login_status() const noexcept;
    [[nodiscard]] std::uint8_t scsi_status() const noexcept { return header[3]; }
    // KEY << 16 | ASC << 8 | ASCQ of a SCSI Response with fixed format sense.
    [[nodiscard]] std::uint32_t sense() const noexcept;
    // The data as text, NUL shown as '|'.
    [[nodiscard]] std::string text() const;
};

// A header to be filled by the test; numbers are big-endian on the wire.
class request_pdu {
  public:
    explicit request_pdu(opcode code, std::uint8_t flags = 0x80) {
        header[0] = static_cast<std::uint8_t>(code);
        header[1] = flags;
    }
    request_pdu &immediate() {
        header[0] = static_cast<std::uint8_t>(header[0] | 0x40);
        return *this;
    }
    request_pdu &word(std::size_t at, std::uint32_t value);
    request_pdu &half(std::size_t at, std::uint16_t value);
    request_pdu &byte(std::size_t at, std::uint8_t value) {
        header[at] = value;
        return *this;
    }
    request_pdu &with(bytes segment) {
        data = std::move(segment);
        return *this;
    }
    request_pdu &with_ahs(bytes segment) {
        ahs = std::move(segment);
        return *this;
    }
    std::array<std::uint8_t, bhs_size> header{};
    bytes ahs;
    bytes data;
};

// A driver with one enabled target on a fake core.
class rig {
  public:
    rig();
    ~rig();
    rig(const rig &) = delete;
    rig &operator=(const rig &) = delete;

    static constexpr const char *target_name = "iqn.2026-11.example:disk";
    fake_core core;
    std::unique_ptr<driver> owner;
    target *port = nullptr;
    // Sets a target parameter; fails the test when it is refused.
    void set(const char *name, const char *value);
};

class initiator {
  public:
    explicit initiator(rig &with);
    initiator(const initiator &) = delete;
    initiator &operator=(const initiator &) = delete;
    ~initiator();

    std::string name = "iqn.2026-11.example:host";
    std::uint64_t isid = 0x00023d000001;
    std::uint16_t tsih = 0;
    std::uint16_t cid = 1;
    std::uint32_t cmd_sn = 1;
    std::uint32_t itt = 0x10;
    bool header_digest = false;
    bool data_digest = false;

    void send_raw(const bytes &what);
    void send(const request_pdu &pdu);
    [[nodiscard]] bytes wire(const request_pdu &pdu) const;
    // The next PDU that has come; fails the test when there is none.
    received_pdu receive();
    // As receive(), but what is no PDU is thrown away.
    received_pdu drop();
    [[nodiscard]] bool nothing();
    [[nodiscard]] bool closed();
    // Stops and resumes taking bytes from the socket.
    bool reading = true;

    // Login request with the given keys; "A=1|B=2|" with '|' for NUL.
    [[nodiscard]] request_pdu login_pdu(std::uint8_t flags, std::string_view keys);
    received_pdu login(std::uint8_t flags, std::string_view keys);
    // A whole login in one request that goes straight to full feature; fails the test when it does.
    received_pdu login_full(std::string_view more_keys = {});

    // SCSI Command PDUs; the next CmdSN and ITT are taken.
    [[nodiscard]] request_pdu command(std::uint8_t flags, std::uint32_t expected_length, const bytes &cdb);
    [[nodiscard]] request_pdu read10(std::uint32_t lba, std::uint16_t blocks, std::uint32_t expected_length);
    [[nodiscard]] request_pdu write10(std::uint32_t lba, std::uint16_t blocks, std::uint32_t expected_length,
                                      bool final, bytes data = {});
    [[nodiscard]] request_pdu data_out(std::uint32_t task, std::uint32_t ttt, std::uint32_t sn, std::uint32_t offset,
                                       bool final, bytes data) const;

  private:
    void pump();
    rig &rig_;
    int socket_ = -1;
    bytes in_;
    bool eof_ = false;
};

// `size` bytes that tell their place.
[[nodiscard]] bytes pattern(std::size_t size, std::uint8_t seed);

} // namespace scstd::iscsi::testing
