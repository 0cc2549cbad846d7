// SPDX-License-Identifier: Apache-2.0
// block_commands: READ, WRITE and their kin (SBC-3 5.10 to 5.44). The fast path of the whole library: no lock, no
// allocation, one backend call.
#include "commands.hpp"

#include "command.hpp"

#include <cerrno>
#include <cstddef>
#include <memory>

namespace scst::vdisk {
namespace {

constexpr std::uint8_t fua_bit = 0x08;

using backend_call = std::int32_t (*)(void *, scst_block_io *);

std::uint64_t byte_offset(const device &dev, const scst_cmd &cmd) noexcept {
    return cmd.lba << dev.block_shift();
}

// A command's transfer that an asynchronous backend ends later. Lives from the call to its end.
struct command_transfer {
    transfer base;
    device *dev = nullptr;
    scst_cmd *cmd = nullptr;
    bool writing = false;
};
static_assert(offsetof(command_transfer, base) == 0);

void command_ends(transfer &self, std::int32_t result) noexcept {
    const std::unique_ptr<command_transfer> mine{reinterpret_cast<command_transfer *>(&self)};
    if (result != 0)
        fail_io(*mine->dev, *mine->cmd, result, mine->writing);
    mine->dev->core().cmd_done(mine->cmd);
}

std::int32_t finish(device &dev, scst_cmd &cmd, std::int32_t answer, bool writing) noexcept {
    if (answer == 0)
        return SCST_EXEC_DONE;
    if (answer == SCST_BLOCK_WOULD_BLOCK)
        return SCST_EXEC_NEED_THREAD;
    fail_io(dev, cmd, answer < 0 ? answer : -EIO, writing);
    return SCST_EXEC_DONE;
}

std::int32_t transfer_async(device &dev, scst_cmd &cmd, medium &open, const scst_block_io &io, bool writing) {
    auto mine = std::make_unique<command_transfer>();
    mine->base.io = io;
    mine->base.done = command_ends;
    mine->dev = &dev;
    mine->cmd = &cmd;
    mine->writing = writing;
    // Given away before the call: the end may come first.
    command_transfer *given = mine.release();
    const auto call = writing ? open.backend().write : open.backend().read;
    const std::int32_t answer = call(open.handle(), &given->base.io);
    if (answer == SCST_BLOCK_PENDING)
        return SCST_EXEC_PENDING;
    const std::unique_ptr<command_transfer> back{given};
    return finish(dev, cmd, answer, writing);
}

// Moves the command's segments to or from the medium. On a reactor only a single segment, tried without blocking.
std::int32_t transfer_data(device &dev, scst_cmd &cmd, medium &open, std::uint32_t flags, bool writing) {
    const scst_block_backend &backend = open.backend();
    const bool worker = on_worker(cmd);
    if (!worker && ((backend.flags & SCST_BLOCK_NONBLOCKING) == 0 || cmd.segment_count != 1))
        return SCST_EXEC_NEED_THREAD;
    scst_block_io io{};
    io.struct_size = sizeof io;
    io.flags = flags | (worker ? SCST_BLOCK_IO_MAY_BLOCK : 0u);
    io.offset = byte_offset(dev, cmd);
    if (cmd.segment_count == 1) {
        io.length = std::min(cmd.transfer_length, cmd.segments[0].length);
        io.buffer = cmd.segments[0].address;
        if ((backend.flags & SCST_BLOCK_ASYNC) != 0) {
            io.reactor = dev.core().reactor_current();
            return transfer_async(dev, cmd, open, io, writing);
        }
        return finish(dev, cmd, (writing ? backend.write : backend.read)(open.handle(), &io), writing);
    }
    const bool fua = (flags & SCST_BLOCK_IO_FUA) != 0;
    const std::int32_t result =
        for_each_segment(cmd, cmd.transfer_length, [&](std::uint8_t *at, std::uint64_t piece, std::uint64_t done) {
            const std::span<std::uint8_t> bytes{at, static_cast<std::size_t>(piece)};
            return writing ? open.write(io.offset + done, bytes, fua) : open.read(io.offset + done, bytes);
        });
    return finish(dev, cmd, result, writing);
}

// True when the backend lent the bytes of the READ.
bool borrow(device &dev, scst_cmd &cmd, medium &open) noexcept {
    scst_block_loan loan{};
    loan.struct_size = sizeof loan;
    loan.flags = cmd.flags & SCST_CMD_FILE_RANGES_OK;
    static_assert(SCST_CMD_FILE_RANGES_OK == SCST_BLOCK_LOAN_FILE_OK);
    if (open.backend().lend(open.handle(), byte_offset(dev, cmd), cmd.transfer_length, &loan) != 0)
        return false;
    if ((loan.flags & SCST_BLOCK_LOAN_PERMANENT) == 0) {
        open.loan_begins();
        cmd.handler_data = &open; // on_free() gives it back
    }
    if (loan.kind == SCST_SEGMENT_FILE)
        dev.core().cmd_lend_file(&cmd, loan.fd, loan.offset, cmd.transfer_length);
    else
        dev.core().cmd_lend_buffer(&cmd, loan.address, cmd.transfer_length);
    return true;
}

std::int32_t read_data(device &dev, scst_cmd &cmd, bool fua) {
    if (!in_range(dev, cmd))
        return SCST_EXEC_DONE;
    medium *open = dev.backing();
    if (open == nullptr) [[unlikely]]
        return fail(dev, cmd, sense::no_medium);
    if (cmd.transfer_length == 0)
        return SCST_EXEC_DONE;
    if (fua && !dev.write_through() && !dev.nv_cache() && open->backend().flush != nullptr) {
        // What the cache holds goes to the medium before it is read from there (SBC-3 5.11).
        if (!on_worker(cmd))
            return SCST_EXEC_NEED_THREAD;
        if (const int result = open->flush(); result != 0)
            return fail_io(dev, cmd, result, true);
    }
    if (cmd.segment_count == 0) {
        if (open->backend().lend != nullptr && borrow(dev, cmd, *open))
            return SCST_EXEC_DONE;
        if (dev.core().cmd_alloc_buffer(&cmd, cmd.transfer_length) != 0)
            return SCST_EXEC_DONE;
    }
    return transfer_data(dev, cmd, *open, 0, false);
}

std::int32_t write_data(device &dev, scst_cmd &cmd, bool fua) {
    if (!in_range(dev, cmd))
        return SCST_EXEC_DONE;
    medium *open = dev.backing();
    if (open == nullptr) [[unlikely]]
        return fail(dev, cmd, sense::no_medium);
    if (cmd.transfer_length == 0)
        return SCST_EXEC_DONE;
    const bool stable = dev.write_through() || (fua && !dev.nv_cache());
    return transfer_data(dev, cmd, *open, stable ? SCST_BLOCK_IO_FUA : 0u, true);
}

// One piece of ORWRITE: what is there or what came (SBC-3 5.9).
int or_piece(medium &open, std::uint64_t offset, std::span<std::uint8_t> with, std::span<std::uint8_t> buffer) {
    const auto there = buffer.first(with.size());
    if (const int result = open.read(offset, there); result != 0)
        return result;
    for (std::size_t i = 0; i < with.size(); ++i)
        there[i] = static_cast<std::uint8_t>(there[i] | with[i]);
    return open.write(offset, there, false);
}

} // namespace

std::int32_t read_6(device &dev, scst_cmd &cmd) {
    return read_data(dev, cmd, false);
}

std::int32_t read_blocks(device &dev, scst_cmd &cmd) {
    if (!protect_field_ok(dev, cmd))
        return SCST_EXEC_DONE;
    return read_data(dev, cmd, (cmd.cdb[1] & fua_bit) != 0);
}

std::int32_t write_6(device &dev, scst_cmd &cmd) {
    return write_data(dev, cmd, false);
}

std::int32_t write_blocks(device &dev, scst_cmd &cmd) {
    if (!protect_field_ok(dev, cmd))
        return SCST_EXEC_DONE;
    return write_data(dev, cmd, (cmd.cdb[1] & fua_bit) != 0);
}

// SBC-4 5.50: the core lets no other command touch the blocks meanwhile.
std::int32_t write_atomic(device &dev, scst_cmd &cmd) {
    if (load_be16(cmd.cdb + 10) != 0) // atomic boundary: VPD page B0h says that there is none
        return invalid_cdb(dev, cmd, 10);
    if (cmd.block_count << dev.block_shift() > max_transfer)
        return invalid_cdb(dev, cmd, 12);
    return write_blocks(dev, cmd);
}

std::int32_t or_write(device &dev, scst_cmd &cmd) {
    if (!protect_field_ok(dev, cmd) || !in_range(dev, cmd))
        return SCST_EXEC_DONE;
    if (!on_worker(cmd))
        return SCST_EXEC_NEED_THREAD;
    medium *open = dev.backing();
    std::vector<std::uint8_t> buffer(std::min<std::uint64_t>(cmd.transfer_length, 65536));
    std::int32_t result =
        for_each_segment(cmd, cmd.transfer_length, [&](std::uint8_t *from, std::uint64_t length, std::uint64_t at) {
            for (std::uint64_t done = 0; done < length; done += buffer.size()) {
                const std::size_t piece = std::min<std::uint64_t>(buffer.size(), length - done);
                if (const int error = or_piece(*open, byte_offset(dev, cmd) + at + done, {from + done, piece}, buffer))
                    return error;
            }
            return 0;
        });
    const bool stable = dev.write_through() || ((cmd.cdb[1] & fua_bit) != 0 && !dev.nv_cache());
    if (result == 0 && stable)
        result = open->flush();
    return result == 0 ? SCST_EXEC_DONE : fail_io(dev, cmd, result, true);
}

// SBC-3 5.13. CONDITION MET: all that was asked for fits into the cache, which is the host's page cache.
std::int32_t pre_fetch(device &dev, scst_cmd &cmd) {
    if (!in_range(dev, cmd))
        return SCST_EXEC_DONE;
    const std::uint64_t count = cmd.block_count == 0 ? dev.block_count() - cmd.lba : cmd.block_count;
    medium *open = dev.backing();
    if (open->backend().prefetch != nullptr && !on_worker(cmd))
        return SCST_EXEC_NEED_THREAD;
    if (open->backend().prefetch != nullptr && count != 0)
        open->backend().prefetch(open->handle(), byte_offset(dev, cmd), count << dev.block_shift());
    cmd.status = SCST_STATUS_CONDITION_MET;
    return SCST_EXEC_DONE;
}

// SBC-3 5.30. The range does not matter: everything is flushed.
std::int32_t synchronize_cache(device &dev, scst_cmd &cmd) {
    if (!in_range(dev, cmd))
        return SCST_EXEC_DONE;
    medium *open = dev.backing();
    if (dev.nv_cache() || open->backend().flush == nullptr)
        return SCST_EXEC_DONE;
    if (!on_worker(cmd))
        return SCST_EXEC_NEED_THREAD;
    if ((cmd.cdb[1] & 0x02) == 0) { // not IMMED
        const int result = open->flush();
        return result == 0 ? SCST_EXEC_DONE : fail_io(dev, cmd, result, true);
    }
    // IMMED: the answer goes first. The medium can't be closed under the flush: it holds a loan.
    open->loan_begins();
    dev.core().cmd_done(&cmd);
    if (const int result = open->flush(); result != 0)
        dev.log().error("flush after SYNCHRONIZE CACHE with IMMED failed: %s", std::strerror(-result));
    open->loan_ends();
    return SCST_EXEC_PENDING;
}

// SBC-3 5.17: no defects. The format that was asked for comes back.
std::int32_t read_defect_data_10(device &dev, scst_cmd &cmd) {
    const std::array<std::uint8_t, 4> bytes{0, static_cast<std::uint8_t>(cmd.cdb[2] & 0x1f), 0, 0};
    return reply(dev, cmd, bytes);
}

std::int32_t read_defect_data_12(device &dev, scst_cmd &cmd) {
    const std::array<std::uint8_t, 8> bytes{0, static_cast<std::uint8_t>(cmd.cdb[1] & 0x1f), 0, 0, 0, 0, 0, 0};
    return reply(dev, cmd, bytes);
}

} // namespace scst::vdisk
