// SPDX-License-Identifier: Apache-2.0
// Tests of reactor and reactor_set: order, wakes, deferral, watches, timers, and what becomes of work when it stops.
#include "base/unique_fd.hpp"
#include "threads/reactor.hpp"
#include "threads/reactor_set.hpp"

#include <doctest/doctest.h>

#include <scst/core.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

using scstd::result;
using scstd::unique_fd;
using scstd::threads::completion;
using scstd::threads::cpu_mask;
using scstd::threads::reactor;
using scstd::threads::reactor_set;
using scstd::threads::timer;
using scstd::threads::watch;

namespace {

std::unique_ptr<reactor> start_reactor(std::uint32_t index = 0) {
    auto made = std::make_unique<reactor>("scst_r0", index);
    const result<> started = made->start();
    REQUIRE(started);
    return made;
}

// As std::latch, but it may be destroyed as soon as wait() returned.
class countdown {
  public:
    explicit countdown(int count) : left_{count} {}
    void count_down() {
        const std::lock_guard lock{mutex_};
        left_--;
        changed_.notify_all();
    }
    void wait() {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return left_ <= 0; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int left_;
};

// While it exists, the reactor is busy: what comes in piles up.
class occupation {
  public:
    explicit occupation(reactor &busy) {
        countdown entered{1};
        busy.post([end = end_, &entered] {
            entered.count_down();
            end->wait();
        });
        entered.wait();
    }
    occupation(const occupation &) = delete;
    occupation &operator=(const occupation &) = delete;
    ~occupation() { end_->count_down(); }

  private:
    std::shared_ptr<countdown> end_ = std::make_shared<countdown>(1);
};

struct numbered_completion : completion {
    std::vector<int> *order = nullptr;
    int number = 0;
    void prepare(std::vector<int> &wanted_order, int wanted_number) {
        order = &wanted_order;
        number = wanted_number;
        run = [](completion *self) {
            const auto *me = static_cast<numbered_completion *>(self);
            me->order->push_back(me->number);
        };
    }
};

struct socket_pair {
    unique_fd ours;
    unique_fd theirs;
    socket_pair() {
        int fds[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        ours.reset(fds[0]);
        theirs.reset(fds[1]);
    }
    void feed(const char *text) const {
        REQUIRE(::write(theirs.get(), text, strlen(text)) == static_cast<ssize_t>(strlen(text)));
    }
};

using numbers = std::vector<int>;

} // namespace

TEST_CASE("work posted by many threads runs once, in each thread's order") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    constexpr int threads = 4;
    constexpr int each = 2000;
    std::vector<int> last(threads, -1);
    int total = 0;
    bool ordered = true;
    std::vector<std::thread> posters;
    for (int t = 0; t < threads; t++) {
        posters.emplace_back([&, t] {
            for (int n = 0; n < each; n++) {
                r.post([&, t, n] {
                    ordered &= last[static_cast<std::size_t>(t)] == n - 1;
                    last[static_cast<std::size_t>(t)] = n;
                    total++;
                });
            }
        });
    }
    for (std::thread &poster : posters)
        poster.join();
    CHECK(r.call([&] { return total; }) == threads * each);
    CHECK(ordered);
}

TEST_CASE("completions run first in first out and a busy reactor needs no wake") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    numbers order;
    numbers expected;
    std::vector<numbered_completion> batch(100);
    {
        const occupation busy{r};
        const std::uint64_t before = r.wakes_sent();
        for (int i = 0; i < 100; i++) {
            batch[static_cast<std::size_t>(i)].prepare(order, i);
            r.complete(batch[static_cast<std::size_t>(i)]);
            expected.push_back(i);
        }
        CHECK(r.wakes_sent() == before);
    }
    r.call([] {});
    CHECK(order == expected);
}

TEST_CASE("a sleeping reactor gets at most one wake per sleep") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    for (int round = 0; round < 200; round++) {
        numbers order;
        std::vector<numbered_completion> batch(20);
        for (int i = 0; i < 20; i++) {
            batch[static_cast<std::size_t>(i)].prepare(order, i);
            r.complete(batch[static_cast<std::size_t>(i)]);
        }
        r.call([] {});
        REQUIRE(order.size() == 20);
    }
    CHECK(r.wakes_sent() <= r.wakeups() + 1);
}

