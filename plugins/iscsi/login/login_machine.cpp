// SPDX-License-Identifier: Apache-2.0
#include "login/login_machine.hpp"

#include "login/name.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace scstd::iscsi {
namespace {

constexpr std::uint8_t stage_security = 0;
constexpr std::uint8_t stage_operational = 1;
constexpr std::uint8_t stage_full_feature = 3;
constexpr std::uint16_t discovery_tsih = 1;

constexpr std::uint8_t stage_of(login_state state) noexcept {
    return state == login_state::security ? stage_security : stage_operational;
}

// Keys that say who is who; they were read by identify() and need no answer.
constexpr std::array<std::string_view, 5> identity_keys{"InitiatorName", "InitiatorAlias", "SessionType", "TargetName",
                                                        "AuthMethod"};

bool is_identity_key(std::string_view key) noexcept {
    return std::any_of(identity_keys.begin(), identity_keys.end(),
                       [&](std::string_view one) { return equal_ignoring_case(one, key); });
}

// What an initiator answers to something the target said; it needs no answer in turn.
bool is_final_answer(std::string_view value) noexcept {
    return value == "NotUnderstood" || value == "Reject" || value == "Irrelevant";
}

} // namespace

std::string_view to_string(login_state state) noexcept {
    switch (state) {
    case login_state::start:
        return "start";
    case login_state::security:
        return "security";
    case login_state::operational:
        return "operational";
    case login_state::full_feature:
        return "full feature";
    case login_state::failed:
        return "failed";
    }
    return "?";
}

bool transition_allowed(login_state state, std::uint8_t current_stage, std::uint8_t next_stage) noexcept {
    switch (state) {
    case login_state::security:
        return current_stage == stage_security && (next_stage == stage_operational || next_stage == stage_full_feature);
    case login_state::operational:
        return current_stage == stage_operational && next_stage == stage_full_feature;
    case login_state::start:
    case login_state::full_feature:
    case login_state::failed:
        return false;
    }
    return false;
}

login_machine::reply login_machine::plain(const login_request_pdu &request) const {
    reply answer;
    answer.header.current_stage = request.current_stage;
    answer.header.isid = identity_.isid;
    answer.header.tsih = identity_.tsih;
    answer.header.itt = request.itt;
    return answer;
}

login_machine::reply login_machine::failure(login_status status) const {
    reply answer;
    answer.what = action::respond_and_close;
    answer.header.isid = identity_.isid;
    answer.header.tsih = identity_.tsih;
    answer.header.itt = itt_;
    answer.header.status = status;
    return answer;
}

login_machine::reply login_machine::fail(login_status status) {
    state_ = login_state::failed;
    return failure(status);
}

login_machine::reply login_machine::receive(const login_request_pdu &request, std::string_view data) {
    if (state_ == login_state::full_feature || state_ == login_state::failed) {
        reply answer;
        answer.what = action::reject_and_close;
        return answer;
    }
    if (state_ == login_state::start) {
        const reply refused = begin(request);
        if (state_ == login_state::failed)
            return refused;
    }
    if (const login_status status = check_request(request); status != login_status::success)
        return fail(status);
    if (answering_)
        return data.empty() ? next_piece(request) : fail(login_status::initiator_error);
    if (request_text_.size() + data.size() > max_text)
        return fail(login_status::initiator_error);
    request_text_.append(data);
    if (request.more) // RFC 7143 6.2: an empty answer asks for the rest
        return plain(request);

    const std::string whole = std::exchange(request_text_, {});
    const parsed_text text = parse_text(whole);
    if (!text.valid)
        return fail(login_status::initiator_error);
    std::string answer;
    login_status status = identified_ ? login_status::success : identify(text, answer);
    if (status == login_status::success)
        status = state_ == login_state::security ? security(text, answer) : operational(text, answer);
    if (status != login_status::success)
        return fail(status);
    return complete(request, std::move(answer));
}

// The first request fixes what all others have to repeat.
login_machine::reply login_machine::begin(const login_request_pdu &request) {
    identity_.isid = request.isid;
    identity_.tsih = request.tsih;
    identity_.cid = request.cid;
    itt_ = request.itt;
    stat_sn = request.exp_stat_sn;
    exp_cmd_sn_ = request.cmd_sn;
    if (request.version_min > 0)
        return fail(login_status::unsupported_version);
    if (request.current_stage != stage_security && request.current_stage != stage_operational)
        return fail(login_status::initiator_error);
    state_ = request.current_stage == stage_security ? login_state::security : login_state::operational;
    return {};
}

login_status login_machine::check_request(const login_request_pdu &request) const noexcept {
    const bool same = request.isid == identity_.isid && request.tsih == identity_.tsih &&
                      request.cid == identity_.cid && request.itt == itt_;
    if (!same || request.current_stage != stage_of(state_))
        return login_status::initiator_error;
    if (request.transit && (request.more || !transition_allowed(state_, request.current_stage, request.next_stage)))
        return login_status::initiator_error;
    return login_status::success;
}

