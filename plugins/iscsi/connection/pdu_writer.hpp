// SPDX-License-Identifier: Apache-2.0
// pdu_writer: connection::send_pdu(), for the files that send PDUs with little or no data. Included by connection_*.cpp
// only.
#pragma once

#include "connection/connection.hpp"

#include <scst/bytes.hpp>

#include <cstring>

namespace scstd::iscsi {

// Header, data and digests of a PDU whose data is copied (at most what one batch holds; larger ones go by
// append_memory()).
template <class Pdu>
void connection::send_pdu(const Pdu &pdu, const sequence_numbers &sn, std::span<const std::uint8_t> data) {
    const auto length = static_cast<std::uint32_t>(data.size());
    const std::uint32_t padding = padding_of(length);
    std::uint8_t *at = reserve_pdu(0);
    encode(bhs_out{at, bhs_size}, pdu, sn);
    finish_header(at);
    if (length != 0) {
        constexpr std::size_t piece = batch_arena_size / 4;
        for (std::size_t done = 0; done < data.size(); done += piece) {
            const std::size_t part = std::min(piece, data.size() - done);
            std::memcpy(queue_.reserve(part), data.data() + done, part);
        }
        const std::size_t tail = padding + (data_digest_ ? digest_size : 0);
        if (tail != 0) {
            std::uint8_t *end = queue_.reserve(tail);
            std::memset(end, 0, padding);
            if (data_digest_) {
                crc32c crc;
                crc.update(data.data(), data.size());
                crc.update(end, padding);
                store_digest(end + padding, crc.value());
            }
        }
    }
    schedule_flush();
}

} // namespace scstd::iscsi