TEST_CASE("a completion may complete itself again and be destroyed when it ran") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    struct again : completion {
        int left = 1000;
        reactor *owner = nullptr;
        countdown *done = nullptr;
    };
    countdown done{1};
    auto work = std::make_unique<again>();
    work->owner = &r;
    work->done = &done;
    work->run = [](completion *self) {
        auto *me = static_cast<again *>(self);
        if (--me->left > 0) {
            me->owner->complete(*me);
            return;
        }
        countdown &signal = *me->done;
        const std::unique_ptr<again> gone{me};
        signal.count_down();
    };
    r.complete(*work.release());
    done.wait();
}

TEST_CASE("deferred functions run after everything that is ready, and again in a round of their own") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    static numbers *order;
    static reactor *owner;
    numbers seen;
    order = &seen;
    owner = &r;
    {
        const occupation busy{r};
        r.post([&] {
            seen.push_back(1);
            r.defer(
                [](void *) {
                    order->push_back(10);
                    owner->defer([](void *) { order->push_back(20); }, nullptr);
                    owner->post([] { order->push_back(15); });
                },
                nullptr);
        });
        r.post([&] { seen.push_back(2); });
        r.post([&] { seen.push_back(3); });
    }
    r.call([] {});
    countdown done{1};
    r.post([&] { r.defer([](void *argument) { static_cast<countdown *>(argument)->count_down(); }, &done); });
    done.wait();
    CHECK(seen == numbers{1, 2, 3, 10, 15, 20});
}

TEST_CASE("an idle reactor sleeps: wakes are as many as reasons for them") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    const socket_pair silent;
    watch *idle_watch = nullptr;
    std::unique_ptr<timer> far;
    r.call([&] {
        idle_watch = r.watch_add(
            silent.ours.get(), SCST_WATCH_READ, [](void *, std::uint32_t) {}, nullptr);
        far = std::make_unique<timer>(
            r, [](void *) {}, nullptr);
        far->start(3600 * 1000);
    });
    REQUIRE(idle_watch != nullptr);
    const std::uint64_t before = r.wakeups();
    for (int i = 0; i < 50; i++)
        r.call([] {});
    CHECK(r.wakeups() - before <= 51);
    r.call([&] {
        idle_watch->remove();
        far.reset();
    });
}

TEST_CASE("call() brings back values, and runs at once on the reactor itself") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    CHECK(r.call([] { return std::make_unique<int>(3); }) != nullptr);
    CHECK(r.call([&] { return r.call([&] { return r.is_current(); }); }));
    CHECK_FALSE(r.is_current());
    CHECK(reactor::current() == nullptr);
    CHECK(r.call([] { return reactor::current(); }) == &r);
}

TEST_CASE("the thread bears the reactor's name and is known by its id") {
    const auto owned = start_reactor(7);
    reactor &r = *owned;
    const std::string name = r.call([] {
        char text[16] = {};
        pthread_getname_np(pthread_self(), text, sizeof(text));
        return std::string{text};
    });
    CHECK(name == "scst_r0");
    CHECK(r.index() == 7);
    CHECK(r.thread_id() == r.call([] { return static_cast<int>(gettid()); }));
}

TEST_CASE("a watch calls as long as there is something to read") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    struct reader {
        socket_pair pair;
        std::string got;
        countdown done{3};
        watch *subject = nullptr;
    } state;
    r.call([&] {
        state.subject = r.watch_add(
            state.pair.ours.get(), SCST_WATCH_READ,
            [](void *argument, std::uint32_t events) {
                auto &self = *static_cast<reader *>(argument);
                CHECK(events == SCST_WATCH_READ);
                char c = 0;
                CHECK(::read(self.pair.ours.get(), &c, 1) == 1);
                self.got += c;
                self.done.count_down();
            },
            &state);
    });
    REQUIRE(state.subject != nullptr);
    state.pair.feed("ab");
    state.pair.feed("c");
    state.done.wait();
    r.call([&] { state.subject->remove(); });
    CHECK(state.got == "abc");
    state.pair.feed("d");
    r.call([] {});
    CHECK(state.got == "abc");
    CHECK(::fcntl(state.pair.ours.get(), F_GETFD) >= 0);
}

