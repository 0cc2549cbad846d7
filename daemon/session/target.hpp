// SPDX-License-Identifier: Apache-2.0
// target: an SCSI target port, and target_driver: the transport that makes them. Owned by the core; management thread
// only, apart from what is marked otherwise.
#pragma once

#include "base/handles.hpp"
#include "session/access_group.hpp"

#include <scst/target.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace scstd::plugin {
class plugin;
}

namespace scstd::session {

class session;

class target_driver {
  public:
    target_driver(plugin::plugin *from, scst_target_driver table, std::string name, void *self)
        : plugin_{from}, table_{table}, name_{std::move(name)}, self_{self} {}
    target_driver(const target_driver &) = delete;
    target_driver &operator=(const target_driver &) = delete;

    [[nodiscard]] const scst_target_driver &table() const noexcept { return table_; }
    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] void *self() const noexcept { return self_; }
    // The plugin it came from; nullptr for the core's own copy_manager.
    [[nodiscard]] plugin::plugin *from() const noexcept { return plugin_; }
    [[nodiscard]] bool has_enabled() const noexcept { return (table_.flags & SCST_DRIVER_NO_ENABLED) == 0; }

    std::map<std::string, std::unique_ptr<target>> targets;

  private:
    plugin::plugin *plugin_;
    scst_target_driver table_;
    std::string name_;
    void *self_;
};

class target final : public ::scst_target {
  public:
    target(target_driver &driver, std::string name);
    target(const target &) = delete;
    target &operator=(const target &) = delete;
    ~target();

    [[nodiscard]] target_driver &driver() const noexcept { return driver_; }
    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] access_group &default_group() noexcept { return default_group_; }
    // The group that decides for an initiator: the first named one with a matching pattern, else the default.
    [[nodiscard]] access_group &group_for(std::string_view initiator_name) noexcept;
    [[nodiscard]] access_group *find_group(std::string_view name) noexcept;

    std::list<std::unique_ptr<access_group>> groups;          // named ones, in creation order
    std::map<std::string, std::shared_ptr<session>> sessions; // by unique name; shared with the session's reactor
    void *driver_target = nullptr;                            // what add_target() stored
    std::atomic<std::uint16_t> relative_id{0};                // any thread reads
    // Any thread: the CPUs that new sessions of the default group may use. Kept apart from the group, which is
    // management's.
    [[nodiscard]] threads::cpu_mask cpus_snapshot() const {
        const std::lock_guard guard{cpus_lock_};
        return cpus_;
    }
    void set_cpus_snapshot(const threads::cpu_mask &cpus) {
        const std::lock_guard guard{cpus_lock_};
        cpus_ = cpus;
    }
    bool enabled = false;
    bool going = false; // del_target has begun: no new sessions
    std::string comment;
    bool aen_disabled = false;
    bool forward_src = false;
    bool forward_dst = false;

  private:
    target_driver &driver_;
    std::string name_;
    access_group default_group_;
    mutable std::mutex cpus_lock_; // leaf
    threads::cpu_mask cpus_;
};

} // namespace scstd::session
