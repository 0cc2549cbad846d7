// SPDX-License-Identifier: Apache-2.0
// histogram: counts latencies with a bounded relative error, as HdrHistogram does, in a fixed table.
//
// A value falls into a power of two and there into one of 64 equal parts, so a percentile is at most 1/64 too high.
// Recording is one count-leading-zeros and one increment. One thread writes; merge() joins tables when threads ended.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace scstd::bench {

class histogram {
  public:
    static constexpr unsigned sub_bits = 6;
    static constexpr unsigned value_bits = 42; // 2^42 ns is 73 minutes; what is longer counts as that long
    static constexpr std::size_t bucket_count = std::size_t{value_bits - sub_bits + 1} << sub_bits;

    void record(std::uint64_t value) noexcept {
        ++buckets_[index_of(value)];
        ++count_;
        sum_ += value;
        min_ = std::min(min_, value);
        max_ = std::max(max_, value);
    }

    void merge(const histogram &other) noexcept {
        for (std::size_t i = 0; i < bucket_count; ++i)
            buckets_[i] += other.buckets_[i];
        count_ += other.count_;
        sum_ += other.sum_;
        min_ = std::min(min_, other.min_);
        max_ = std::max(max_, other.max_);
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
    [[nodiscard]] double mean() const noexcept {
        return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
    }

    // The smallest recorded value (to the precision of a bucket) that `percent` of all values do not exceed.
    [[nodiscard]] std::uint64_t percentile(double percent) const noexcept {
        if (count_ == 0)
            return 0;
        const double wanted = percent / 100.0 * static_cast<double>(count_);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < bucket_count; ++i) {
            seen += buckets_[i];
            if (seen != 0 && static_cast<double>(seen) >= wanted)
                return std::clamp(highest_of(i), min_, max_);
        }
        return max_;
    }

    static constexpr std::size_t index_of(std::uint64_t value) noexcept {
        constexpr std::uint64_t largest = (std::uint64_t{1} << value_bits) - 1;
        value = std::min(value, largest);
        if (value < (1U << sub_bits))
            return static_cast<std::size_t>(value);
        const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - sub_bits - 1;
        return (std::size_t{shift + 1} << sub_bits) + static_cast<std::size_t>((value >> shift) - (1U << sub_bits));
    }

    // The largest value that falls into bucket `index`.
    static constexpr std::uint64_t highest_of(std::size_t index) noexcept {
        const std::uint64_t part = index & ((1U << sub_bits) - 1);
        const std::size_t group = index >> sub_bits;
        if (group == 0)
            return part;
        return ((part + (1U << sub_bits) + 1) << (group - 1)) - 1;
    }

  private:
    std::array<std::uint64_t, bucket_count> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t min_ = UINT64_MAX;
    std::uint64_t max_ = 0;
};

} // namespace scstd::bench
