// SPDX-License-Identifier: Apache-2.0
// fileio: the plugin of the handler vdisk_fileio: disks in files. See README.md; the work is in file_medium.cpp.
#include "file_medium.hpp"

#include <scst/log.hpp>
#include <scst/plugin.h>

#include <cerrno>
#include <memory>
#include <new>
#include <string>

namespace scstd::fileio {
namespace {

struct plugin {
    const scst_core *core = nullptr;
    scst_block_handler *handler = nullptr;
};

file_medium &of(void *medium) noexcept {
    return *static_cast<file_medium *>(medium);
}

std::int32_t open(void *self, const scst_block_open *request, void **medium, scst_block_info *info, scst_error *error) {
    const scst_core *core = static_cast<plugin *>(self)->core;
    try {
        std::unique_ptr<file_medium> opened;
        std::string why;
        if (const int result = file_medium::open(*request, opened, why); result != 0)
            return why.empty() ? result
                               : scst::refuse(core, error, -result, "device %s: %s", request->device_name, why.c_str());
        opened->describe(*info);
        *medium = opened.release();
        return 0;
    } catch (const std::bad_alloc &) {
        return scst::refuse(core, error, ENOMEM, "device %s: no memory", request->device_name);
    }
}

void close(void *medium) {
    const std::unique_ptr<file_medium> gone{&of(medium)};
}

constexpr scst_block_backend make_backend() noexcept {
    scst_block_backend backend{};
    backend.struct_size = sizeof backend;
    backend.flags = SCST_BLOCK_NONBLOCKING | SCST_BLOCK_HAS_FILENAME | SCST_BLOCK_HAS_CACHE | SCST_BLOCK_HAS_THIN |
                    SCST_BLOCK_HAS_DIRECT | SCST_BLOCK_HAS_SIZE;
    backend.name = "vdisk_fileio";
    backend.threads_num = 8;
    backend.device_type = SCST_TYPE_DISK;
    backend.open = open;
    backend.close = close;
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

std::int32_t init(const scst_core *core, scst_plugin_ref *ref, void **self, scst_error *error) {
    std::unique_ptr<plugin> made{new (std::nothrow) plugin{core}};
    if (made == nullptr)
        return scst::refuse(core, error, ENOMEM, "vdisk_fileio: no memory");
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
    SCST_PLUGIN_MAGIC, SCST_ABI_VERSION, sizeof(scst_plugin), 0,    "vdisk_fileio",
    "0.1.0",           "Apache-2.0",     "disks in files",    init, exit,
};

} // namespace
} // namespace scstd::fileio

extern "C" const scst_plugin *scst_plugin_entry(void) {
    return &scstd::fileio::descriptor;
}
