// SPDX-License-Identifier: Apache-2.0
// fuzz_input: takes a fuzzer's bytes apart: single bytes, strings, PDUs. When they run out everything is zero.
#pragma once

#include "testing/initiator.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace scstd::iscsi::testing {

class fuzz_input {
  public:
    fuzz_input(const std::uint8_t *data, std::size_t size) noexcept : data_{data}, size_{size} {}

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    std::uint8_t byte() noexcept {
        if (size_ == 0)
            return 0;
        --size_;
        return *data_++;
    }
    testing::bytes bytes(std::size_t count) {
        const std::size_t length = std::min(count, size_);
        testing::bytes taken(data_, data_ + length);
        data_ += length;
        size_ -= length;
        return taken;
    }
    // A PDU with this opcode: 47 bytes of header, AHS and data of lengths that fit.
    request_pdu pdu(opcode code) {
        request_pdu made{code};
        const testing::bytes header = bytes(bhs_size - 1);
        std::copy(header.begin(), header.end(), made.header.begin() + 1);
        testing::bytes ahs = bytes(byte() % 8 * std::size_t{4});
        ahs.resize(ahs.size() & ~std::size_t{3});
        made.with_ahs(std::move(ahs));
        testing::bytes data = bytes(byte());
        return made.with(std::move(data));
    }
    // Sometimes changes some bytes of a PDU.
    void change(request_pdu &pdu) noexcept {
        for (std::uint8_t n = byte() % 4; n != 0; --n) {
            const std::size_t at = byte() % bhs_size;
            pdu.header[at] = byte();
        }
    }

  private:
    const std::uint8_t *data_;
    std::size_t size_;
};

} // namespace scstd::iscsi::testing
