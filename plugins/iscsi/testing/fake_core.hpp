// SPDX-License-Identifier: Apache-2.0
// fake_core: the core as a target driver sees it, for unit tests: reactors, timers, sessions, and a small RAM disk
// behind READ(10), WRITE(10), INQUIRY and TEST UNIT READY.
//
// One thread is management and all reactors; time moves only when the test says so, so nothing here waits. One fake
// core exists at a time, because the core's table carries no context.
#pragma once

#include <scst/core.h>
#include <scst/target.h>

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scstd::iscsi::testing {

struct fake_command;
struct fake_session;

class fake_core {
  public:
    fake_core();
    ~fake_core();
    fake_core(const fake_core &) = delete;
    fake_core &operator=(const fake_core &) = delete;

    [[nodiscard]] const scst_core *table() const noexcept { return &table_; }
    // Runs everything that is ready, posted or deferred, until nothing is.
    void run();
    // Lets time pass and runs what becomes due.
    void advance_ms(std::uint64_t milliseconds);

    [[nodiscard]] scst_target *target_handle() noexcept;
    [[nodiscard]] const scst_target_driver *driver() const noexcept { return driver_; }
    [[nodiscard]] void *driver_self() const noexcept { return driver_self_; }

    // ---- what the test arranges ----
    std::map<std::string, std::string> settings;
    bool hold_buffers = false;     // writes wait before they get a buffer
    bool hold_execution = false;   // commands wait before they are executed
    bool give_file_ranges = false; // reads are answered with ranges of file_fd where the driver can
    int file_fd = -1;
    bool no_commands = false;   // cmd_alloc() fails
    bool split_buffers = false; // commands have several segments
    std::int32_t register_error = 0;
    bool hold_registration = false;
    bool hold_unregistration = false;
    bool hold_management = false;         // task management waits
    std::vector<std::uint8_t> next_sense; // the next command ends with CHECK CONDITION and this
    std::string hidden_initiator;         // has no LUNs
    std::vector<std::uint8_t> disk;       // blocks of 512 bytes

    void release_buffers();
    void release_execution();
    void release_registration();
    void release_unregistration();
    void release_management();
    // Ends all commands of a session, as when another nexus resets the unit. On the sessions' reactor.
    void abort_all(std::size_t session);

    // Calls as if on the sessions' reactor.
    template <class Call>
    void on_reactor(Call &&call) {
        current_ = session_reactor();
        call();
        current_ = nullptr;
        run();
    }

    // ---- what was seen ----
    std::vector<std::string> log;
    std::vector<std::uint32_t> management_functions;
    std::uint64_t finished = 0;
    std::uint64_t delivery_failures = 0;
    std::uint64_t executed = 0;
    std::uint64_t nexus_losses = 0;
    std::uint64_t replacements = 0;
    std::vector<std::string> initiators; // of all registrations
    std::vector<std::uint8_t> last_transport_id;
    [[nodiscard]] std::size_t sessions() const noexcept { return sessions_.size(); }
    [[nodiscard]] std::size_t live_commands() const noexcept;
    [[nodiscard]] fake_session *session_at(std::size_t index) noexcept;
    [[nodiscard]] void *session_data(std::size_t index) noexcept;
    [[nodiscard]] bool logged(std::string_view text) const;

  private:
    friend struct fake_functions;
    struct watch;
    struct timer;
    struct job {
        scst_reactor *reactor;
        void (*call)(void *);
        void *argument;
    };
    static scst_reactor *session_reactor() noexcept;
    bool run_watches();
    void execute(fake_command &cmd);
    void start_transfer(fake_command &cmd);
    void finish_session(fake_session &ending);

    scst_core table_{};
    const scst_target_driver *driver_ = nullptr;
    void *driver_self_ = nullptr;
    std::uint64_t now_ms_ = 1000000;
    scst_reactor *current_ = nullptr;
    std::deque<job> posted_;
    std::deque<job> deferred_;
    std::list<std::unique_ptr<watch>> watches_;
    std::list<std::unique_ptr<timer>> timers_;
    std::list<std::unique_ptr<fake_session>> sessions_;
    std::vector<fake_command *> waiting_buffer_;
    std::vector<fake_command *> waiting_execution_;
    std::vector<std::pair<scst_session *, scst_task_management *>> waiting_management_;
    std::vector<job> waiting_registration_;
    std::vector<fake_session *> waiting_unregistration_;
};

} // namespace scstd::iscsi::testing
