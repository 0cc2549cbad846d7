// SPDX-License-Identifier: Apache-2.0
// range_locks: block ranges that a command has for itself: COMPARE AND WRITE, ORWRITE, WRITE ATOMIC (SBC-3 5.2, 5.9,
// SBC-4 5.48).
//
// Guarded by the device's lock. While any range is held, gate::ranges sends every block command through the slow path,
// where it waits when it overlaps. Ranges are few; a vector is enough.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace scstd::device {

class range_locks {
  public:
    [[nodiscard]] bool empty() const noexcept { return held_.empty(); }

    // Whether [lba, lba + count) overlaps a range that somebody else than `owner` has.
    [[nodiscard]] bool overlaps(std::uint64_t lba, std::uint64_t count, const void *owner) const noexcept {
        return std::any_of(held_.begin(), held_.end(), [&](const range &held) {
            return held.owner != owner && lba < held.lba + held.count && held.lba < lba + count;
        });
    }
    void hold(std::uint64_t lba, std::uint64_t count, const void *owner) { held_.push_back({lba, count, owner}); }
    void release(const void *owner) {
        std::erase_if(held_, [owner](const range &held) { return held.owner == owner; });
    }

  private:
    struct range {
        std::uint64_t lba;
        std::uint64_t count;
        const void *owner;
    };
    std::vector<range> held_;
};

} // namespace scstd::device
