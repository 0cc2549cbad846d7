// SPDX-License-Identifier: Apache-2.0
// Devices: making, removing, suspending; reservations as the tree shows them.
#include "core/abi_error.hpp"
#include "core/core.hpp"
#include "core/latch.hpp"
#include "engine/drain.hpp"
#include "engine/gates.hpp"
#include "engine/reservation_commands.hpp"
#include "log/log.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <system_error>

namespace scstd {

namespace {

constexpr std::size_t longest_device_name = 64;
constexpr std::int64_t most_threads = 128;
constexpr std::uint64_t block_patience_ms = 15000; // as long as an SCST management write waits

result<> check_device_name(const std::string &name) {
    if (name.empty())
        return fail(EINVAL, "a device needs a name");
    if (name.size() > longest_device_name)
        return fail(EINVAL, "device name {} has {} characters; {} are allowed", name, name.size(), longest_device_name);
    const bool legal = std::all_of(name.begin(), name.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
    if (!legal || name.find_first_of("/.") != std::string::npos)
        return fail(EINVAL, "device name {} has a character that is not allowed ('/', '.', blanks, control characters)",
                    log::escape(name));
    return ok();
}

std::vector<scst_parameter> to_abi(const parameters &given) {
    std::vector<scst_parameter> list;
    list.reserve(given.size());
    for (const auto &[name, value] : given)
        list.push_back({name.c_str(), value.c_str()});
    return list;
}

std::string default_pr_path(const core &of, const std::string &device_name) {
    return const_cast<core &>(of).options().state_dir + "/pr/" + device_name;
}

result<> load_reservations(device::device &dev, const std::string &path) {
    auto store = std::make_unique<reservation::aptpl_store>(path);
    auto loaded = store->load();
    if (!loaded)
        return loaded.error();
    for (const std::string &warning : loaded.value().warnings)
        log::warning("core", "device {}: {}", dev.name(), warning);
    const std::lock_guard serial{dev.pr_serial};
    const std::lock_guard guard{dev.lock};
    dev.pr.load(std::move(loaded.value().state));
    dev.aptpl = std::move(store);
    engine::update_reservation_gates(dev);
    return ok();
}

} // namespace

device::device *core::find_device(std::string_view name) noexcept {
    const auto found = devices.find(std::string{name});
    return found == devices.end() || found->second->going ? nullptr : found->second.get();
}

result<> core::add_device(device::handler &handler, const std::string &name, const parameters &given) {
    if (auto legal = check_device_name(name); !legal)
        return legal;
    if (devices.contains(name))
        return fail(EEXIST, "device {} already exists", name);
    auto dev = std::make_unique<device::device>(handler, name, next_device_);
    dev->memory.set_limit(options_.max_device_memory);
    if (auto loaded = load_reservations(*dev, default_pr_path(*this, name)); !loaded)
        return loaded;
    if (auto started = dev->workers().resize(static_cast<std::uint32_t>(dev->threads_num)); !started)
        return started;
    const auto list = to_abi(given);
    scst_error why = empty_error();
    const std::int32_t code =
        handler.table().add_device(handler.self(), dev.get(), name.c_str(), list.data(),
                                   static_cast<std::uint32_t>(list.size()), &dev->handler_device, &why);
    if (code != 0) {
        dev->workers().stop();
        return from_abi(code, why, "device " + name);
    }
    ++next_device_;
    handler.device_names.insert(name);
    devices.emplace(name, std::move(dev));
    log::info("core", "device {} of handler {} attached", name, handler.name());
    return ok();
}

result<> core::del_device(device::device &dev) {
    const std::string name = dev.name();
    dev.going = true;
    if (dev.hnd().table().device_ending != nullptr)
        dev.hnd().table().device_ending(dev.handler_device);
    carry_out(groups.forget_device(name), nullptr);
    std::vector<std::shared_ptr<removal>> removals;
    for (auto &[driver_name, driver] : drivers) {
        for (auto &[target_name, tgt] : driver->targets) {
            session::target &of = *tgt;
            const auto drop = [&](session::access_group &group) {
                const auto taken =
                    std::erase_if(group.luns, [&dev](const auto &entry) { return entry.second.dev == &dev; });
                for (auto &[session_name, sess] : of.sessions) {
                    if (sess->group != &group)
                        continue;
                    for (auto &nex : sess->nexuses) {
                        if (&nex->dev == &dev)
                            removals.push_back(begin_removal(*nex));
                    }
                }
                if (taken != 0)
                    announce_luns(group);
            };
            drop(tgt->default_group());
            for (auto &group : tgt->groups)
                drop(*group);
        }
    }
    if (auto waited = wait_for_removals(removals, "device " + name); !waited)
        return waited;
    return finish_device(dev) ? ok() : result<>{fail(EAGAIN, "device {} goes when its last command ends", name)};
}

bool core::finish_device(device::device &dev) {
    {
        const std::lock_guard guard{dev.lock};
        if (!dev.nexuses.empty())
            return false;
    }
    dev.workers().stop();
    const std::string name = dev.name();
    dev.hnd().table().del_device(dev.handler_device);
    dev.hnd().device_names.erase(name);
    log::info("core", "device {} detached", name);
    devices.erase(name);
    return true;
}

result<> core::set_device_threads(device::device &dev, std::int64_t count) {
    if (count < 1 || count > most_threads)
        return fail(EINVAL, "device {}: threads_num {} is not between 1 and {}", dev.name(), count, most_threads);
    if (auto resized = dev.workers().resize(static_cast<std::uint32_t>(count)); !resized)
        return resized;
    dev.threads_num = count;
    return ok();
}

result<> core::drain_device(device::device &dev, std::uint64_t timeout_ms) {
    const auto drained = std::make_shared<latch>();
    engine::drain(dev, {}, *reactors_->at(0), [drained] { drained->signal(); });
    if (drained->wait_for(timeout_ms))
        return ok();
    return fail(EBUSY, "device {}: commands are still running after {} ms", dev.name(), timeout_ms);
}

result<> core::suspend_device(device::device &dev, std::uint64_t timeout_ms) {
    {
        const std::lock_guard guard{dev.lock};
        engine::block(dev);
    }
    auto drained = drain_device(dev, timeout_ms);
    if (!drained)
        resume_device(dev);
    return drained;
}

void core::resume_device(device::device &dev) {
    const std::lock_guard guard{dev.lock};
    engine::unblock(dev);
}

result<> core::block_device(device::device &dev) {
    {
        const std::lock_guard guard{dev.lock};
        ++dev.block_count_external;
        engine::block(dev);
    }
    auto drained = drain_device(dev, block_patience_ms);
    if (!drained)
        unblock_device(dev);
    return drained;
}

result<> core::block_device_async(device::device &dev, std::string text) {
    {
        const std::lock_guard guard{dev.lock};
        ++dev.block_count_external;
        ++dev.block_pending_external;
        engine::block(dev);
    }
    engine::drain(dev, {}, *management_, [this, name = dev.name(), text = std::move(text)] {
        log::info("core", "device {} blocked: {}", name, text);
        if (device::device *still = find_device(name)) {
            const std::lock_guard guard{still->lock};
            if (still->block_pending_external != 0)
                --still->block_pending_external;
        }
    });
    return ok();
}

void core::unblock_device(device::device &dev) {
    const std::lock_guard guard{dev.lock};
    if (dev.block_count_external == 0)
        return;
    --dev.block_count_external;
    engine::unblock(dev);
}

std::string core::pr_state(device::device &dev) {
    const std::lock_guard guard{dev.lock};
    return dev.pr.to_text();
}

result<> core::set_pr_state(device::device &dev, std::string_view text) {
    const std::lock_guard serial{dev.pr_serial};
    reservation::pr_outcome outcome;
    {
        const std::lock_guard guard{dev.lock};
        if (!dev.nexuses.empty())
            return fail(EBUSY, "device {} is in use by a session; pr_state can be restored only before", dev.name());
        auto prepared = dev.pr.prepare_restore(text);
        if (!prepared)
            return prepared.error();
        outcome = prepared.take();
    }
    if (!engine::carry_out(dev, std::move(outcome)))
        return fail(EIO, "device {}: the reservations could not be saved", dev.name());
    return ok();
}

result<> core::set_pr_file_name(device::device &dev, std::string_view path) {
    for (auto &[driver_name, driver] : drivers) {
        for (auto &[target_name, tgt] : driver->targets) {
            const auto uses = [&dev](const session::access_group &group) {
                return std::any_of(group.luns.begin(), group.luns.end(),
                                   [&dev](const auto &entry) { return entry.second.dev == &dev; });
            };
            if (uses(tgt->default_group()) ||
                std::any_of(tgt->groups.begin(), tgt->groups.end(), [&](const auto &group) { return uses(*group); }))
                return fail(EBUSY, "device {} is exported; pr_file_name can be changed only before", dev.name());
        }
    }
    const std::string wanted = path.empty() ? default_pr_path(*this, dev.name()) : std::string{path};
    if (wanted.front() != '/')
        return fail(EINVAL, "device {}: pr_file_name {} is not an absolute path", dev.name(), wanted);
    if (auto loaded = load_reservations(dev, wanted); !loaded)
        return loaded;
    dev.pr_file_name = path;
    return ok();
}

} // namespace scstd
