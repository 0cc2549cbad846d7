// SPDX-License-Identifier: Apache-2.0
// driver: the plugin's one object: its targets, its portals and what belongs to each reactor.
//
// Made in init() and ended in exit() on the management thread, which alone adds and removes targets. Logins on reactors
// look targets up under a small lock and then work on immutable values. Nothing here is touched per command.
#pragma once

#include "connection/io_buffers.hpp"
#include "net/address.hpp"
#include "net/listener.hpp"
#include "net/login_gate.hpp"

#include <scst/core.h>
#include <scst/log.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace scstd::iscsi {

class login_connection;
class target;
class driver;

// What one reactor's connections share. Touched on that reactor only.
struct reactor_context {
    scst_reactor *reactor = nullptr;
    io_buffers buffers;
    std::unordered_set<std::shared_ptr<login_connection>> logins; // keeps them alive
    std::uint64_t logins_begun = 0;
    std::vector<std::unique_ptr<listener>> listeners; // of the first reactor only
    bool closing = false;
};

// Counts what must be gone before the plugin may be unloaded.
class life_token {
  public:
    explicit life_token(driver &owner) noexcept;
    life_token(const life_token &) = delete;
    life_token &operator=(const life_token &) = delete;
    ~life_token();

  private:
    driver &owner_;
};

class driver {
  public:
    driver(const scst_core *core, scst_plugin_ref *plugin);
    driver(const driver &) = delete;
    driver &operator=(const driver &) = delete;
    ~driver();

    // Management, within init(): reads the settings and opens the portals. 0 or -errno with a reason.
    std::int32_t start(scst_error *error);
    // Management, within exit(): closes portals and logins and waits until all are gone; the core has closed the
    // sessions.
    void stop() {
        begin_stop();
        wait_stopped();
    }
    void begin_stop();
    void wait_stopped();
    [[nodiscard]] bool stopped();

    // ---- any thread ----
    [[nodiscard]] const scst_core &core() const noexcept { return *core_; }
    [[nodiscard]] scst_plugin_ref *plugin() const noexcept { return plugin_; }
    [[nodiscard]] const scst::logger &log() const noexcept { return log_; }
    // Whether a peer may cause one more line in the log now; the first after a flood tells how many were left out.
    [[nodiscard]] bool may_complain() noexcept;
    [[nodiscard]] reactor_context &context(const scst_reactor *reactor) noexcept;
    [[nodiscard]] std::shared_ptr<target> find_target(std::string_view name) const;
    [[nodiscard]] std::vector<std::shared_ptr<target>> targets() const;
    // The addresses that are listened on (wildcards as they are), with their real ports.
    [[nodiscard]] const std::vector<address> &portals() const noexcept { return portals_; }
    [[nodiscard]] login_gate &gate() noexcept { return gate_; }
    std::atomic<bool> enabled{false};
    std::atomic<bool> logins_suspended{false}; // for a while: initiators are told to come back
    std::atomic<bool> link_local{true};
    [[nodiscard]] bool closing() const noexcept { return closing_.load(std::memory_order_relaxed); }

    // ---- management ----
    std::int32_t add_target(scst_target *handle, const char *name, const scst_parameter *parameters,
                            std::uint32_t count, void **stored, scst_error *error);
    void remove_target(target &gone);

    // A connection that was accepted on the first reactor goes to the one that will serve its login.
    void accepted(unique_fd socket, const address &peer, const address &local);

    static constexpr std::uint64_t login_timeout_ms = 15000;
    static constexpr std::uint64_t discovery_timeout_ms = 60000; // without a request

  private:
    friend class life_token;
    std::int32_t open_portals(const std::vector<address> &wanted, scst_error *error);
    static void watch_portals(void *self);
    std::int32_t open_portal(const address &portal, scst_error *error);
    void close_on(reactor_context &context);

    const scst_core *core_;
    scst_plugin_ref *plugin_;
    scst::logger log_;
    std::vector<std::unique_ptr<reactor_context>> contexts_;
    std::vector<address> portals_;
    login_gate gate_;
    std::atomic<bool> closing_{false};

    mutable std::mutex targets_mutex_;
    std::map<std::string, std::shared_ptr<target>, std::less<>> targets_; // by lower-case name
    std::uint32_t next_tid_ = 1;

    std::mutex life_mutex_;
    std::condition_variable life_changed_;
    std::uint32_t lives_ = 0;

    std::atomic<std::uint64_t> complaint_second_{0};
    std::atomic<std::uint32_t> complaints_{0};
};

} // namespace scstd::iscsi
