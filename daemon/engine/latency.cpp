// SPDX-License-Identifier: Apache-2.0
#include "engine/latency.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace scstd::engine {

namespace {

double microseconds(double nanoseconds) noexcept {
    return nanoseconds / 1000.0;
}

double deviation(std::uint64_t count, double sum, double squares) noexcept {
    if (count == 0)
        return 0;
    const double mean = sum / static_cast<double>(count);
    return std::sqrt(std::max(0.0, squares / static_cast<double>(count) - mean * mean));
}

} // namespace

std::size_t latency_tables::class_of(std::uint64_t bytes) noexcept {
    const std::uint64_t units = (std::max<std::uint64_t>(bytes, 1) - 1) / 512;
    return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(units)), size_classes - 1);
}

void latency_tables::add(std::uint8_t direction, std::uint64_t bytes, command_state state,
                         std::uint64_t nanoseconds) noexcept {
    cell &to = cells_[direction][class_of(bytes)][static_cast<std::size_t>(state)];
    const auto value = static_cast<double>(nanoseconds);
    to.minimum = to.count == 0 ? nanoseconds : std::min(to.minimum, nanoseconds);
    to.maximum = std::max(to.maximum, nanoseconds);
    ++to.count;
    to.sum += value;
    to.squares += value * value;
}

void latency_tables::left_state(command &cmd, std::uint64_t now) noexcept {
    if (cmd.state_since_ns != 0)
        add(cmd.data_direction, cmd.transfer_length, cmd.state, now - cmd.state_since_ns);
    cmd.state_since_ns = now;
}

std::string latency_tables::text(std::size_t direction, std::size_t size_class) const {
    std::string out = "state count min max avg stddev\n";
    std::uint64_t count = 0;
    std::uint64_t states = 0;
    double sum = 0;
    double variance = 0;
    for (std::size_t s = 0; s < command_state_count; ++s) {
        const cell &at = cells_[direction][size_class][s];
        if (at.count == 0)
            continue;
        const double spread = deviation(at.count, at.sum, at.squares);
        out += fmt::format("{} {} {:.1f} {:.1f} {:.1f} {:.1f} us\n", to_string(static_cast<command_state>(s)), at.count,
                           microseconds(static_cast<double>(at.minimum)), microseconds(static_cast<double>(at.maximum)),
                           microseconds(at.sum / static_cast<double>(at.count)), microseconds(spread));
        count += at.count;
        ++states;
        sum += at.sum / static_cast<double>(at.count);
        variance += spread * spread;
    }
    if (states != 0)
        out += fmt::format("total {} - - {:.1f} {:.1f} us\n", count / states, microseconds(sum),
                           microseconds(std::sqrt(variance)));
    return out;
}

} // namespace scstd::engine
