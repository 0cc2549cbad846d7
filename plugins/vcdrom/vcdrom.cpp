// SPDX-License-Identifier: Apache-2.0
// vcdrom: the plugin of the handler vcdrom: CD-ROM drives whose discs are image files, put in and taken out through the
// attribute `filename`. See README.md; reading is vdisk_fileio's file_medium.
#include <file_medium.hpp>

#include <scst/log.hpp>
#include <scst/plugin.h>

#include <cerrno>
#include <memory>
#include <new>
#include <string>

namespace scstd::vcdrom {
namespace {

using fileio::file_medium;

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
    backend.flags = SCST_BLOCK_NONBLOCKING;
    backend.name = "vcdrom";
    backend.threads_num = 8;
    backend.device_type = SCST_TYPE_CDROM;
    backend.open = open;
    backend.close = close;
    backend.read = [](void *medium, scst_block_io *io) { return of(medium).read(*io); };
    backend.write = [](void *, scst_block_io *) { return -EROFS; };
    backend.lend = [](void *medium, std::uint64_t offset, std::uint64_t length, scst_block_loan *loan) {
        return of(medium).lend(offset, length, *loan);
    };
    return backend;
}
constexpr scst_block_backend backend_table = make_backend();

std::int32_t init(const scst_core *core, scst_plugin_ref *ref, void **self, scst_error *error) {
    std::unique_ptr<plugin> made{new (std::nothrow) plugin{core}};
    if (made == nullptr)
        return scst::refuse(core, error, ENOMEM, "vcdrom: no memory");
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
    SCST_PLUGIN_MAGIC,
    SCST_ABI_VERSION,
    sizeof(scst_plugin),
    0,
    "vcdrom",
    "0.1.0",
    "Apache-2.0",
    "CD-ROM drives over image files",
    init,
    exit,
};

} // namespace
} // namespace scstd::vcdrom

extern "C" const scst_plugin *scst_plugin_entry(void) {
    return &scstd::vcdrom::descriptor;
}
