// SPDX-License-Identifier: Apache-2.0
// Fixed format: SPC-4 4.5.3; descriptor format: 4.5.2 with the descriptors of 4.5.2.2 and 4.5.2.4.
#include "engine/sense.hpp"

#include <scst/bytes.hpp>

#include <algorithm>
#include <limits>

namespace scstd::engine {

namespace {

constexpr std::uint8_t fixed_current = 0x70;
constexpr std::uint8_t descriptor_current = 0x72;
constexpr std::uint8_t valid_bit = 0x80;
constexpr std::uint8_t information_descriptor = 0x00;
constexpr std::uint8_t sense_key_specific_descriptor = 0x02;
constexpr std::uint32_t fixed_length = 18;

bool always_fixed(sense_code code) noexcept {
    return code.key == SCST_SENSE_UNIT_ATTENTION && (code.asc == 0x29 || (code.asc == 0x2a && code.ascq == 0x01));
}

// The three sense-key specific bytes (SPC-4 4.5.2.4), all zero when there are none.
std::array<std::uint8_t, 3> key_specific(const sense_details &details) noexcept {
    std::array<std::uint8_t, 3> bytes{};
    if (details.field) {
        bytes[0] = static_cast<std::uint8_t>(0x80 | (details.field->in_cdb ? 0x40 : 0));
        if (details.field->bit >= 0)
            bytes[0] = static_cast<std::uint8_t>(bytes[0] | 0x08 | (details.field->bit & 7));
        scst::store_be16(&bytes[1], details.field->byte);
    } else if (details.progress) {
        bytes[0] = 0x80;
        scst::store_be16(&bytes[1], *details.progress);
    }
    return bytes;
}

std::uint32_t build_fixed(std::uint8_t *to, sense_code code, const sense_details &details) noexcept {
    std::fill_n(to, fixed_length, std::uint8_t{0});
    to[0] = fixed_current;
    to[2] = code.key;
    if (details.information && *details.information <= std::numeric_limits<std::uint32_t>::max()) {
        to[0] = static_cast<std::uint8_t>(to[0] | valid_bit);
        scst::store_be32(to + 3, static_cast<std::uint32_t>(*details.information));
    }
    to[7] = fixed_length - 8;
    to[12] = code.asc;
    to[13] = code.ascq;
    const auto specific = key_specific(details);
    std::copy(specific.begin(), specific.end(), to + 15);
    return fixed_length;
}

std::uint32_t build_descriptor(std::uint8_t *to, sense_code code, const sense_details &details) noexcept {
    std::uint32_t length = 8;
    std::fill_n(to, 32, std::uint8_t{0});
    to[0] = descriptor_current;
    to[1] = code.key;
    to[2] = code.asc;
    to[3] = code.ascq;
    if (details.information) {
        to[length] = information_descriptor;
        to[length + 1] = 0x0a;
        to[length + 2] = valid_bit;
        scst::store_be64(to + length + 4, *details.information);
        length += 12;
    }
    const auto specific = key_specific(details);
    if (specific[0] != 0) {
        to[length] = sense_key_specific_descriptor;
        to[length + 1] = 0x06;
        std::copy(specific.begin(), specific.end(), to + length + 4);
        length += 8;
    }
    to[7] = static_cast<std::uint8_t>(length - 8);
    return length;
}

bool is_descriptor(std::span<const std::uint8_t> sense) noexcept {
    return !sense.empty() && (sense[0] & 0x7f) >= descriptor_current;
}

// What can be carried over from sense data to the other format.
sense_details parse_details(std::span<const std::uint8_t> sense) noexcept {
    sense_details details;
    const auto specific = [&details](const std::uint8_t *bytes, std::uint8_t key) {
        if ((bytes[0] & 0x80) == 0)
            return;
        if (key == SCST_SENSE_ILLEGAL_REQUEST)
            details.field = field_pointer{(bytes[0] & 0x40) != 0, scst::load_be16(bytes + 1),
                                          static_cast<std::int8_t>((bytes[0] & 0x08) != 0 ? bytes[0] & 7 : -1)};
        else
            details.progress = scst::load_be16(bytes + 1);
    };
    if (!is_descriptor(sense)) {
        if (sense.size() >= 7 && (sense[0] & valid_bit) != 0)
            details.information = scst::load_be32(sense.data() + 3);
        if (sense.size() >= fixed_length)
            specific(sense.data() + 15, sense[2] & 0x0f);
        return details;
    }
    for (std::size_t at = 8; at + 2 <= sense.size();) {
        const std::size_t size = 2u + sense[at + 1];
        if (at + size > sense.size())
            break;
        if (sense[at] == information_descriptor && size >= 12)
            details.information = scst::load_be64(sense.data() + at + 4);
        else if (sense[at] == sense_key_specific_descriptor && size >= 8)
            specific(sense.data() + at + 4, sense[1] & 0x0f);
        at += size;
    }
    return details;
}

} // namespace

std::uint32_t build_sense(std::uint8_t *to, bool descriptor_format, sense_code code,
                          const sense_details &details) noexcept {
    if (descriptor_format && !always_fixed(code))
        return build_descriptor(to, code, details);
    return build_fixed(to, code, details);
}

sense_code parse_sense(std::span<const std::uint8_t> sense) noexcept {
    if (is_descriptor(sense))
        return sense.size() >= 4 ? sense_code{static_cast<std::uint8_t>(sense[1] & 0x0f), sense[2], sense[3]}
                                 : codes::no_sense;
    return sense.size() >= 14 ? sense_code{static_cast<std::uint8_t>(sense[2] & 0x0f), sense[12], sense[13]}
                              : codes::no_sense;
}

std::uint32_t convert_sense(std::span<const std::uint8_t> sense, bool descriptor_format, std::uint8_t *to) noexcept {
    if (!sense.empty() && is_descriptor(sense) == descriptor_format) {
        std::copy(sense.begin(), sense.end(), to);
        return static_cast<std::uint32_t>(sense.size());
    }
    const sense_code code = parse_sense(sense);
    const sense_details details = parse_details(sense);
    return descriptor_format ? build_descriptor(to, code, details) : build_fixed(to, code, details);
}

} // namespace scstd::engine
