// SPDX-License-Identifier: Apache-2.0
// command: the core's side of a scst_cmd: where it is in its life, what it holds and who waits for it.
//
// Objects come from their session's pool and belong to the session's reactor; while a handler executes one on another
// thread, only the public part, the SGV buffer and `abort_flags` are used there. The states and their order are SCST's
// (reference/engine.md 2); engine.cpp reads from top to bottom in the same order.
#pragma once

#include "base/intrusive_list.hpp"
#include "engine/opcode_table.hpp"
#include "engine/task_set.hpp"
#include "threads/reactor.hpp"
#include "threads/worker_pool.hpp"

#include <scst/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace scstd::device {
class device;
}
namespace scstd::session {
class nexus;
class session;
} // namespace scstd::session
namespace scstd::sgv {
struct buffer;
}

namespace scstd::engine {

class task_management_job;
struct copy_plan;

// A command's place in its life. "Passive" states wait for somebody else.
enum class command_state : std::uint8_t {
    init_wait,           // made, not submitted (passive)
    parse,               // LUN and CDB are looked at
    prepare_space,       // the buffer is found
    rdy_to_xfer,         // the driver is asked for the data
    data_wait,           // the data is on its way (passive)
    exec_check_sn,       // held back by task order or ACA (passive)
    exec_check_blocking, // held back by suspension, serialization or a block range (passive)
    local_exec,          // admission checks, the core's own commands
    real_exec,           // the handler's exec() is called
    exec_wait,           // the handler or a worker is at it (passive)
    dev_done,            // the status is there
    pre_xmit_resp,       // residuals, abort outcome
    xmit_resp,           // the driver is given the response
    xmit_wait,           // the driver sends (passive)
    finished             // counted and freed
};
inline constexpr std::size_t command_state_count = 15;

// SCST's name of the state, as trace_cmds and the latency tables print it.
std::string_view to_string(command_state state) noexcept;

// Why a command was aborted; bits of command::abort_flags.
namespace abort_flag {
inline constexpr std::uint8_t aborted = 1;
inline constexpr std::uint8_t by_other = 2;     // by another I_T nexus
inline constexpr std::uint8_t task_aborted = 4; // TAS=1: the status TASK ABORTED is sent
inline constexpr std::uint8_t timed_out = 16;   // the device's command_timeout: told with sense
inline constexpr std::uint8_t silent = 8;       // black hole or ending session: nothing is sent whatever happens
} // namespace abort_flag

struct command final : public ::scst_cmd, public threads::completion, public threads::work_item, public task_entry {
    command() noexcept : ::scst_cmd{} {}
    command(const command &) = delete;
    command &operator=(const command &) = delete;

    // Makes a used object new again without touching the big arrays.
    void renew(session::session &owner) noexcept;

    session::session *sess = nullptr;
    session::nexus *nex = nullptr; // nullptr: no such LUN
    device::device *dev = nullptr;
    const opcode_entry *entry_of_opcode = nullptr;
    command_state state = command_state::init_wait;
    bool executing = false; // counted in nexus::executing
    bool driver_has_it =
        false; // between ready_to_transfer() and cmd_data_received(), or xmit_response() and cmd_finished()
    bool handler_saw_it = false;  // on_free() is owed
    bool holds_range = false;     // has an entry in device::ranges
    bool range_ready = false;     // and the earlier users of these blocks are done
    bool serialized_hold = false; // has blocked its device and waits or runs alone
    bool serialized_ready = false;
    bool carries_attention = false; // its sense is a unit attention that goes back to the queue if undelivered
    bool naca = false;
    bool in_shared_set = false;   // the task set is the device's (TST=0)
    bool suppressed = false;      // the response must not be sent
    std::uint8_t alua_delays = 0; // transitioning: looked again once
    std::atomic<std::uint8_t> abort_flags{0};
    sgv::buffer *buffer = nullptr;
    scst_segment own_segment{};
    std::uint64_t written = 0;        // bytes that the driver has put into the buffer
    std::uint32_t reset_epoch = 0;    // device::reset_epoch at arrival
    std::uint64_t arrived_ms = 0;     // on devices with a command timeout
    std::uint64_t state_since_ns = 0; // while latencies are measured
    list_hook nexus_hook;             // nexus::commands or session::unattached
    std::vector<task_management_job *> awaited_by;
    void *parked_wait = nullptr;     // internal commands: who waits for cmd_done()
    std::shared_ptr<copy_plan> copy; // EXTENDED COPY in progress
    command *next_free = nullptr;

    [[nodiscard]] bool aborted() const noexcept { return abort_flags.load(std::memory_order_acquire) != 0; }
};

using command_list = intrusive_list<command, &command::nexus_hook>;

} // namespace scstd::engine
