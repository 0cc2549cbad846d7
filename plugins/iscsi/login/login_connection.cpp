// SPDX-License-Identifier: Apache-2.0
#include "login/login_connection.hpp"

#include "discovery/send_targets.hpp"
#include "net/pattern.hpp"
#include "session/session.hpp"
#include "target/target.hpp"

#include <scst/bytes.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace scstd::iscsi {
namespace {

// AHS and data of one PDU here; an initiator sends at most 8192 bytes of data during login (RFC 7143 13.12).
constexpr std::size_t most_in_pdu = 8192;
// Of a discovery session's text requests, whose declared limit is larger.
constexpr std::size_t most_in_discovery_pdu = 65536;
constexpr std::size_t receive_step = 16384;

} // namespace

void login_connection::begin(driver &owner, scst_reactor *reactor, unique_fd socket, const address &peer,
                             const address &local, bool crowded) {
    const auto made = std::make_shared<login_connection>(owner, reactor, std::move(socket), peer, local);
    reactor_context &context = owner.context(reactor);
    if (context.closing || (crowded && !make_room(context, peer)) || !made->start())
        return;
    made->number_ = ++context.logins_begun;
    context.logins.insert(made);
}

// Closes the connection that has been silent longest, of the same host if there is one.
bool login_connection::make_room(reactor_context &context, const address &peer) {
    login_connection *oldest = nullptr;
    bool same_host = false;
    for (const auto &each : context.logins) {
        if (each->spoke_ || each->closed_)
            continue;
        const bool same = each->peer_.host_key() == peer.host_key();
        if (oldest == nullptr || (same && !same_host) || (same == same_host && each->number_ < oldest->number_)) {
            oldest = each.get();
            same_host = same;
        }
    }
    if (oldest != nullptr)
        oldest->close();
    return oldest != nullptr;
}

login_connection::login_connection(driver &owner, scst_reactor *reactor, unique_fd socket, const address &peer,
                                   const address &local)
    : token_{owner}, owner_{owner}, reactor_{reactor}, socket_{std::move(socket)}, peer_{peer}, local_{local},
      machine_{*this} {}

login_connection::~login_connection() {
    if (watch_ != nullptr)
        owner_.core().watch_remove(watch_);
    if (timer_ != nullptr)
        owner_.core().timer_destroy(timer_);
    owner_.gate().leave(peer_);
}

bool login_connection::start() {
    timer_ = owner_.core().timer_create(reactor_, &login_connection::timeout_callback, this);
    watch_ = owner_.core().watch_add(reactor_, socket_.get(), SCST_WATCH_READ, &login_connection::ready_callback, this);
    if (timer_ == nullptr || watch_ == nullptr)
        return false;
    owner_.core().timer_start(timer_, driver::login_timeout_ms);
    return true;
}

void login_connection::note(std::string_view what) {
    if (owner_.may_complain())
        owner_.log().warning("%s: %.*s", peer_.text().c_str(), static_cast<int>(what.size()), what.data());
}

void login_connection::close() {
    if (std::exchange(closed_, true))
        return;
    forget();
    socket_.reset();
}

// No more events come; the object goes once the call under way is over.
void login_connection::forget() {
    const auto alive = shared_from_this();
    if (watch_ != nullptr)
        owner_.core().watch_remove(std::exchange(watch_, nullptr));
    if (timer_ != nullptr)
        owner_.core().timer_destroy(std::exchange(timer_, nullptr));
    owner_.context(reactor_).logins.erase(alive);
    // The last reference may be this one: let it go from the reactor's loop.
    owner_.core().reactor_post(
        reactor_, [](void *argument) { delete static_cast<std::shared_ptr<login_connection> *>(argument); },
        std::make_unique<std::shared_ptr<login_connection>>(alive).release());
}

void login_connection::ready_callback(void *self, std::uint32_t events) {
    auto &mine = *static_cast<login_connection *>(self);
    if ((events & SCST_WATCH_WRITE) != 0)
        mine.flush();
    if ((events & SCST_WATCH_READ) != 0 && !mine.closed_)
        mine.on_readable();
}

