// SPDX-License-Identifier: Apache-2.0
// Tests of the buffer cache: reuse, limits, purging, what is tied to the memory, threads, and SCST's statistics.
#include "sgv/pool.hpp"
#include "sgv/sgv_cache.hpp"
#include "threads/reactor_set.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

using scstd::result;
using scstd::sgv::buffer;
using scstd::sgv::limits;
using scstd::sgv::memory_account;
using scstd::sgv::memory_budget;
using scstd::sgv::pool;
using scstd::sgv::scope;
using scstd::sgv::sgv_cache;
using scstd::threads::reactor;
using scstd::threads::reactor_set;

namespace {

constexpr std::size_t KiB = 1024;
constexpr std::size_t MiB = 1024 * KiB;

struct fixture {
    explicit fixture(const limits &wanted = {}, std::uint32_t reactors = 2) : set{reactors} {
        const result<> started = set.start();
        REQUIRE(started);
        std::vector<reactor *> all;
        for (std::uint32_t i = 0; i < reactors; i++)
            all.push_back(set.at(i));
        cache = std::make_unique<sgv_cache>(all, wanted);
    }
    // Runs on reactor i.
    template <class F>
    auto on(std::uint32_t i, F &&function) {
        return set.at(i)->call(std::forward<F>(function));
    }
    std::string stats(const char *name) const {
        result<std::string> text = cache->pool_stats(name);
        REQUIRE(text);
        return text.take();
    }
    // The pool's row of its statistics.
    std::string row(const char *name) const {
        const std::string text = stats(name);
        const std::size_t start = text.find('\n') + 1;
        return text.substr(start, text.find('\n', start) - start);
    }

    reactor_set set;
    std::unique_ptr<sgv_cache> cache;
};

// A pool whose reactor does not run: this thread is at home everywhere.
struct quiet_pool {
    memory_budget budget;
    reactor home{"home"};
    pool shared{"sgv", budget, home, true};
    quiet_pool() { budget.pools.push_back(&shared); }
    ~quiet_pool() { shared.flush(); }
};

void count_evictions(buffer &evicted, void *context) {
    CHECK(evicted.data[0] == 0xab); // the memory is still there
    ++*static_cast<int *>(context);
}

} // namespace

TEST_CASE("buffers have the capacity of their size class, or whole pages beyond the largest") {
    fixture f;
    const std::vector<std::pair<std::size_t, std::size_t>> cases{
        {0, 4 * KiB},           {1, 4 * KiB},       {4 * KiB, 4 * KiB}, {4 * KiB + 1, 8 * KiB},
        {100 * KiB, 128 * KiB}, {2 * MiB, 2 * MiB}, {4 * MiB, 4 * MiB}, {4 * MiB + 1, 4 * MiB + 4 * KiB},
        {10 * MiB, 10 * MiB}};
    f.on(0, [&] {
        for (const auto &[wanted, capacity] : cases) {
            buffer *const got = f.cache->get(wanted, nullptr);
            REQUIRE(got != nullptr);
            CHECK(got->capacity == capacity);
            CHECK(reinterpret_cast<std::uintptr_t>(got->data) % 4096 == 0);
            CHECK(std::all_of(got->data, got->data + got->capacity, [](std::uint8_t byte) { return byte == 0; }));
            f.cache->put(got);
        }
        CHECK(f.cache->get(SIZE_MAX, nullptr) == nullptr);
        CHECK(f.cache->get(SIZE_MAX / 4 + 1, nullptr) == nullptr);
    });
}

TEST_CASE("a buffer that was put back is the next one of its size, the latest first") {
    fixture f;
    f.on(0, [&] {
        buffer *const first = f.cache->get(4 * KiB, nullptr);
        buffer *const second = f.cache->get(4 * KiB, nullptr);
        buffer *const large = f.cache->get(8 * KiB, nullptr);
        f.cache->put(first);
        f.cache->put(second);
        f.cache->put(large);
        CHECK(f.cache->get(3 * KiB, nullptr) == second);
        CHECK(f.cache->get(1, nullptr) == first);
        CHECK(f.cache->get(5 * KiB, nullptr) == large);
        for (buffer *each : {first, second, large})
            f.cache->put(each);
    });
    CHECK(f.cache->total_bytes() == 16 * KiB);
    f.cache->flush();
    CHECK(f.cache->total_bytes() == 0);
}

