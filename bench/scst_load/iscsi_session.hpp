// SPDX-License-Identifier: Apache-2.0
// iscsi_session: one iSCSI session in full feature phase with a fixed number of command slots; a slot's number is its
// initiator task tag.
//
// Belongs to one worker thread. Spec: RFC 7143 4.2 (numbers, window), 11.3-11.8 (command, response, data, R2T), 11.18.
#pragma once

#include "control.hpp"
#include "out_queue.hpp"
#include "session.hpp"

#include <memory>
#include <string>
#include <vector>

namespace scstd::bench {

class iscsi_session final : public session {
  public:
    // Takes the connection over from `control`. `counts` and `work` outlive the session.
    iscsi_session(control_channel &&control, const load_options &options, workload &work, tally &counts);

    [[nodiscard]] int fd() const noexcept override { return fd_.get(); }
    [[nodiscard]] unsigned in_flight() const noexcept override {
        return static_cast<unsigned>(slots_.size() - free_.size());
    }
    [[nodiscard]] bool wants_send() const noexcept override { return !out_.empty(); }
    [[nodiscard]] workload &work() noexcept override { return work_; }
    [[nodiscard]] std::uint64_t last_received() const noexcept override { return now_; }
    void start(std::uint64_t now) override;
    void flush() override { static_cast<void>(out_.flush(fd_.get())); }
    bool receive(bool wait) override;
    void close() override;

  private:
    struct slot {
        io_request request;
        std::uint64_t started = 0;
        std::uint32_t received = 0; // bytes of Data-In
        unsigned retries = 0;
        bool busy = false;
        std::vector<std::uint8_t> data; // only with verification
    };

    // Receiving.
    bool discard(bool wait);
    void make_room();
    void parse();
    [[nodiscard]] bool may_discard(const std::uint8_t *header) const noexcept;
    void check_digests(const std::uint8_t *pdu, std::size_t header_size, std::size_t data_size) const;
    void handle(const std::uint8_t *header, std::span<const std::uint8_t> data);
    void on_data_in(const std::uint8_t *header, std::span<const std::uint8_t> data);
    void on_response(const std::uint8_t *header, std::span<const std::uint8_t> data);
    void on_ready_to_transfer(const std::uint8_t *header);
    void on_nop_in(const std::uint8_t *header);
    void note_numbers(const std::uint8_t *header, bool has_status) noexcept;
    [[nodiscard]] std::uint32_t slot_number(const std::uint8_t *header) const;

    // Completing.
    void complete(std::uint32_t number, std::uint8_t status, std::span<const std::uint8_t> sense);
    [[nodiscard]] bool verify_read(const slot &s);
    void fail_io(slot &s, const std::string &why);
    [[nodiscard]] bool retry(std::uint32_t number, std::uint8_t status, const sense_summary &sense);

    // Sending.
    [[nodiscard]] bool window_open() const noexcept { return serial_not_after(numbers_.cmd_sn, numbers_.max_cmd_sn); }
    void send_command(std::uint32_t number);
    void send_write(std::uint32_t number);
    void send_data(std::uint32_t number, std::uint32_t transfer_tag, std::uint32_t offset, std::uint32_t length);
    std::uint8_t *begin_command(std::uint32_t number, bool write);
    void end_header(std::size_t header_size = bhs_size);
    void append_data(std::span<const std::uint8_t> data);
    [[nodiscard]] std::span<const std::uint8_t> payload(const slot &s, std::uint32_t offset,
                                                        std::uint32_t length) const;

    unique_fd fd_;
    session_parameters parameters_;
    sequence_numbers numbers_;
    workload &work_;
    tally &counts_;
    std::uint32_t io_size_;
    std::uint64_t lun_;
    bhs read_template_{};
    bhs write_template_{};
    std::uint8_t *last_header_ = nullptr; // within out_, of the PDU being built

    std::vector<slot> slots_;
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> retry_;
    std::vector<std::uint8_t> write_data_; // what writes send without verification
    out_queue out_;

    std::vector<std::uint8_t> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t chunk_;            // bytes asked for by one receive
    std::size_t needed_ = 0;       // size of the PDU of which a part is in the buffer
    std::size_t discard_left_ = 0; // bytes of a data segment that are thrown away, then pending_ is handled
    bhs pending_{};
    std::uint64_t now_ = 0;
};

} // namespace scstd::bench
