// SPDX-License-Identifier: Apache-2.0
// Start and stop, and the registry of handlers and drivers. Devices, targets, LUNs and sessions: the other files here.
#include "core/core.hpp"

#include "engine/engine.hpp"
#include "log/log.hpp"
#include "plugin/plugin.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <thread>

namespace scstd {

namespace {

core *the_core = nullptr;

std::uint64_t quarter_of_ram() noexcept {
    struct sysinfo info {};
    if (sysinfo(&info) != 0)
        return std::uint64_t{1} << 30;
    return static_cast<std::uint64_t>(info.totalram) * info.mem_unit / 4;
}

unsigned default_reactors() noexcept {
    return std::max(1u, std::thread::hardware_concurrency());
}

} // namespace

core::core(core_options options) : options_{std::move(options)} {
    assert(the_core == nullptr);
    the_core = this;
    if (options_.reactors == 0)
        options_.reactors = default_reactors();
    if (options_.max_command_memory == 0)
        options_.max_command_memory = quarter_of_ram();
    if (options_.max_device_memory == 0 || options_.max_device_memory > options_.max_command_memory)
        options_.max_device_memory = options_.max_command_memory / 5 * 2;
    management_ = std::make_unique<threads::reactor>("scst_mgmtd");
    reactors_ = std::make_unique<threads::reactor_set>(options_.reactors);
    std::vector<threads::reactor *> all;
    for (std::uint32_t i = 0; i < reactors_->count(); ++i)
        all.push_back(reactors_->at(i));
    buffers_ = std::make_unique<sgv::sgv_cache>(all, sgv::limits{.max_bytes = options_.max_command_memory});
}

core::~core() {
    the_core = nullptr;
}

core &core::instance() noexcept {
    assert(the_core != nullptr);
    return *the_core;
}

result<> core::start() {
    for (const char *folder : {"pr", "vdev_mode_pages"}) {
        const std::string path = options_.state_dir + "/" + folder;
        if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
            return fail(errno, "cannot make {}: {}", path, std::generic_category().message(errno));
    }
    if (auto started = management_->start(); !started)
        return started;
    if (auto started = reactors_->start(); !started) {
        management_->stop();
        return started;
    }
    log::info("core", "{} reactors, {} MiB for command buffers ({} MiB per device)", options_.reactors,
              options_.max_command_memory >> 20, options_.max_device_memory >> 20);
    return ok();
}

void core::stop() {
    buffers_->flush();
    log::info("core", "command buffers freed ({} bytes left)", buffers_->total_bytes());
    reactors_->stop();
    management_->stop();
}

void core::close_targets() {
    management_->call([this] {
        for (auto &[name, driver] : drivers) {
            for (auto &[target_name, tgt] : driver->targets) {
                tgt->going = true;
                if (tgt->enabled && driver->has_enabled())
                    static_cast<void>(enable_target(*tgt, false));
                for (auto &[session_name, sess] : tgt->sessions)
                    static_cast<void>(close_session(*sess));
            }
        }
    });
    constexpr std::chrono::seconds patience{15};
    std::unique_lock guard{sessions_lock_};
    if (!sessions_changed_.wait_for(guard, patience, [this] { return session_count_ == 0; }))
        log::error("core", "{} sessions did not end in {} s: a backend or a peer holds them", session_count_,
                   patience.count());
}

void core::close_everything() {
    close_targets();
    management_->call([this] {
        for (auto &[name, driver] : drivers) {
            while (!driver->targets.empty()) {
                auto &tgt = *driver->targets.begin()->second;
                if (auto gone = del_target(tgt); !gone) {
                    log::error("core", "{}", gone.error().message);
                    break;
                }
            }
        }
        while (!devices.empty()) {
            auto &dev = *devices.begin()->second;
            if (auto gone = del_device(dev); !gone) {
                log::error("core", "{}", gone.error().message);
                break;
            }
        }
    });
}

result<> core::register_handler(plugin::plugin *from, const scst_handler &table, void *self) {
    if (handlers.contains(table.name))
        return fail(EEXIST, "a handler {} is already registered", table.name);
    handlers.emplace(table.name, std::make_unique<device::handler>(from, table, self));
    log::info("core", "device handler {} registered", table.name);
    return ok();
}

result<> core::register_driver(plugin::plugin *from, const scst_target_driver &table, void *self) {
    if (drivers.contains(table.name))
        return fail(EEXIST, "a target driver {} is already registered", table.name);
    drivers.emplace(table.name, std::make_unique<session::target_driver>(from, table, table.name, self));
    log::info("core", "target driver {} registered", table.name);
    return ok();
}

result<> core::unregister_plugin(plugin::plugin *from) {
    std::string users;
    const auto note = [&users](std::string_view kind, const std::string &name) {
        users += fmt::format("{}{} {}", users.empty() ? "" : ", ", kind, name);
    };
    for (const auto &[name, hnd] : handlers) {
        if (hnd->from() != from)
            continue;
        for (const std::string &device_name : hnd->device_names)
            note("device", device_name);
    }
    for (const auto &[name, driver] : drivers) {
        if (driver->from() != from)
            continue;
        for (const auto &[target_name, tgt] : driver->targets)
            note("target", target_name);
    }
    if (!users.empty())
        return fail(EBUSY, "plugin {} is in use by {}", from->name(), users);
    const auto take_back = [from](auto &registry, std::string_view kind) {
        std::erase_if(registry, [&](const auto &entry) {
            if (entry.second->from() != from)
                return false;
            log::info("core", "{} {} unregistered", kind, entry.first);
            return true;
        });
    };
    take_back(handlers, "device handler");
    take_back(drivers, "target driver");
    return ok();
}

void core::set_measure_latency(bool on) {
    measure_latency_ = on;
    for (auto &[name, driver] : drivers) {
        for (auto &[target_name, tgt] : driver->targets) {
            for (auto &[session_name, sess] : tgt->sessions) {
                session::session &of = *sess;
                of.reactor().call(
                    [&of, on] { of.latency = on ? std::make_unique<engine::latency_tables>() : nullptr; });
            }
        }
    }
}

} // namespace scstd
