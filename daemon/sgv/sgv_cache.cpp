// SPDX-License-Identifier: Apache-2.0
// sgv_cache: see the header.
#include "sgv_cache.hpp"

#include "log/log.hpp"
#include "pool.hpp"
#include "threads/reactor.hpp"

#include <array>
#include <cassert>
#include <cerrno>

namespace scstd::sgv {

namespace {

// SCST's kinds of pools. All buffers here are contiguous and reachable by every device, so only the first one is used;
// the others are in the tree because SCST's tools expect them.
constexpr std::array<std::string_view, 3> kinds{"sgv", "sgv-clust", "sgv-dma"};

std::uint64_t pages(std::uint64_t bytes) {
    return bytes / page_size;
}

} // namespace

struct sgv_cache::state {
    memory_budget budget;
    std::unique_ptr<pool> shared;
    std::vector<std::unique_ptr<pool>> of_reactors; // by the reactor's index
};

sgv_cache::sgv_cache(std::vector<threads::reactor *> reactors, const limits &wanted)
    : state_{std::make_unique<state>()} {
    assert(!reactors.empty());
    memory_budget &budget = state_->budget;
    budget.max_pages = pages(wanted.max_bytes);
    budget.purge_interval_ms = wanted.purge_interval_ms;
    state_->shared = std::make_unique<pool>(std::string{kinds[0]}, budget, *reactors.front(), true);
    budget.pools.push_back(state_->shared.get());
    for (std::size_t i = 0; i < reactors.size(); i++) {
        assert(reactors[i]->index() == i);
        state_->of_reactors.push_back(
            std::make_unique<pool>(fmt::format("{}-{}", kinds[0], i), budget, *reactors[i], false));
        budget.pools.push_back(state_->of_reactors.back().get());
    }
}

sgv_cache::~sgv_cache() {
    flush();
    for (pool *const each : state_->budget.pools)
        each->shut_down();
    if (const std::uint64_t left = total_bytes(); left != 0)
        log::error("sgv", "{} bytes of command buffers were never put back", left);
}

pool &sgv_cache::pool_for(scope where) noexcept {
    const threads::reactor *const here = threads::reactor::current();
    if (here == nullptr || where == scope::global || here->index() >= state_->of_reactors.size())
        return *state_->shared;
    return *state_->of_reactors[here->index()];
}

buffer *sgv_cache::get(std::size_t bytes, memory_account *account, scope where) noexcept {
    const std::size_t capacity = capacity_for(bytes);
    if (account != nullptr && !account->charge(capacity))
        return nullptr;
    buffer *const got = pool_for(where).get(bytes);
    if (got != nullptr)
        got->account = account;
    else if (account != nullptr)
        account->release(capacity);
    return got;
}

void sgv_cache::put(buffer *returned) noexcept {
    assert(returned != nullptr);
    if (returned->account != nullptr) {
        returned->account->release(returned->capacity);
        returned->account = nullptr;
    }
    returned->home->put(*returned);
}

void sgv_cache::flush() {
    for (pool *const each : state_->budget.pools)
        each->flush();
}

void sgv_cache::set_max_bytes(std::uint64_t bytes) noexcept {
    state_->budget.max_pages.store(pages(bytes), std::memory_order_relaxed);
    if (!state_->budget.exceeded())
        return;
    for (pool *const each : state_->budget.pools)
        each->request_trim();
}

std::uint64_t sgv_cache::max_bytes() const noexcept {
    return state_->budget.max_pages.load(std::memory_order_relaxed) * page_size;
}

std::uint64_t sgv_cache::total_bytes() const noexcept {
    return state_->budget.used_pages.load(std::memory_order_relaxed) * page_size;
}

std::vector<std::string> sgv_cache::pool_names() const {
    std::vector<std::string> names;
    for (const std::string_view kind : kinds) {
        names.emplace_back(kind);
        for (std::size_t i = 0; i < state_->of_reactors.size(); i++)
            names.push_back(fmt::format("{}-{}", kind, i));
    }
    return names;
}

const pool *sgv_cache::find(std::string_view pool_name) const noexcept {
    for (const pool *const each : state_->budget.pools) {
        if (each->name() == pool_name)
            return each;
    }
    return nullptr;
}

result<std::string> sgv_cache::pool_stats(std::string_view pool_name) const {
    for (const std::string &name : pool_names()) {
        if (name != pool_name)
            continue;
        const pool *const found = find(name);
        return format_pool_stats(name, found == nullptr ? pool_numbers{} : found->numbers());
    }
    return fail(ENOENT, "there is no buffer pool {}", pool_name);
}

result<> sgv_cache::reset_pool_stats(std::string_view pool_name) {
    for (pool *const each : state_->budget.pools) {
        if (each->name() == pool_name)
            each->reset_counters();
    }
    if (result<std::string> exists = pool_stats(pool_name); !exists)
        return exists.error();
    return ok();
}

std::string sgv_cache::global_stats() const {
    const memory_budget &budget = state_->budget;
    cache_numbers numbers;
    for (const pool *const each : budget.pools)
        numbers.inactive_pages += each->numbers().inactive_pages;
    const std::uint64_t used = budget.used_pages.load(std::memory_order_relaxed);
    numbers.active_pages = used - std::min(used, numbers.inactive_pages);
    numbers.high_watermark_pages = budget.max_pages.load(std::memory_order_relaxed);
    numbers.releases = budget.releases.load(std::memory_order_relaxed);
    numbers.failures = budget.failures.load(std::memory_order_relaxed);
    return format_global_stats(numbers);
}

void sgv_cache::reset_global_stats() noexcept {
    state_->budget.releases.store(0, std::memory_order_relaxed);
    state_->budget.failures.store(0, std::memory_order_relaxed);
}

} // namespace scstd::sgv
