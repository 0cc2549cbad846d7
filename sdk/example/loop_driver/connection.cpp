// SPDX-License-Identifier: Apache-2.0
#include "connection.hpp"

#include "target.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace loop {
namespace {

constexpr std::uint64_t greeting_ms = 10'000;     // for "hello" to come
constexpr std::size_t most_output = 4 * max_line; // bytes waiting to be sent before requests wait, too

} // namespace

// What scst_cmd::driver_data points to, from cmd_alloc() to cmd_finished().
struct connection::loop_command {
    loop_command(connection &who, std::vector<std::uint8_t> &&data) noexcept : owner{who}, data_out{std::move(data)} {}

    connection &owner;
    std::vector<std::uint8_t> data_out;
};

// A task management request is the driver's memory until task_management_done().
struct connection::loop_request {
    loop_request(connection &who, std::uint64_t line) noexcept : owner{who}, tag{line} {}

    connection &owner;
    std::uint64_t tag;
    scst_task_management request{};
};

connection::connection(loop::target &owner, int fd)
    : session_base{owner}, owner_{&owner}, reactor_{owner.reactor()}, fd_{fd} {
    ucred peer{};
    socklen_t length = sizeof peer;
    if (::getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0)
        peer_uid_ = peer.uid;
    const auto ready = [](void *self, std::uint32_t events) noexcept {
        auto &here = *static_cast<connection *>(self);
        if ((events & SCST_WATCH_WRITE) != 0)
            here.defer_end_of_turn();
        if ((events & SCST_WATCH_READ) != 0)
            here.or_close(&connection::receive);
    };
    const auto expired = [](void *self) noexcept { static_cast<connection *>(self)->close("timeout"); };
    watch_ = core()->watch_add(reactor_, fd_, SCST_WATCH_READ, ready, this);
    timer_ = core()->timer_create(reactor_, expired, this);
    start_timer(greeting_ms);
    if (watch_ == nullptr)
        close("out of memory");
}

connection::~connection() {
    disconnect();
    if (timer_ != nullptr)
        core()->timer_destroy(timer_);
}

connection &connection::of(const scst_cmd &cmd) noexcept {
    return static_cast<loop_command *>(cmd.driver_data)->owner;
}

connection &connection::of(const scst_task_management &request) noexcept {
    return static_cast<loop_request *>(request.driver_data)->owner;
}

// ---- input ----

// One large read, all its lines, and the replies of the whole batch leave together in end_of_turn().
void connection::receive() {
    char buffer[64 * 1024];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got < 0)
        return close("the client went away");
    if (got == 0) // it sends no more, but may still be reading
        return leave();
    input_.append(buffer, static_cast<std::size_t>(got));
    take_lines();
}

// While a session is being registered, and while the client doesn't read its replies, its requests wait in input_.
void connection::take_lines() {
    std::size_t done = 0;
    while (!leaving_ && (stage_ == stage::greeting || stage_ == stage::serving) &&
           output_.size() - sent_ < most_output) {
        const auto end = input_.find('\n', done);
        if (end == std::string::npos)
            break;
        const std::string_view line = std::string_view{input_}.substr(done, end - done);
        done = end + 1;
        handle(line);
    }
    input_.erase(0, done);
    if (input_.size() > max_line && input_.find('\n') == std::string::npos)
        close("line too long");
}

void connection::handle(std::string_view line) {
    const auto tag = next_tag_++;
    try {
        request wanted = parse_request(line);
        if ((wanted.kind == request_kind::hello) != (stage_ == stage::greeting) && wanted.kind != request_kind::bye)
            throw bad_line{stage_ == stage::greeting ? "say hello first" : "hello was said before"};
        switch (wanted.kind) {
        case request_kind::hello:
            return register_session(wanted.initiator);
        case request_kind::command:
            return submit(std::move(wanted), tag);
        case request_kind::abort:
        case request_kind::reset:
            return submit_management(wanted, tag);
        case request_kind::bye:
            return leave();
        }
    } catch (const bad_line &refused) {
        reply(tag, std::string{"error "} + refused.what());
    }
}

// No more requests; what was asked for is still answered.
void connection::leave() noexcept {
    leaving_ = true;
    defer_end_of_turn();
}

// ---- the session ----

