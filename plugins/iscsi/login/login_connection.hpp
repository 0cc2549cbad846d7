// SPDX-License-Identifier: Apache-2.0
// login_connection: a connection before it belongs to a session: the bytes of the login phase, and discovery sessions,
// which have no session in the core.
//
// It lives on the reactor where it was adopted, kept by that reactor's context until it closes or its socket goes over
// to a session, perhaps on another reactor. Everything about it is bounded: bytes, time, and its number (login_gate).
#pragma once

#include "discovery/text_exchange.hpp"
#include "driver.hpp"
#include "login/login_machine.hpp"
#include "net/address.hpp"
#include "net/unique_fd.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::iscsi {

class login_connection final : public login_environment, public std::enable_shared_from_this<login_connection> {
  public:
    // Reactor: takes the connection over; its place in the login gate is given back when it ends.
    static void begin(driver &owner, scst_reactor *reactor, unique_fd socket, const address &peer, const address &local,
                      bool crowded);

    login_connection(driver &owner, scst_reactor *reactor, unique_fd socket, const address &peer, const address &local);
    login_connection(const login_connection &) = delete;
    login_connection &operator=(const login_connection &) = delete;
    ~login_connection();

    // Reactor.
    void close();

    // ---- login_environment ----
    std::shared_ptr<const target_view> find_target(std::string_view name) override;
    bool logins_suspended() override;
    bool accepts_logins() override;
    bool portal_allowed(const target_view &target) override;
    login_status admit(const target_view &target, const login_identity &identity) override;

  private:
    [[nodiscard]] bool start();
    static bool make_room(reactor_context &context, const address &peer);
    static void ready_callback(void *self, std::uint32_t events);
    static void timeout_callback(void *self);
    void on_readable();
    void process();
    void on_pdu(bhs_view header, std::span<const std::uint8_t> data);
    void on_login(bhs_view header, std::string_view data);
    void on_discovery_pdu(bhs_view header, std::string_view data);
    void on_text(bhs_view header, std::string_view data);
    void answer_text(std::uint32_t itt, const std::string &request);
    void send_text_piece(std::uint32_t itt);
    void on_logout(bhs_view header);
    void take_cmd_sn(bhs_view header) noexcept;
    void respond(const login_machine::reply &reply);
    void establish(login_machine::reply reply);
    void reject_and_close(bhs_view header, reject_reason reason);
    template <class Pdu>
    void send(const Pdu &pdu, std::string_view data, bool advance);
    [[nodiscard]] sequence_numbers numbers() const noexcept;
    void flush();
    void forget();
    void note(std::string_view what);

    life_token token_;
    driver &owner_;
    scst_reactor *reactor_;
    unique_fd socket_;
    address peer_;
    address local_;
    scst_watch *watch_ = nullptr;
    scst_timer *timer_ = nullptr;
    bool closed_ = false;
    bool close_when_sent_ = false;
    bool write_blocked_ = false;
    bool spoke_ = false;       // a whole header has come
    std::uint64_t number_ = 0; // in order of arrival on this reactor
    bool busy_ = false;        // the core is asked for targets; further requests wait in the buffer

    std::vector<std::uint8_t> in_;
    std::string out_;
    login_machine machine_;
    std::shared_ptr<target> target_;

    // ---- discovery ----
    bool discovery_ = false;
    std::uint32_t stat_sn_ = 0;
    std::uint32_t exp_cmd_sn_ = 0;
    std::uint32_t their_max_segment_ = 8192;
    text_exchange text_;
};

} // namespace scstd::iscsi
