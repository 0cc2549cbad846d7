// SPDX-License-Identifier: Apache-2.0
// connection: one client on the socket and its session.
//
// Everything here runs on the target's reactor. The target owns its connections; one is destroyed only from its own
// deferred call (defer_end_of_turn), when no callback of it can be on the stack any more. One whose session is just
// being registered when the target goes owns itself until the core has answered: the target can't wait for that,
// because the answer comes from the management thread, and that is the one which would be waiting.
//
//     greeting ──hello──▶ registering ──done──▶ serving ──bye, error, close()──▶ closing ──▶ gone
//         └────────────── end of file, timeout ──────┴─────────────────────────────┘
#pragma once

#include "protocol.hpp"

#include <scst/driver.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace loop {

class target;

class connection : public scst::session_base {
  public:
    using target = loop::target;

    // Takes over `fd`, a connected non-blocking socket.
    connection(loop::target &owner, int fd);
    ~connection();

    // What the driver keeps in driver_data leads back to the connection.
    static connection &of(const scst_cmd &cmd) noexcept;
    static connection &of(const scst_task_management &request) noexcept;

    // Frees what hangs on the command and gives it back; the SDK's guard uses it, too.
    void finish(scst_cmd &cmd, std::int32_t delivery) noexcept;
    // Callbacks of the core; see target.h.
    void xmit_response(scst_cmd &cmd);
    void ready_to_transfer(scst_cmd &cmd);
    void task_management_done(scst_task_management &request);
    std::int32_t report_event(const scst_event &event);
    void close() { close("the target ends the session"); }

    void close(std::string_view reason) noexcept;
    // The target is going: closes. True: the connection takes care of itself from now on.
    [[nodiscard]] bool outlive_target() noexcept;
    // Attribute of the session: who is at the other end. Set before the session exists.
    void show_peer_uid(scst_writer *out) const;

  private:
    enum class stage { greeting, registering, serving, closing, gone };
    struct loop_command;
    struct loop_request;

    void receive();
    void take_lines();
    void handle(std::string_view line);
    void leave() noexcept;
    void register_session(const std::string &initiator);
    void registered();
    void submit(request &&wanted, std::uint64_t tag);
    void submit_management(const request &wanted, std::uint64_t tag);
    void reply(std::uint64_t tag, std::string_view text);
    void say(std::string_view line);
    void end_of_turn();
    void defer_end_of_turn() noexcept;
    void send();
    void watch_what_is_wanted();
    void finish_answered(std::int32_t delivery) noexcept;
    void start_timer(std::uint64_t milliseconds) noexcept;
    void disconnect() noexcept;
    void become_gone() noexcept;
    void destroy() noexcept;
    void or_close(void (connection::*step)()) noexcept;

    loop::target *owner_;
    scst_reactor *reactor_;
    int fd_;
    uid_t peer_uid_ = 0;
    scst_watch *watch_ = nullptr;
    scst_timer *timer_ = nullptr;
    scst_session *session_ = nullptr;
    std::int32_t register_error_ = 0;
    stage stage_ = stage::greeting;
    bool deferred_ = false;      // end_of_turn() will come
    bool registering_ = false;   // the core's answer will come
    bool leaving_ = false;       // no more requests are taken
    std::size_t unanswered_ = 0; // commands and task management requests that the core has
    std::uint64_t next_tag_ = 0;
    std::string input_;
    std::string output_;
    std::size_t sent_ = 0;               // bytes of output_
    std::vector<scst_cmd *> answered_{}; // their replies are in output_
};

} // namespace loop
