// SPDX-License-Identifier: Apache-2.0
// reactor: see the header. This is the only file that knows Boost.Asio.
//
// Work from other threads arrives on inbox_, a lock-free stack that the reactor takes whole and turns around. Who
// pushes onto an empty stack wakes the reactor, but only when it sleeps: the reactor sets asleep_ and then looks at the
// stack, the other side pushes and then looks at asleep_, all sequentially consistent, so one of them sees the other.
#include "reactor.hpp"

#include "base/intrusive_list.hpp"
#include "this_thread.hpp"
#include "timer_queue.hpp"

#include <scst/core.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

namespace scstd::threads {

namespace asio = boost::asio;

namespace {

// Handlers run in one round at most, so that posted work and batches do not wait behind a flood of readiness.
constexpr unsigned longest_poll = 128;
// Sleeps after which it is tried again whether polling pays.
constexpr unsigned polls_between = 16;

// The executor's concrete type: half of asio's work would go into any_io_executor.
using executor = asio::io_context::executor_type;
using descriptor = asio::posix::basic_stream_descriptor<executor>;
using clock_timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, executor>;

// Memory for the one operation that waits in a direction of a watch: re-arming does not allocate.
struct handler_memory {
    alignas(std::max_align_t) std::array<std::byte, 192> bytes;
    bool taken = false;

    void *take(std::size_t size) {
        if (taken || size > bytes.size())
            return ::operator new(size);
        taken = true;
        return bytes.data();
    }
    void give(void *place) noexcept {
        if (place == bytes.data())
            taken = false;
        else
            ::operator delete(place);
    }
};

// What asio finds by associated_allocator.
template <class T>
struct handler_allocator {
    using value_type = T;
    explicit handler_allocator(handler_memory &place) noexcept : memory{&place} {}
    template <class U>
    handler_allocator(const handler_allocator<U> &other) noexcept : memory{other.memory} {}
    T *allocate(std::size_t count) { return static_cast<T *>(memory->take(count * sizeof(T))); }
    void deallocate(T *place, std::size_t) noexcept { memory->give(place); }
    template <class U>
    bool operator==(const handler_allocator<U> &other) const noexcept {
        return memory == other.memory;
    }
    handler_memory *memory;
};

constexpr std::array<std::uint32_t, 2> event_of{SCST_WATCH_READ, SCST_WATCH_WRITE};

} // namespace

std::uint64_t now_ns() noexcept {
    const auto since_boot = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since_boot).count());
}

std::uint64_t now_ms() noexcept {
    return now_ns() / 1'000'000;
}

// ---- watches ----

// Freed when it is removed and asio holds no operation of it any more.
class reactor::watch_entry final : public watch {
  public:
    watch_entry(reactor &owner, void (*ready)(void *, std::uint32_t), void *argument);

    // An errno, or 0.
    int open(int fd, std::uint32_t events);
    void set_events(std::uint32_t events);
    void detach() noexcept;
    void on_wait_over(unsigned direction, const boost::system::error_code &error);

    list_hook hook;
    std::array<handler_memory, 2> memory;

  private:
    void arm(unsigned direction);
    void free_if_unused() noexcept;

    reactor &owner_;
    descriptor descriptor_;
    void (*ready_)(void *argument, std::uint32_t events);
    void *argument_;
    std::uint32_t events_ = 0;
    std::array<bool, 2> waiting_{};
    bool in_callback_ = false;
    bool removed_ = false;
};

struct reactor::wait_handler {
    using allocator_type = handler_allocator<std::byte>;
    watch_entry *entry;
    unsigned direction;

    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{entry->memory[direction]}; }
    void operator()(const boost::system::error_code &error) const { entry->on_wait_over(direction, error); }
};

struct reactor::io {
    asio::io_context context{1}; // one thread runs it; others may post
    asio::executor_work_guard<executor> work{context.get_executor()};
    clock_timer timer{context};
    std::uint64_t timer_at_ns = timer_queue::never; // what `timer` waits for
    intrusive_list<watch_entry, &watch_entry::hook> watches;
    std::thread thread;
    bool closing = false;

    ~io() {
        // Every watch's operations end here, and the watch with them.
        closing = true;
        for (watch_entry &each : watches)
            each.detach();
        timer.cancel();
        work.reset();
        context.restart();
        context.run();
    }
};

reactor::watch_entry::watch_entry(reactor &owner, void (*ready)(void *, std::uint32_t), void *argument)
    : owner_{owner}, descriptor_{owner.io_->context}, ready_{ready}, argument_{argument} {}