void connection::register_session(const std::string &initiator) {
    scst_session_info info{};
    info.struct_size = sizeof info;
    info.initiator_name = initiator.c_str(); // copied by the core
    info.supports_events = 1;
    info.driver_data = static_cast<void *>(this); // comes back as `session`
    const auto done = [](void *self, scst_session *session, std::int32_t error) noexcept {
        auto &here = *static_cast<connection *>(self);
        here.session_ = session;
        here.register_error_ = error;
        here.registering_ = false;
        here.or_close(&connection::registered);
    };
    stage_ = stage::registering;
    registering_ = true;
    defer_end_of_turn(); // stops the reading
    core()->session_register(owner_->handle(), reactor_, &info, done, this);
}

void connection::registered() {
    if (stage_ == stage::closing) // the client left while the core was at it
        return become_gone();
    if (register_error_ != 0) {
        stage_ = stage::greeting;
        reply(0, register_error_ == -ENOENT ? "error no LUN for this initiator" : "error refused");
        send();
        return close("refused");
    }
    stage_ = stage::serving;
    reply(0, std::string{"hello "} + core()->session_name(session_));
    start_timer(owner_->idle_timeout_ms());
}

void connection::close(std::string_view reason) noexcept {
    if (stage_ == stage::closing || stage_ == stage::gone)
        return;
    log().debug("connection of uid %u closes: %.*s", static_cast<unsigned>(peer_uid_), static_cast<int>(reason.size()),
                reason.data());
    const stage before = std::exchange(stage_, stage::closing);
    disconnect();
    finish_answered(SCST_DELIVERY_FAILED);
    if (before != stage::registering) // else registered() does
        become_gone();
}

void connection::disconnect() noexcept {
    if (watch_ != nullptr)
        core()->watch_remove(std::exchange(watch_, nullptr));
    if (fd_ >= 0)
        ::close(std::exchange(fd_, -1));
}

bool connection::outlive_target() noexcept {
    const bool alone = registering_;
    close("the target goes");
    if (alone)
        owner_ = nullptr;
    return alone;
}

void connection::destroy() noexcept {
    if (owner_ != nullptr)
        return owner_->forget(*this);
    const std::unique_ptr<connection> own{this};
}

// Ends the session, if there is one; then the object goes in end_of_turn(), never under someone's feet.
void connection::become_gone() noexcept {
    const auto done = [](void *self) noexcept {
        auto &here = *static_cast<connection *>(self);
        here.stage_ = stage::gone;
        here.defer_end_of_turn();
    };
    if (session_ != nullptr)
        core()->session_unregister(std::exchange(session_, nullptr), done, this);
    else
        done(this);
}

// ---- commands ----

void connection::submit(request &&wanted, std::uint64_t tag) {
    auto own = std::make_unique<loop_command>(*this, std::move(wanted.data_out));
    scst_cmd *cmd = core()->cmd_alloc(session_); // nothing may fail between this and cmd_submit()
    if (cmd == nullptr)
        return reply(tag, "status 28"); // TASK SET FULL
    cmd->tag = tag;
    encode_lun(wanted.lun, cmd->lun_bytes);
    cmd->task_attribute = SCST_TASK_SIMPLE;
    cmd->transport_sn = static_cast<std::uint32_t>(tag);
    cmd->cdb_length = static_cast<std::uint32_t>(wanted.cdb.size());
    std::ranges::copy(wanted.cdb, cmd->cdb);
    cmd->expected_direction = wanted.direction;
    cmd->expected_length = wanted.expected_length;
    cmd->driver_data = own.release(); // finish() takes it
    ++unanswered_;
    start_timer(owner_->idle_timeout_ms());
    core()->cmd_submit(cmd); // from here on the command may be gone
}

// The buffer is there: the data came with the line, so it only has to be copied.
void connection::ready_to_transfer(scst_cmd &cmd) {
    const auto &data = static_cast<loop_command *>(cmd.driver_data)->data_out;
    std::size_t done = 0;
    for (std::uint32_t i = 0; i < cmd.segment_count && done < data.size(); ++i) {
        const auto piece = std::min<std::size_t>(cmd.segments[i].length, data.size() - done);
        std::memcpy(cmd.segments[i].address, data.data() + done, piece);
        done += piece;
    }
    received(cmd, SCST_RX_SUCCESS, done);
}

// The reply becomes text; the command itself is given back when the text has left, so that the core learns whether its
// unit attention was delivered.
void connection::xmit_response(scst_cmd &cmd) {
    if (stage_ == stage::closing || core()->cmd_response_suppressed(&cmd) != 0)
        return finish(cmd, SCST_DELIVERY_FAILED);
    reply(cmd.tag, describe_response(cmd));
    answered_.push_back(&cmd);
}

