// SPDX-License-Identifier: Apache-2.0
// vcdrom: the plugin of the handler vcdrom: CD-ROM drives whose discs are image files, put in and taken out through the
// attribute `filename`. See README.md; reading is vdisk_fileio's file_medium.
#include <file_medium.hpp>

#include <scst/block_plugin.hpp>

#include <cerrno>

namespace scstd::vcdrom {
namespace {

using fileio::file_medium;

using plugin = scst::block_plugin<file_medium>;

file_medium &of(void *medium) noexcept {
    return plugin::of(medium);
}

constexpr scst_block_backend make_backend() noexcept {
    scst_block_backend backend{};
    backend.struct_size = sizeof backend;
    backend.flags = SCST_BLOCK_NONBLOCKING;
    backend.name = "vcdrom";
    backend.threads_num = 8;
    backend.device_type = SCST_TYPE_CDROM;
    backend.open = plugin::open;
    backend.close = plugin::close;
    backend.read = [](void *medium, scst_block_io *io) { return of(medium).read(*io); };
    backend.write = [](void *, scst_block_io *) { return -EROFS; };
    backend.lend = [](void *medium, std::uint64_t offset, std::uint64_t length, scst_block_loan *loan) {
        return of(medium).lend(offset, length, *loan);
    };
    return backend;
}
constexpr scst_block_backend backend_table = make_backend();

constexpr scst_plugin descriptor{
    SCST_PLUGIN_MAGIC,
    SCST_ABI_VERSION,
    sizeof(scst_plugin),
    0,
    "vcdrom",
    "0.1.0",
    "Apache-2.0",
    "CD-ROM drives over image files",
    plugin::init<backend_table>,
    plugin::exit,
};

} // namespace
} // namespace scstd::vcdrom

extern "C" const scst_plugin *scst_plugin_entry(void) {
    return &scstd::vcdrom::descriptor;
}