int reactor::watch_entry::open(int fd, std::uint32_t events) {
    struct stat status {};
    if (::fstat(fd, &status) != 0)
        return errno;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
        return EPERM; // always ready, says epoll_ctl(2)
    boost::system::error_code error;
    descriptor_.assign(fd, error);
    if (error)
        return error.value();
    owner_.io_->watches.push_back(*this);
    set_events(events);
    return 0;
}

void reactor::watch_entry::set_events(std::uint32_t events) {
    assert(owner_.is_current() || !owner_.is_running());
    events_ = events;
    for (unsigned direction = 0; direction < event_of.size(); direction++) {
        if ((events & event_of[direction]) != 0)
            arm(direction);
    }
}

// An operation that waits for what is not wanted any more is left alone: it ends unnoticed, once.
void reactor::watch_entry::arm(unsigned direction) {
    if (waiting_[direction])
        return;
    waiting_[direction] = true;
    descriptor_.async_wait(direction == 0 ? descriptor::wait_read : descriptor::wait_write,
                           wait_handler{this, direction});
}

void reactor::watch_entry::on_wait_over(unsigned direction, const boost::system::error_code &error) {
    waiting_[direction] = false;
    if (!removed_ && (events_ & event_of[direction]) != 0) {
        owner_.count_dispatches(1);
        owner_.note_awake();
        in_callback_ = true;
        ready_(argument_, event_of[direction]);
        in_callback_ = false;
        // A descriptor that cannot be waited for tells the callback so, once, by what read() or write() answers there.
        if (!removed_ && !error && (events_ & event_of[direction]) != 0)
            arm(direction);
    }
    free_if_unused();
}

void reactor::watch_entry::detach() noexcept {
    assert(owner_.is_current() || !owner_.is_running());
    removed_ = true;
    hook.unlink();
    (void)descriptor_.release(); // ends the waits; the descriptor stays open
    free_if_unused();
}

void reactor::watch_entry::free_if_unused() noexcept {
    if (removed_ && !in_callback_ && !waiting_[0] && !waiting_[1])
        const std::unique_ptr<watch_entry> gone{this};
}

void watch::modify(std::uint32_t events) noexcept {
    static_cast<reactor::watch_entry *>(this)->set_events(events);
}

void watch::remove() noexcept {
    static_cast<reactor::watch_entry *>(this)->detach();
}

watch *reactor::watch_add(int fd, std::uint32_t events, void (*ready)(void *argument, std::uint32_t events),
                          void *argument) {
    assert(is_current());
    int error = ENOMEM;
    try {
        auto entry = std::make_unique<watch_entry>(*this, ready, argument);
        error = entry->open(fd, events);
        if (error == 0)
            return entry.release();
    } catch (const std::bad_alloc &) {
        error = ENOMEM;
    }
    errno = error;
    return nullptr;
}

// ---- timers ----

timer::timer(reactor &owner, void (*expired)(void *argument), void *argument)
    : owner_{owner}, expired_{expired}, argument_{argument} {
    assert(owner_.is_current() || !owner_.is_running());
    owner_.timers_->add();
}

timer::~timer() {
    assert(owner_.is_current() || !owner_.is_running());
    owner_.timers_->remove(*this);
}

void timer::start(std::uint64_t milliseconds) noexcept {
    constexpr std::uint64_t longest_ms = std::uint64_t{100} * 365 * 86400 * 1000; // far, without overflow
    owner_.timers_->start(*this, now_ns() + std::min(milliseconds, longest_ms) * 1'000'000);
}

void timer::cancel() noexcept {
    owner_.timers_->cancel(*this);
}

// Makes asio's one timer go off in time for the first of ours. When ours got later or went, asio's goes off in vain,
// once: cheaper than telling the kernel each time.
void reactor::arm_timer() noexcept {
    const std::uint64_t next = timers_->next_ns();
    if (next >= io_->timer_at_ns)
        return;
    io_->timer_at_ns = next;
    io_->timer.expires_at(std::chrono::steady_clock::time_point{std::chrono::nanoseconds{next}});
    io_->timer.async_wait([this, home = io_.get()](const boost::system::error_code &error) {
        if (error || home->closing)
            return;
        home->timer_at_ns = timer_queue::never;
        note_awake();
        count_dispatches(timers_->run_expired(now_ns()));
    });
}

// ---- the reactor ----

reactor::reactor(std::string name, std::uint32_t index, std::optional<cpu_mask> cpus)
    : name_{std::move(name)}, index_{index}, cpus_{std::move(cpus)}, timers_{std::make_unique<timer_queue>()} {}

