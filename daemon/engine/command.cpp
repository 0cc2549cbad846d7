// SPDX-License-Identifier: Apache-2.0
#include "engine/command.hpp"

#include <algorithm>
#include <array>

namespace scstd::engine {

std::string_view to_string(command_state state) noexcept {
    constexpr std::array<std::string_view, command_state_count> names{
        "INIT_WAIT",           "PARSE",      "PREPARE_SPACE", "RDY_TO_XFER", "DATA_WAIT", "EXEC_CHECK_SN",
        "EXEC_CHECK_BLOCKING", "LOCAL_EXEC", "REAL_EXEC",     "EXEC_WAIT",   "DEV_DONE",  "PRE_XMIT_RESP",
        "XMIT_RESP",           "XMIT_WAIT",  "FINISHED"};
    return names[static_cast<std::size_t>(state)];
}

void command::renew(session::session &owner) noexcept {
    struct_size = sizeof(scst_cmd);
    flags = 0;
    driver_data = nullptr;
    handler_data = nullptr;
    tag = 0;
    std::fill(std::begin(lun_bytes), std::end(lun_bytes), std::uint8_t{0});
    lun = 0;
    transport_sn = 0;
    cdb_length = 0;
    task_attribute = SCST_TASK_SIMPLE;
    expected_direction = SCST_DATA_NONE;
    data_direction = SCST_DATA_NONE;
    status = SCST_STATUS_GOOD;
    expected_length = 0;
    data_length = 0;
    transfer_length = 0;
    lba = 0;
    block_count = 0;
    response_length = 0;
    residual_count = 0;
    residual_kind = 0;
    segment_count = 0;
    segments = nullptr;
    sense_length = 0;
    opcode_key = 0;
    std::fill_n(cdb, 32, std::uint8_t{0});
    sess = &owner;
    nex = nullptr;
    dev = nullptr;
    entry_of_opcode = nullptr;
    state = command_state::init_wait;
    executing = false;
    driver_has_it = false;
    handler_saw_it = false;
    holds_range = false;
    range_ready = false;
    serialized_hold = false;
    serialized_ready = false;
    carries_attention = false;
    naca = false;
    in_shared_set = false;
    suppressed = false;
    alua_delays = 0;
    abort_flags.store(0, std::memory_order_relaxed);
    buffer = nullptr;
    written = 0;
    arrived_ms = 0;
    state_since_ns = 0;
    awaited_by.clear();
    parked_wait = nullptr;
}

} // namespace scstd::engine
