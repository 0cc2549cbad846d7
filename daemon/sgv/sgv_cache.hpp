// SPDX-License-Identifier: Apache-2.0
// sgv_cache: command buffers that are kept for reuse (SCST's SGV cache; engine.md 7.2, statistics: management.md 1.11).
//
// A buffer is one piece of page-aligned memory of a size class (4 KiB … 4 MiB, powers of two) or, when bigger, exactly
// as many pages as needed. put() returns it to the cache; it is released when it was idle for the purge interval, when
// memory is short, by flush() or with the cache. What is tied to the memory itself ends by `on_evict`, not by put().
//
// get() and put(): any thread. On an I/O reactor they use that reactor's pool "sgv-N" without locks or shared atomics;
// elsewhere the pool "sgv" under a lock. The rest: management thread. The reactors outlive the cache.
#pragma once

#include "../base/intrusive_list.hpp"
#include "../base/result.hpp"
#include "memory_account.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::threads {
class reactor;
}

namespace scstd::sgv {

class pool;

// What get() hands out. `data` has `capacity` bytes, at least those asked for. Fresh memory is zero, recycled memory
// holds what its last user left: never send bytes that nobody filled.
struct buffer {
    std::uint8_t *data = nullptr;
    std::size_t capacity = 0;
    // Set by a user who tied something to the memory; kept over put() and get(). Called when the memory is released, on
    // whatever thread does it, possibly with a pool's lock held: it must not call the cache.
    void (*on_evict)(buffer &evicted, void *context) = nullptr;
    void *evict_context = nullptr;

    // ---- the cache's own ----
    list_hook link;         // in the pool's list of its size class, while cached
    buffer *next = nullptr; // on the way home from another thread
    pool *home = nullptr;
    memory_account *account = nullptr;
    std::uint64_t idle_since = 0; // the pool's tick
    std::uint32_t size_class = 0;
};

// Which pool get() uses.
enum class scope : std::uint8_t {
    per_reactor, // the reactor's own, when called on one
    global,      // "sgv" (force_global_sgv_pool)
};

struct limits {
    std::uint64_t max_bytes = UINT64_MAX;    // in use and cached, of all pools (max_cmd_mem)
    std::uint64_t purge_interval_ms = 60000; // buffers that were idle for so long are released; 0: never
};

class sgv_cache {
  public:
    // One pool per reactor, whose index() is the place in `reactors`; at least one. They need not run yet.
    sgv_cache(std::vector<threads::reactor *> reactors, const limits &wanted);
    sgv_cache(const sgv_cache &) = delete;
    sgv_cache &operator=(const sgv_cache &) = delete;
    // Flushes. The reactors are stopped by now or idle; every buffer has been put back.
    ~sgv_cache();

    // A buffer of at least `bytes`, charged to the account (may be null) by its capacity; nullptr when over the
    // account's limit or when memory is short although cached buffers were released: answer BUSY.
    [[nodiscard]] buffer *get(std::size_t bytes, memory_account *account, scope where = scope::per_reactor) noexcept;
    void put(buffer *returned) noexcept;

    // Management: releases every cached buffer before it returns. Reactors that run do it themselves, so none of them
    // may wait for the caller.
    void flush();
    // Any thread. A lower limit takes effect as buffers come and go; what is cached above it is released soon.
    void set_max_bytes(std::uint64_t bytes) noexcept;
    [[nodiscard]] std::uint64_t max_bytes() const noexcept;
    // In use and cached, of all pools; any thread.
    [[nodiscard]] std::uint64_t total_bytes() const noexcept;

    // The `sgv` directory of the tree: names in order, texts of the `stats` files. ENOENT: no such pool.
    [[nodiscard]] std::vector<std::string> pool_names() const;
    [[nodiscard]] result<std::string> pool_stats(std::string_view pool_name) const;
    [[nodiscard]] result<> reset_pool_stats(std::string_view pool_name);
    [[nodiscard]] std::string global_stats() const;
    void reset_global_stats() noexcept;

  private:
    struct state;

    [[nodiscard]] pool &pool_for(scope where) noexcept;
    [[nodiscard]] const pool *find(std::string_view pool_name) const noexcept;

    std::unique_ptr<state> state_;
};

} // namespace scstd::sgv
