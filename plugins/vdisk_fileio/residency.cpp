// SPDX-License-Identifier: Apache-2.0
// See residency.hpp.
#include "residency.hpp"

#include <algorithm>
#include <array>
#include <sys/mman.h>

namespace scstd::fileio {
namespace {

constexpr std::uint64_t page_size = 4096; // smaller than or equal to the machine's: mincore() rounds up
constexpr std::size_t most_pages = 2048;  // 8 MiB at once

} // namespace

residency::residency(int fd, std::uint64_t size) noexcept : size_{size} {
    if (size == 0)
        return;
    void *mapping = ::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (mapping != MAP_FAILED)
        mapping_ = mapping;
}

residency::~residency() {
    if (mapping_ != nullptr)
        ::munmap(mapping_, size_);
}

bool residency::resident(std::uint64_t offset, std::uint64_t length) const noexcept {
    if (mapping_ == nullptr || length == 0 || offset > size_ || length > size_ - offset)
        return false;
    const std::uint64_t first = offset / page_size;
    const std::uint64_t pages = (offset + length + page_size - 1) / page_size - first;
    if (pages > most_pages)
        return false;
    std::array<unsigned char, most_pages> state; // filled by mincore()
    if (::mincore(static_cast<char *>(mapping_) + first * page_size, pages * page_size, state.data()) != 0)
        return false;
    return std::all_of(state.begin(), state.begin() + static_cast<std::ptrdiff_t>(pages),
                       [](unsigned char page) { return (page & 1) != 0; });
}

} // namespace scstd::fileio
