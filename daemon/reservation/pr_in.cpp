// SPDX-License-Identifier: Apache-2.0
// PERSISTENT RESERVE IN (SPC-4 6.15). Every list is written into a buffer of the ALLOCATION LENGTH that takes what fits
// and counts the rest: the length field in front always tells of all there is.
#include "reservation/persistent_reservations.hpp"
#include "reservation/pr_status.hpp"

#include <scst/bytes.hpp>

#include <algorithm>
#include <array>

namespace scstd::reservation {

namespace {

namespace action {
constexpr std::uint8_t read_keys = 0;
constexpr std::uint8_t read_reservation = 1;
constexpr std::uint8_t report_capabilities = 2;
constexpr std::uint8_t read_full_status = 3;
} // namespace action

constexpr std::size_t header_size = 8;
constexpr std::size_t descriptor_size = 24; // of READ FULL STATUS, without the TransportID

class truncated_buffer {
  public:
    explicit truncated_buffer(std::size_t limit) : limit_{limit} {}

    void append(std::span<const std::uint8_t> bytes) {
        const std::size_t fitting = std::min(bytes.size(), limit_ - bytes_.size());
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(fitting));
    }
    [[nodiscard]] bool full() const noexcept { return bytes_.size() == limit_; }
    [[nodiscard]] std::vector<std::uint8_t> take() noexcept { return std::move(bytes_); }

  private:
    std::size_t limit_;
    std::vector<std::uint8_t> bytes_;
};

void append_header(truncated_buffer &out, const pr_state &state, std::size_t length) {
    std::array<std::uint8_t, header_size> header{};
    scst::store_be32(&header[0], state.generation);
    scst::store_be32(&header[4], static_cast<std::uint32_t>(length));
    out.append(header);
}

void read_keys(truncated_buffer &out, const pr_state &state) {
    append_header(out, state, state.registrants.size() * 8);
    for (const registrant &one : state.registrants) {
        if (out.full())
            return;
        std::array<std::uint8_t, 8> key{};
        scst::store_be64(key.data(), one.key);
        out.append(key);
    }
}

void read_reservation(truncated_buffer &out, const pr_state &state) {
    append_header(out, state, state.reservation ? 16 : 0);
    if (!state.reservation)
        return;
    std::array<std::uint8_t, 16> body{};
    const auto holder = std::find_if(state.registrants.begin(), state.registrants.end(),
                                     [](const registrant &one) { return one.holder; });
    // All registrants types have no single holder and show the key 0 (SPC-4 6.15.3.2).
    if (holder != state.registrants.end())
        scst::store_be64(&body[0], holder->key);
    body[13] = static_cast<std::uint8_t>(*state.reservation); // the scope, logical unit, is 0
    out.append(body);
}

// CRH, SIP_C, ATP_C, PTPL_C; TMV with ALLOW COMMANDS 100b; all six types (SPC-4 table 202).
void report_capabilities(truncated_buffer &out, const pr_state &state) {
    const auto activated = static_cast<std::uint8_t>(state.aptpl ? 1 : 0);
    const std::array<std::uint8_t, 8> body{0x00, 0x08, 0x1d, static_cast<std::uint8_t>(0xc0 | activated),
                                           0xea, 0x01, 0x00, 0x00};
    out.append(body);
}

// A registration through all target ports is kept as one per port, so each descriptor is about one I_T nexus: ALL_TG_PT
// is zero and the relative target port identifier is valid (SPC-4 6.15.5).
void read_full_status(truncated_buffer &out, const pr_state &state) {
    std::size_t length = 0;
    for (const registrant &one : state.registrants)
        length += descriptor_size + one.initiator->bytes().size();
    append_header(out, state, length);
    for (const registrant &one : state.registrants) {
        if (out.full())
            return;
        std::array<std::uint8_t, descriptor_size> descriptor{};
        scst::store_be64(&descriptor[0], one.key);
        if (state.is_holder(one)) {
            descriptor[12] = 0x01; // R_HOLDER
            descriptor[13] = static_cast<std::uint8_t>(*state.reservation);
        }
        scst::store_be16(&descriptor[18], one.target_port);
        scst::store_be32(&descriptor[20], static_cast<std::uint32_t>(one.initiator->bytes().size()));
        out.append(descriptor);
        out.append(one.initiator->bytes());
    }
}

} // namespace

pr_in_response persistent_reservations::pr_in(nexus_number nexus, std::uint8_t service_action,
                                              std::size_t allocation_length) const {
    if (!find(nexus) || !is_supported())
        return {invalid_opcode(), {}};
    truncated_buffer out{allocation_length};
    switch (service_action) {
    case action::read_keys:
        read_keys(out, state_);
        break;
    case action::read_reservation:
        read_reservation(out, state_);
        break;
    case action::report_capabilities:
        report_capabilities(out, state_);
        break;
    case action::read_full_status:
        read_full_status(out, state_);
        break;
    default: // a number from outside
        return {invalid_in_cdb(1, 0), {}};
    }
    return {{}, out.take()};
}

} // namespace scstd::reservation
