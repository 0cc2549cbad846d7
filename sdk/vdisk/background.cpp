// SPDX-License-Identifier: Apache-2.0
// See background.hpp.
#include "background.hpp"

#include <pthread.h>
#include <system_error>
#include <utility>

namespace scst::vdisk {

bool background::start(scst_cmd *waiting, std::function<int(background &)> work, std::function<void(int)> ended) {
    const std::lock_guard lock{mutex_};
    if (stopping() || running_.exchange(true, std::memory_order_acq_rel))
        return false;
    if (thread_.joinable())
        thread_.join(); // it has ended; only its name is left
    progress_.store(0, std::memory_order_relaxed);
    waiting_.store(waiting, std::memory_order_release);
    try {
        thread_ = std::thread{[this, job = std::move(work), end = std::move(ended)] {
            pthread_setname_np(pthread_self(), "scst_sanitize");
            const int result = job(*this);
            running_.store(false, std::memory_order_release);
            end(result);
        }};
    } catch (const std::system_error &) {
        waiting_.store(nullptr, std::memory_order_release);
        running_.store(false, std::memory_order_release);
        return false;
    }
    return true;
}

void background::stop() noexcept {
    stopping_.store(true, std::memory_order_relaxed);
    const std::lock_guard lock{mutex_};
    if (thread_.joinable())
        thread_.join();
}

void background::progress_is(std::uint64_t done, std::uint64_t all) noexcept {
    const double part = all == 0 || done >= all ? 1.0 : static_cast<double>(done) / static_cast<double>(all);
    progress_.store(static_cast<std::uint16_t>(part * 65535.0), std::memory_order_relaxed);
}

} // namespace scst::vdisk
