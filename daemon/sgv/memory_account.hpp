// SPDX-License-Identifier: Apache-2.0
// memory_account: how much buffer memory one device has in use, and how much it may (max_dev_cmd_mem). Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace scstd::sgv {

class memory_account {
  public:
    explicit memory_account(std::uint64_t limit = UINT64_MAX) noexcept : limit_{limit} {}

    // Adds the bytes unless that would exceed the limit.
    [[nodiscard]] bool charge(std::uint64_t bytes) noexcept {
        const std::uint64_t before = in_use_.fetch_add(bytes, std::memory_order_relaxed);
        if (before + bytes <= limit_.load(std::memory_order_relaxed))
            return true;
        in_use_.fetch_sub(bytes, std::memory_order_relaxed);
        return false;
    }
    void release(std::uint64_t bytes) noexcept { in_use_.fetch_sub(bytes, std::memory_order_relaxed); }

    void set_limit(std::uint64_t bytes) noexcept { limit_.store(bytes, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t in_use() const noexcept { return in_use_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> in_use_{0};
    std::atomic<std::uint64_t> limit_;
};

} // namespace scstd::sgv
