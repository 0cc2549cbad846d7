// SPDX-License-Identifier: Apache-2.0
// memory_backend: a block backend in memory for the library's own tests: shows what was asked of it, and fails, blocks
// or completes late when told to.
#pragma once

#include <scst/block.h>
#include <scst/plugin.h>
#include <testing/fake_core.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace scst::testing {

struct memory_disk {
    explicit memory_disk(std::uint32_t flags) {
        table.struct_size = sizeof table;
        table.flags = flags;
        table.name = "memory";
        table.device_type = SCST_TYPE_DISK;
        table.default_size = 1u << 20;
        table.open = open;
        table.close = [](void *self) { --of(self).opened; };
        table.read = read;
        table.write = write;
        table.flush = [](void *self) {
            ++of(self).flushes;
            return of(self).flush_result.load();
        };
        table.unmap = unmap;
        table.block_status = block_status;
        table.refresh = [](void *self, scst_block_info *to, scst_error *) {
            *to = of(self).info;
            return 0;
        };
        table.space = [](void *, std::uint64_t *used, std::uint64_t *available) {
            *used = 4096;
            *available = 8192;
            return 0;
        };
    }

    static memory_disk &of(void *self) { return *static_cast<memory_disk *>(self); }

    static std::int32_t open(void *self, const scst_block_open *request, void **medium, scst_block_info *told,
                             scst_error *) {
        memory_disk &disk = of(self);
        if (disk.open_result != 0)
            return disk.open_result;
        if (disk.content.empty()) // a huge disk has memory for its beginning only
            disk.content.resize(std::min<std::uint64_t>(request->size, 64u << 20));
        if (disk.info.size == 0)
            disk.info.size = request->size;
        for (std::uint32_t i = 0; i < request->parameter_count; ++i)
            disk.own[request->parameters[i].name] = request->parameters[i].value;
        disk.open_flags = request->flags;
        *told = disk.info;
        *medium = self;
        ++disk.opened;
        return 0;
    }

    static std::int32_t finish(memory_disk &disk, scst_block_io *io, std::int32_t result) {
        if (!disk.late)
            return result;
        disk.threads.emplace_back([io, result] { scst_block_done(io, result); });
        return SCST_BLOCK_PENDING;
    }
    static std::int32_t read(void *self, scst_block_io *io) {
        memory_disk &disk = of(self);
        if (disk.blocks && (io->flags & SCST_BLOCK_IO_MAY_BLOCK) == 0)
            return SCST_BLOCK_WOULD_BLOCK;
        ++disk.reads;
        if (disk.read_result != 0)
            return finish(disk, io, disk.read_result);
        const std::lock_guard lock{disk.mutex};
        std::memcpy(io->buffer, disk.content.data() + io->offset, io->length);
        return finish(disk, io, 0);
    }
    static std::int32_t write(void *self, scst_block_io *io) {
        memory_disk &disk = of(self);
        if (disk.blocks && (io->flags & SCST_BLOCK_IO_MAY_BLOCK) == 0)
            return SCST_BLOCK_WOULD_BLOCK;
        while (disk.hold_writes.load())
            std::this_thread::yield();
        ++disk.writes;
        if ((io->flags & SCST_BLOCK_IO_FUA) != 0)
            ++disk.fua_writes;
        if (disk.write_result != 0)
            return finish(disk, io, disk.write_result);
        const std::lock_guard lock{disk.mutex};
        std::memcpy(disk.content.data() + io->offset, io->buffer, io->length);
        disk.map(io->offset, io->length, true);
        return finish(disk, io, 0);
    }
    static std::int32_t unmap(void *self, std::uint64_t offset, std::uint64_t length) {
        memory_disk &disk = of(self);
        const std::lock_guard lock{disk.mutex};
        ++disk.unmaps;
        std::memset(disk.content.data() + offset, 0, length);
        disk.map(offset, length, false);
        return 0;
    }
    static std::int32_t block_status(void *self, std::uint64_t offset, scst_block_extent *extent) {
        memory_disk &disk = of(self);
        const std::lock_guard lock{disk.mutex};
        disk.mapped.resize(disk.content.size() / 512);
        std::size_t at = offset / 512;
        const bool state = disk.mapped[at];
        while (at < disk.mapped.size() && disk.mapped[at] == state)
            ++at;
        extent->allocated = state ? 1 : 0;
        extent->length = at * 512 - offset;
        return 0;
    }
    void map(std::uint64_t offset, std::uint64_t length, bool on) {
        mapped.resize(content.size() / 512);
        std::fill(mapped.begin() + static_cast<std::ptrdiff_t>(offset / 512),
                  mapped.begin() + static_cast<std::ptrdiff_t>((offset + length) / 512), on);
    }
    void join() {
        for (std::thread &each : threads)
            each.join();
        threads.clear();
    }
    ~memory_disk() { join(); }

    scst_block_backend table{};
    scst_block_info info{};
    std::mutex mutex;
    std::vector<std::uint8_t> content;
    std::vector<bool> mapped;
    std::map<std::string, std::string> own;
    std::vector<std::thread> threads;
    std::uint32_t open_flags = 0;
    std::int32_t open_result = 0;
    std::atomic<std::int32_t> read_result = 0;
    std::atomic<std::int32_t> write_result = 0;
    std::atomic<std::int32_t> flush_result = 0;
    std::atomic<bool> hold_writes = false;
    bool blocks = false; // answers WOULD_BLOCK on the reactor
    bool late = false;   // completes from another thread
    int opened = 0;
    std::atomic<int> reads = 0;
    std::atomic<int> writes = 0;
    std::atomic<int> fua_writes = 0;
    std::atomic<int> flushes = 0;
    std::atomic<int> unmaps = 0;
};

inline constexpr std::uint32_t usual_flags =
    SCST_BLOCK_NONBLOCKING | SCST_BLOCK_HAS_SIZE | SCST_BLOCK_HAS_CACHE | SCST_BLOCK_HAS_THIN | SCST_BLOCK_HAS_DUMMY;

// A memory disk behind the library behind a fake core, with one device "d".
struct memory_device {
    explicit memory_device(const fake_core::parameters &given = {}, std::uint32_t flags = usual_flags,
                           const std::string &state_dir = {})
        : disk{flags}, core{state_dir} {
        disk.info.struct_size = sizeof disk.info;
        disk.info.flags = SCST_BLOCK_CAN_UNMAP;
        scst_error error{};
        result = scst_block_register(core.table(), nullptr, &disk.table, &disk, &handler, &error);
        if (result == 0)
            result = core.add_device("memory", "d", given);
    }
    ~memory_device() {
        if (result == 0)
            core.del_device("d");
        scst_block_unregister(handler);
    }
    memory_device(const memory_device &) = delete;
    memory_device &operator=(const memory_device &) = delete;

    outcome run(std::string_view cdb, const run_options &how = {}) { return core.run("d", cdb, how); }
    outcome send(std::string_view cdb, bytes data) {
        run_options how;
        how.data_out = std::move(data);
        return core.run("d", cdb, how);
    }
    fake_core::device_state &state() { return core.state("d"); }

    memory_disk disk;
    fake_core core;
    scst_block_handler *handler = nullptr;
    std::int32_t result = 0;
};

inline bytes filled(std::size_t size, std::uint8_t value) {
    return bytes(size, value);
}

} // namespace scst::testing
