// SPDX-License-Identifier: Apache-2.0
// Tests of worker_pool: order, names, resizing, and that nothing is lost when it stops.
#include "threads/worker_pool.hpp"

#include <doctest/doctest.h>

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <latch>
#include <set>

using scstd::result;
using scstd::threads::worker_pool;

namespace {

struct job : scstd::threads::work_item {
    explicit job(void (*body)(job &), void *what = nullptr) : argument{what} {
        run = [](work_item *self) { static_cast<job *>(self)->work(*static_cast<job *>(self)); };
        work = body;
    }
    void (*work)(job &);
    void *argument;
};

void start(worker_pool &pool, std::uint32_t threads) {
    const result<> started = pool.resize(threads);
    REQUIRE(started);
}

} // namespace

TEST_CASE("one worker runs items in the order they came") {
    worker_pool pool{"disk1"};
    start(pool, 1);
    static std::vector<int> *order;
    std::vector<int> ran;
    order = &ran;
    std::vector<job> jobs;
    std::vector<int> numbers(100);
    for (int i = 0; i < 100; i++) {
        numbers[static_cast<std::size_t>(i)] = i;
        jobs.emplace_back([](job &self) { order->push_back(*static_cast<int *>(self.argument)); },
                          &numbers[static_cast<std::size_t>(i)]);
    }
    for (job &each : jobs)
        CHECK(pool.submit(each));
    pool.stop();
    CHECK(ran == numbers);
}

TEST_CASE("stopping finishes what is queued and what that submits, then refuses") {
    worker_pool pool{"disk1"};
    start(pool, 2);
    static std::atomic<int> count;
    static worker_pool *target;
    count = 0;
    target = &pool;
    std::latch go{1};
    job follow_up{[](job &) { count++; }};
    job blocker{[](job &self) { static_cast<std::latch *>(self.argument)->wait(); }, &go};
    job chain{[](job &self) {
                  count++;
                  CHECK(target->submit(*static_cast<job *>(self.argument)));
              },
              &follow_up};
    std::vector<job> jobs(500, job{[](job &) { count++; }});
    CHECK(pool.submit(blocker));
    for (job &each : jobs)
        CHECK(pool.submit(each));
    CHECK(pool.submit(chain));
    go.count_down();
    pool.stop();
    CHECK(count == 502);
    CHECK(pool.pending() == 0);
    CHECK_FALSE(pool.submit(follow_up));
    CHECK(count == 502);
    const result<> resized = pool.resize(1);
    CHECK_FALSE(resized);
    pool.stop();
}

TEST_CASE("a pool that was never started refuses items, and needs at least one thread") {
    worker_pool pool{"disk1"};
    job item{[](job &) {}};
    CHECK_FALSE(pool.submit(item));
    const result<> resized = pool.resize(0);
    REQUIRE_FALSE(resized);
    CHECK(resized.error().code == EINVAL);
}

TEST_CASE("threads bear the pool's name, cut, and their number") {
    worker_pool pool{"a_very_long_device_name"};
    start(pool, 3);
    static std::mutex mutex;
    static std::set<std::string> *names;
    std::set<std::string> seen;
    names = &seen;
    std::latch all_busy{3};
    std::vector<job> jobs(3, job{[](job &self) {
                                     char name[16] = {};
                                     pthread_getname_np(pthread_self(), name, sizeof(name));
                                     {
                                         const std::lock_guard lock{mutex};
                                         names->insert(name);
                                     }
                                     static_cast<std::latch *>(self.argument)->arrive_and_wait();
                                 },
                                 &all_busy});
    for (job &each : jobs)
        CHECK(pool.submit(each));
    pool.stop();
    CHECK(seen == std::set<std::string>{"a_very_lon0", "a_very_lon1", "a_very_lon2"});
}

TEST_CASE("resizing under load loses nothing and does not wait for a busy thread") {
    worker_pool pool{"disk1"};
    start(pool, 4);
    static std::atomic<int> count;
    count = 0;
    std::latch go{1};
    job blocker{[](job &self) { static_cast<std::latch *>(self.argument)->wait(); }, &go};
    CHECK(pool.submit(blocker));
    std::vector<job> jobs(2000, job{[](job &) { count++; }});
    std::uint32_t size = 1;
    for (std::size_t i = 0; i < jobs.size(); i++) {
        CHECK(pool.submit(jobs[i]));
        if (i % 100 == 0) {
            size = size % 6 + 1;
            const result<> resized = pool.resize(size);
            CHECK(resized);
            CHECK(pool.size() == size);
        }
    }
    const result<> resized = pool.resize(1);
    CHECK(resized);
    go.count_down();
    pool.stop();
    CHECK(count == 2000);
}

TEST_CASE("the number of queued items is known") {
    worker_pool pool{"disk1"};
    start(pool, 1);
    std::latch running{1};
    std::latch go{1};
    std::pair<std::latch *, std::latch *> both{&running, &go};
    job blocker{[](job &self) {
                    const auto *latches = static_cast<std::pair<std::latch *, std::latch *> *>(self.argument);
                    latches->first->count_down();
                    latches->second->wait();
                },
                &both};
    job item{[](job &) {}};
    CHECK(pool.submit(blocker));
    running.wait();
    CHECK(pool.submit(item));
    CHECK(pool.pending() == 1);
    CHECK(pool.thread_ids().size() == 1);
    const result<> bound = pool.set_cpus(scstd::threads::cpu_mask::all());
    CHECK(bound);
    go.count_down();
    pool.stop();
}
