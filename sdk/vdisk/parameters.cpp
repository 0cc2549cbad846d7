// SPDX-License-Identifier: Apache-2.0
// See parameters.hpp.
#include "parameters.hpp"

#include "identity.hpp"

#include <scst/text.hpp>

#include <array>
#include <bit>
#include <cerrno>
#include <strings.h>

namespace scst::vdisk {
namespace {

constexpr std::uint64_t megabyte = 1u << 20;
constexpr std::uint64_t max_size = std::uint64_t{1} << 62;
constexpr std::uint64_t max_block_size = 65536;

// One parameter's parser: 0 or an errno, with the reason in `why`.
using parser = int (*)(std::string_view value, settings &wanted, std::string &why);

int parse_flag(std::string_view value, bool &flag, std::string &why) {
    std::uint64_t number = 0;
    if (parse_unsigned_in(value, 0, 1, number) != 0) {
        why = "must be 0 or 1";
        return EINVAL;
    }
    flag = number != 0;
    return 0;
}

template <bool settings::*Member>
int flag(std::string_view value, settings &wanted, std::string &why) {
    return parse_flag(value, wanted.*Member, why);
}

int thin(std::string_view value, settings &wanted, std::string &why) {
    wanted.thin_set = true;
    return parse_flag(value, wanted.thin, why);
}

int block_size(std::string_view value, settings &wanted, std::string &why) {
    std::uint64_t number = 0;
    if (parse_unsigned(value, number) != 0) {
        why = "is not a number";
        return EINVAL;
    }
    if (number == 0)
        number = 512;
    if (number < 512 || number > max_block_size || !std::has_single_bit(number)) {
        why = "must be a power of two from 512 to 65536";
        return EINVAL;
    }
    wanted.block_size = static_cast<std::uint32_t>(number);
    return 0;
}

int parse_size(std::string_view value, std::uint64_t unit, settings &wanted, std::string &why) {
    std::uint64_t number = 0;
    if (parse_unsigned(value, number) != 0 || number > max_size / unit) {
        why = "is not a number of bytes or too large";
        return EINVAL;
    }
    wanted.size = number * unit;
    return 0;
}

int size(std::string_view value, settings &wanted, std::string &why) {
    return parse_size(value, 1, wanted, why);
}

int size_mb(std::string_view value, settings &wanted, std::string &why) {
    return parse_size(value, megabyte, wanted, why);
}

int filename(std::string_view value, settings &wanted, std::string &why) {
    if (!wanted.filename.empty()) {
        why = "was given twice";
        return EINVAL;
    }
    if (value.empty() || value.front() != '/') {
        why = "must be an absolute path";
        return EINVAL;
    }
    wanted.filename = value;
    return 0;
}

int tst(std::string_view value, settings &wanted, std::string &why) {
    std::uint64_t number = 0;
    if (parse_unsigned_in(value, 0, 1, number) != 0) {
        why = "must be 0 or 1";
        return EINVAL;
    }
    wanted.tst = static_cast<std::uint8_t>(number);
    return 0;
}

int t10_dev_id(std::string_view value, settings &wanted, std::string &why) {
    if (value.size() > max_t10_dev_id) {
        why = "has more than 25 characters";
        return EINVAL;
    }
    wanted.t10_dev_id = value;
    wanted.t10_dev_id_set = true;
    return 0;
}

// What is not here: only the value that asks for nothing is taken.
int unsupported_number(std::string_view value, settings &, std::string &why) {
    std::uint64_t number = 0;
    if (parse_unsigned(value, number) != 0) {
        why = "is not a number";
        return EINVAL;
    }
    if (number != 0)
        why = "is not supported by this implementation";
    return number == 0 ? 0 : EOPNOTSUPP;
}

int unsupported_text(std::string_view value, settings &, std::string &why) {
    if (value.empty())
        return 0;
    why = "is not supported by this implementation";
    return EOPNOTSUPP;
}

// -1: wherever the operating system puts it, which is what this implementation does.
int numa_node(std::string_view value, settings &, std::string &why) {
    if (value == "-1")
        return 0;
    std::uint64_t number = 0;
    if (parse_unsigned(value, number) != 0) {
        why = "must be -1 or the number of a NUMA node";
        return EINVAL;
    }
    why = "is not supported by this implementation; leave it at -1";
    return number == 0 ? 0 : EOPNOTSUPP; // node 0 is where a machine without NUMA keeps everything
}

struct parameter {
    const char *name;
    std::uint32_t traits; // devices with any of these have it
    parser parse;
};

// In the order in which SCST's mgmt files list them.
constexpr std::array<parameter, 25> table{{
    {"active", SCST_BLOCK_HAS_FILENAME, flag<&settings::active>},
    {"async", SCST_BLOCK_HAS_DIRECT, flag<&settings::async>},
    {"bind_alua_state", SCST_BLOCK_HAS_FILENAME, flag<&settings::bind_alua>},
    {"blocksize", trait_disk, block_size},
    {"cluster_mode", trait_disk, unsupported_number},
    {"dif_filename", SCST_BLOCK_HAS_FILENAME, unsupported_text},
    {"dif_mode", trait_disk, unsupported_text},
    {"dif_static_app_tag", trait_disk, unsupported_number},
    {"dif_type", trait_disk, unsupported_number},
    {"dummy", SCST_BLOCK_HAS_DUMMY, flag<&settings::dummy>},
    {"filename", SCST_BLOCK_HAS_FILENAME, filename},
    {"numa_node_id", trait_disk, numa_node},
    {"nv_cache", SCST_BLOCK_HAS_CACHE, flag<&settings::nv_cache>},
    {"o_direct", SCST_BLOCK_HAS_DIRECT, flag<&settings::o_direct>},
    {"read_only", trait_disk, flag<&settings::read_only>},
    {"removable", trait_disk, flag<&settings::removable>},
    {"rotational", trait_disk, flag<&settings::rotational>},
    {"size", SCST_BLOCK_HAS_SIZE, size},
    {"size_mb", SCST_BLOCK_HAS_SIZE, size_mb},
    {"thin_provisioned", SCST_BLOCK_HAS_THIN, thin},
    {"tst", trait_disk | trait_cdrom, tst},
    {"t10_dev_id", trait_disk, t10_dev_id},
    {"write_through", SCST_BLOCK_HAS_CACHE, flag<&settings::write_through>},
    {"lb_per_pb_exp", SCST_BLOCK_HAS_FILENAME, flag<&settings::lb_per_pb_exp>},
    {"sbc_extensions", trait_disk, flag<&settings::extensions>},
}};

const parameter *find(std::uint32_t traits, const char *name) noexcept {
    for (const parameter &each : table) {
        if ((each.traits & traits) != 0 && ::strcasecmp(each.name, name) == 0)
            return &each;
    }
    return nullptr;
}

bool is_own(const scst_block_backend &backend, const char *name) noexcept {
    for (std::uint32_t i = 0; i < backend.parameter_count; ++i) {
        if (::strcasecmp(backend.parameters[i], name) == 0)
            return true;
    }
    return false;
}

// Rules that concern several parameters; empty: they agree.
std::string conflict(const scst_block_backend &backend, const settings &wanted) {
    const auto needs = [&](std::uint32_t flag) { return (backend.flags & flag) != 0; };
    if (needs(SCST_BLOCK_HAS_FILENAME) && backend.device_type == SCST_TYPE_DISK && wanted.filename.empty())
        return "the parameter filename is missing";
    if (needs(SCST_BLOCK_HAS_CACHE) && wanted.read_only && (wanted.write_through || wanted.nv_cache))
        return "read_only excludes write_through and nv_cache";
    if (wanted.size % wanted.block_size != 0)
        return "size: " + std::to_string(wanted.size) + " is not a multiple of the block size " +
               std::to_string(wanted.block_size);
    return {};
}

} // namespace

std::vector<const char *> parameter_names(const scst_block_backend &backend) {
    std::vector<const char *> names;
    for (const parameter &each : table) {
        if ((each.traits & traits_of(backend)) != 0)
            names.push_back(each.name);
    }
    names.insert(names.end(), backend.parameters, backend.parameters + backend.parameter_count);
    return names;
}

int parse_parameters(const scst_block_backend &backend, std::string_view device,
                     std::span<const scst_parameter> parameters, settings &wanted, std::string &why) {
    wanted.bind_alua = (backend.flags & SCST_BLOCK_BIND_ALUA) != 0;
    if (backend.device_type == SCST_TYPE_CDROM) {
        wanted.block_size = 2048;
        wanted.read_only = wanted.removable = true;
    }
    const std::string start = "device " + std::string{device} + ": ";
    for (const scst_parameter &each : parameters) {
        if (is_own(backend, each.name)) {
            wanted.own.emplace_back(each.name, each.value);
            continue;
        }
        const parameter *known = find(traits_of(backend), each.name);
        if (known == nullptr) {
            why = start + "unknown parameter " + each.name;
            return -EINVAL;
        }
        std::string reason;
        if (const int error = known->parse(each.value, wanted, reason); error != 0) {
            why = start + known->name + "=" + each.value + ": " + reason;
            return -error;
        }
    }
    if (const std::string reason = conflict(backend, wanted); !reason.empty()) {
        why = start + reason;
        return -EINVAL;
    }
    if (wanted.size == 0)
        wanted.size = backend.default_size & ~std::uint64_t{wanted.block_size - 1};
    return 0;
}

} // namespace scst::vdisk
