// SPDX-License-Identifier: Apache-2.0
// session: an I_T nexus: an initiator port logged in to a target port, with a nexus for each LUN it sees.
//
// Made by the management thread on behalf of a driver, bound to one reactor for life. The LUN table, the live commands
// and the pool of command objects belong to the reactor; management replaces the table by posting to it. Names and
// identities are constants.
#pragma once

#include "base/handles.hpp"
#include "base/intrusive_list.hpp"
#include "engine/command.hpp"
#include "engine/extended_copy.hpp"
#include "engine/latency.hpp"
#include "session/nexus.hpp"
#include "threads/reactor.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace scstd::session {

class access_group;
class target;

struct session_identity {
    std::string initiator_name;
    std::vector<std::uint8_t> transport_id; // empty: the transport has none
    bool supports_events = false;
    bool initial_nexus_loss = false;
    void *driver_data = nullptr;
};

class session final : public ::scst_session, public std::enable_shared_from_this<session> {
  public:
    session(target &tgt, threads::reactor &on, session_identity identity, std::uint64_t id);
    session(const session &) = delete;
    session &operator=(const session &) = delete;
    ~session();

    [[nodiscard]] target &tgt() const noexcept { return target_; }
    [[nodiscard]] threads::reactor &reactor() const noexcept { return reactor_; }
    [[nodiscard]] const session_identity &identity() const noexcept { return identity_; }
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    [[nodiscard]] void *driver_data() const noexcept { return identity_.driver_data; }

    // ---- management ----
    std::string name;                            // unique within the target: the initiator's name, or with _1, _2 …
    access_group *group = nullptr;               // whose LUNs it sees
    std::vector<std::unique_ptr<nexus>> nexuses; // all, also those whose removal waits for commands
    bool closing = false;

    // ---- reactor ----
    // The nexus of a decoded LUN, or nullptr.
    [[nodiscard]] nexus *find(std::uint32_t lun) const noexcept { return lun < table_.size() ? table_[lun] : nullptr; }
    void publish(std::uint32_t lun, nexus *entry); // nullptr takes the LUN away
    [[nodiscard]] const std::vector<nexus *> &table() const noexcept { return table_; }
    engine::command *allocate_command();
    void free_command(engine::command &cmd) noexcept;
    std::vector<nexus *> removed_nexuses; // off the table, with commands that are not finished
    // Looks at all waiting commands again in a while.
    void wake_later(std::uint64_t milliseconds);
    std::unique_ptr<threads::timer> timeout_watch; // engine/timeouts.hpp
    // Ends what belongs to the reactor's thread; the last call there.
    void retire() noexcept;
    engine::command_list unattached; // live commands without a nexus (unknown LUN)
    std::uint32_t live = 0;          // all live commands and task management requests
    bool ending = false;             // session_unregister() was called
    void (*ended)(void *) = nullptr; // its callback
    void *ended_argument = nullptr;
    std::vector<std::uint8_t> copies_running;        // list identifiers of EXTENDED COPY
    std::vector<engine::copy_result> copy_results;   // of those that have ended, for a while
    std::unique_ptr<engine::latency_tables> latency; // while measure_latency is on

    // ---- set by management, read by the reactor ----
    std::atomic<std::uint8_t> black_hole{0};
    std::atomic<std::uint8_t> method{0};      // address_method
    std::atomic<bool> events_disabled{false}; // aen_disabled of the target

    // ---- written by the reactor, read by management ----
    std::atomic<std::uint32_t> active_commands{0};
    std::atomic<std::uint64_t> unknown_commands{0};
    std::array<io_counters, 3> counters; // by SCST_DATA_*; the counters of `none` are its commands

  private:
    target &target_;
    threads::reactor &reactor_;
    session_identity identity_;
    std::uint64_t id_;
    std::vector<nexus *> table_; // by LUN
    std::vector<std::unique_ptr<engine::command[]>> chunks_;
    engine::command *free_ = nullptr;
    std::unique_ptr<threads::timer> wake_timer_;
};

} // namespace scstd::session
