// SPDX-License-Identifier: Apache-2.0
// memory: see the header.
#include "memory.hpp"

#include "stats.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace scstd::sgv {

namespace {
// Smaller pieces come from the heap: the kernel allows 65530 mappings by default (vm.max_map_count).
constexpr std::size_t smallest_mapping = 128 * 1024;
} // namespace

std::uint8_t *allocate_memory(std::size_t bytes) noexcept {
    if (bytes >= smallest_mapping) {
        void *const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return mapped == MAP_FAILED ? nullptr : static_cast<std::uint8_t *>(mapped);
    }
    void *const piece = std::aligned_alloc(page_size, bytes);
    if (piece != nullptr)
        std::memset(piece, 0, bytes);
    return static_cast<std::uint8_t *>(piece);
}

void free_memory(std::uint8_t *data, std::size_t bytes) noexcept {
    if (data == nullptr)
        return;
    if (bytes >= smallest_mapping)
        ::munmap(data, bytes);
    else
        std::free(data);
}

} // namespace scstd::sgv
