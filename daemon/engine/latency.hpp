// SPDX-License-Identifier: Apache-2.0
// latency: per session, direction and size class, how long commands stay in each state (the `latency` folder of the
// tree, management.md 1.7). Reactor only; exists while measure_latency is on.
#pragma once

#include "engine/command.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace scstd::engine {

class latency_tables {
  public:
    static constexpr std::size_t size_classes = 11; // 512 … 524288 bytes
    static constexpr std::size_t directions = 4;    // n, r, w, b

    // The command leaves the state it is in, at this time of threads::now_ns().
    void left_state(command &cmd, std::uint64_t now) noexcept;
    // A command spent `nanoseconds` in `state`.
    void add(std::uint8_t direction, std::uint64_t bytes, command_state state, std::uint64_t nanoseconds) noexcept;
    void clear() noexcept { cells_ = {}; }
    // The text of file <direction><size>.
    [[nodiscard]] std::string text(std::size_t direction, std::size_t size_class) const;
    [[nodiscard]] static std::size_t class_of(std::uint64_t bytes) noexcept;

  private:
    struct cell {
        std::uint64_t count = 0;
        std::uint64_t minimum = 0; // all in nanoseconds
        std::uint64_t maximum = 0;
        double sum = 0;
        double squares = 0;
    };
    std::array<std::array<std::array<cell, command_state_count>, size_classes>, directions> cells_{};
};

} // namespace scstd::engine