TEST_CASE("putting a buffer back does not end what is tied to its memory, releasing does, teardown included") {
    int evictions = 0;
    fixture f;
    buffer *const mine = f.on(0, [&] { return f.cache->get(4 * KiB, nullptr); });
    f.on(0, [&] {
        mine->on_evict = count_evictions;
        mine->evict_context = &evictions;
        mine->data[0] = 0xab;
        f.cache->put(mine);
    });
    CHECK(evictions == 0);
    f.on(0, [&] {
        buffer *const again = f.cache->get(4 * KiB, nullptr);
        CHECK(again == mine);
        CHECK(again->evict_context == &evictions);
        f.cache->put(again);
    });
    CHECK(evictions == 0);
    f.cache->flush();
    CHECK(evictions == 1);

    // Big buffers are not kept; and the end of the cache releases what it holds before anything else goes.
    f.on(0, [&] {
        buffer *const big = f.cache->get(5 * MiB, nullptr);
        big->on_evict = count_evictions;
        big->evict_context = &evictions;
        big->data[0] = 0xab;
        f.cache->put(big);
    });
    CHECK(evictions == 2);
    for (std::uint32_t i = 0; i < 2; i++) {
        f.on(i, [&] {
            buffer *const kept = f.cache->get(64 * KiB, nullptr);
            kept->on_evict = count_evictions;
            kept->evict_context = &evictions;
            kept->data[0] = 0xab;
            f.cache->put(kept);
        });
    }
    f.cache.reset();
    CHECK(evictions == 4);
}

TEST_CASE("a cache can be destroyed after its reactors were stopped") {
    int evictions = 0;
    fixture f;
    buffer *const late = f.on(1, [&] { return f.cache->get(4 * KiB, nullptr); });
    late->on_evict = count_evictions;
    late->evict_context = &evictions;
    late->data[0] = 0xab;
    f.set.stop();
    f.cache->put(late);
    f.cache.reset();
    CHECK(evictions == 1);
}

TEST_CASE("a device's account limits what it has in use, not what is cached") {
    fixture f;
    memory_account account{64 * KiB};
    f.on(0, [&] {
        std::vector<buffer *> got;
        for (int i = 0; i < 8; i++)
            got.push_back(f.cache->get(5 * KiB, &account));
        CHECK(std::count(got.begin(), got.end(), nullptr) == 0);
        CHECK(account.in_use() == 64 * KiB);
        CHECK(f.cache->get(1, &account) == nullptr);
        buffer *const other = f.cache->get(1, nullptr);
        CHECK(other != nullptr);
        f.cache->put(other);
        for (buffer *each : got)
            f.cache->put(each);
        CHECK(account.in_use() == 0);
        buffer *const again = f.cache->get(64 * KiB, &account);
        CHECK(again != nullptr);
        account.set_limit(32 * KiB);
        f.cache->put(again);
        CHECK(f.cache->get(64 * KiB, &account) == nullptr);
        CHECK(f.cache->get(SIZE_MAX, &account) == nullptr);
        CHECK(account.in_use() == 0);
    });
}

TEST_CASE("over the memory limit cached buffers are released first, then nothing is handed out") {
    limits wanted;
    wanted.max_bytes = 1 * MiB;
    fixture f{wanted};
    f.on(0, [&] {
        buffer *const small = f.cache->get(512 * KiB, nullptr);
        f.cache->put(small);
        buffer *const large = f.cache->get(1 * MiB, nullptr);
        REQUIRE(large != nullptr);
        CHECK(f.cache->total_bytes() == 1 * MiB);
        CHECK(f.cache->get(1, nullptr) == nullptr);
        f.cache->put(large);
        CHECK(f.cache->get(2 * MiB, nullptr) == nullptr);
    });
    CHECK(f.cache->global_stats() == "Inactive/active pages                      0/0\n"
                                     "Hi/lo watermarks [pages]                   256/0\n"
                                     "Hi watermark releases/failures             3/2\n"
                                     "Other allocs                               0\n");
    f.cache->reset_global_stats();
    CHECK(f.cache->global_stats().find("releases/failures             0/0\n") != std::string::npos);
}

