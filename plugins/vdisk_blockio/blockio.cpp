// SPDX-License-Identifier: Apache-2.0
// blockio: the plugin of the handler vdisk_blockio: disks on block devices. See README.md; the work is in
// block_medium.cpp.
#include "block_medium.hpp"

#include <scst/block_plugin.hpp>

#include <cerrno>

namespace scstd::blockio {
namespace {

using plugin = scst::block_plugin<block_medium>;

block_medium &of(void *medium) noexcept {
    return plugin::of(medium);
}

// `size` limits what of the device is used; the device itself keeps its size.
std::int32_t resize(void *medium, std::uint64_t size, scst_error *) {
    scst_block_info info{};
    if (const int result = of(medium).describe(info); result != 0)
        return result;
    return size <= info.size ? 0 : -ENOSPC;
}

constexpr scst_block_backend make_backend() noexcept {
    scst_block_backend backend{};
    backend.struct_size = sizeof backend;
    backend.flags = SCST_BLOCK_NONBLOCKING | SCST_BLOCK_ASYNC | SCST_BLOCK_HAS_FILENAME | SCST_BLOCK_HAS_CACHE |
                    SCST_BLOCK_HAS_THIN | SCST_BLOCK_AUTO_THIN | SCST_BLOCK_BIND_ALUA | SCST_BLOCK_SIZE_WRITABLE;
    backend.name = "vdisk_blockio";
    backend.vendor = "SCST_BIO";
    backend.threads_num = 1;
    backend.device_type = SCST_TYPE_DISK;
    backend.open = plugin::open;
    backend.close = plugin::close;
    backend.read = [](void *medium, scst_block_io *io) { return of(medium).transfer(*io, false); };
    backend.write = [](void *medium, scst_block_io *io) { return of(medium).transfer(*io, true); };
    backend.flush = [](void *medium) { return of(medium).flush(); };
    backend.unmap = [](void *medium, std::uint64_t offset, std::uint64_t length) {
        return of(medium).unmap(offset, length);
    };
    backend.discard = [](void *medium, std::uint64_t offset, std::uint64_t length) {
        return of(medium).discard(offset, length);
    };
    backend.write_zeroes = [](void *medium, std::uint64_t offset, std::uint64_t length) {
        return of(medium).write_zeroes(offset, length);
    };
    backend.refresh = [](void *medium, scst_block_info *info, scst_error *) { return of(medium).describe(*info); };
    backend.resize = resize;
    return backend;
}
constexpr scst_block_backend backend_table = make_backend();

constexpr scst_plugin descriptor{
    SCST_PLUGIN_MAGIC,
    SCST_ABI_VERSION,
    sizeof(scst_plugin),
    0,
    "vdisk_blockio",
    "0.1.0",
    "Apache-2.0",
    "disks on block devices",
    plugin::init<backend_table>,
    plugin::exit,
};

} // namespace
} // namespace scstd::blockio

extern "C" const scst_plugin *scst_plugin_entry(void) {
    return &scstd::blockio::descriptor;
}