void login_connection::timeout_callback(void *self) {
    auto &mine = *static_cast<login_connection *>(self);
    mine.note(mine.discovery_ ? "discovery session without requests; closing" : "login takes too long; closing");
    mine.close();
}

void login_connection::on_readable() {
    const std::size_t before = in_.size();
    in_.resize(before + receive_step);
    const ssize_t got = ::recv(socket_.get(), in_.data() + before, receive_step, MSG_DONTWAIT);
    const int error = errno;
    in_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && (error == EAGAIN || error == EWOULDBLOCK || error == EINTR))
        return;
    if (got <= 0) {
        close();
        return;
    }
    process();
}

void login_connection::process() {
    std::size_t used = 0;
    while (!closed_ && !close_when_sent_ && !busy_ && in_.size() - used >= bhs_size) {
        spoke_ = true;
        const bhs_view header{in_.data() + used, bhs_size};
        const basic_header basic = decode_basic_header(header);
        if (basic.ahs_length + basic.data_length > (discovery_ ? most_in_discovery_pdu : most_in_pdu)) {
            note("a PDU before full-feature phase is too long; closing");
            close();
            return;
        }
        const std::size_t front = bhs_size + basic.ahs_length;
        const std::size_t total = front + basic.data_length + padding_of(basic.data_length);
        if (in_.size() - used < total)
            break;
        std::array<std::uint8_t, bhs_size> copy; // establish() takes the buffer away
        std::copy(header.begin(), header.end(), copy.begin());
        const std::vector<std::uint8_t> data(in_.begin() + static_cast<std::ptrdiff_t>(used + front),
                                             in_.begin() +
                                                 static_cast<std::ptrdiff_t>(used + front + basic.data_length));
        in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(used + total));
        used = 0;
        on_pdu(bhs_view{copy}, data);
    }
    // While the core is asked, or the peer does not read its answers, nothing more is taken from it.
    if (!closed_) {
        const bool read = !busy_ && !close_when_sent_ && !write_blocked_;
        owner_.core().watch_modify(watch_, (read ? SCST_WATCH_READ : 0) | (write_blocked_ ? SCST_WATCH_WRITE : 0));
    }
}

void login_connection::on_pdu(bhs_view header, std::span<const std::uint8_t> data) {
    const basic_header basic = decode_basic_header(header);
    const std::string_view text{reinterpret_cast<const char *>(data.data()), data.size()};
    if (discovery_) {
        on_discovery_pdu(header, text);
    } else if (basic.code != static_cast<std::uint8_t>(opcode::login_request)) {
        note("the first PDU of a connection is no login request; closing");
        reject_and_close(header, reject_reason::command_not_supported);
    } else if (!basic.immediate) {
        reject_and_close(header, reject_reason::protocol_error);
    } else {
        on_login(header, text);
    }
}

void login_connection::on_login(bhs_view header, std::string_view data) {
    const login_state before = machine_.state();
    login_machine::reply reply = machine_.receive(decode_login_request(header), data);
    owner_.log().debug("%s: login %s to %s", peer_.text().c_str(), std::string{to_string(before)}.c_str(),
                       std::string{to_string(machine_.state())}.c_str());
    switch (reply.what) {
    case login_machine::action::respond:
        respond(reply);
        break;
    case login_machine::action::respond_and_close:
        if (owner_.may_complain())
            owner_.log().warning("%s: login of \"%.60s\" refused with status %04x", peer_.text().c_str(),
                                 machine_.identity().initiator.c_str(), static_cast<unsigned>(reply.header.status));
        close_when_sent_ = true;
        respond(reply);
        break;
    case login_machine::action::discovery:
        respond(reply);
        discovery_ = true;
        stat_sn_ = machine_.stat_sn;
        exp_cmd_sn_ = machine_.exp_cmd_sn();
        their_max_segment_ = value_of(machine_.result(), session_key::max_xmit_data_segment_length);
        if (!closed_)
            owner_.core().timer_start(timer_, driver::discovery_timeout_ms);
        break;
    case login_machine::action::establish:
        establish(std::move(reply));
        break;
    case login_machine::action::reject_and_close:
        reject_and_close(header, reply.reason);
        break;
    }
}

