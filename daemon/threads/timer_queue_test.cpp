// SPDX-License-Identifier: Apache-2.0
// Tests of timer_queue with made-up times. The timers' reactor never runs, so any thread may use them.
#include "threads/timer_queue.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

using scstd::threads::reactor;
using scstd::threads::timer;
using scstd::threads::timer_queue;

namespace {

// A queue with timers that note their number when they expire. The queue under test is not the reactor's own.
struct fixture {
    struct numbered {
        fixture &owner;
        int number;
        std::unique_ptr<timer> subject;
        void (*then)(numbered &self) = nullptr;
    };

    explicit fixture(int count) {
        for (int i = 0; i < count; i++) {
            timers.push_back(std::make_unique<numbered>(numbered{*this, i, nullptr}));
            timers.back()->subject = std::make_unique<timer>(owner, expired, timers.back().get());
            queue.add();
        }
    }
    static void expired(void *argument) {
        auto &self = *static_cast<numbered *>(argument);
        self.owner.order.push_back(self.number);
        if (self.then != nullptr)
            self.then(self);
    }
    timer &at(int number) { return *timers[static_cast<std::size_t>(number)]->subject; }
    ~fixture() {
        for (const auto &each : timers) {
            if (each->subject)
                queue.cancel(*each->subject);
        }
    }

    reactor owner{"timers"};
    timer_queue queue;
    std::vector<std::unique_ptr<numbered>> timers;
    std::vector<int> order;
};

using numbers = std::vector<int>;

} // namespace

TEST_CASE("timers expire by time, equal ones in the order they were started") {
    fixture f{5};
    f.queue.start(f.at(0), 300);
    f.queue.start(f.at(1), 100);
    f.queue.start(f.at(2), 200);
    f.queue.start(f.at(3), 100);
    f.queue.start(f.at(4), 400);
    CHECK(f.queue.next_ns() == 100);
    CHECK(f.queue.run_expired(99) == 0);
    CHECK(f.queue.run_expired(300) == 4);
    CHECK(f.order == numbers{1, 3, 2, 0});
    CHECK(f.at(4).is_armed());
    CHECK_FALSE(f.at(0).is_armed());
    CHECK(f.queue.next_ns() == 400);
}

TEST_CASE("a timer that is started again expires once, at the last time given") {
    fixture f{3};
    f.queue.start(f.at(0), 100);
    f.queue.start(f.at(1), 200);
    f.queue.start(f.at(2), 300);
    f.queue.start(f.at(0), 250); // later
    f.queue.start(f.at(2), 50);  // earlier
    CHECK(f.queue.run_expired(50) == 1);
    CHECK(f.queue.run_expired(100) == 0);
    CHECK(f.queue.run_expired(1000) == 2);
    CHECK(f.order == numbers{2, 1, 0});
    CHECK(f.queue.next_ns() == timer_queue::never);
}

TEST_CASE("a cancelled timer does not expire") {
    fixture f{3};
    for (int i = 0; i < 3; i++)
        f.queue.start(f.at(i), 100);
    f.queue.cancel(f.at(1));
    f.queue.cancel(f.at(1));
    f.queue.run_expired(100);
    CHECK(f.order == numbers{0, 2});
}

TEST_CASE("a callback may cancel others, destroy its timer, and start again without spinning") {
    fixture f{4};
    f.timers[0]->then = [](fixture::numbered &self) { self.owner.queue.cancel(self.owner.at(1)); };
    f.timers[2]->then = [](fixture::numbered &self) { self.subject.reset(); };
    f.timers[3]->then = [](fixture::numbered &self) { self.owner.queue.start(*self.subject, 10); };
    for (int i = 0; i < 4; i++)
        f.queue.start(f.at(i), 10);
    CHECK(f.queue.run_expired(20) == 3);
    CHECK(f.order == numbers{0, 2, 3});
    CHECK(f.queue.run_expired(20) == 1);
    CHECK(f.order == numbers{0, 2, 3, 3});
}

TEST_CASE("thousands of timers, moved at random, expire in order") {
    constexpr int count = 3000;
    fixture f{count};
    std::vector<std::uint64_t> deadlines(count);
    std::uint32_t random = 12345;
    const auto next = [&random] { return random = random * 1664525 + 1013904223; };
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < count; i++) {
            deadlines[static_cast<std::size_t>(i)] = next() % 100000;
            f.queue.start(f.at(i), deadlines[static_cast<std::size_t>(i)]);
            if (next() % 7 == 0)
                f.queue.cancel(f.at(static_cast<int>(next() % count)));
        }
    }
    std::size_t armed = 0;
    for (int i = 0; i < count; i++)
        armed += f.at(i).is_armed() ? 1 : 0;
    for (std::uint64_t now = 0; now <= 100000; now += 500)
        f.queue.run_expired(now);
    CHECK(f.order.size() == armed);
    bool sorted = true;
    for (std::size_t i = 1; i < f.order.size(); i++)
        sorted &=
            deadlines[static_cast<std::size_t>(f.order[i - 1])] <= deadlines[static_cast<std::size_t>(f.order[i])];
    CHECK(sorted);
}
