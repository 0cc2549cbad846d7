// SPDX-License-Identifier: Apache-2.0
// nullio: the plugin of the handler vdisk_nullio: a disk that takes all writes and reads as zeros. It measures all that
// is around a disk. See README.md.
//
// READ lends one shared run of zero pages, WRITE does nothing: no call ever blocks, allocates or locks.
#include <scst/block.h>
#include <scst/log.hpp>
#include <scst/plugin.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <sys/mman.h>

namespace scstd::nullio {
namespace {

// As large as the largest transfer that VPD page B0h announces. All its pages are the kernel's one zero page.
constexpr std::size_t zero_run_size = std::size_t{8} << 20;

// The handler's: lives from init() to exit().
class plugin {
  public:
    plugin() noexcept
        : zeros_{::mmap(nullptr, zero_run_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)} {}
    ~plugin() {
        if (zeros_ != MAP_FAILED)
            ::munmap(zeros_, zero_run_size);
        scst_block_unregister(handler_);
    }
    plugin(const plugin &) = delete;
    plugin &operator=(const plugin &) = delete;

    [[nodiscard]] bool ok() const noexcept { return zeros_ != MAP_FAILED; }
    [[nodiscard]] std::uint8_t *zeros() const noexcept { return static_cast<std::uint8_t *>(zeros_); }
    scst_block_handler **handler() noexcept { return &handler_; }

  private:
    void *zeros_;
    scst_block_handler *handler_ = nullptr;
};

// A device's medium is the plugin itself: devices differ in nothing that this file knows.
std::int32_t open(void *self, const scst_block_open *request, void **medium, scst_block_info *info, scst_error *) {
    *medium = self;
    info->size = request->size;
    return 0;
}

void close(void *) {}

std::int32_t read(void *, scst_block_io *io) {
    std::memset(io->buffer, 0, io->length);
    return 0;
}

std::int32_t write(void *, scst_block_io *) {
    return 0;
}

std::int32_t lend(void *medium, std::uint64_t, std::uint64_t length, scst_block_loan *loan) {
    if (length > zero_run_size)
        return -E2BIG;
    loan->flags = SCST_BLOCK_LOAN_PERMANENT;
    loan->kind = SCST_SEGMENT_MEMORY;
    loan->address = static_cast<plugin *>(medium)->zeros();
    return 0;
}

std::int32_t resize(void *, std::uint64_t, scst_error *) {
    return 0;
}

constexpr scst_block_backend make_backend() noexcept {
    scst_block_backend backend{};
    backend.struct_size = sizeof backend;
    backend.flags = SCST_BLOCK_NONBLOCKING | SCST_BLOCK_NO_CONTENT | SCST_BLOCK_HAS_SIZE | SCST_BLOCK_SIZE_WRITABLE |
                    SCST_BLOCK_HAS_DUMMY;
    backend.name = "vdisk_nullio";
    backend.threads_num = 1;
    backend.device_type = SCST_TYPE_DISK;
    backend.default_size = std::uint64_t{5} << 39;
    backend.open = open;
    backend.close = close;
    backend.read = read;
    backend.write = write;
    backend.lend = lend;
    backend.resize = resize;
    return backend;
}
constexpr scst_block_backend backend_table = make_backend();

std::int32_t init(const scst_core *core, scst_plugin_ref *ref, void **self, scst_error *error) {
    std::unique_ptr<plugin> made{new (std::nothrow) plugin};
    if (made == nullptr || !made->ok())
        return scst::refuse(core, error, ENOMEM, "nullio: no memory for the run of zero pages");
    if (const std::int32_t result = scst_block_register(core, ref, &backend_table, made.get(), made->handler(), error);
        result != 0)
        return result;
    *self = made.release();
    return 0;
}

void exit(void *self) {
    const std::unique_ptr<plugin> gone{static_cast<plugin *>(self)};
}

constexpr scst_plugin descriptor{
    SCST_PLUGIN_MAGIC,
    SCST_ABI_VERSION,
    sizeof(scst_plugin),
    0,
    "nullio",
    "0.1.0",
    "Apache-2.0",
    "vdisk_nullio: a disk without data",
    init,
    exit,
};

} // namespace
} // namespace scstd::nullio

extern "C" const scst_plugin *scst_plugin_entry(void) {
    return &scstd::nullio::descriptor;
}