TEST_CASE("memory that another reactor caches is free for the next attempt") {
    limits wanted;
    wanted.max_bytes = 1 * MiB;
    fixture f{wanted};
    f.on(1, [&] { f.cache->put(f.cache->get(1 * MiB, nullptr)); });
    f.on(0, [&] { CHECK(f.cache->get(1 * MiB, nullptr) == nullptr); });
    f.on(1, [] {}); // the request to release is before this
    f.on(0, [&] {
        buffer *const got = f.cache->get(1 * MiB, nullptr);
        CHECK(got != nullptr);
        f.cache->put(got);
    });
}

TEST_CASE("a lowered limit releases what is cached") {
    fixture f;
    f.on(0, [&] { f.cache->put(f.cache->get(1 * MiB, nullptr)); });
    buffer *const used = f.on(1, [&] { return f.cache->get(1 * MiB, nullptr); });
    f.cache->set_max_bytes(512 * KiB);
    CHECK(f.cache->max_bytes() == 512 * KiB);
    f.on(0, [] {});
    CHECK(f.cache->total_bytes() == 1 * MiB);
    f.on(1, [&] { f.cache->put(used); });
    CHECK(f.cache->total_bytes() == 0);
}

TEST_CASE("buffers go when they were idle for a whole purge interval, used ones stay") {
    quiet_pool p;
    buffer *const idle = p.shared.get(4 * KiB);
    buffer *const busy = p.shared.get(4 * KiB);
    p.shared.put(*idle);
    p.shared.put(*busy);
    for (std::uint64_t i = 0; i < pool::ticks_per_interval; i++) {
        CHECK(p.shared.tick());
        REQUIRE(p.shared.get(4 * KiB) == busy);
        p.shared.put(*busy);
    }
    CHECK(p.shared.numbers().objects == 2);
    CHECK(p.shared.tick());
    CHECK(p.shared.numbers().objects == 1);
    CHECK(p.shared.get(4 * KiB) == busy);
    for (int i = 0; i < 20; i++)
        CHECK_FALSE(p.shared.tick());
    p.shared.put(*busy);
    CHECK(p.shared.numbers().inactive_pages == 1);
}

TEST_CASE("the purge timer releases idle buffers by itself, on every kind of pool") {
    limits wanted;
    wanted.purge_interval_ms = 4;
    fixture f{wanted};
    std::latch gone{2};
    const auto prepare = [&](buffer *fresh) {
        fresh->on_evict = [](buffer &, void *context) { static_cast<std::latch *>(context)->count_down(); };
        fresh->evict_context = &gone;
        f.cache->put(fresh);
    };
    f.on(0, [&] { prepare(f.cache->get(4 * KiB, nullptr)); });
    prepare(f.cache->get(4 * KiB, nullptr));
    gone.wait();
    f.cache->flush();
    CHECK(f.cache->total_bytes() == 0);
}

TEST_CASE("a buffer put back by another thread goes home") {
    fixture f;
    std::vector<buffer *> got;
    f.on(0, [&] {
        for (int i = 0; i < 100; i++)
            got.push_back(f.cache->get(4 * KiB, nullptr));
    });
    std::thread other{[&] {
        for (std::size_t i = 0; i < 50; i++)
            f.cache->put(got[i]);
    }};
    f.on(1, [&] {
        for (std::size_t i = 50; i < 100; i++)
            f.cache->put(got[i]);
    });
    other.join();
    f.on(0, [&] {
        std::vector<buffer *> again;
        for (int i = 0; i < 100; i++)
            again.push_back(f.cache->get(4 * KiB, nullptr));
        for (buffer *each : again) {
            CHECK(std::find(got.begin(), got.end(), each) != got.end());
            f.cache->put(each);
        }
    });
    CHECK(f.cache->total_bytes() == 400 * KiB);
}

