// SPDX-License-Identifier: Apache-2.0
// connection: one TCP connection in full-feature phase: the receive machine, the tasks, and what is answered.
//
// Everything belongs to the session's reactor thread. The session owns the connection and keeps it, closed, until the
// core has given back all its commands.
//
//   connection.cpp            life: start, readiness, timer, close
//   connection_receive.cpp    bytes to PDUs; large payloads straight into the command's buffer
//   connection_commands.cpp   SCSI Command PDUs, and what the core says about a command
//   connection_transfer.cpp   Data-Out, R2T
//   connection_respond.cpp    Data-In, SCSI Response
//   connection_requests.cpp   NOP, text, logout, Reject, asynchronous messages
//   connection_tasks.cpp      task management
#pragma once

#include "connection/send_queue.hpp"
#include "connection/task.hpp"
#include "discovery/text_exchange.hpp"
#include "pdu/ahs.hpp"
#include "pdu/bhs.hpp"
#include "pdu/digest.hpp"
#include "session/session.hpp"
#include "target/view.hpp"

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::iscsi {

// A PDU that is here in full.
struct whole_pdu {
    bhs_view header;
    basic_header basic;
    std::span<const std::uint8_t> ahs;
    std::span<const std::uint8_t> data;
    bool data_intact = true; // false: its data digest does not match
};

class connection {
  public:
    connection(session &owner, connection_seed seed);
    connection(const connection &) = delete;
    connection &operator=(const connection &) = delete;
    ~connection();

    // The session is there: sends the last login response and takes requests from now on.
    void start(std::uint16_t tsih);
    // The session is not there: sends a failing login response and closes.
    void refuse(login_status status);
    // Ends it now; what was not sent is lost.
    void close(const char *why);
    // Ends it when what is queued has left.
    void close_when_sent();

    [[nodiscard]] bool closed() const noexcept { return state_ == state::closed; }
    [[nodiscard]] std::size_t live_tasks() const noexcept { return live_tasks_; }
    [[nodiscard]] bool has_requests() const noexcept { return !management_.empty(); }
    [[nodiscard]] bool flush_scheduled() const noexcept { return flush_scheduled_; }
    [[nodiscard]] const std::string &tag() const noexcept { return tag_; }
    [[nodiscard]] std::uint16_t cid() const noexcept { return cid_; }
    [[nodiscard]] const address &peer() const noexcept { return peer_; }
    [[nodiscard]] const address &local() const noexcept { return local_; }
    [[nodiscard]] std::string state_text() const;

    // ---- what the core calls, by way of plugin.cpp ----
    void xmit_response(task &done);
    void ready_to_transfer(task &ready);
    void abort_transfer(task &aborted);
    void management_done(scst_task_management &request);
    std::int32_t report_event(const scst_event &event);

  private:
    enum class state : std::uint8_t { created, open, draining, closed };

    // ---- connection.cpp ----
    static void ready_callback(void *self, std::uint32_t events);
    static void timer_callback(void *self);
    static void flush_callback(void *self);
    void on_readable();
    void on_timer();
    void update_watch();
    void schedule_flush();
    void flush();
    void finish_task(task *done, std::int32_t delivery);
    void release_tasks();
    void arm_timer(std::uint64_t now_ms);
    void violation(const char *format, ...) __attribute__((format(printf, 2, 3)));
    void note(const char *format, ...) __attribute__((format(printf, 2, 3)));
    [[nodiscard]] const scst_core &core() const noexcept { return core_; }

    // ---- connection_receive.cpp ----
    enum class stage : std::uint8_t { header, payload, trailer };
    enum class sink : std::uint8_t { discard, task_buffer, collect };
    enum class order : std::uint8_t { now, later, drop };
    [[nodiscard]] bool receive_some(bool &drained);
    void process();
    bool take_header();
    bool take_payload();
    bool take_trailer();
    void begin_payload(bhs_view header, std::span<const std::uint8_t> ahs, std::uint32_t length);
    void begin_collecting(bhs_view header, std::span<const std::uint8_t> ahs, std::uint32_t length, order when);
    void end_payload(bool intact);
    void advance_payload(std::size_t count) noexcept;
    std::size_t payload_vectors(iovec *vectors, std::size_t most);
    void dispatch(const whole_pdu &pdu);
    void execute(const whole_pdu &pdu);
    [[nodiscard]] order order_of(bhs_view header, const basic_header &basic);
    void hold(const whole_pdu &pdu);
    void execute_held();
    [[nodiscard]] std::size_t buffered() const noexcept { return tail_ - head_; }

    // ---- connection_commands.cpp ----
    void on_command(const whole_pdu &pdu);
    // Takes the command over to the core. The task whose immediate data is to be received, or nullptr when it is to be
    // thrown away.
    task *begin_command(bhs_view header, std::span<const std::uint8_t> ahs, std::uint32_t immediate_length,
                        bool immediate_intact);
    [[nodiscard]] bool command_allowed(const scsi_command_pdu &pdu, bhs_view header, std::uint32_t immediate_length);
    [[nodiscard]] task *new_task(const scsi_command_pdu &pdu);
    [[nodiscard]] bool refused_locally(task &one, const scsi_command_pdu &pdu, bool bidirectional_length,
                                       std::uint32_t immediate_length);
    void fill_command(scst_cmd &cmd, task &one, const scsi_command_pdu &pdu, bhs_view header) const;
    void answer_locally(task &one, std::uint8_t status);
    void answer_locally(task &one, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq);
    [[nodiscard]] bool aborted_on_arrival(std::uint32_t cmd_sn, const wire_lun &lun) const noexcept;

    // ---- connection_transfer.cpp ----
    void on_data_out(const whole_pdu &pdu);
    // The task that takes this Data-Out's payload (`payload_offset_` is set), or nullptr when it is to be thrown away.
    task *begin_data_out(bhs_view header, std::uint32_t length);
    void end_data_out(task &one, bool final, std::uint32_t ttt, std::uint32_t length, bool intact);
    [[nodiscard]] bool check_unsolicited(task &one, const data_out_pdu &pdu, std::uint32_t length);
    [[nodiscard]] bool check_solicited(task &one, r2t &burst, const data_out_pdu &pdu, std::uint32_t length);
    void write_to_task(task &one, std::uint32_t offset, const std::uint8_t *bytes, std::uint32_t length);
    void end_immediate(task &one, std::uint32_t length, bool intact);
    void fail_transfer(task &one, std::uint8_t asc, std::uint8_t ascq);
    void continue_transfer(task &one);
    void complete_transfer(task &one);
    void send_r2t(task &one);
    void wait_for_data(task &one);
    void stop_waiting(task &one) noexcept;
    void forget_requests(task &one) noexcept;

    // ---- connection_respond.cpp ----
    void respond(task &one);
    void send_data_in(task &one, const residual &rest, bool with_status);
    bool send_small_read(task &one, const residual &rest);
    void send_scsi_response(task &one, const residual &rest);
    void finish_when_sent(task &one);
    std::uint32_t append_segments(const scst_cmd &cmd, struct segment_cursor &cursor, std::uint32_t length);
    [[nodiscard]] sequence_numbers numbers() noexcept;
    [[nodiscard]] sequence_numbers numbers_advancing() noexcept;
    // Room for a header, its digest and `extra` bytes; fill_header() afterwards completes the digest.
    std::uint8_t *reserve_pdu(std::size_t extra);
    void finish_header(std::uint8_t *at) const noexcept;
    template <class Pdu>
    void send_pdu(const Pdu &pdu, const sequence_numbers &sn, std::span<const std::uint8_t> data = {});

    // ---- connection_requests.cpp ----
    void on_nop_out(const whole_pdu &pdu);
    void on_text(const whole_pdu &pdu);
    void on_logout(const whole_pdu &pdu);
    void answer_text(std::string_view request);
    void send_text_piece(std::uint32_t itt);
    void reject(bhs_view header, reject_reason reason);
    void ping(std::uint64_t now_ms);

    // ---- connection_tasks.cpp ----
    struct management_slot {
        scst_task_management request{};
        connection *owner = nullptr;
        std::uint32_t itt = 0;
        std::uint32_t cmd_sn = 0;
        std::uint8_t function = 0;
        std::uint8_t response = 0; // of a finished one that waits for earlier commands
        bool finished = false;
    };
    void on_task_management(const whole_pdu &pdu);
    [[nodiscard]] bool check_abort(const task_management_pdu &pdu, std::uint8_t &response);
    void submit_management(const task_management_pdu &pdu, bhs_view header, std::uint32_t function);
    void respond_management(std::uint32_t itt, std::uint8_t response, std::uint32_t information);
    void release_management();
    void cold_reset();

    // ---- what it belongs to ----
    session &session_;
    const scst_core &core_;
    command_window &window_;
    const live_parameters &live_;
    unique_fd socket_;
    address peer_;
    address local_;
    std::string tag_; // who it is, in the log
    std::uint16_t cid_;
    state state_ = state::created;

    // ---- agreed at login ----
    std::uint32_t our_max_segment_;
    std::uint32_t their_max_segment_;
    std::uint32_t max_burst_;
    std::uint32_t first_burst_;
    std::uint32_t max_outstanding_r2t_;
    bool initial_r2t_;
    bool immediate_data_;
    bool header_digest_;
    bool data_digest_;
    bool in_order_;
    bool level_two_; // iSCSIProtocolLevel 2: RFC 7144 functions

    // ---- receiving ----
    std::unique_ptr<receive_buffer> buffer_; // only while something is in it
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
    stage stage_ = stage::header;
    sink sink_ = sink::discard;
    task *payload_task_ = nullptr;
    std::uint32_t payload_offset_ = 0; // where in the task's data the next byte goes
    std::uint32_t payload_length_ = 0;
    std::uint32_t payload_left_ = 0;
    std::uint32_t last_data_length_ = 0; // of the last header
    std::uint64_t solicited_bytes_ = 0;  // of R2Ts that are not answered in full
    crc32c payload_crc_;
    std::vector<std::uint8_t> collected_header_; // BHS and AHS of the PDU whose payload is coming
    std::vector<std::uint8_t> collected_;        // its data, with sink::collect
    order collected_order_ = order::now;
    const std::uint8_t *immediate_ = nullptr; // of the command being submitted, when its data is here
    task *immediate_task_ = nullptr;
    std::uint32_t immediate_length_ = 0;
    struct held_pdu {
        std::uint32_t cmd_sn;
        bool intact;
        std::size_t ahs_length;
        std::vector<std::uint8_t> bytes; // empty: nothing to execute, the number only
    };
    std::list<held_pdu> held_; // by CmdSN
    std::size_t held_bytes_ = 0;

    // ---- tasks ----
    task_pool pool_;
    task_table table_;
    waiting_list waiting_;
    std::size_t live_tasks_ = 0; // also those that only wait to be sent
    std::uint32_t next_ttt_ = 1;
    std::list<management_slot> management_;

    // ---- sending ----
    send_queue queue_;
    std::uint32_t stat_sn_;
    bool flush_scheduled_ = false;
    bool write_blocked_ = false;
    bool reading_stopped_ = false;
    bool close_when_sent_ = false;
    bool cold_reset_ = false;
    std::uint64_t blocked_since_ms_ = 0;

    // ---- login's end, text ----
    login_response_pdu login_response_;
    std::string login_text_;
    std::vector<std::uint8_t> leftover_;
    std::uint32_t login_exp_cmd_sn_;
    text_exchange text_;

    // ---- time ----
    scst_watch *watch_ = nullptr;
    std::uint32_t watched_ = 0;
    scst_timer *timer_ = nullptr;
    std::uint64_t timer_due_ms_ = 0;
    std::uint64_t last_receive_ms_ = 0;
    bool ping_outstanding_ = false;
    std::uint32_t ping_ttt_ = 0;
    std::uint64_t ping_sent_ms_ = 0;
};

} // namespace scstd::iscsi
