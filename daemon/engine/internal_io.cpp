// SPDX-License-Identifier: Apache-2.0
#include "engine/internal_io.hpp"

#include "core/core.hpp"
#include "device/device.hpp"
#include "device/handler.hpp"
#include "engine/command.hpp"
#include "engine/status.hpp"

#include <scst/bytes.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace scstd::engine {

namespace {

// Where the worker waits for a PENDING internal command.
class parked {
  public:
    void signal() {
        const std::lock_guard guard{mutex_};
        done_ = true;
        changed_.notify_one(); // under the lock: the waiter may destroy us as soon as it has it
    }
    void wait() {
        std::unique_lock guard{mutex_};
        changed_.wait(guard, [this] { return done_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_ = false;
};

std::unique_ptr<command> make(device::device &dev, const command &parent, std::uint8_t opcode, std::uint64_t lba,
                              std::uint64_t length) {
    const std::uint32_t block_size = dev.block_size.load(std::memory_order_relaxed);
    auto cmd = std::make_unique<command>();
    cmd->renew(*parent.sess);
    cmd->dev = &dev;
    cmd->flags = SCST_CMD_INTERNAL | SCST_CMD_ON_WORKER;
    cmd->cdb_length = 16;
    cmd->cdb[0] = opcode;
    scst::store_be64(cmd->cdb + 2, lba);
    scst::store_be32(cmd->cdb + 10, static_cast<std::uint32_t>(length / block_size));
    cmd->entry_of_opcode = find_opcode(opcode, no_service_action, dev.hnd().table().device_type);
    cmd->opcode_key = (static_cast<std::uint32_t>(opcode) << 16) | no_service_action;
    cmd->lba = lba;
    cmd->block_count = length / block_size;
    cmd->data_length = length;
    cmd->expected_length = length;
    cmd->transfer_length = length;
    cmd->lun = parent.lun;
    cmd->tag = parent.tag;
    return cmd;
}

internal_result run(command &cmd) {
    device::device &dev = *cmd.dev;
    const auto &table = dev.hnd().table();
    parked here;
    cmd.parked_wait = &here;
    std::int32_t answer = SCST_EXEC_DONE;
    if (dev.hnd().parallel()) {
        answer = table.exec(dev.handler_device, &cmd);
    } else {
        const std::lock_guard guard{dev.exec_serial};
        answer = table.exec(dev.handler_device, &cmd);
    }
    if (answer == SCST_EXEC_PENDING)
        here.wait();
    else if (answer != SCST_EXEC_DONE)
        set_sense(cmd, codes::internal_failure);
    return {cmd.status, {cmd.sense, cmd.sense + cmd.sense_length}};
}

void release(command &cmd) {
    const auto &table = cmd.dev->hnd().table();
    if (table.on_free != nullptr)
        table.on_free(cmd.dev->handler_device, &cmd);
    if (cmd.buffer != nullptr)
        core::instance().buffers().put(cmd.buffer);
    cmd.buffer = nullptr;
}

} // namespace

internal_result internal_read(device::device &dev, const command &parent, std::uint64_t lba,
                              std::span<std::uint8_t> to) {
    const auto cmd = make(dev, parent, 0x88, lba, to.size());
    cmd->data_direction = SCST_DATA_READ;
    cmd->expected_direction = SCST_DATA_READ;
    cmd->response_length = to.size();
    if ((dev.hnd().table().flags & SCST_HANDLER_OWN_BUFFERS) == 0 && !allocate_buffer(*cmd, to.size()))
        return {cmd->status, {}};
    auto result = run(*cmd);
    if (result.good()) {
        std::size_t at = 0;
        for (std::uint32_t i = 0; i < cmd->segment_count && at < to.size(); ++i) {
            const scst_segment &segment = cmd->segments[i];
            const auto size = std::min<std::size_t>(static_cast<std::size_t>(segment.length), to.size() - at);
            if (segment.kind == SCST_SEGMENT_MEMORY)
                std::copy_n(segment.address, size, to.data() + at);
            at += size;
        }
        if (at != to.size() || cmd->response_length != to.size())
            result = {SCST_STATUS_BUSY, {}};
    }
    release(*cmd);
    return result;
}

internal_result internal_write(device::device &dev, const command &parent, std::uint64_t lba,
                               std::span<std::uint8_t> from, bool force_unit_access) {
    const auto cmd = make(dev, parent, 0x8a, lba, from.size());
    cmd->data_direction = SCST_DATA_WRITE;
    cmd->expected_direction = SCST_DATA_WRITE;
    cmd->cdb[1] = force_unit_access ? 0x08 : 0;
    cmd->own_segment = {SCST_SEGMENT_MEMORY, -1, from.size(), from.data(), 0};
    cmd->segments = &cmd->own_segment;
    cmd->segment_count = 1;
    auto result = run(*cmd);
    release(*cmd);
    return result;
}

void internal_done(command &cmd) {
    static_cast<parked *>(cmd.parked_wait)->signal();
}

} // namespace scstd::engine
