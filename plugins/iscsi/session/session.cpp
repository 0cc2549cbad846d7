// SPDX-License-Identifier: Apache-2.0
#include "session/session.hpp"

#include "connection/connection.hpp"
#include "target/target.hpp"

#include <scst/bytes.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace scstd::iscsi {
namespace {

// A job that keeps its session and runs a call on its reactor.
template <class Call>
void post_to(const std::shared_ptr<session> &to, Call call) {
    struct job {
        std::shared_ptr<session> whom;
        Call what;
    };
    std::unique_ptr<job> made{new job{to, std::move(call)}};
    to->core().reactor_post(
        to->reactor(),
        [](void *argument) {
            const std::unique_ptr<job> mine{static_cast<job *>(argument)};
            mine->what(*mine->whom);
        },
        made.release());
}

using keeper = std::shared_ptr<session>;

// A reference that travels through a C callback.
void *keep(session &one) {
    return std::make_unique<keeper>(one.shared_from_this()).release();
}
keeper kept(void *argument) {
    const std::unique_ptr<keeper> mine{static_cast<keeper *>(argument)};
    return std::move(*mine);
}

// TransportID of an iSCSI initiator port (SPC-4 7.6.4.6): format 01b, "<name>,i,0x<ISID>", NUL, padded to four bytes.
std::vector<std::uint8_t> transport_id(const std::string &initiator, isid_bytes isid) {
    char port[24];
    std::snprintf(port, sizeof port, ",i,0x%012llx", static_cast<unsigned long long>(isid));
    const std::string text = initiator + port;
    std::vector<std::uint8_t> id(4 + text.size() + 1);
    id.resize((id.size() + 3) & ~std::size_t{3});
    id[0] = 0x45; // format code 01b, protocol identifier 5h
    scst::store_be16(&id[2], static_cast<std::uint16_t>(id.size() - 4));
    std::memcpy(&id[4], text.data(), text.size());
    return id;
}

login_status status_of(std::int32_t error) noexcept {
    switch (-error) {
    case ENOENT:
        return login_status::not_found; // no LUN for this initiator: as if there were no such target
    case EPERM:
        return login_status::service_unavailable;
    default:
        return login_status::out_of_resources;
    }
}

} // namespace

std::string_view to_string(session_state state) noexcept {
    switch (state) {
    case session_state::starting:
        return "starting";
    case session_state::waiting:
        return "waiting";
    case session_state::active:
        return "active";
    case session_state::reconnecting:
        return "reconnecting";
    case session_state::replaced:
        return "replaced";
    case session_state::ending:
        return "ending";
    case session_state::ended:
        return "ended";
    }
    return "?";
}

session::session(driver &owner, std::shared_ptr<target> port, scst_reactor *reactor, const connection_seed &seed,
                 std::uint16_t tsih, std::string full_initiator_name, std::shared_ptr<session> predecessor)
    : window{seed.exp_cmd_sn}, token_{owner}, owner_{owner}, target_{std::move(port)}, reactor_{reactor},
      buffers_{owner.context(reactor).buffers}, initiator_{seed.identity.initiator},
      full_name_{std::move(full_initiator_name)}, isid_{seed.identity.isid}, tsih_{tsih}, keys_{seed.keys},
      predecessor_{std::move(predecessor)} {
    reinstating_.store(predecessor_ != nullptr);
}

session::~session() = default;

std::uint64_t session::sid() const noexcept {
    return (std::uint64_t{tsih_} << 48) | (scst::swap_bytes(isid_) >> 16);
}

void session::set_state(session_state next) {
    owner_.log().debug("session %s of %s: %s to %s", full_name_.c_str(), target_->name().c_str(),
                       std::string{to_string(state_)}.c_str(), std::string{to_string(next)}.c_str());
    state_ = next;
}

void session::post_begin(connection_seed seed) {
    post_to(shared_from_this(), [seed = std::move(seed)](session &self) mutable { self.begin(std::move(seed)); });
}

void session::post_reconnect(connection_seed seed) {
    post_to(shared_from_this(), [seed = std::move(seed)](session &self) mutable { self.reconnect(std::move(seed)); });
}

void session::post_close() {
    post_to(shared_from_this(), [](session &self) { self.close("target cold reset"); });
}

// ---- beginning ----

void session::begin(connection_seed seed) {
    thread_id_.store(static_cast<std::int32_t>(::syscall(SYS_gettid)), std::memory_order_relaxed);
    connection_ = std::make_unique<connection>(*this, std::move(seed));
    if (!predecessor_) {
        register_now(nullptr);
        return;
    }
    post_to(predecessor_, [self = shared_from_this()](session &older) { older.replaced_by(self); });
}

void session::predecessor_ready(scst_session *handle) {
    // RFC 7143 6.3.5: to SCSI the reinstatement is a loss of the nexus. One that had logged out is no predecessor.
    nexus_loss_ = true;
    predecessor_holds_ = true;
    register_now(handle);
}

void session::predecessor_gone() {
    predecessor_gone_ = true;
    predecessor_.reset();
    if (state_ == session_state::starting && !register_begun_)
        register_now(nullptr);
    else if (state_ == session_state::waiting)
        establish();
}

void session::register_now(scst_session *replaces) {
    register_begun_ = true;
    const std::vector<std::uint8_t> id = transport_id(initiator_, isid_);
    scst_session_info info{};
    info.struct_size = sizeof info;
    info.initial_nexus_loss = nexus_loss_ ? 1 : 0;
    info.initiator_name = full_name_.c_str();
    info.transport_id = id.data();
    info.transport_id_length = static_cast<std::uint32_t>(id.size());
    info.supports_events = 1;
    info.replaces = replaces;
    info.driver_data = this;
    void *argument = keep(*this);
    const bool there = target_->with_handle([&](scst_target *handle) {
        core().session_register(handle, reactor_, &info, &session::registered_callback, argument);
    });
    if (!there)
        registered_callback(argument, nullptr, -EPERM);
}

