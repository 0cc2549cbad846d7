// SPDX-License-Identifier: Apache-2.0
// fileio: the plugin of the handler vdisk_fileio: disks in files. See README.md; the work is in file_medium.cpp.
#include "file_medium.hpp"

#include <scst/block_plugin.hpp>

namespace scstd::fileio {
namespace {

using plugin = scst::block_plugin<file_medium>;

file_medium &of(void *medium) noexcept {
    return plugin::of(medium);
}

constexpr scst_block_backend make_backend() noexcept {
    scst_block_backend backend{};
    backend.struct_size = sizeof backend;
    backend.flags = SCST_BLOCK_NONBLOCKING | SCST_BLOCK_HAS_FILENAME | SCST_BLOCK_HAS_CACHE | SCST_BLOCK_HAS_THIN |
                    SCST_BLOCK_HAS_DIRECT | SCST_BLOCK_HAS_SIZE;
    backend.name = "vdisk_fileio";
    backend.threads_num = 8;
    backend.device_type = SCST_TYPE_DISK;
    backend.open = plugin::open;
    backend.close = plugin::close;
    backend.read = [](void *medium, scst_block_io *io) { return of(medium).read(*io); };
    backend.write = [](void *medium, scst_block_io *io) { return of(medium).write(*io); };
    backend.flush = [](void *medium) { return of(medium).flush(); };
    backend.unmap = [](void *medium, std::uint64_t offset, std::uint64_t length) {
        return of(medium).unmap(offset, length);
    };
    backend.write_zeroes = [](void *medium, std::uint64_t offset, std::uint64_t length) {
        return of(medium).write_zeroes(offset, length);
    };
    backend.block_status = [](void *medium, std::uint64_t offset, scst_block_extent *extent) {
        return of(medium).block_status(offset, *extent);
    };
    backend.refresh = [](void *medium, scst_block_info *info, scst_error *) { return of(medium).refresh(*info); };
    backend.lend = [](void *medium, std::uint64_t offset, std::uint64_t length, scst_block_loan *loan) {
        return of(medium).lend(offset, length, *loan);
    };
    backend.prefetch = [](void *medium, std::uint64_t offset, std::uint64_t length) {
        of(medium).prefetch(offset, length);
    };
    backend.space = [](void *medium, std::uint64_t *used, std::uint64_t *available) {
        return of(medium).space(*used, *available);
    };
    return backend;
}
constexpr scst_block_backend backend_table = make_backend();

constexpr scst_plugin descriptor{
    SCST_PLUGIN_MAGIC,
    SCST_ABI_VERSION,
    sizeof(scst_plugin),
    0,
    "vdisk_fileio",
    "0.1.0",
    "Apache-2.0",
    "disks in files",
    plugin::init<backend_table>,
    plugin::exit,
};

} // namespace
} // namespace scstd::fileio

extern "C" const scst_plugin *scst_plugin_entry(void) {
    return &scstd::fileio::descriptor;
}
