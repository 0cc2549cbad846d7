// SPDX-License-Identifier: Apache-2.0
// session: the life of one I_T nexus: registration with the core, its one connection, and reinstatement.
//
// It belongs to one reactor for life; members below "reactor" are touched there only. Constants may be read anywhere.
// Shared by the target's list, by jobs under way and by a session that replaces it; the connection is destroyed with
// it.
//
//   starting ──registered──▶ waiting ──predecessor gone──▶ active ──connection lost──▶ ending ──core done──▶ ended
//      └── refused ──▶ ended      └────────── replaced by a newer session ──▶ replaced ──released──▶ ending
#pragma once

#include "driver.hpp"
#include "pdu/bhs.hpp"
#include "session/command_window.hpp"
#include "session/seed.hpp"
#include "text/session_keys.hpp"

#include <scst/core.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::iscsi {

class connection;
class target;

enum class session_state : std::uint8_t {
    starting,     // the core is asked
    waiting,      // registered; the session it replaces still ends
    active,       // has a connection in full-feature phase
    reconnecting, // connection reinstatement: the old connection's tasks end
    replaced,     // its connection is closed; a newer session is being registered in its place
    ending,       // the core ends it
    ended,
};
[[nodiscard]] std::string_view to_string(session_state state) noexcept;

class session : public std::enable_shared_from_this<session> {
  public:
    session(driver &owner, std::shared_ptr<target> port, scst_reactor *reactor, const connection_seed &seed,
            std::uint16_t tsih, std::string full_initiator_name, std::shared_ptr<session> predecessor);
    session(const session &) = delete;
    session &operator=(const session &) = delete;
    ~session();

    // ---- constants ----
    [[nodiscard]] driver &owner() const noexcept { return owner_; }
    [[nodiscard]] const scst_core &core() const noexcept { return owner_.core(); }
    [[nodiscard]] target &port() const noexcept { return *target_; }
    [[nodiscard]] scst_reactor *reactor() const noexcept { return reactor_; }
    [[nodiscard]] const std::string &initiator() const noexcept { return initiator_; }
    [[nodiscard]] isid_bytes isid() const noexcept { return isid_; }
    [[nodiscard]] std::uint16_t tsih() const noexcept { return tsih_; }
    [[nodiscard]] const key_values &keys() const noexcept { return keys_; }
    // SCST's number of a session: ISID and TSIH as they lie in memory, read as one little-endian number.
    [[nodiscard]] std::uint64_t sid() const noexcept;

    // ---- any thread ----
    // Posts to the session's reactor: a new session begins with this connection.
    void post_begin(connection_seed seed);
    // Posts: this connection takes the place of the session's (RFC 7143 6.3.4).
    void post_reconnect(connection_seed seed);
    // Posts: the session is to be closed.
    void post_close();
    [[nodiscard]] bool reinstating() const noexcept { return reinstating_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::int32_t thread_id() const noexcept { return thread_id_.load(std::memory_order_relaxed); }

    // ---- reactor ----
    [[nodiscard]] scst_session *core_session() const noexcept { return core_session_; }
    [[nodiscard]] io_buffers &buffers() const noexcept { return buffers_; }
    [[nodiscard]] connection *current() const noexcept { return connection_.get(); }
    void close(const char *why);
    // A connection closed itself; called once per connection.
    void connection_lost(const connection &lost);
    // A task of a closed connection ended.
    void task_ended();
    // The answer to the request for ending all tasks of a replaced connection.
    void reconnect_abort_done();
    command_window window;

  private:
    using step = void (session::*)();
    void post(step what);
    void begin(connection_seed seed);
    void reconnect(connection_seed seed);
    void replaced_by(std::shared_ptr<session> successor);
    void predecessor_ready(scst_session *handle);
    void predecessor_gone();
    void register_now(scst_session *replaces);
    static void registered_callback(void *argument, scst_session *registered, std::int32_t error);
    void registered(scst_session *registered, std::int32_t error);
    void refused(std::int32_t error);
    void release();
    void establish();
    void unregister();
    static void unregistered_callback(void *argument);
    void ended();
    void answer_successor();
    void continue_reconnect();
    void set_state(session_state next);

    life_token token_; // the last member to go
    driver &owner_;
    std::shared_ptr<target> target_;
    scst_reactor *reactor_;
    io_buffers &buffers_;
    std::string initiator_;
    std::string full_name_; // what access groups are matched with
    isid_bytes isid_;
    std::uint16_t tsih_;
    key_values keys_;

    session_state state_ = session_state::starting;
    scst_session *core_session_ = nullptr;
    std::unique_ptr<connection> connection_;
    std::vector<std::unique_ptr<connection>> old_connections_; // closed ones, whose tasks may still come back
    std::shared_ptr<session> predecessor_;
    bool predecessor_gone_ = false;
    bool predecessor_holds_ = false; // it waits for release()
    bool register_begun_ = false;
    bool nexus_loss_ = false;
    std::shared_ptr<session> successor_;
    bool successor_answered_ = false;
    bool reconnect_aborting_ = false;
    std::unique_ptr<scst_task_management> abort_request_;

    std::atomic<bool> reinstating_{false};
    std::atomic<std::int32_t> thread_id_{0};
};

} // namespace scstd::iscsi