sequence_numbers login_connection::numbers() const noexcept {
    const std::uint32_t expected = discovery_ ? exp_cmd_sn_ : machine_.exp_cmd_sn();
    return {.stat_sn = discovery_ ? stat_sn_ : machine_.stat_sn, .exp_cmd_sn = expected, .max_cmd_sn = expected + 1};
}

template <class Pdu>
void login_connection::send(const Pdu &pdu, std::string_view data, bool advance) {
    std::array<std::uint8_t, bhs_size> header;
    encode(bhs_out{header}, pdu, numbers());
    if (advance)
        ++(discovery_ ? stat_sn_ : machine_.stat_sn);
    out_.append(reinterpret_cast<const char *>(header.data()), header.size());
    out_.append(data);
    out_.append(padding_of(static_cast<std::uint32_t>(data.size())), '\0');
    flush();
}

void login_connection::respond(const login_machine::reply &reply) {
    login_response_pdu pdu = reply.header;
    pdu.data_length = static_cast<std::uint32_t>(reply.text.size());
    send(pdu, reply.text, reply.header.status == login_status::success);
}

void login_connection::reject_and_close(bhs_view header, reject_reason reason) {
    close_when_sent_ = true;
    send(reject_pdu{.reason = reason, .data_length = bhs_size},
         std::string_view{reinterpret_cast<const char *>(header.data()), header.size()}, true);
}

void login_connection::flush() {
    while (!closed_ && !out_.empty()) {
        const ssize_t sent = ::send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            out_.erase(0, static_cast<std::size_t>(sent));
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            close();
            return;
        }
        break;
    }
    if (closed_)
        return;
    const bool was_blocked = std::exchange(write_blocked_, !out_.empty());
    if (!write_blocked_ && close_when_sent_) {
        ::shutdown(socket_.get(), SHUT_WR);
        close();
        return;
    }
    if (was_blocked != write_blocked_) {
        const bool read = !busy_ && !close_when_sent_ && !write_blocked_;
        owner_.core().watch_modify(watch_, (read ? SCST_WATCH_READ : 0) | (write_blocked_ ? SCST_WATCH_WRITE : 0));
    }
}

// ---- login_environment ----

std::shared_ptr<const target_view> login_connection::find_target(std::string_view name) {
    target_ = owner_.find_target(name);
    return target_ ? target_->view() : nullptr;
}

bool login_connection::logins_suspended() {
    return owner_.logins_suspended.load(std::memory_order_relaxed);
}

bool login_connection::accepts_logins() {
    return owner_.enabled.load(std::memory_order_relaxed);
}

bool login_connection::portal_allowed(const target_view &view) {
    return patterns_allow(view.allowed_portals, local_.ip());
}

login_status login_connection::admit(const target_view &, const login_identity &identity) {
    return target_->check(identity);
}

// ---- the way to a session ----

void login_connection::establish(login_machine::reply reply) {
    if (!out_.empty()) { // it asks on without having taken the answers
        note("login requests without reading the responses; closing");
        close();
        return;
    }
    connection_seed seed;
    seed.peer = peer_;
    seed.local = local_;
    seed.identity = machine_.identity();
    seed.keys = machine_.result();
    seed.stat_sn = machine_.stat_sn;
    seed.exp_cmd_sn = machine_.exp_cmd_sn();
    seed.response = reply.header;
    seed.response_text = std::move(reply.text);
    scst_reactor *home = nullptr;
    const bool there = target_->with_handle([&](scst_target *handle) { home = owner_.core().reactor_select(handle); });
    target::admission admission;
    if (there && !owner_.closing())
        admission = target_->admit(seed.identity, [&](std::uint16_t tsih, const std::shared_ptr<session> &replaced) {
            const std::string name = access_name(*machine_.target(), seed.identity.initiator, local_);
            return std::make_shared<session>(owner_, target_, home, seed, tsih, name, replaced);
        });
    else
        admission.status = login_status::target_removed;
    if (admission.status != login_status::success) {
        close_when_sent_ = true;
        respond(machine_.failure(admission.status));
        return;
    }
    closed_ = true;
    forget();
    seed.socket = std::move(socket_);
    seed.leftover = std::move(in_);
    in_.clear();
    if (admission.existing)
        admission.existing->post_reconnect(std::move(seed));
    else
        admission.fresh->post_begin(std::move(seed));
}

