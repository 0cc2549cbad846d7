// SPDX-License-Identifier: Apache-2.0
// command_window: CmdSN of one session (RFC 7143 4.2.2.1): what is expected, what is allowed, what is announced.
// Belongs to the session's reactor; plain arithmetic.
#pragma once

#include "pdu/serial.hpp"

#include <cstdint>

namespace scstd::iscsi {

class command_window {
  public:
    explicit command_window(std::uint32_t first) noexcept : expected_{first}, announced_{first + 1} {}

    enum class place : std::uint8_t {
        now,     // the next one; it has been taken
        later,   // inside the window, others are missing before it
        outside, // to be ignored (RFC 7143 4.2.2.1)
    };
    place arrive(std::uint32_t cmd_sn) noexcept {
        if (cmd_sn == expected_) {
            if (!serial_less_equal(cmd_sn, announced_))
                return place::outside; // the window is closed
            ++expected_;
            return place::now;
        }
        return serial_less(expected_, cmd_sn) && serial_less_equal(cmd_sn, announced_) ? place::later : place::outside;
    }
    // Takes the number that was held back, when it is its turn.
    bool take(std::uint32_t cmd_sn) noexcept {
        if (cmd_sn != expected_)
            return false;
        ++expected_;
        return true;
    }

    void begin_command() noexcept { ++active_; }
    void end_command() noexcept { --active_; }
    [[nodiscard]] std::uint32_t active() const noexcept { return active_; }

    [[nodiscard]] std::uint32_t expected() const noexcept { return expected_; }
    // MaxCmdSN to announce now. It never goes back, as an initiator would ignore that, and never below expected() - 1.
    std::uint32_t announce(std::uint32_t queue_depth) noexcept {
        const std::uint32_t room = queue_depth > active_ ? queue_depth - active_ : 0;
        const std::uint32_t next = expected_ + room - 1;
        if (serial_less(announced_, next))
            announced_ = next;
        return announced_;
    }
    [[nodiscard]] std::uint32_t announced() const noexcept { return announced_; }

  private:
    std::uint32_t expected_;
    std::uint32_t announced_;
    std::uint32_t active_ = 0; // commands taken and not yet answered
};

} // namespace scstd::iscsi