login_machine::reply login_machine::complete(const login_request_pdu &request, std::string answer) {
    rest_ = std::move(answer);
    answered_ = request;
    answering_ = true;
    return next_piece(request);
}

// One PDU's worth of the answer; the stage changes with the last (RFC 7143 11.13.2: C and T exclude each other).
login_machine::reply login_machine::next_piece(const login_request_pdu &request) {
    reply answer = plain(request);
    answer.text = rest_.substr(0, max_segment);
    rest_.erase(0, answer.text.size());
    if (!rest_.empty()) {
        answer.header.more = true;
        return answer;
    }
    answering_ = false;
    const bool may_leave = state_ != login_state::security || authenticated_;
    if (!answered_.transit || !may_leave)
        return answer;
    answer.header.transit = true;
    answer.header.next_stage = answered_.next_stage;
    if (answered_.next_stage == stage_operational) {
        state_ = login_state::operational;
        return answer;
    }
    state_ = login_state::full_feature;
    answer.what = discovery_ ? action::discovery : action::establish;
    if (discovery_)
        answer.header.tsih = discovery_tsih;
    return answer;
}

login_status login_machine::identify(const parsed_text &text, std::string &answer) {
    const key_value *initiator = find_key(text.pairs, "InitiatorName");
    if (initiator == nullptr)
        return login_status::missing_parameter;
    if (!valid_initiator_name(initiator->value))
        return login_status::initiator_error;
    identity_.initiator = initiator->value;
    if (environment_.logins_suspended())
        return login_status::service_unavailable;
    const key_value *type = find_key(text.pairs, "SessionType");
    discovery_ = type != nullptr && type->value == "Discovery";
    if (type != nullptr && !discovery_ && type->value != "Normal")
        return login_status::session_type_not_supported;
    if (!discovery_)
        if (const login_status status = identify_target(text); status != login_status::success)
            return status;
    negotiator_.emplace(target_ ? target_->keys : our_defaults());
    append_pair(answer, "TargetPortalGroupTag", "1");
    if (target_ && !target_->alias.empty())
        append_pair(answer, "TargetAlias", target_->alias);
    identified_ = true;
    return login_status::success;
}

login_status login_machine::identify_target(const parsed_text &text) {
    const key_value *name = find_key(text.pairs, "TargetName");
    if (name == nullptr)
        return login_status::missing_parameter;
    target_ = environment_.find_target(name->value);
    if (!target_)
        return login_status::not_found;
    if (!environment_.accepts_logins() || !target_->enabled)
        return login_status::service_unavailable;
    if (!environment_.portal_allowed(*target_))
        return login_status::not_found; // as if it did not exist
    // A redirect (status class 1 with TargetAddress) is decided here, before anything of the session is looked at.
    return environment_.admit(*target_, identity_);
}

login_status login_machine::security(const parsed_text &text, std::string &answer) {
    const key_value *offered = find_key(text.pairs, "AuthMethod");
    if (!authenticator_) {
        authenticator_ = offered != nullptr ? choose_authenticator(offered->value) : default_authenticator();
        if (!authenticator_)
            return login_status::authentication_failure;
        if (offered != nullptr)
            append_pair(answer, "AuthMethod", authenticator_->method());
    }
    const authenticator::step step = authenticator_->advance(text.pairs, answer);
    authenticated_ = step.done;
    for (const key_value &pair : text.pairs)
        if (!is_identity_key(pair.key) && !authenticator_->owns(pair.key) && !is_final_answer(pair.value))
            append_pair(answer, pair.key, "NotUnderstood"); // operational keys too: not in this stage
    return step.status;
}

login_status login_machine::operational(const parsed_text &text, std::string &answer) {
    if (!authenticator_) { // the security stage was left out (RFC 7143 6.3.2)
        authenticator_ = default_authenticator();
        if (!authenticator_)
            return login_status::authentication_failure;
        authenticated_ = true;
    }
    for (const key_value &pair : text.pairs) {
        if (is_identity_key(pair.key) || is_final_answer(pair.value))
            continue;
        switch (negotiator_->offer(pair.key, pair.value, answer)) {
        case negotiator::outcome::answered:
            break;
        case negotiator::outcome::unknown:
            append_pair(answer, pair.key, "NotUnderstood");
            break;
        case negotiator::outcome::unworkable:
            return login_status::initiator_error;
        }
    }
    negotiator_->declare(answer);
    return login_status::success;
}

key_values login_machine::result() const noexcept {
    return negotiator_ ? negotiator_->result() : rfc_defaults();
}

} // namespace scstd::iscsi
