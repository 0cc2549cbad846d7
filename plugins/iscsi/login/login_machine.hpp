// SPDX-License-Identifier: Apache-2.0
// login_machine: the target's side of the login phase (RFC 7143 6.3, 11.12, 11.13): one login request in, one answer
// out.
//
// It knows no socket and no time. Belongs to one connection; one thread at a time. The order of the checks of the first
// request and the statuses are SCST's; unlike SCST it knows the C bit in both directions and answers a disabled target.
#pragma once

#include "login/authenticator.hpp"
#include "pdu/bhs.hpp"
#include "target/view.hpp"
#include "text/key_value.hpp"
#include "text/negotiator.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace scstd::iscsi {

// What identifies a login towards a target.
struct login_identity {
    std::string initiator;
    isid_bytes isid = 0;
    std::uint16_t tsih = 0;
    std::uint16_t cid = 0;
};

// What the machine has to ask others.
class login_environment {
  public:
    // The target of this name (compared without case), or nullptr.
    virtual std::shared_ptr<const target_view> find_target(std::string_view name) = 0;
    // Whether nobody may log in for a while, to discovery sessions neither.
    virtual bool logins_suspended() = 0;
    // Whether the driver as a whole takes logins to targets.
    virtual bool accepts_logins() = 0;
    // Whether the connection's local address is one of the target's portals.
    virtual bool portal_allowed(const target_view &target) = 0;
    // Whether this session or connection may come into being (RFC 7143 6.3.1): TSIH, CID and MaxSessions.
    virtual login_status admit(const target_view &target, const login_identity &identity) = 0;

  protected:
    ~login_environment() = default;
};

enum class login_state : std::uint8_t {
    start,
    security,
    operational,
    full_feature,
    failed,
};
[[nodiscard]] std::string_view to_string(login_state state) noexcept;

// Whether a request in `state` may ask for the transition CSG to NSG (RFC 7143 11.12.3); `state` is security or
// operational.
[[nodiscard]] bool transition_allowed(login_state state, std::uint8_t current_stage, std::uint8_t next_stage) noexcept;

class login_machine {
  public:
    explicit login_machine(login_environment &environment) noexcept : environment_{environment} {}

    enum class action : std::uint8_t {
        respond,           // send the response and go on
        respond_and_close, // the login failed: send the response and close
        discovery,         // send the response; a discovery session has begun
        establish,         // make the session, then send the response (with its TSIH)
        reject_and_close,  // send a Reject with `reason` and close
    };
    struct reply {
        action what = action::respond;
        login_response_pdu header{};
        std::string text;
        reject_reason reason = reject_reason::protocol_error;
    };
    // `data` is the request's data segment.
    reply receive(const login_request_pdu &request, std::string_view data);

    // The reply that turns a finished login into a failed one, because no session came into being.
    [[nodiscard]] reply failure(login_status status) const;

    // StatSN of the next response; advanced by the caller for each response with status class 0.
    std::uint32_t stat_sn = 0;
    [[nodiscard]] std::uint32_t exp_cmd_sn() const noexcept { return exp_cmd_sn_; }
    [[nodiscard]] login_state state() const noexcept { return state_; }
    [[nodiscard]] bool is_discovery() const noexcept { return discovery_; }
    [[nodiscard]] const login_identity &identity() const noexcept { return identity_; }
    [[nodiscard]] const std::shared_ptr<const target_view> &target() const noexcept { return target_; }
    [[nodiscard]] key_values result() const noexcept;

    static constexpr std::size_t max_text = 65536;   // bytes of one request, over all its PDUs
    static constexpr std::size_t max_segment = 8192; // what an initiator takes during login (RFC 7143 13.12)

  private:
    reply begin(const login_request_pdu &request);
    [[nodiscard]] login_status check_request(const login_request_pdu &request) const noexcept;
    reply complete(const login_request_pdu &request, std::string answer);
    reply next_piece(const login_request_pdu &request);
    login_status identify(const parsed_text &text, std::string &answer);
    login_status identify_target(const parsed_text &text);
    login_status security(const parsed_text &text, std::string &answer);
    login_status operational(const parsed_text &text, std::string &answer);
    [[nodiscard]] reply plain(const login_request_pdu &request) const;
    reply fail(login_status status);

    login_environment &environment_;
    login_state state_ = login_state::start;
    bool identified_ = false;
    bool discovery_ = false;
    bool authenticated_ = false;
    std::uint32_t itt_ = 0;
    std::uint32_t exp_cmd_sn_ = 0;
    login_identity identity_;
    std::shared_ptr<const target_view> target_;
    std::unique_ptr<authenticator> authenticator_;
    std::optional<negotiator> negotiator_;
    std::string request_text_; // what has come of a request whose C bit said more
    std::string rest_;         // what has to follow of an answer longer than one PDU
    bool answering_ = false;   // pieces of rest_ are being fetched
    login_request_pdu answered_{};
};

} // namespace scstd::iscsi
