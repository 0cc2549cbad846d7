// SPDX-License-Identifier: Apache-2.0
// pool: see the header.
#include "pool.hpp"

#include "memory.hpp"

#include <algorithm>
#include <bit>
#include <new>

namespace scstd::sgv {

namespace {

constexpr std::uint32_t big_class = class_count;
constexpr std::size_t page_bits = 12;
static_assert(std::size_t{1} << page_bits == page_size);
constexpr std::size_t largest_request = SIZE_MAX / 4; // rounding up cannot overflow

// The size class that holds `bytes`; class_count and more: none does.
std::uint32_t class_of(std::size_t bytes) noexcept {
    return bytes == 0 ? 0 : static_cast<std::uint32_t>(std::bit_width((bytes - 1) >> page_bits));
}

constexpr std::uint64_t pages_of(std::uint32_t size_class) noexcept {
    return std::uint64_t{1} << size_class;
}

void add(std::atomic<std::uint64_t> &to, std::uint64_t more) noexcept {
    to.store(to.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}
void subtract(std::atomic<std::uint64_t> &from, std::uint64_t less) noexcept {
    from.store(from.load(std::memory_order_relaxed) - less, std::memory_order_relaxed);
}

} // namespace

bool memory_budget::take(std::uint64_t pages) noexcept {
    const std::uint64_t before = used_pages.fetch_add(pages, std::memory_order_relaxed);
    if (before + pages <= max_pages.load(std::memory_order_relaxed))
        return true;
    used_pages.fetch_sub(pages, std::memory_order_relaxed);
    return false;
}

std::size_t capacity_for(std::size_t bytes) noexcept {
    const std::uint32_t size_class = class_of(bytes);
    if (size_class < class_count) [[likely]]
        return page_size << size_class;
    return bytes > largest_request ? 0 : (bytes + page_size - 1) & ~(page_size - 1);
}

pool::pool(std::string name, memory_budget &budget, threads::reactor &home, bool shared)
    : name_{std::move(name)}, budget_{budget}, home_{home}, shared_{shared} {}

// ---- getting ----

buffer *pool::get(std::size_t bytes) noexcept {
    const auto lock = guard();
    return take(bytes);
}

buffer *pool::take(std::size_t bytes) noexcept {
    const std::uint32_t size_class = class_of(bytes);
    if (size_class >= class_count) [[unlikely]] {
        const std::size_t capacity = capacity_for(bytes);
        add(big_, 1);
        return capacity == 0 ? nullptr : make(capacity, big_class);
    }
    add(classes_[size_class].total, 1);
    if (buffer *const hit = recycle(size_class))
        return hit;
    take_in_returned();
    if (buffer *const hit = recycle(size_class))
        return hit;
    return make(page_size << size_class, size_class);
}

buffer *pool::recycle(std::uint32_t size_class) noexcept {
    class_state &from = classes_[size_class];
    buffer *const hit = from.idle.pop_front();
    if (hit == nullptr)
        return nullptr;
    add(from.hits, 1);
    subtract(inactive_pages_, pages_of(size_class));
    unlock_memory(hit->data, hit->capacity);
    return hit;
}

buffer *pool::make(std::size_t capacity, std::uint32_t size_class) noexcept {
    const std::uint64_t pages = capacity >> page_bits;
    if (!reserve(pages))
        return nullptr;
    std::uint8_t *const data = allocate_memory(capacity);
    buffer *const made = data == nullptr ? nullptr : std::unique_ptr<buffer>{new (std::nothrow) buffer}.release();
    if (made == nullptr) {
        free_memory(data, capacity);
        budget_.give(pages);
        return nullptr;
    }
    made->data = data;
    made->capacity = capacity;
    made->home = this;
    made->size_class = size_class;
    if (size_class != big_class) {
        add(cached_pages_, pages);
        add(objects_, 1);
    }
    return made;
}

// Takes pages off the budget. What is cached here goes for it at once, what is cached elsewhere soon: the next attempt
// has it.
bool pool::reserve(std::uint64_t pages) noexcept {
    if (budget_.take(pages)) [[likely]]
        return true;
    budget_.releases.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t i = class_count; i-- > 0;) {
        while (!classes_[i].idle.empty()) {
            evict(classes_[i]);
            if (budget_.take(pages))
                return true;
        }
    }
    budget_.failures.fetch_add(1, std::memory_order_relaxed);
    for (pool *const other : budget_.pools) {
        if (other != this)
            other->request_trim();
    }
    return false;
}

// ---- putting ----

void pool::put(buffer &returned) noexcept {
    if (shared_) {
        const std::lock_guard lock{mutex_};
        keep(returned);
    } else if (home_.is_current()) [[likely]] {
        keep(returned);
    } else {
        give_back(returned);
    }
}

void pool::keep(buffer &returned) noexcept {
    if (returned.size_class == big_class || budget_.exceeded()) [[unlikely]] {
        release(returned);
        return;
    }
    lock_memory(returned.data, returned.capacity);
    returned.idle_since = ticks_;
    classes_[returned.size_class].idle.push_front(returned);
    add(inactive_pages_, pages_of(returned.size_class));
    if (!ticking_) [[unlikely]]
        start_timer();
}

void pool::give_back(buffer &returned) noexcept {
    buffer *head = returned_.load(std::memory_order_relaxed);
    do {
        returned.next = head;
    } while (!returned_.compare_exchange_weak(head, &returned, std::memory_order_release, std::memory_order_relaxed));
    if (!collecting_.exchange(true, std::memory_order_acq_rel)) {
        home_.post([this] {
            collecting_.exchange(false, std::memory_order_acq_rel); // sees the pushes of those who read `true`
            take_in_returned();
        });
    }
}

void pool::take_in_returned() noexcept {
    if (returned_.load(std::memory_order_relaxed) == nullptr)
        return;
    for (buffer *at = returned_.exchange(nullptr, std::memory_order_acquire); at != nullptr;) {
        buffer &each = *at;
        at = each.next;
        keep(each);
    }
}

// ---- releasing ----

// The end of a buffer that is on no list.
void pool::release(buffer &unused) noexcept {
    const std::unique_ptr<buffer> owner{&unused};
    if (unused.on_evict != nullptr)
        unused.on_evict(unused, unused.evict_context);
    free_memory(unused.data, unused.capacity);
    const std::uint64_t pages = unused.capacity >> page_bits;
    if (unused.size_class != big_class) {
        subtract(cached_pages_, pages);
        subtract(objects_, 1);
    }
    budget_.give(pages);
}

// The buffer of the class that was idle longest.
void pool::evict(class_state &from) noexcept {
    buffer &oldest = *from.idle.back();
    from.idle.remove(oldest);
    subtract(inactive_pages_, pages_of(oldest.size_class));
    unlock_memory(oldest.data, oldest.capacity);
    release(oldest);
}

void pool::evict_all() noexcept {
    take_in_returned();
    for (class_state &each : classes_) {
        while (!each.idle.empty())
            evict(each);
    }
}

// True: something is left.
bool pool::evict_older_than(std::uint64_t oldest_tick) noexcept {
    bool left = false;
    for (class_state &each : classes_) {
        while (!each.idle.empty() && each.idle.back()->idle_since < oldest_tick)
            evict(each);
        left |= !each.idle.empty();
    }
    return left;
}

void pool::flush() {
    const auto work = [this] {
        const auto lock = guard();
        evict_all();
    };
    if (shared_ || is_home())
        work();
    else
        home_.call(work);
}

void pool::request_trim() noexcept {
    if (trimming_.exchange(true, std::memory_order_acq_rel))
        return;
    home_.post([this] {
        trimming_.store(false, std::memory_order_release);
        const auto lock = guard();
        evict_all();
    });
}

// ---- the timer ----

bool pool::tick() noexcept {
    const auto lock = guard();
    take_in_returned();
    ticks_++;
    // Put at tick t, a buffer was idle for more than n - 1 ticks' time when tick t + n comes.
    const std::uint64_t idle_ticks = ticks_per_interval + 1;
    ticking_ = evict_older_than(ticks_ >= idle_ticks ? ticks_ - idle_ticks + 1 : 0);
    return ticking_;
}

void pool::start_timer() noexcept {
    if (budget_.purge_interval_ms == 0)
        return;
    ticking_ = true;
    if (home_.is_current())
        arm_timer();
    else
        home_.post([this] { arm_timer(); });
}

void pool::arm_timer() noexcept {
    if (!timer_) {
        timer_.emplace(
            home_,
            [](void *self) {
                pool &owner = *static_cast<pool *>(self);
                if (owner.tick())
                    owner.arm_timer();
            },
            this);
    }
    timer_->start(std::max<std::uint64_t>(budget_.purge_interval_ms / ticks_per_interval, 1));
}

void pool::shut_down() {
    if (is_home())
        timer_.reset();
    else
        home_.call([this] { timer_.reset(); });
}

// ---- statistics ----

pool_numbers pool::numbers() const noexcept {
    constexpr auto relaxed = std::memory_order_relaxed;
    pool_numbers now;
    for (std::size_t i = 0; i < class_count; i++) {
        now.classes[i].hits = classes_[i].hits.load(relaxed) - baseline_.classes[i].hits;
        now.classes[i].total = classes_[i].total.load(relaxed) - baseline_.classes[i].total;
    }
    now.big = big_.load(relaxed) - baseline_.big;
    now.cached_pages = cached_pages_.load(relaxed);
    now.inactive_pages = inactive_pages_.load(relaxed);
    now.objects = objects_.load(relaxed);
    return now;
}

void pool::reset_counters() noexcept {
    for (std::size_t i = 0; i < class_count; i++) {
        baseline_.classes[i].hits = classes_[i].hits.load(std::memory_order_relaxed);
        baseline_.classes[i].total = classes_[i].total.load(std::memory_order_relaxed);
    }
    baseline_.big = big_.load(std::memory_order_relaxed);
}

} // namespace scstd::sgv
