// SPDX-License-Identifier: Apache-2.0
// Task management (RFC 7143 11.5, 11.6; RFC 7144 4). The core does the work; here are the checks of tags and numbers,
// and the order of responses: none leaves before the commands in front of it have come (RFC 7143 4.2.2.3).
#include "connection/connection.hpp"
#include "connection/pdu_writer.hpp"

#include "target/target.hpp"

#include <algorithm>

namespace scstd::iscsi {
namespace {

enum function_code : std::uint8_t {
    abort_task = 1,
    abort_task_set = 2,
    clear_aca = 3,
    clear_task_set = 4,
    logical_unit_reset = 5,
    target_warm_reset = 6,
    target_cold_reset = 7,
    task_reassign = 8,
    query_task = 9,
    query_task_set = 10,
    i_t_nexus_reset = 11,
    query_asynchronous_event = 12,
};

enum response_code : std::uint8_t {
    function_complete = 0,
    task_does_not_exist = 1,
    lun_does_not_exist = 2,
    reassignment_not_supported = 4,
    function_not_supported = 5,
    function_succeeded = 7, // RFC 7144 4.2
    function_rejected = 255,
};

constexpr std::size_t most_at_once = 64; // functions under way per connection

struct mapped_function {
    std::uint8_t code;
    std::uint32_t core;
};
constexpr std::array<mapped_function, 11> functions{{
    {abort_task, SCST_TM_ABORT_TASK},
    {abort_task_set, SCST_TM_ABORT_TASK_SET},
    {clear_aca, SCST_TM_CLEAR_ACA},
    {clear_task_set, SCST_TM_CLEAR_TASK_SET},
    {logical_unit_reset, SCST_TM_LUN_RESET},
    {target_warm_reset, SCST_TM_TARGET_RESET},
    {target_cold_reset, SCST_TM_TARGET_RESET},
    {query_task, SCST_TM_QUERY_TASK},
    {query_task_set, SCST_TM_QUERY_TASK_SET},
    {i_t_nexus_reset, SCST_TM_I_T_NEXUS_RESET},
    {query_asynchronous_event, SCST_TM_QUERY_ASYNC_EVENT},
}};

std::uint8_t response_of(std::int32_t status) noexcept {
    switch (status) {
    case SCST_TM_STATUS_COMPLETE:
        return function_complete;
    case SCST_TM_STATUS_SUCCEEDED:
        return function_succeeded;
    case SCST_TM_STATUS_TASK_NOT_EXIST:
        return task_does_not_exist;
    case SCST_TM_STATUS_LUN_NOT_EXIST:
        return lun_does_not_exist;
    case SCST_TM_STATUS_NOT_SUPPORTED:
        return function_not_supported;
    default: // failed, rejected
        return function_rejected;
    }
}

constexpr bool names_a_task(std::uint8_t function) noexcept {
    return function == abort_task || function == query_task;
}

} // namespace

void connection::on_task_management(const whole_pdu &pdu) {
    const task_management_pdu request = decode_task_management(pdu.header);
    session_.owner().log().debug("%s: task management function %u, LUN 0x%016llx, task 0x%x", tag_.c_str(),
                                 request.function, static_cast<unsigned long long>(request.lun.value),
                                 request.referenced_task_tag);
    const auto mapped = std::find_if(functions.begin(), functions.end(),
                                     [&](const mapped_function &one) { return one.code == request.function; });
    std::uint8_t response = function_complete;
    if (request.function == task_reassign)
        response = reassignment_not_supported;
    else if (mapped == functions.end() || management_.size() >= most_at_once)
        response = function_rejected;
    else if (request.function >= query_task && !level_two_)
        response = function_not_supported;
    else if (!names_a_task(request.function) && request.referenced_task_tag != reserved_tag)
        response = function_rejected;
    else if (request.function != abort_task || check_abort(request, response)) {
        submit_management(request, pdu.header, mapped->core);
        return;
    }
    respond_management(request.itt, response, 0);
}

// ABORT TASK, RFC 7143 11.6.1: false when it is answered without asking the core.
bool connection::check_abort(const task_management_pdu &pdu, std::uint8_t &response) {
    const task *named = table_.find(pdu.referenced_task_tag);
    if (named != nullptr) {
        if (named->lun != pdu.lun || serial_less(pdu.cmd_sn, named->cmd_sn)) {
            response = function_rejected;
            return false;
        }
        return true;
    }
    // A command that has not come yet is taken as received, so that it never will be executed.
    const std::uint32_t expected = window_.expected();
    if (serial_less_equal(expected, pdu.ref_cmd_sn) && serial_less(pdu.ref_cmd_sn, pdu.cmd_sn) &&
        serial_less_equal(pdu.ref_cmd_sn, window_.announced())) {
        auto place = held_.begin();
        while (place != held_.end() && serial_less(place->cmd_sn, pdu.ref_cmd_sn))
            ++place;
        if (place != held_.end() && place->cmd_sn == pdu.ref_cmd_sn) {
            held_bytes_ -= place->bytes.size();
            place->bytes.clear();
        } else {
            held_.insert(place, held_pdu{.cmd_sn = pdu.ref_cmd_sn, .intact = true, .ahs_length = 0, .bytes = {}});
        }
        response = function_complete;
    } else {
        response = task_does_not_exist;
    }
    return false;
}

void connection::submit_management(const task_management_pdu &pdu, bhs_view header, std::uint32_t function) {
    management_slot &slot = management_.emplace_back();
    slot.owner = this;
    slot.itt = pdu.itt;
    slot.cmd_sn = pdu.cmd_sn;
    slot.function = pdu.function;
    scst_task_management &request = slot.request;
    request.struct_size = sizeof request;
    request.function = function;
    request.tag = names_a_task(pdu.function) ? pdu.referenced_task_tag : 0;
    request.transport_sn = pdu.cmd_sn;
    request.has_transport_sn = 1;
    std::memcpy(request.lun_bytes, &header[8], sizeof request.lun_bytes);
    request.driver_data = this;
    core().tm_submit(session_.core_session(), &request);
}

void connection::management_done(scst_task_management &request) {
    const auto slot = std::find_if(management_.begin(), management_.end(),
                                   [&](const management_slot &one) { return &one.request == &request; });
    if (slot == management_.end())
        return;
    if (state_ == state::closed) {
        management_.erase(slot);
        session_.task_ended();
        return;
    }
    slot->finished = true;
    slot->response = response_of(request.status);
    // The task was there when it was asked for; that it ended by itself meanwhile is as good as aborted.
    if (slot->function == abort_task && request.status == SCST_TM_STATUS_TASK_NOT_EXIST)
        slot->response = function_complete;
    release_management();
}

// Responses whose earlier commands have all come.
void connection::release_management() {
    for (auto slot = management_.begin(); slot != management_.end();) {
        if (!slot->finished || serial_less(window_.expected(), slot->cmd_sn)) {
            ++slot;
            continue;
        }
        const bool cold = slot->function == target_cold_reset && slot->response == function_complete;
        if (slot->request.suppress == 0)
            respond_management(slot->itt, slot->response, slot->request.response_info);
        slot = management_.erase(slot);
        if (cold) {
            cold_reset();
            return;
        }
    }
}

void connection::respond_management(std::uint32_t itt, std::uint8_t response, std::uint32_t information) {
    send_pdu(task_management_response_pdu{.response = response,
                                          .additional_information = information & 0xffffff,
                                          .itt = itt},
             numbers_advancing());
}

// RFC 7143 11.5.1: a cold reset ends all sessions of the target, this one once its response has left.
void connection::cold_reset() {
    session_.owner().log().info("%s: target cold reset of %s: all its sessions are closed", tag_.c_str(),
                                session_.port().name().c_str());
    for (const std::shared_ptr<session> &other : session_.port().sessions())
        if (other.get() != &session_)
            other->post_close();
    close_when_sent();
}

} // namespace scstd::iscsi
