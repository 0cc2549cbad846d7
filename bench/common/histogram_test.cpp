// SPDX-License-Identifier: Apache-2.0
// Tests of the latency histogram: bucket borders, percentiles against a sorted list, merging.
#include "histogram.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

using scstd::bench::histogram;

TEST_CASE("every value lies in a bucket that is at most one 64th wider than the value") {
    for (std::uint64_t value = 0; value < (std::uint64_t{1} << 40); value = value * 2 + 1 + value / 7) {
        const auto highest = histogram::highest_of(histogram::index_of(value));
        CHECK(highest >= value);
        CHECK(highest - value <= value / 64);
    }
}

TEST_CASE("buckets follow one another without gap or overlap") {
    std::uint64_t next = 0;
    for (std::size_t i = 0; i < histogram::bucket_count; ++i) {
        REQUIRE(histogram::index_of(next) == i);
        REQUIRE(histogram::index_of(histogram::highest_of(i)) == i);
        next = histogram::highest_of(i) + 1;
    }
}

TEST_CASE("values beyond the range count in the last bucket and keep their maximum") {
    const auto h = std::make_unique<histogram>();
    h->record(UINT64_MAX);
    CHECK(histogram::index_of(UINT64_MAX) == histogram::bucket_count - 1);
    CHECK(h->count() == 1);
    CHECK(h->max() == UINT64_MAX);
}

TEST_CASE("percentiles of a known list are those of the sorted list, at most one 64th higher") {
    const auto h = std::make_unique<histogram>();
    for (std::uint64_t value = 1; value <= 10000; ++value)
        h->record(value * 100);
    const std::vector<std::pair<double, std::uint64_t>> wanted = {
        {50.0, 500'000}, {90.0, 900'000}, {99.0, 990'000}, {99.9, 999'000}};
    for (const auto &[percent, exact] : wanted) {
        CHECK(h->percentile(percent) >= exact);
        CHECK(h->percentile(percent) <= exact + exact / 64);
    }
    CHECK(h->percentile(100.0) == 1'000'000);
    CHECK(h->percentile(0.0) >= h->min());
    CHECK(h->mean() == doctest::Approx(500'050.0));
}

TEST_CASE("an empty histogram answers zero to everything") {
    const auto h = std::make_unique<histogram>();
    CHECK(h->percentile(99.0) == 0);
    CHECK(h->min() == 0);
    CHECK(h->max() == 0);
    CHECK(h->mean() == 0.0);
}

TEST_CASE("merging two histograms gives what one would have recorded") {
    const auto one = std::make_unique<histogram>();
    const auto two = std::make_unique<histogram>();
    const auto all = std::make_unique<histogram>();
    for (std::uint64_t value = 1; value < 5000; value += 3) {
        (value % 2 == 0 ? one : two)->record(value * value);
        all->record(value * value);
    }
    one->merge(*two);
    CHECK(one->count() == all->count());
    CHECK(one->min() == all->min());
    CHECK(one->max() == all->max());
    CHECK(one->mean() == all->mean());
    for (const double percent : {1.0, 25.0, 50.0, 75.0, 99.0})
        CHECK(one->percentile(percent) == all->percentile(percent));
}
