// SPDX-License-Identifier: Apache-2.0
// See medium.hpp.
#include "medium.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace scst::vdisk {
namespace {

// A transfer whose end a thread waits for.
struct waited_transfer {
    transfer base;
    std::mutex mutex;
    std::condition_variable changed;
    bool ended = false;
    std::int32_t result = 0;
};
static_assert(offsetof(transfer, io) == 0);

void wake(transfer &self, std::int32_t result) noexcept {
    auto &waited = reinterpret_cast<waited_transfer &>(self);
    const std::lock_guard lock{waited.mutex};
    waited.result = result;
    waited.ended = true;
    waited.changed.notify_all();
}

int transfer_now(const medium &on, std::int32_t (*call)(void *, scst_block_io *), std::uint64_t offset,
                 std::span<std::uint8_t> bytes, std::uint32_t flags) noexcept {
    if (bytes.empty())
        return 0;
    waited_transfer waited;
    waited.base.done = wake;
    scst_block_io &io = waited.base.io;
    io.struct_size = sizeof io;
    io.flags = flags | SCST_BLOCK_IO_MAY_BLOCK;
    io.offset = offset;
    io.length = bytes.size();
    io.buffer = bytes.data();
    const std::int32_t answer = call(on.handle(), &io);
    if (answer != SCST_BLOCK_PENDING)
        return answer <= 0 ? answer : -EIO;
    if (on.backend().end_of_batch != nullptr)
        on.backend().end_of_batch(on.handle(), nullptr);
    std::unique_lock lock{waited.mutex};
    waited.changed.wait(lock, [&] { return waited.ended; });
    return waited.result;
}

} // namespace

int medium::open(const scst_block_backend &backend, void *self, const scst_block_open &request,
                 std::unique_ptr<medium> &opened, scst_error *error) {
    scst_block_info info{};
    info.struct_size = sizeof info;
    void *handle = nullptr;
    if (const std::int32_t result = backend.open(self, &request, &handle, &info, error); result != 0)
        return result;
    opened.reset(new medium{backend, handle, info});
    return 0;
}

medium::~medium() {
    for (auto loans = loans_.load(std::memory_order_acquire); loans != 0;
         loans = loans_.load(std::memory_order_acquire))
        loans_.wait(loans);
    backend_->close(handle_);
}

int medium::refresh(scst_error *error) {
    if (backend_->refresh == nullptr)
        return 0;
    scst_block_info info{};
    info.struct_size = sizeof info;
    if (const std::int32_t result = backend_->refresh(handle_, &info, error); result != 0)
        return result;
    info_ = info;
    return 0;
}

int medium::resize(std::uint64_t size, scst_error *error) {
    if (backend_->resize == nullptr)
        return -EOPNOTSUPP;
    if (const std::int32_t result = backend_->resize(handle_, size, error); result != 0)
        return result;
    info_.size = size;
    return 0;
}

int medium::read(std::uint64_t offset, std::span<std::uint8_t> to) noexcept {
    return transfer_now(*this, backend_->read, offset, to, 0);
}

int medium::write(std::uint64_t offset, std::span<std::uint8_t> from, bool fua) noexcept {
    return transfer_now(*this, backend_->write, offset, from, fua ? SCST_BLOCK_IO_FUA : 0u);
}

int medium::flush() noexcept {
    return backend_->flush == nullptr ? 0 : backend_->flush(handle_);
}

int medium::unmap(std::uint64_t offset, std::uint64_t length) noexcept {
    return backend_->unmap == nullptr ? -EOPNOTSUPP : backend_->unmap(handle_, offset, length);
}

int medium::discard(std::uint64_t offset, std::uint64_t length) noexcept {
    return backend_->discard == nullptr ? unmap(offset, length) : backend_->discard(handle_, offset, length);
}

int medium::write_zeroes(std::uint64_t offset, std::uint64_t length) noexcept {
    if (backend_->write_zeroes != nullptr) {
        const int result = backend_->write_zeroes(handle_, offset, length);
        if (result != -EOPNOTSUPP)
            return result;
    }
    alignas(4096) static std::array<std::uint8_t, 65536> zeros; // never written to
    while (length != 0) {
        const auto piece = std::min<std::uint64_t>(length, zeros.size());
        if (const int result = write(offset, std::span{zeros}.first(piece), false); result != 0)
            return result;
        offset += piece;
        length -= piece;
    }
    return 0;
}

int medium::block_status(std::uint64_t offset, scst_block_extent &extent) noexcept {
    extent = {};
    extent.struct_size = sizeof extent;
    if (backend_->block_status == nullptr) {
        extent.allocated = 1;
        extent.length = ~std::uint64_t{0} - offset;
        return 0;
    }
    return backend_->block_status(handle_, offset, &extent);
}

} // namespace scst::vdisk

extern "C" void scst_block_done(scst_block_io *io, std::int32_t result) {
    auto &self = *reinterpret_cast<scst::vdisk::transfer *>(io);
    self.done(self, result);
}