reactor::~reactor() {
    stop();
    discard_inbox();
}

result<> reactor::start() {
    if (io_ != nullptr)
        return fail(EALREADY, "the reactor {} was started before", name_);
    event up;
    try {
        io_ = std::make_unique<io>();
        io_->thread = std::thread{[this, &up] {
            current_ = this;
            thread_id_.store(enter_thread(name_), std::memory_order_release);
            running_.store(true, std::memory_order_release);
            up.signal();
            run();
        }};
    } catch (const std::system_error &problem) {
        io_.reset();
        return fail(EAGAIN, "cannot start the reactor {}: {}", name_, problem.what());
    } catch (const boost::system::system_error &problem) {
        io_.reset();
        return fail(EMFILE, "cannot start the reactor {}: {}", name_, problem.what());
    }
    up.wait();
    if (cpus_) {
        if (result<> bound = cpus_->apply_to(thread_id()); !bound) {
            stop();
            return bound;
        }
    }
    return ok();
}

void reactor::stop() noexcept {
    assert(!is_current());
    if (!is_running())
        return;
    post([this] { stopping_ = true; });
    io_->thread.join();
    thread_id_.store(0, std::memory_order_release);
    running_.store(false, std::memory_order_release);
}

void reactor::run() noexcept {
    bool more = true;
    while (!stopping_) {
        arm_timer();
        const bool slept = !more && sleep();
        if (!slept || poll_pays_ || ++polls_skipped_ >= polls_between)
            poll();
        run_inbox();
        run_deferred();
        more = !deferred_.empty(); // sleep() looks at the inbox itself
    }
    while (run_inbox() || run_deferred()) {
    }
}

// Waits until something is ready and runs one handler; false when there was work already.
bool reactor::sleep() noexcept {
    asleep_.store(true, std::memory_order_seq_cst);
    const bool idle = inbox_.load(std::memory_order_seq_cst) == nullptr;
    if (idle) {
        io_->context.run_one();
        wakeups_.store(wakeups_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    note_awake();
    return idle;
}

// Runs what else is ready. Finding out costs a system call, so after a sleep this is only done where it paid lately.
void reactor::poll() noexcept {
    unsigned found = 0;
    while (found < longest_poll && io_->context.poll_one() != 0)
        found++;
    poll_pays_ = found != 0;
    polls_skipped_ = 0;
}

bool reactor::run_inbox() noexcept {
    if (inbox_.load(std::memory_order_relaxed) == nullptr)
        return false;
    completion *reversed = nullptr;
    for (completion *at = inbox_.exchange(nullptr, std::memory_order_acquire); at != nullptr;) {
        completion *const older = at->next;
        at->next = reversed;
        reversed = at;
        at = older;
    }
    std::uint64_t count = 0;
    while (reversed != nullptr) {
        completion *const work = reversed;
        reversed = work->next; // before it runs: then it is not ours any more
        count++;
        work->run(work);
    }
    count_dispatches(count);
    return true;
}

bool reactor::run_deferred() noexcept {
    if (deferred_.empty())
        return false;
    deferred_now_.swap(deferred_);
    for (const deferral &each : deferred_now_)
        each.fn(each.argument);
    count_dispatches(deferred_now_.size());
    deferred_now_.clear();
    return true;
}

void reactor::complete(completion &work) noexcept {
    completion *head = inbox_.load(std::memory_order_relaxed);
    do {
        work.next = head;
    } while (!inbox_.compare_exchange_weak(head, &work, std::memory_order_seq_cst, std::memory_order_relaxed));
    if (head == nullptr && !is_current() && asleep_.load(std::memory_order_seq_cst))
        wake();
}

void reactor::wake() noexcept {
    if (!asleep_.exchange(false, std::memory_order_seq_cst))
        return;
    wakes_sent_.fetch_add(1, std::memory_order_relaxed);
    asio::post(io_->context, [] {});
}

void reactor::post(void (*fn)(void *argument), void *argument) {
    post([fn, argument] { fn(argument); });
}

void reactor::discard_inbox() noexcept {
    while (completion *at = inbox_.exchange(nullptr, std::memory_order_acquire)) {
        while (at != nullptr) {
            completion *const work = at;
            at = work->next;
            if (work->discard != nullptr)
                work->discard(work);
        }
    }
}

void reactor::event::signal() {
    const std::lock_guard lock{mutex_};
    signalled_ = true;
    changed_.notify_one(); // under the lock: the waiter may destroy this once it has it
}

void reactor::event::wait() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return signalled_; });
}

} // namespace scstd::threads
