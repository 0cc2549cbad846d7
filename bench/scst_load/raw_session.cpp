// SPDX-License-Identifier: Apache-2.0
// raw_session: see the header.
#include "raw_session.hpp"

#include "clock.hpp"
#include "pdu.hpp"
#include "raw_hello.hpp"

#include <algorithm>

namespace scstd::bench {

raw_session::raw_session(const load_options &options, workload &work, tally &counts)
    : fd_{connect_to(options.portal)}, work_{work}, counts_{counts}, write_{options.read_percent == 0},
      reply_size_{bhs_size + (write_ ? 0 : options.block_size)}, write_data_(write_ ? options.block_size : 0),
      buffer_(262144), started_(options.queue_depth) {
    const auto hello = put_raw_hello({.request = static_cast<std::uint32_t>(bhs_size + write_data_.size()),
                                      .reply = static_cast<std::uint32_t>(reply_size_)});
    write_exactly(fd_.get(), hello);
    set_receive_slice(fd_.get());
}

void raw_session::start(std::uint64_t now) {
    io_request request;
    while (in_flight_ < started_.size() && work_.next(request)) {
        std::uint8_t *header = out_.append(bhs_size);
        put_scsi_command(header, {.flags = flag_final | flag_read, .tag = in_flight_});
        put_rw_cdb(header + 32, write_, work_.lba_of(request.unit), work_.blocks_per_unit());
        out_.append_payload(write_data_);
        started_[(oldest_ + in_flight_) % started_.size()] = now;
        ++in_flight_;
    }
}

bool raw_session::receive(bool wait) {
    std::size_t got = 0;
    if (reply_size_ < discard_from)
        got = receive_bytes(fd_.get(), buffer_.data(), buffer_.size(), wait);
    else if (partial_ < bhs_size)
        got = receive_bytes(fd_.get(), buffer_.data(), header_chunk, wait);
    else
        got = receive_bytes(fd_.get(), nullptr, reply_size_ - partial_, wait);
    if (got == 0)
        return false;
    now_ = now_ns();
    partial_ += got;
    for (; partial_ >= reply_size_ && in_flight_ != 0; partial_ -= reply_size_) {
        counts_.record(write_, now_ - started_[oldest_]);
        oldest_ = oldest_ + 1 == started_.size() ? 0 : oldest_ + 1;
        --in_flight_;
    }
    return true;
}

} // namespace scstd::bench
