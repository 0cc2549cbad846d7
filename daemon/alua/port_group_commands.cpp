// SPDX-License-Identifier: Apache-2.0
#include "alua/port_group_commands.hpp"

#include <scst/bytes.hpp>
#include <scst/types.h>

#include <algorithm>
#include <array>
#include <utility>

namespace scstd::alua {

namespace {

constexpr std::size_t max_descriptors = 64;
constexpr std::size_t header_size = 4;
constexpr std::size_t descriptor_size = 4;

// Optimized, non-optimized, standby, unavailable, offline, transitioning; not logical block dependent (SPC-4 6.37).
constexpr std::uint8_t supported_states = 0xcf;
constexpr std::uint8_t changed_implicitly = 2; // STATUS CODE
constexpr std::uint8_t preferred_bit = 0x80;

command_error invalid_in_cdb(std::uint16_t byte, std::optional<std::uint8_t> bit) {
    return {SCST_SENSE_ILLEGAL_REQUEST, 0x24, 0x00, command_error::cdb_field{byte, bit}};
}
command_error list_length_error() {
    return {SCST_SENSE_ILLEGAL_REQUEST, 0x1a, 0x00, std::nullopt};
}
// SET TARGET PORT GROUPS COMMAND FAILED.
command_error failed() {
    return {SCST_SENSE_HARDWARE_ERROR, 0x67, 0x0a, std::nullopt};
}

void append_group(std::vector<std::uint8_t> &out, const device_groups &groups, const target_group &group) {
    const std::size_t start = out.size();
    out.resize(start + 8);
    std::size_t ports = 0;
    for (const group_target &target : group.targets) {
        const auto id = groups.relative_id(target);
        if (!id)
            continue; // a port of another node whose id nobody has told
        std::array<std::uint8_t, 4> port{};
        scst::store_be16(&port[2], *id);
        out.insert(out.end(), port.begin(), port.end());
        ++ports;
    }
    std::uint8_t *descriptor = &out[start];
    descriptor[0] =
        static_cast<std::uint8_t>((group.preferred ? preferred_bit : 0) | static_cast<std::uint8_t>(group.state));
    descriptor[1] = supported_states;
    scst::store_be16(&descriptor[2], group.group_id);
    descriptor[5] = changed_implicitly;
    descriptor[7] = static_cast<std::uint8_t>(std::min<std::size_t>(ports, 0xff));
    out.resize(start + 8 + 4 * std::size_t{descriptor[7]}); // TARGET PORT COUNT is one byte
}

std::optional<access_state> settable_state(std::uint8_t code) noexcept {
    switch (code) {
    case 0x0:
    case 0x1:
    case 0x2:
    case 0x3:
    case 0xe:
        return static_cast<access_state>(code);
    default: // a number from outside
        return std::nullopt;
    }
}

const target_group *find_by_id(const device_group &group, std::uint16_t id) noexcept {
    const auto found = std::find_if(group.target_groups.begin(), group.target_groups.end(),
                                    [&](const auto &one) { return id != 0 && one->group_id == id; });
    return found == group.target_groups.end() ? nullptr : found->get();
}

command_error read_descriptors(const device_group &group, std::span<const std::uint8_t> descriptors,
                               std::vector<std::pair<std::uint16_t, access_state>> &wanted) {
    for (; !descriptors.empty(); descriptors = descriptors.subspan(descriptor_size)) {
        const auto state = settable_state(descriptors[0] & 0x0f);
        const std::uint16_t id = scst::load_be16(&descriptors[2]);
        if (!state || !find_by_id(group, id))
            return failed();
        wanted.emplace_back(id, *state);
    }
    return {};
}

} // namespace

report_answer report_target_port_groups(const device_groups &groups, std::string_view device,
                                        std::span<const std::uint8_t> cdb) {
    const std::uint8_t format = static_cast<std::uint8_t>(cdb[1] >> 5); // PARAMETER DATA FORMAT
    if (format > 1)
        return {invalid_in_cdb(1, std::uint8_t{5}), {}};
    report_answer answer;
    answer.data.resize(header_size);
    if (format == 1)
        answer.data.insert(answer.data.end(), {0x10, 0, 0, 0}); // no IMPLICIT TRANSITION TIME is told
    if (const device_group *group = groups.group_of(device))
        for (const auto &one : group->target_groups)
            append_group(answer.data, groups, *one);
    scst::store_be32(&answer.data[0], static_cast<std::uint32_t>(answer.data.size() - header_size));
    const std::size_t allocation_length = scst::load_be32(&cdb[6]);
    if (answer.data.size() > allocation_length)
        answer.data.resize(allocation_length);
    return answer;
}

set_answer decide_set_target_port_groups(const device_groups &groups, std::string_view device, bool explicit_allowed,
                                         std::span<const std::uint8_t> parameters) {
    if (!explicit_allowed)
        return {invalid_in_cdb(1, std::uint8_t{0}), {}};
    if (parameters.empty())
        return {};
    if (parameters.size() < header_size || parameters.size() % descriptor_size != 0)
        return {list_length_error(), {}};
    const auto descriptors = parameters.subspan(header_size);
    if (descriptors.empty())
        return {};
    if (descriptors.size() / descriptor_size > max_descriptors)
        return {invalid_in_cdb(6, std::nullopt), {}};
    const device_group *group = groups.group_of(device);
    if (!group)
        return {failed(), {}};
    set_answer answer;
    answer.error = read_descriptors(*group, descriptors, answer.wanted);
    const bool transition = std::any_of(answer.wanted.begin(), answer.wanted.end(), [&](const auto &one) {
        return find_by_id(*group, one.first)->state == access_state::transitioning;
    });
    if (answer.error.good() && transition)
        answer.error = {SCST_SENSE_NOT_READY, 0x04, 0x0a, std::nullopt};
    const bool same = std::all_of(answer.wanted.begin(), answer.wanted.end(),
                                  [&](const auto &one) { return find_by_id(*group, one.first)->state == one.second; });
    if (!answer.error.good() || same)
        answer.wanted.clear();
    return answer;
}

} // namespace scstd::alua
