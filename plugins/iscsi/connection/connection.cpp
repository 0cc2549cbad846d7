// SPDX-License-Identifier: Apache-2.0
#include "connection/connection.hpp"

#include "target/target.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>

namespace scstd::iscsi {
namespace {

constexpr std::uint64_t no_deadline = ~std::uint64_t{0};
// A peer that asks and never reads is not read from any more when so many answers wait.
constexpr std::uint64_t most_unsent_arena = 4 * 1024 * 1024;
// Replies leave before the end of a batch when so much waits: buffers are free again sooner.
constexpr std::uint64_t early_flush = 512 * 1024;
constexpr int receives_per_event = 8; // then the reactor's other connections get their turn

constexpr bool yes(const key_values &keys, session_key key) noexcept {
    return value_of(keys, key) != 0;
}

} // namespace

connection::connection(session &owner, connection_seed seed)
    : session_{owner}, core_{owner.core()}, window_{owner.window}, live_{owner.port().live},
      socket_{std::move(seed.socket)}, peer_{seed.peer}, local_{seed.local}, tag_{seed.identity.initiator + '@' +
                                                                                  seed.peer.text()},
      cid_{seed.identity.cid}, our_max_segment_{value_of(seed.keys, session_key::max_recv_data_segment_length)},
      their_max_segment_{value_of(seed.keys, session_key::max_xmit_data_segment_length)},
      max_burst_{value_of(seed.keys, session_key::max_burst_length)}, first_burst_{value_of(
                                                                          seed.keys, session_key::first_burst_length)},
      max_outstanding_r2t_{value_of(seed.keys, session_key::max_outstanding_r2t)},
      initial_r2t_{yes(seed.keys, session_key::initial_r2t)}, immediate_data_{yes(seed.keys,
                                                                                  session_key::immediate_data)},
      header_digest_{value_of(seed.keys, session_key::header_digest) == digest_crc32c},
      data_digest_{value_of(seed.keys, session_key::data_digest) == digest_crc32c},
      in_order_{yes(seed.keys, session_key::data_pdu_in_order)},
      level_two_{value_of(seed.keys, session_key::iscsi_protocol_level) >= 2}, queue_{owner.buffers()},
      stat_sn_{seed.stat_sn}, login_response_{seed.response}, login_text_{std::move(seed.response_text)},
      leftover_{std::move(seed.leftover)}, login_exp_cmd_sn_{seed.exp_cmd_sn} {}

connection::~connection() {
    if (watch_ != nullptr)
        core().watch_remove(watch_);
    if (timer_ != nullptr)
        core().timer_destroy(timer_);
}

void connection::start(std::uint16_t tsih) {
    timer_ = core().timer_create(session_.reactor(), &connection::timer_callback, this);
    watched_ = SCST_WATCH_READ;
    watch_ = core().watch_add(session_.reactor(), socket_.get(), watched_, &connection::ready_callback, this);
    if (timer_ == nullptr || watch_ == nullptr) {
        refuse(login_status::out_of_resources);
        return;
    }
    state_ = state::open;
    last_receive_ms_ = core().now_ms();
    login_response_.tsih = tsih;
    login_response_.data_length = static_cast<std::uint32_t>(login_text_.size());
    // Digests begin with the PDU after this one (RFC 7143 6.3.3).
    const sequence_numbers sn{
        .stat_sn = stat_sn_++, .exp_cmd_sn = window_.expected(), .max_cmd_sn = window_.announced()};
    const std::size_t padded = login_text_.size() + padding_of(login_response_.data_length);
    std::uint8_t *at = queue_.reserve(bhs_size + padded);
    encode(bhs_out{at, bhs_size}, login_response_, sn);
    std::memset(at + bhs_size, 0, padded);
    std::memcpy(at + bhs_size, login_text_.data(), login_text_.size());
    schedule_flush();
    arm_timer(last_receive_ms_);
    if (!leftover_.empty()) {
        buffer_ = session_.buffers().receive.take();
        std::memcpy(buffer_->bytes.data(), leftover_.data(), leftover_.size());
        head_ = 0;
        tail_ = leftover_.size();
        leftover_ = {};
        process();
    }
}

void connection::refuse(login_status status) {
    login_response_.transit = false;
    login_response_.status = status;
    login_response_.data_length = 0;
    std::array<std::uint8_t, bhs_size> header;
    encode(bhs_out{header}, login_response_,
           sequence_numbers{.stat_sn = stat_sn_, .exp_cmd_sn = login_exp_cmd_sn_, .max_cmd_sn = login_exp_cmd_sn_ + 1});
    // The socket's buffer is empty but for earlier login responses, so this goes out whole or the peer is gone.
    if (::send(socket_.get(), header.data(), header.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        note("login response not sent: %s", std::strerror(errno));
    close("login refused");
}

void connection::note(const char *format, ...) {
    if (!session_.owner().may_complain())
        return;
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    session_.owner().log().warning("%s: %s", tag_.c_str(), text);
}

void connection::violation(const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    note("%s; closing the connection", text);
    close("protocol violation");
}

void connection::close(const char *why) {
    if (state_ == state::closed)
        return;
    session_.owner().log().debug("%s: connection %u closed: %s", tag_.c_str(), cid_, why);
    state_ = state::closed;
    if (watch_ != nullptr)
        core().watch_remove(std::exchange(watch_, nullptr));
    if (timer_ != nullptr)
        core().timer_destroy(std::exchange(timer_, nullptr));
    sink_ = sink::discard;
    payload_task_ = nullptr;
    head_ = tail_ = 0;
    held_.clear();
    held_bytes_ = 0;
    release_tasks();
    ::shutdown(socket_.get(), SHUT_RDWR);
    socket_.reset();
    session_.connection_lost(*this);
}

// Gives back every command whose status is known; the others come back through the core.
void connection::release_tasks() {
    queue_.abandon([this](task *done) { finish_task(done, SCST_DELIVERY_FAILED); });
    for (task *one : table_.all()) {
        if (one->waiting)
            stop_waiting(*one);
        if (one->state == task_state::answering || one->command == nullptr) {
            table_.erase(one);
            window_.end_command();
            finish_task(one, SCST_DELIVERY_FAILED);
        }
    }
}

void connection::finish_task(task *done, std::int32_t delivery) {
    scst_cmd *command = done->command;
    if (done->is_write)
        forget_requests(*done);
    done->reset();
    pool_.give(done);
    --live_tasks_;
    if (command != nullptr)
        core().cmd_finished(command, delivery);
    if (state_ == state::closed)
        session_.task_ended();
}

void connection::close_when_sent() {
    if (state_ != state::open)
        return;
    state_ = state::draining;
    close_when_sent_ = true;
    update_watch();
    schedule_flush();
}

void connection::ready_callback(void *self, std::uint32_t events) {
    auto &mine = *static_cast<connection *>(self);
    if ((events & SCST_WATCH_WRITE) != 0)
        mine.flush();
    if ((events & SCST_WATCH_READ) != 0 && mine.state_ == state::open && !mine.reading_stopped_)
        mine.on_readable();
}

void connection::on_readable() {
    last_receive_ms_ = core().now_ms();
    for (int i = 0; i < receives_per_event && state_ == state::open && !reading_stopped_; ++i) {
        bool drained = false;
        if (!receive_some(drained))
            return;
        process();
        if (state_ == state::open && queue_.pending_bytes() >= early_flush && !write_blocked_)
            flush();
        if (drained)
            break;
    }
    if (state_ == state::open && buffered() == 0 && buffer_) {
        session_.buffers().receive.give(std::move(buffer_));
        head_ = tail_ = 0;
    }
    if (state_ == state::open && queue_.arena_bytes() > most_unsent_arena && !reading_stopped_) {
        reading_stopped_ = true;
        update_watch();
    }
}

void connection::update_watch() {
    if (watch_ == nullptr)
        return;
    const bool read = state_ == state::open && !reading_stopped_;
    const std::uint32_t wanted = (read ? SCST_WATCH_READ : 0) | (write_blocked_ ? SCST_WATCH_WRITE : 0);
    if (wanted != watched_) {
        watched_ = wanted;
        core().watch_modify(watch_, wanted);
    }
}

void connection::schedule_flush() {
    if (flush_scheduled_ || write_blocked_)
        return;
    flush_scheduled_ = true;
    core().reactor_defer(session_.reactor(), &connection::flush_callback, this);
}

void connection::flush_callback(void *self) {
    auto &mine = *static_cast<connection *>(self);
    mine.flush_scheduled_ = false;
    mine.flush();
}

void connection::flush() {
    if (state_ != state::open && state_ != state::draining)
        return;
    const auto outcome = queue_.send(socket_.get(), [this](task *done) { finish_task(done, SCST_DELIVERED); });
    if (state_ == state::closed)
        return;
    if (outcome == send_queue::result::failed) {
        if (errno != EPIPE && errno != ECONNRESET) // a peer that goes away is nothing odd
            note("sending failed: %s", std::strerror(errno));
        close("sending failed");
        return;
    }
    const bool blocked = outcome == send_queue::result::blocked;
    if (blocked && !write_blocked_) {
        blocked_since_ms_ = core().now_ms();
        arm_timer(blocked_since_ms_);
    }
    write_blocked_ = blocked;
    if (!blocked && close_when_sent_) {
        close("all is sent");
        return;
    }
    if (reading_stopped_ && queue_.arena_bytes() < most_unsent_arena / 2)
        reading_stopped_ = false;
    update_watch();
}

void connection::timer_callback(void *self) {
    static_cast<connection *>(self)->on_timer();
}

void connection::on_timer() {
    const std::uint64_t now = core().now_ms();
    const live_parameters &live = live_;
    const std::uint64_t response_ms = std::uint64_t{live.rsp_timeout_s.load(std::memory_order_relaxed)} * 1000;
    const std::uint64_t interval_ms = std::uint64_t{live.nop_in_interval_s.load(std::memory_order_relaxed)} * 1000;
    const std::uint64_t answer_ms = std::uint64_t{live.nop_in_timeout_s.load(std::memory_order_relaxed)} * 1000;
    timer_due_ms_ = no_deadline;
    if (waiting_.oldest() != nullptr && now >= waiting_.oldest()->waiting_since_ms + response_ms) {
        note("no data for task 0x%x within %llu s (RspTimeout)", waiting_.oldest()->itt,
             static_cast<unsigned long long>(response_ms / 1000));
        close("RspTimeout");
        return;
    }
    if (write_blocked_ && now >= blocked_since_ms_ + response_ms) {
        note("the peer has taken no data for %llu s (RspTimeout)", static_cast<unsigned long long>(response_ms / 1000));
        close("RspTimeout");
        return;
    }
    if (ping_outstanding_ && now >= ping_sent_ms_ + answer_ms) {
        note("no answer to a NOP-In within %llu s (NopInTimeout)", static_cast<unsigned long long>(answer_ms / 1000));
        close("NopInTimeout");
        return;
    }
    if (state_ == state::open && !ping_outstanding_ && interval_ms != 0 && now >= last_receive_ms_ + interval_ms)
        ping(now);
    arm_timer(now);
}

// Starts the timer for the earliest thing that may run out. It is not moved for each command: when it fires early it
// looks again.
void connection::arm_timer(std::uint64_t now_ms) {
    if (timer_ == nullptr)
        return;
    const live_parameters &live = live_;
    const std::uint64_t response_ms = std::uint64_t{live.rsp_timeout_s.load(std::memory_order_relaxed)} * 1000;
    const std::uint64_t interval_ms = std::uint64_t{live.nop_in_interval_s.load(std::memory_order_relaxed)} * 1000;
    const std::uint64_t answer_ms = std::uint64_t{live.nop_in_timeout_s.load(std::memory_order_relaxed)} * 1000;
    std::uint64_t due = no_deadline;
    if (waiting_.oldest() != nullptr)
        due = waiting_.oldest()->waiting_since_ms + response_ms;
    if (write_blocked_)
        due = std::min(due, blocked_since_ms_ + response_ms);
    if (ping_outstanding_)
        due = std::min(due, ping_sent_ms_ + answer_ms);
    else if (interval_ms != 0)
        due = std::min(due, last_receive_ms_ + interval_ms);
    // The parameters are live: look again from time to time even when nothing is due.
    constexpr std::uint64_t at_least_ms = 60000;
    due = std::clamp(due, now_ms + 1, now_ms + at_least_ms);
    if (timer_due_ms_ != no_deadline && timer_due_ms_ > now_ms && timer_due_ms_ <= due)
        return;
    timer_due_ms_ = due;
    core().timer_start(timer_, due - now_ms);
}

std::string connection::state_text() const {
    // Words as SCST's connection files have them; this driver's connections read and write in turn, so most are idle.
    if (state_ == state::closed || state_ == state::draining)
        return "closing";
    std::string text;
    if (session_.reinstating())
        text += "reinstating ";
    if (write_blocked_)
        text += "space_waiting ";
    return text.empty() ? "established idle " : text;
}

} // namespace scstd::iscsi