void connection::finish(scst_cmd &cmd, std::int32_t delivery) noexcept {
    const std::unique_ptr<loop_command> own{static_cast<loop_command *>(cmd.driver_data)};
    --unanswered_;
    session_base::finish(cmd, delivery);
}

void connection::finish_answered(std::int32_t delivery) noexcept {
    for (scst_cmd *cmd : std::exchange(answered_, {}))
        finish(*cmd, delivery);
}

void connection::submit_management(const request &wanted, std::uint64_t tag) {
    auto own = std::make_unique<loop_request>(*this, tag);
    scst_task_management &made = own->request;
    made.struct_size = sizeof made;
    made.function = wanted.kind == request_kind::abort ? SCST_TM_ABORT_TASK : SCST_TM_LUN_RESET;
    made.tag = wanted.tag;
    made.transport_sn = static_cast<std::uint32_t>(tag);
    made.has_transport_sn = 1;
    encode_lun(wanted.lun, made.lun_bytes);
    if (wanted.kind == request_kind::abort)
        if (const scst_cmd *cmd = core()->cmd_find(session_, wanted.tag))
            std::ranges::copy(cmd->lun_bytes, made.lun_bytes);
    made.driver_data = own.get();
    ++unanswered_;
    core()->tm_submit(session_, &own.release()->request); // task_management_done() takes it
}

void connection::task_management_done(scst_task_management &request) {
    const std::unique_ptr<loop_request> own{static_cast<loop_request *>(request.driver_data)};
    --unanswered_;
    if (stage_ == stage::serving && request.suppress == 0)
        reply(own->tag, describe_tm_status(request.status));
}

std::int32_t connection::report_event(const scst_event &event) {
    if (stage_ != stage::serving)
        return -ENOTCONN;
    say("* event " + std::to_string(event.lun) + ' ' + describe_sense(event.sense, event.sense_length));
    return 0;
}

// ---- output ----

void connection::reply(std::uint64_t tag, std::string_view text) {
    say(std::to_string(tag) + ' ' + std::string{text});
}

void connection::say(std::string_view line) {
    output_.append(line).push_back('\n');
    defer_end_of_turn();
}

void connection::defer_end_of_turn() noexcept {
    if (std::exchange(deferred_, true))
        return;
    const auto run = [](void *self) noexcept {
        auto &here = *static_cast<connection *>(self);
        here.deferred_ = false;
        if (here.stage_ == stage::gone)
            return here.destroy();
        here.or_close(&connection::end_of_turn);
    };
    core()->reactor_defer(reactor_, run, this);
}

// Everything that was ready has been handled: send all replies at once, then take what had to wait in input_.
void connection::end_of_turn() {
    if (fd_ >= 0)
        send();
    if (fd_ >= 0)
        take_lines();
    if (fd_ >= 0 && leaving_ && stage_ != stage::registering && unanswered_ == 0 && output_.empty())
        close("bye");
    if (fd_ >= 0)
        watch_what_is_wanted();
}

// Callbacks that come straight from the core, without the SDK's guard around them.
void connection::or_close(void (connection::*step)()) noexcept {
    try {
        (this->*step)();
    } catch (const std::exception &failed) { // no memory
        log().error("connection of uid %u: %s", static_cast<unsigned>(peer_uid_), failed.what());
        close("failure");
    }
}

void connection::send() {
    while (sent_ < output_.size()) {
        const ssize_t done = ::send(fd_, output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EAGAIN)
            return;
        if (done < 0)
            return close("the client went away");
        sent_ += static_cast<std::size_t>(done);
    }
    output_.clear();
    sent_ = 0;
    finish_answered(SCST_DELIVERED);
}

// Write readiness only while there is something to send, else the level-triggered watch would never rest.
void connection::watch_what_is_wanted() {
    const bool full = output_.size() - sent_ >= most_output || input_.size() > max_line;
    const bool reads = !full && !leaving_ && stage_ != stage::registering;
    core()->watch_modify(watch_, (reads ? SCST_WATCH_READ : 0u) | (sent_ < output_.size() ? SCST_WATCH_WRITE : 0u));
}

void connection::start_timer(std::uint64_t milliseconds) noexcept {
    if (timer_ == nullptr)
        return;
    if (milliseconds == 0)
        core()->timer_cancel(timer_);
    else
        core()->timer_start(timer_, milliseconds);
}

void connection::show_peer_uid(scst_writer *out) const {
    scst::write_value(out, static_cast<std::uint64_t>(peer_uid_), false);
}

} // namespace loop
