// SPDX-License-Identifier: Apache-2.0
// blockio: the plugin of the handler vdisk_blockio: disks on block devices. See README.md; the work is in
// block_medium.cpp.
#include "block_medium.hpp"

#include <scst/log.hpp>
#include <scst/plugin.h>

#include <cerrno>
#include <memory>
#include <new>
#include <string>

namespace scstd::blockio {
namespace {

struct plugin {
    const scst_core *core = nullptr;
    scst_block_handler *handler = nullptr;
};

block_medium &of(void *medium) noexcept {
    return *static_cast<block_medium *>(medium);
}

std::int32_t open(void *self, const scst_block_open *request, void **medium, scst_block_info *info, scst_error *error) {
    const scst_core *core = static_cast<plugin *>(self)->core;
    try {
        std::unique_ptr<block_medium> opened;
        std::string why;
        int result = block_medium::open(*request, opened, why);
        if (result == 0)
            result = opened->describe(*info);
        if (result != 0)
            return why.empty() ? result
                               : scst::refuse(core, error, -result, "device %s: %s", request->device_name, why.c_str());
        *medium = opened.release();
        return 0;
    } catch (const std::bad_alloc &) {
        return scst::refuse(core, error, ENOMEM, "device %s: no memory", request->device_name);
    }
}

void close(void *medium) {
    const std::unique_ptr<block_medium> gone{&of(medium)};
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
    backend.open = open;
    backend.close = close;
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

std::int32_t init(const scst_core *core, scst_plugin_ref *ref, void **self, scst_error *error) {
    std::unique_ptr<plugin> made{new (std::nothrow) plugin{core}};
    if (made == nullptr)
        return scst::refuse(core, error, ENOMEM, "vdisk_blockio: no memory");
    if (const std::int32_t result = scst_block_register(core, ref, &backend_table, made.get(), &made->handler, error);
        result != 0)
        return result;
    *self = made.release();
    return 0;
}

void exit(void *self) {
    const std::unique_ptr<plugin> gone{static_cast<plugin *>(self)};
    scst_block_unregister(gone->handler);
}

constexpr scst_plugin descriptor{
    SCST_PLUGIN_MAGIC, SCST_ABI_VERSION, sizeof(scst_plugin),      0,    "vdisk_blockio",
    "0.1.0",           "Apache-2.0",     "disks on block devices", init, exit,
};

} // namespace
} // namespace scstd::blockio

extern "C" const scst_plugin *scst_plugin_entry(void) {
    return &scstd::blockio::descriptor;
}