TEST_CASE("a watch that is removed in its callback is never called again, nor is one that the callback removes") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    struct state_type {
        socket_pair first;
        socket_pair second;
        watch *first_watch = nullptr;
        watch *second_watch = nullptr;
        int calls = 0;
        static void ready(void *argument, std::uint32_t) {
            auto &self = *static_cast<state_type *>(argument);
            self.calls++;
            self.first_watch->remove();
            self.second_watch->remove();
        }
    } state;
    state.first.feed("x");
    state.second.feed("y");
    r.call([&] {
        const std::uint32_t both = SCST_WATCH_READ | SCST_WATCH_WRITE;
        state.first_watch = r.watch_add(state.first.ours.get(), both, state_type::ready, &state);
        state.second_watch = r.watch_add(state.second.ours.get(), both, state_type::ready, &state);
    });
    while (r.call([&] { return state.calls; }) == 0) {
    }
    r.call([] {});
    CHECK(r.call([&] { return state.calls; }) == 1);
}

TEST_CASE("what a watch waits for can change, also to nothing") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    struct state_type {
        socket_pair pair;
        watch *subject = nullptr;
        int reads = 0;
        int writes = 0;
    } state;
    r.call([&] {
        state.subject = r.watch_add(
            state.pair.ours.get(), 0,
            [](void *argument, std::uint32_t events) {
                auto &self = *static_cast<state_type *>(argument);
                if (events == SCST_WATCH_WRITE) {
                    self.writes++;
                    self.subject->modify(SCST_WATCH_READ);
                } else {
                    self.reads++;
                    self.subject->modify(0); // the byte stays unread
                }
            },
            &state);
    });
    REQUIRE(state.subject != nullptr);
    state.pair.feed("x");
    r.call([] {});
    CHECK(r.call([&] { return state.reads + state.writes; }) == 0);
    r.call([&] { state.subject->modify(SCST_WATCH_WRITE); });
    while (r.call([&] { return state.reads; }) == 0) {
    }
    r.call([] {});
    CHECK(r.call([&] { return state.reads; }) == 1);
    CHECK(r.call([&] { return state.writes; }) == 1);
    r.call([&] { state.subject->modify(SCST_WATCH_READ); });
    while (r.call([&] { return state.reads; }) == 1) {
    }
    r.call([&] { state.subject->remove(); });
}

TEST_CASE("a watch reports that the peer hung up") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    struct state_type {
        socket_pair pair;
        watch *subject = nullptr;
        countdown done{1};
    } state;
    r.call([&] {
        state.subject = r.watch_add(
            state.pair.ours.get(), SCST_WATCH_READ,
            [](void *argument, std::uint32_t) {
                auto &self = *static_cast<state_type *>(argument);
                char c = 0;
                CHECK(::read(self.pair.ours.get(), &c, 1) == 0);
                self.subject->remove();
                self.done.count_down();
            },
            &state);
    });
    state.pair.theirs.reset();
    state.done.wait();
}

TEST_CASE("a descriptor can be watched again after its watch went, and files cannot be watched") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    const socket_pair pair;
    r.call([&] {
        for (int i = 0; i < 100; i++) {
            watch *const made = r.watch_add(
                pair.ours.get(), SCST_WATCH_READ, [](void *, std::uint32_t) {}, nullptr);
            REQUIRE(made != nullptr);
            made->remove();
        }
        const unique_fd file{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
        CHECK(r.watch_add(
                  file.get(), SCST_WATCH_READ, [](void *, std::uint32_t) {}, nullptr) == nullptr);
        CHECK(errno == EPERM);
        CHECK(r.watch_add(
                  -1, SCST_WATCH_READ, [](void *, std::uint32_t) {}, nullptr) == nullptr);
        CHECK(errno == EBADF);
    });
}

TEST_CASE("timers expire in order and may start themselves again") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    struct state_type {
        numbers order;
        std::unique_ptr<timer> first;
        std::unique_ptr<timer> second;
        std::unique_ptr<timer> never;
        countdown done{1};
        int left = 3;
    } state;
    r.call([&] {
        state.first = std::make_unique<timer>(
            r,
            [](void *argument) {
                auto &self = *static_cast<state_type *>(argument);
                self.order.push_back(1);
                if (--self.left > 0)
                    self.first->start(0);
                else
                    self.second->start(1);
            },
            &state);
        state.second = std::make_unique<timer>(
            r,
            [](void *argument) {
                auto &self = *static_cast<state_type *>(argument);
                self.order.push_back(2);
                self.second.reset();
                self.done.count_down();
            },
            &state);
        state.never = std::make_unique<timer>(
            r, [](void *argument) { static_cast<state_type *>(argument)->order.push_back(3); }, &state);
        state.never->start(2);
        state.first->start(UINT64_MAX); // far, and then soon
        state.first->start(1);
        state.never->cancel();
    });
    state.done.wait();
    r.call([&] {
        state.first.reset();
        state.never.reset();
    });
    CHECK(state.order == numbers{1, 1, 1, 2});
}

