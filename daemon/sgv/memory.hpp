// SPDX-License-Identifier: Apache-2.0
// memory: the pages of buffers. Internal to sgv/; any thread.
//
// With AddressSanitizer, cached memory is poisoned: whoever keeps using a buffer after put() is caught.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#define SCSTD_SGV_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SCSTD_SGV_POISON 1
#endif
#endif
#ifdef SCSTD_SGV_POISON
#include <sanitizer/asan_interface.h>
#endif

namespace scstd::sgv {

// Zeroed, page-aligned; `bytes` is a multiple of the page size. nullptr: no memory.
[[nodiscard]] std::uint8_t *allocate_memory(std::size_t bytes) noexcept;
// nullptr is allowed.
void free_memory(std::uint8_t *data, std::size_t bytes) noexcept;

// Nobody may touch this memory until unlock_memory().
inline void lock_memory([[maybe_unused]] std::uint8_t *data, [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef SCSTD_SGV_POISON
    ASAN_POISON_MEMORY_REGION(data, bytes);
#endif
}
inline void unlock_memory([[maybe_unused]] std::uint8_t *data, [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef SCSTD_SGV_POISON
    ASAN_UNPOISON_MEMORY_REGION(data, bytes);
#endif
}

} // namespace scstd::sgv
