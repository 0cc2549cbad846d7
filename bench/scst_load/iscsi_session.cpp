// SPDX-License-Identifier: Apache-2.0
// iscsi_session, the sending half: commands, unsolicited and solicited data. See iscsi_session.hpp.
#include "iscsi_session.hpp"

#include "crc32c.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <sys/socket.h>

namespace scstd::bench {
namespace {

constexpr std::size_t small_chunk = 262144;

void put_digest(std::uint8_t *to, std::uint32_t digest) noexcept {
    for (unsigned i = 0; i < 4; ++i)
        to[i] = static_cast<std::uint8_t>(digest >> (8 * i));
}

} // namespace

iscsi_session::iscsi_session(control_channel &&control, const load_options &options, workload &work, tally &counts)
    : fd_{control.release()}, parameters_{control.parameters()}, numbers_{control.numbers()}, work_{work},
      counts_{counts}, io_size_{work.area().unit_size}, lun_{lun_field(options.lun)}, slots_(options.queue_depth) {
    const bool discards = io_size_ >= discard_from && !work.verifies() && !parameters_.data_digest;
    chunk_ = discards ? header_chunk : small_chunk;
    buffer_.resize(2 * (chunk_ + parameters_.own_segment + 2048));
    scsi_command_fields fields{.flags = flag_final | flag_read, .lun = lun_, .expected_length = io_size_};
    put_scsi_command(read_template_.data(), fields);
    fields.flags = flag_write;
    put_scsi_command(write_template_.data(), fields);
    if (!work.verifies()) {
        write_data_.resize(io_size_);
        fill_pattern({.seed = options.seed, .block_size = 512}, 0, 1, write_data_);
    }
    for (std::uint32_t number = options.queue_depth; number-- != 0;) {
        free_.push_back(number);
        if (work.verifies())
            slots_[number].data.resize(io_size_);
    }
    set_receive_slice(fd_.get());
}

void iscsi_session::start(std::uint64_t now) {
    while (!retry_.empty() && window_open()) {
        const std::uint32_t number = retry_.back();
        retry_.pop_back();
        send_command(number);
    }
    while (!free_.empty() && window_open()) {
        const std::uint32_t number = free_.back();
        auto &s = slots_[number];
        if (!work_.next(s.request))
            return;
        free_.pop_back();
        s.busy = true;
        s.started = now;
        s.retries = 0;
        if (s.request.write && work_.verifies())
            work_.fill(s.request, s.data);
        send_command(number);
    }
}

void iscsi_session::send_command(std::uint32_t number) {
    auto &s = slots_[number];
    s.received = 0;
    if (s.request.write)
        return send_write(number);
    begin_command(number, false);
    end_header();
}

// Copies the prepared header and writes what differs. The pointer is good until the queue is appended to.
std::uint8_t *iscsi_session::begin_command(std::uint32_t number, bool write) {
    std::uint8_t *header = out_.append(bhs_size);
    std::memcpy(header, write ? write_template_.data() : read_template_.data(), bhs_size);
    scst::store_be32(header + 16, number);
    scst::store_be32(header + 24, numbers_.cmd_sn++);
    scst::store_be32(header + 28, numbers_.exp_stat_sn);
    put_rw_cdb(header + 32, write, work_.lba_of(slots_[number].request.unit), work_.blocks_per_unit());
    last_header_ = header;
    return header;
}

void iscsi_session::end_header(std::size_t header_size) {
    if (!parameters_.header_digest)
        return;
    const std::uint32_t digest = crc32c({last_header_, header_size});
    put_digest(out_.append(4), digest);
}

void iscsi_session::append_data(std::span<const std::uint8_t> data) {
    if (data.empty())
        return;
    out_.append_payload(data);
    const std::size_t padding = padded(data.size()) - data.size();
    if (padding != 0)
        out_.append(padding);
    if (!parameters_.data_digest)
        return;
    constexpr std::array<std::uint8_t, 3> zeroes{};
    put_digest(out_.append(4), crc32c(std::span{zeroes}.first(padding), crc32c(data)));
}

std::span<const std::uint8_t> iscsi_session::payload(const slot &s, std::uint32_t offset, std::uint32_t length) const {
    const auto &all = work_.verifies() ? s.data : write_data_;
    return std::span{all}.subspan(offset, length);
}

// RFC 7143 4.2.5.2: immediate data, then unsolicited Data-Out up to FirstBurstLength; the target asks for the rest.
void iscsi_session::send_write(std::uint32_t number) {
    const std::uint32_t first_burst = std::min(io_size_, parameters_.first_burst);
    const std::uint32_t immediate = parameters_.immediate_data ? std::min(first_burst, parameters_.target_segment) : 0;
    const std::uint32_t unsolicited = parameters_.initial_r2t ? 0 : first_burst - immediate;
    std::uint8_t *header = begin_command(number, true);
    header[1] = static_cast<std::uint8_t>(header[1] | (unsolicited == 0 ? flag_final : 0));
    scst::store_be24(header + 5, immediate);
    end_header();
    append_data(payload(slots_[number], 0, immediate));
    if (unsolicited != 0)
        send_data(number, reserved_tag, immediate, unsolicited);
}

void iscsi_session::send_data(std::uint32_t number, std::uint32_t transfer_tag, std::uint32_t offset,
                              std::uint32_t length) {
    for (std::uint32_t data_sn = 0; length != 0; ++data_sn) {
        const std::uint32_t part = std::min(length, parameters_.target_segment);
        length -= part;
        last_header_ = out_.append(bhs_size);
        put_data_out(last_header_, {.final = length == 0,
                                    .length = part,
                                    .lun = lun_,
                                    .tag = number,
                                    .transfer_tag = transfer_tag,
                                    .exp_stat_sn = numbers_.exp_stat_sn,
                                    .data_sn = data_sn,
                                    .offset = offset});
        end_header();
        append_data(payload(slots_[number], offset, part));
        offset += part;
    }
}

// Says goodbye and waits for the target to close, at most a receive slice.
void iscsi_session::close() {
    last_header_ = out_.append(bhs_size);
    put_logout(last_header_, static_cast<std::uint32_t>(slots_.size()), numbers_.cmd_sn, numbers_.exp_stat_sn);
    end_header();
    flush();
    std::array<std::uint8_t, 512> rest;
    while (recv(fd_.get(), rest.data(), rest.size(), 0) > 0) {
    }
}

} // namespace scstd::bench