TEST_CASE("a timer does not expire before its time") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    struct state_type {
        std::uint64_t expired_at = 0;
        countdown done{1};
    } state;
    std::unique_ptr<timer> subject;
    const std::uint64_t started_at = r.call([&] {
        subject = std::make_unique<timer>(
            r,
            [](void *argument) {
                auto &self = *static_cast<state_type *>(argument);
                self.expired_at = scstd::threads::now_ns();
                self.done.count_down();
            },
            &state);
        const std::uint64_t now = scstd::threads::now_ns();
        subject->start(20);
        return now;
    });
    state.done.wait();
    CHECK(state.expired_at - started_at >= 20'000'000);
    r.call([&] { subject.reset(); });
}

TEST_CASE("stopping runs what was posted, with what that posts and defers, and destroys the rest") {
    auto token = std::make_shared<int>(0);
    {
        reactor r{"scst_r0"};
        r.post([token] { ++*token; }); // before it runs
        const result<> started = r.start();
        REQUIRE(started);
        {
            const occupation busy{r};
            r.post([&r, token] {
                r.post([&r, token] {
                    ++*token;
                    r.defer([](void *count) { ++*static_cast<int *>(count); }, token.get());
                });
            });
        }
        r.stop();
        r.stop();
        CHECK(*token == 3);
        CHECK(token.use_count() == 1);
        r.post([token] { ++*token; });
        CHECK(token.use_count() == 2);
        const result<> again = r.start();
        CHECK_FALSE(again);
    }
    CHECK(*token == 3);
    CHECK(token.use_count() == 1);
}

TEST_CASE("watches that are left over go with their reactor, and do not keep it from stopping") {
    const socket_pair pair;
    pair.feed("x"); // nobody reads it: always ready
    {
        const auto owned = start_reactor();
        reactor &r = *owned;
        r.call([&] {
            const std::uint32_t both = SCST_WATCH_READ | SCST_WATCH_WRITE;
            CHECK(r.watch_add(
                      pair.ours.get(), both, [](void *, std::uint32_t) {}, nullptr) != nullptr);
        });
        r.stop();
    }
    CHECK(::fcntl(pair.ours.get(), F_GETFD) >= 0);
}

TEST_CASE("posted work is not starved by descriptors that are always ready") {
    const auto owned = start_reactor();
    reactor &r = *owned;
    const socket_pair pair;
    pair.feed("x");
    watch *subject = nullptr;
    r.call([&] {
        subject = r.watch_add(
            pair.ours.get(), SCST_WATCH_READ | SCST_WATCH_WRITE, [](void *, std::uint32_t) {}, nullptr);
    });
    for (int i = 0; i < 20; i++)
        r.call([] {});
    r.call([&] { subject->remove(); });
}

TEST_CASE("new sessions go to the reactor with the fewest, equals take turns") {
    reactor_set set{3};
    CHECK(set.count() == 3);
    CHECK(set.at(3) == nullptr);
    CHECK(set.at(2)->name() == "scst_r2");
    const cpu_mask all;
    const std::uint32_t first = set.select(all).index();
    const std::uint32_t second = set.select(all).index();
    const std::uint32_t third = set.select(all).index();
    CHECK(first != second);
    CHECK(second != third);
    CHECK(first != third);
    set.at(0)->sessions = 2;
    set.at(1)->sessions = 1;
    set.at(2)->sessions = 2;
    CHECK(set.select(all).index() == 1);
    CHECK(set.select(all).index() == 1);
    cpu_mask some;
    some.set(0);
    some.set(2);
    set.at(0)->sessions = 1;
    set.at(1)->sessions = 0;
    CHECK(set.select(some).index() == 0);
    cpu_mask none;
    none.set(77);
    CHECK(set.select(none).index() == 1);
}

TEST_CASE("a set starts and stops its reactors, bound to CPUs if wanted") {
    reactor_set set{2, true};
    const result<> started = set.start();
    REQUIRE(started);
    CHECK(set.at(0)->cpus()->count() == 1);
    CHECK(set.at(1)->call([] { return reactor::current()->index(); }) == 1);
    set.stop();
    CHECK_FALSE(set.at(0)->is_running());
}