// ---- discovery sessions ----

void login_connection::on_discovery_pdu(bhs_view header, std::string_view data) {
    owner_.core().timer_start(timer_, driver::discovery_timeout_ms);
    switch (static_cast<opcode>(decode_basic_header(header).code)) {
    case opcode::text_request:
        take_cmd_sn(header);
        on_text(header, data);
        break;
    case opcode::logout_request:
        take_cmd_sn(header);
        on_logout(header);
        break;
    case opcode::login_request:
        reject_and_close(header, reject_reason::protocol_error);
        break;
    default: // nothing else belongs into a discovery session (RFC 7143 4.3)
        reject_and_close(header, reject_reason::command_not_supported);
        break;
    }
}

// Requests come one at a time here, so the number is taken over rather than checked, as SCST does.
void login_connection::take_cmd_sn(bhs_view header) noexcept {
    exp_cmd_sn_ = decode_text_request(header).cmd_sn + (decode_basic_header(header).immediate ? 0 : 1);
}

void login_connection::on_text(bhs_view header, std::string_view data) {
    const text_request_pdu text = decode_text_request(header);
    switch (text_.receive(text, data)) {
    case text_exchange::step::ask:
        send(text_.ask(text.itt), {}, true);
        break;
    case text_exchange::step::request:
        answer_text(text.itt, text_.take_request());
        break;
    case text_exchange::step::piece:
        send_text_piece(text.itt);
        break;
    case text_exchange::step::bad_field:
        send(reject_pdu{.reason = reject_reason::invalid_pdu_field, .data_length = bhs_size},
             std::string_view{reinterpret_cast<const char *>(header.data()), header.size()}, true);
        break;
    case text_exchange::step::violation:
        reject_and_close(header, reject_reason::protocol_error);
        break;
    }
}

void login_connection::answer_text(std::uint32_t itt, const std::string &request) {
    const parsed_text text = parse_text(request);
    std::string rest; // answers to other keys, which follow the targets
    const key_value *wanted = nullptr;
    for (const key_value &pair : text.pairs) {
        if (pair.key == "SendTargets" && wanted == nullptr)
            wanted = &pair;
        else if (pair.key != "SendTargets")
            append_pair(rest, pair.key, "NotUnderstood");
    }
    // Without a name it means the session's target, and a discovery session has none.
    if (!text.valid || wanted == nullptr || wanted->value.empty()) {
        text_.set_answer(std::move(rest));
        send_text_piece(itt);
        return;
    }
    busy_ = true;
    const std::string only{wanted->value == "All" ? std::string_view{} : wanted->value};
    query_targets(owner_, reactor_, machine_.identity().initiator, local_, only,
                  [self = shared_from_this(), itt, rest](const std::string &targets) {
                      self->busy_ = false;
                      if (self->closed_)
                          return;
                      self->text_.set_answer(targets + rest);
                      self->send_text_piece(itt);
                      if (!self->closed_)
                          self->process();
                  });
}

void login_connection::send_text_piece(std::uint32_t itt) {
    const auto [header, piece] = text_.next_piece(itt, their_max_segment_);
    send(header, piece, true);
}

void login_connection::on_logout(bhs_view header) {
    close_when_sent_ = true;
    send(logout_response_pdu{.response = 0, .itt = decode_logout_request(header).itt}, {}, true);
}

} // namespace scstd::iscsi
