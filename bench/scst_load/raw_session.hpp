// SPDX-License-Identifier: Apache-2.0
// raw_session: the same bytes each way as a workload of iSCSI commands, without iSCSI: requests of a header (and, for
// writes, the data), answered in order by a header (and, for reads, the data). The other side is scst-ceiling.
//
// Belongs to one worker thread.
#pragma once

#include "options.hpp"
#include "out_queue.hpp"
#include "session.hpp"

#include <vector>

namespace scstd::bench {

class raw_session final : public session {
  public:
    raw_session(const load_options &options, workload &work, tally &counts);

    [[nodiscard]] int fd() const noexcept override { return fd_.get(); }
    [[nodiscard]] unsigned in_flight() const noexcept override { return in_flight_; }
    [[nodiscard]] bool wants_send() const noexcept override { return !out_.empty(); }
    [[nodiscard]] workload &work() noexcept override { return work_; }
    [[nodiscard]] std::uint64_t last_received() const noexcept override { return now_; }
    void start(std::uint64_t now) override;
    void flush() override { static_cast<void>(out_.flush(fd_.get())); }
    bool receive(bool wait) override;
    void close() override {}

  private:
    unique_fd fd_;
    workload &work_;
    tally &counts_;
    bool write_;
    std::size_t reply_size_;
    std::vector<std::uint8_t> write_data_;
    std::vector<std::uint8_t> buffer_;
    std::vector<std::uint64_t> started_; // a ring: replies come in order
    std::size_t oldest_ = 0;
    unsigned in_flight_ = 0;
    std::size_t partial_ = 0; // bytes received of the reply that is on its way
    out_queue out_;
    std::uint64_t now_ = 0;
};

} // namespace scstd::bench
