// SPDX-License-Identifier: Apache-2.0
// medium: an open backend: its handle, what it told when it was opened, and blocking access for commands that take
// several steps.
//
// Opened and closed on the management thread (closing waits until every loan is back). The blocking calls are for
// worker and background threads; the reactor calls backend().read() and backend().write() itself.
#pragma once

#include "settings.hpp"

#include <atomic>
#include <memory>
#include <span>

namespace scst::vdisk {

class medium {
  public:
    static int open(const scst_block_backend &backend, void *self, const scst_block_open &request,
                    std::unique_ptr<medium> &opened, scst_error *error);
    ~medium();
    medium(const medium &) = delete;
    medium &operator=(const medium &) = delete;

    [[nodiscard]] const scst_block_backend &backend() const noexcept { return *backend_; }
    [[nodiscard]] void *handle() const noexcept { return handle_; }
    // Constant but for refresh(), which the management thread calls while the device is quiet.
    [[nodiscard]] const scst_block_info &info() const noexcept { return info_; }
    int refresh(scst_error *error);
    int resize(std::uint64_t size, scst_error *error);

    // Blocking: 0 or -errno.
    int read(std::uint64_t offset, std::span<std::uint8_t> to) noexcept;
    int write(std::uint64_t offset, std::span<std::uint8_t> from, bool fua) noexcept;
    int flush() noexcept;
    // Reads as zeros afterwards.
    int unmap(std::uint64_t offset, std::uint64_t length) noexcept;
    // Reads as anything afterwards.
    int discard(std::uint64_t offset, std::uint64_t length) noexcept;
    // Zeros that are allocated where the backend can tell.
    int write_zeroes(std::uint64_t offset, std::uint64_t length) noexcept;
    int block_status(std::uint64_t offset, scst_block_extent &extent) noexcept;

    void loan_begins() noexcept { loans_.fetch_add(1, std::memory_order_relaxed); }
    void loan_ends() noexcept {
        if (loans_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            loans_.notify_all();
    }

  private:
    medium(const scst_block_backend &backend, void *handle, const scst_block_info &info) noexcept
        : backend_{&backend}, handle_{handle}, info_{info} {}

    const scst_block_backend *backend_;
    void *handle_;
    scst_block_info info_;
    std::atomic<std::uint32_t> loans_ = 0;
};

// A transfer that someone waits for or that ends a command. The library's half of scst_block_io.
struct transfer {
    scst_block_io io{};
    void (*done)(transfer &self, std::int32_t result) noexcept = nullptr;
};

} // namespace scst::vdisk