TEST_CASE("threads that are no reactor, and those that ask for it, use the global pool") {
    fixture f;
    buffer *const outside = f.cache->get(4 * KiB, nullptr);
    f.cache->put(outside);
    f.on(0, [&] {
        buffer *const global = f.cache->get(4 * KiB, nullptr, scope::global);
        CHECK(global == outside);
        f.cache->put(global);
    });
    CHECK(f.row("sgv") == "sgv                            1           2           0           1/1/1");
    CHECK(f.row("sgv-0") == "sgv-0                          0           0           0           0/0/0");
}

TEST_CASE("many threads share one cache") {
    limits wanted;
    wanted.max_bytes = 4 * MiB;
    wanted.purge_interval_ms = 4;
    fixture f{wanted};
    memory_account account{3 * MiB};
    const auto churn = [&](unsigned seed) {
        std::vector<buffer *> held;
        for (int i = 0; i < 3000; i++) {
            seed = seed * 1664525 + 1013904223;
            if (buffer *const got = f.cache->get(seed % (300 * KiB), &account)) {
                got->data[0] = 1;
                got->data[got->capacity - 1] = 1;
                held.push_back(got);
            }
            if (held.size() > 4 || i % 3 == 0) {
                for (buffer *each : held)
                    f.cache->put(each);
                held.clear();
            }
        }
        for (buffer *each : held)
            f.cache->put(each);
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 2; i++) {
        threads.emplace_back([&, i] { churn(i); });
        threads.emplace_back([&, i] { f.on(i, [&] { churn(i + 10); }); });
    }
    for (int i = 0; i < 20; i++) {
        CHECK(f.cache->global_stats().size() > 100);
        CHECK(f.stats("sgv-1").size() > 100);
    }
    for (std::thread &each : threads)
        each.join();
    CHECK(account.in_use() == 0);
    f.cache->flush();
    CHECK(f.cache->total_bytes() == 0);
}

TEST_CASE("pool statistics look like SCST's and can be reset") {
    fixture f;
    CHECK(f.cache->pool_names() == std::vector<std::string>{"sgv", "sgv-0", "sgv-1", "sgv-clust", "sgv-clust-0",
                                                            "sgv-clust-1", "sgv-dma", "sgv-dma-0", "sgv-dma-1"});
    f.on(0, [&] {
        for (int i = 0; i < 2; i++) {
            buffer *const one = f.cache->get(4 * KiB, nullptr);
            buffer *const two = f.cache->get(4 * KiB, nullptr);
            f.cache->put(one);
            f.cache->put(two);
        }
        f.cache->put(f.cache->get(8 * KiB, nullptr));
        f.cache->put(f.cache->get(5 * MiB, nullptr));
    });
    CHECK(f.stats("sgv-0") == "Name                           Hit         Total       % merged    Cached (P/I/O)\n"
                              "sgv-0                          2           5           0           4/4/3\n"
                              "  sgv-0-4K                     2           4           0\n"
                              "  sgv-0-8K                     0           1           0\n"
                              "  sgv-0-16K                    0           0           0\n"
                              "  sgv-0-32K                    0           0           0\n"
                              "  sgv-0-64K                    0           0           0\n"
                              "  sgv-0-128K                   0           0           0\n"
                              "  sgv-0-256K                   0           0           0\n"
                              "  sgv-0-512K                   0           0           0\n"
                              "  sgv-0-1024K                  0           0           0\n"
                              "  sgv-0-2048K                  0           0           0\n"
                              "  sgv-0-4096K                  0           0           0\n"
                              "  big/other                                1/0         0/0\n");
    const result<> reset = f.cache->reset_pool_stats("sgv-0");
    CHECK(reset);
    CHECK(f.row("sgv-0") == "sgv-0                          0           0           0           4/4/3");
    CHECK(f.row("sgv-dma-1") == "sgv-dma-1                      0           0           0           0/0/0");
    const result<> other = f.cache->reset_pool_stats("sgv-dma");
    CHECK(other);
    const result<std::string> missing = f.cache->pool_stats("sgv-2");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code == ENOENT);
    const result<> no_reset = f.cache->reset_pool_stats("sgv-2");
    CHECK_FALSE(no_reset);
}