void session::registered_callback(void *argument, scst_session *registered, std::int32_t error) {
    kept(argument)->registered(registered, error);
}

void session::registered(scst_session *registered, std::int32_t error) {
    if (predecessor_holds_)
        post_to(predecessor_, [](session &older) { older.release(); });
    if (error != 0) {
        refused(error);
        return;
    }
    core_session_ = registered;
    if (successor_) { // replaced before it had begun
        set_state(session_state::replaced);
        connection_->close("replaced by a newer session");
        answer_successor();
    } else if (connection_->closed()) {
        unregister();
    } else if (predecessor_ && !predecessor_gone_) {
        set_state(session_state::waiting);
    } else {
        establish();
    }
}

void session::refused(std::int32_t error) {
    const login_status status = status_of(error);
    if (owner_.may_complain())
        owner_.log().warning("%s: login to %s refused: %s (status %04x)", connection_->tag().c_str(),
                             target_->name().c_str(), std::strerror(-error), static_cast<unsigned>(status));
    set_state(session_state::ended);
    connection_->refuse(status);
    ended();
}

void session::establish() {
    reinstating_.store(false);
    set_state(session_state::active);
    owner_.log().info("%s: session with %s begins (TSIH %u)", connection_->tag().c_str(), target_->name().c_str(),
                      tsih_);
    connection_->start(tsih_);
}

// ---- being replaced (session reinstatement, RFC 7143 6.3.5) ----

void session::replaced_by(std::shared_ptr<session> successor) {
    successor_ = std::move(successor);
    switch (state_) {
    case session_state::starting: // registered() goes on
        break;
    case session_state::waiting:
    case session_state::active:
    case session_state::reconnecting:
        set_state(session_state::replaced);
        if (connection_)
            connection_->close("replaced by a newer session");
        answer_successor();
        break;
    case session_state::replaced: // each session has one successor at most
    case session_state::ending:   // ended() tells
        break;
    case session_state::ended:
        post_to(std::exchange(successor_, nullptr), [](session &newer) { newer.predecessor_gone(); });
        break;
    }
}

void session::answer_successor() {
    successor_answered_ = true;
    post_to(successor_, [handle = core_session_](session &newer) { newer.predecessor_ready(handle); });
}

// The successor is registered, or never will be.
void session::release() {
    if (state_ == session_state::replaced)
        unregister();
}

// ---- ending ----

void session::close(const char *why) {
    if (connection_ && !connection_->closed())
        connection_->close(why);
    else if (state_ == session_state::reconnecting)
        unregister();
}

void session::connection_lost(const connection &lost) {
    if (&lost != connection_.get())
        return;
    if (state_ == session_state::active || state_ == session_state::waiting)
        unregister();
}

void session::unregister() {
    set_state(session_state::ending);
    core().session_unregister(core_session_, &session::unregistered_callback, keep(*this));
}

void session::unregistered_callback(void *argument) {
    const keeper self = kept(argument);
    self->set_state(session_state::ended);
    self->ended();
}

void session::ended() {
    target_->forget(*this);
    if (successor_)
        post_to(std::exchange(successor_, nullptr), [](session &newer) { newer.predecessor_gone(); });
    // Whoever called may still stand in a connection's frame: let go of it from the reactor's loop, after its flush.
    struct farewell {
        static void wait(session &self) {
            bool busy = self.connection_ && self.connection_->flush_scheduled();
            for (const auto &old : self.old_connections_)
                busy = busy || old->flush_scheduled();
            if (busy)
                post_to(self.shared_from_this(), &farewell::wait);
        }
    };
    post_to(shared_from_this(), &farewell::wait);
}

// ---- connection reinstatement (RFC 7143 6.3.4) ----

void session::reconnect(connection_seed seed) {
    auto next = std::make_unique<connection>(*this, std::move(seed));
    if (state_ != session_state::active) {
        next->refuse(login_status::session_does_not_exist);
        old_connections_.push_back(std::move(next));
        return;
    }
    set_state(session_state::reconnecting);
    reinstating_.store(true);
    old_connections_.push_back(std::exchange(connection_, std::move(next)));
    old_connections_.back()->close("replaced by a new connection");
    reconnect_aborting_ = true;
    abort_request_ = std::make_unique<scst_task_management>();
    abort_request_->struct_size = sizeof *abort_request_;
    abort_request_->function = SCST_TM_ABORT_ALL_TASKS_SESSION;
    abort_request_->driver_data = this; // connections never use this function, so it tells whose it is
    core().tm_submit(core_session_, abort_request_.get());
}

void session::reconnect_abort_done() {
    reconnect_aborting_ = false;
    abort_request_.reset();
    continue_reconnect();
}

void session::task_ended() {
    if (state_ == session_state::reconnecting)
        continue_reconnect();
}

void session::continue_reconnect() {
    if (state_ != session_state::reconnecting || reconnect_aborting_)
        return;
    const bool busy = std::any_of(old_connections_.begin(), old_connections_.end(),
                                  [](const auto &old) { return old->live_tasks() != 0 || old->has_requests(); });
    if (busy)
        return;
    if (connection_->closed())
        unregister();
    else
        establish();
}

} // namespace scstd::iscsi
