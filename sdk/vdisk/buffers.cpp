// SPDX-License-Identifier: Apache-2.0
// buffers: READ BUFFER and WRITE BUFFER (SPC-4 6.16, 6.49): one data buffer per device, zeros until written, which
// also serves as echo buffer. Nothing outside of its bounds is read or written, and nothing that was not sent is shown.
#include "commands.hpp"

#include "command.hpp"
#include "page_builder.hpp"

namespace scst::vdisk {
namespace {

enum class mode : std::uint8_t { data = 0x02, descriptor = 0x03, echo = 0x0a, echo_descriptor = 0x0b };

constexpr std::size_t echo_size = 4096;

std::int32_t read_data(device &dev, scst_cmd &cmd, std::size_t offset, std::size_t available) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(available, cmd.transfer_length));
    std::vector<std::uint8_t> bytes(length);
    dev.buffer_read(offset, bytes);
    return reply(dev, cmd, bytes);
}

std::int32_t write_data(device &dev, scst_cmd &cmd, std::size_t offset) {
    for_each_segment(cmd, cmd.transfer_length, [&](std::uint8_t *from, std::uint64_t piece, std::uint64_t at) {
        dev.buffer_write(offset + at, {from, static_cast<std::size_t>(piece)});
        return 0;
    });
    return SCST_EXEC_DONE;
}

} // namespace

std::int32_t read_buffer(device &dev, scst_cmd &cmd) {
    const std::uint8_t id = cmd.cdb[2];
    const std::uint32_t offset = load_be24(cmd.cdb + 3);
    std::array<std::uint8_t, 4> descriptor{};
    switch (static_cast<mode>(cmd.cdb[1] & 0x1f)) {
    case mode::data:
        if (id != 0)
            return invalid_cdb(dev, cmd, 2);
        if (offset >= data_buffer_size)
            return invalid_cdb(dev, cmd, 3);
        return read_data(dev, cmd, offset, data_buffer_size - offset);
    case mode::descriptor: // an unknown buffer is told as one without capacity
        if (id == 0)
            store_be24(descriptor.data() + 1, data_buffer_size);
        return reply(dev, cmd, descriptor);
    case mode::echo:
        return read_data(dev, cmd, 0, echo_size);
    case mode::echo_descriptor:
        store_be16(descriptor.data() + 2, echo_size);
        return reply(dev, cmd, descriptor);
    }
    return invalid_cdb(dev, cmd, 1, 0);
}

std::int32_t write_buffer(device &dev, scst_cmd &cmd) {
    const std::uint32_t offset = load_be24(cmd.cdb + 3);
    const std::uint32_t length = load_be24(cmd.cdb + 6);
    switch (static_cast<mode>(cmd.cdb[1] & 0x1f)) {
    case mode::data:
        if (cmd.cdb[2] != 0)
            return invalid_cdb(dev, cmd, 2);
        if (offset > data_buffer_size)
            return invalid_cdb(dev, cmd, 3);
        if (length > data_buffer_size - offset || cmd.transfer_length > data_buffer_size - offset)
            return invalid_cdb(dev, cmd, 6);
        return write_data(dev, cmd, offset);
    case mode::echo:
        if (length > echo_size || cmd.transfer_length > echo_size)
            return invalid_cdb(dev, cmd, 6);
        return write_data(dev, cmd, 0);
    case mode::descriptor:
    case mode::echo_descriptor:
        break;
    }
    return invalid_cdb(dev, cmd, 1, 0);
}

} // namespace scst::vdisk
