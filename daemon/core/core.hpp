// SPDX-License-Identifier: Apache-2.0
// core: the registry of everything configurable and the only place that changes it.
//
// Owner: main(). Every member function runs on the management thread unless it says otherwise; each either does all of
// what it is asked or nothing, and its error names the object and the reason. The data path never waits for it: it
// works on what these functions publish to the reactors.
#pragma once

#include "alua/device_groups.hpp"
#include "base/result.hpp"
#include "device/device.hpp"
#include "device/handler.hpp"
#include "session/access_group.hpp"
#include "session/session.hpp"
#include "session/target.hpp"
#include "sgv/sgv_cache.hpp"
#include "threads/reactor.hpp"
#include "threads/reactor_set.hpp"

#include <scst/core.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scstd {

// What a new nexus has to tell first.
enum class sense_of_nexus { power_on, nexus_loss, inquiry_changed, nothing };

// NAME=VALUE pairs of a management command.
using parameters = std::vector<std::pair<std::string, std::string>>;

struct core_options {
    unsigned reactors = 0;                       // 0: one per CPU
    std::string state_dir;                       // absolute, exists
    std::uint64_t max_command_memory = 0;        // bytes; 0: a quarter of the RAM
    std::uint64_t max_device_memory = 0;         // bytes; 0: two fifths of the former
    std::map<std::string, std::string> settings; // "iscsi.portals" -> "127.0.0.1:3260,[::1]:3260"
};

class core {
  public:
    explicit core(core_options options);
    core(const core &) = delete;
    core &operator=(const core &) = delete;
    ~core();

    // Starts the threads and makes the folders below state_dir; to be called once, from main(). All or nothing.
    [[nodiscard]] result<> start();
    // Disables the targets and closes all sessions, waiting a while for them. Not on the management thread.
    void close_targets();
    // Ends everything in order: targets, sessions, devices. Plugins may then be unloaded, while the threads still run.
    void close_everything();
    // Last: frees the buffers and joins the threads. main(), once.
    void stop();

    // The management thread: every other function is called there. post() and call() from any thread.
    [[nodiscard]] threads::reactor &management() noexcept { return *management_; }
    [[nodiscard]] threads::reactor_set &reactors() noexcept { return *reactors_; }
    [[nodiscard]] sgv::sgv_cache &buffers() noexcept { return *buffers_; }
    [[nodiscard]] const core_options &options() const noexcept { return options_; }
    // The table lent to plugins.
    [[nodiscard]] static const scst_core &api() noexcept;
    [[nodiscard]] static core &instance() noexcept;

    // ---- handlers and drivers; called by the plugin loader ----
    result<> register_handler(plugin::plugin *from, const scst_handler &table, void *self);
    result<> register_driver(plugin::plugin *from, const scst_target_driver &table, void *self);
    // Takes back all that `from` registered; fails with EBUSY and the names of devices or targets that use it.
    result<> unregister_plugin(plugin::plugin *from);
    std::map<std::string, std::unique_ptr<device::handler>> handlers;
    std::map<std::string, std::unique_ptr<session::target_driver>> drivers;

    // ---- devices ----
    result<> add_device(device::handler &handler, const std::string &name, const parameters &given);
    // Removes all its LUNs, waits until its commands are done (at most `timeout_ms`, then EAGAIN and the rest follows
    // by itself).
    result<> del_device(device::device &dev);
    [[nodiscard]] device::device *find_device(std::string_view name) noexcept;
    std::map<std::string, std::unique_ptr<device::device>> devices;
    result<> set_device_threads(device::device &dev, std::int64_t count);
    // The `block` attribute: 1 = block and wait, 0 = unblock, 11 = block without waiting; `text` goes to the log when
    // drained.
    result<> block_device(device::device &dev);
    result<> block_device_async(device::device &dev, std::string text);
    void unblock_device(device::device &dev);
    // pr_state, pr_file_name (management.md 1.8.2).
    [[nodiscard]] std::string pr_state(device::device &dev);
    result<> set_pr_state(device::device &dev, std::string_view text);
    result<> set_pr_file_name(device::device &dev, std::string_view path);

    // ---- targets ----
    result<> add_target(session::target_driver &driver, const std::string &name, const parameters &given);
    result<> del_target(session::target &tgt);
    result<> enable_target(session::target &tgt, bool enable);
    result<> set_relative_id(session::target &tgt, std::uint64_t id);
    [[nodiscard]] session::target *find_target(std::string_view driver, std::string_view name) noexcept;
    // Sessions follow at once; group may be a target's default group.
    void set_address_method(session::access_group &group, session::address_method method);
    void set_black_hole(session::access_group &group, std::uint8_t mode);
    void set_cpu_mask(session::access_group &group, threads::cpu_mask mask);

    // ---- groups, LUNs, initiators ----
    result<> create_group(session::target &tgt, const std::string &name);
    result<> delete_group(session::access_group &group);
    result<> add_initiator(session::access_group &group, const std::string &pattern);
    result<> del_initiator(session::access_group &group, const std::string &pattern);
    result<> move_initiator(session::access_group &group, const std::string &pattern, const std::string &to_group);
    result<> clear_initiators(session::access_group &group);
    result<> add_lun(session::access_group &group, device::device &dev, std::uint64_t lun, bool read_only);
    // `replace` when the LUN exists (UA INQUIRY DATA CHANGED unless !notify), else add.
    result<> replace_lun(session::access_group &group, device::device &dev, std::uint64_t lun, bool read_only,
                         bool notify);
    result<> del_lun(session::access_group &group, std::uint64_t lun);
    result<> clear_luns(session::access_group &group);

    // ---- sessions ----
    result<> close_session(session::session &sess);
    // Runs `read` on the session's reactor and waits: for counters and connection directories.
    template <class F>
    auto on_session(session::session &sess, F &&read) {
        return sess.reactor().call(std::forward<F>(read));
    }
    void set_aen_disabled(session::target &tgt, bool disabled);

    // ---- for the table lent to plugins (core/api.cpp); management thread ----
    struct session_request;
    void start_session(std::shared_ptr<session_request> request);
    void forget_session(std::shared_ptr<session::session> sess, void (*done)(void *), void *argument);
    result<> suspend_device(device::device &dev, std::uint64_t timeout_ms);
    void resume_device(device::device &dev);

    // ---- ALUA: change through these; management reads `groups` freely, other threads by with_groups() ----
    alua::device_groups groups;
    template <class F>
    auto with_groups(F &&read) {
        const std::lock_guard guard{groups_lock_};
        return read(std::as_const(groups));
    }
    // SET TARGET PORT GROUPS, already checked; `except` is the nexus that asked. The reactor.
    void apply_port_groups(device::device &dev, const std::vector<std::pair<std::uint16_t, alua::access_state>> &wanted,
                           const session::nexus *except);
    // Relative ids of the ports of a driver through which the device can be reached, with remote ones. Any thread.
    [[nodiscard]] std::vector<std::uint16_t> ports_of(device::device &dev, const session::target_driver &driver);
    result<> create_device_group(const std::string &name);
    result<> delete_device_group(const std::string &name);
    result<> add_group_device(const std::string &group, const std::string &device_name);
    result<> del_group_device(const std::string &group, const std::string &device_name);
    result<> create_target_group(const std::string &group, const std::string &name);
    result<> delete_target_group(const std::string &group, const std::string &name);
    result<> add_group_target(const std::string &group, const std::string &target_group, const std::string &target);
    result<> del_group_target(const std::string &group, const std::string &target_group, const std::string &target);
    result<> set_group_id(const std::string &group, const std::string &target_group, std::uint64_t id);
    result<> set_preferred(const std::string &group, const std::string &target_group, bool preferred);
    result<> set_alua_state(const std::string &group, const std::string &target_group, std::string_view state);
    result<> set_remote_relative_id(const std::string &group, const std::string &target_group,
                                    const std::string &target, std::uint64_t id);

    // ---- root attributes ----
    std::uint32_t setup_id = 0;
    bool measure_latency() const noexcept { return measure_latency_; }
    void set_measure_latency(bool on);

  private:
    struct removal;
    result<> check_lun(const session::access_group &group, std::uint64_t lun) const;
    void create_nexus(session::session &sess, device::device &dev, std::uint32_t lun, bool read_only,
                      sense_of_nexus first);
    void publish_nexus(session::nexus &nex);
    std::shared_ptr<removal> begin_removal(session::nexus &nex);
    result<> wait_for_removals(const std::vector<std::shared_ptr<removal>> &removals, const std::string &what);
    void finish_removal(session::nexus &nex, const std::shared_ptr<session::session> &sess);
    void unlink_nexus(session::nexus &nex);
    void destroy_nexus(session::nexus &nex);
    void refresh_ports(device::device &dev);
    void announce_luns(session::access_group &group);
    void regroup_sessions(session::target &tgt);
    result<> move_session(session::session &sess, session::access_group &to);
    bool finish_device(device::device &dev);
    result<> drain_device(device::device &dev, std::uint64_t timeout_ms);
    void carry_out(const alua::changes &changes, const session::nexus *except);
    result<> change_groups(result<alua::changes> (*change)(alua::device_groups &, const void *), const void *context);
    [[nodiscard]] std::uint16_t free_relative_id();

    core_options options_;
    std::unique_ptr<threads::reactor> management_;
    std::unique_ptr<threads::reactor_set> reactors_;
    std::unique_ptr<sgv::sgv_cache> buffers_;
    bool measure_latency_ = false;
    std::mutex groups_lock_; // leaf: `groups` for readers on other threads
    std::uint64_t next_nexus_ = 1;
    std::uint64_t next_session_ = 1;
    std::uint32_t next_device_ = 1;
    std::uint16_t next_relative_id_ = 1;
    // Sessions that are not forgotten yet; stop() waits for none.
    std::mutex sessions_lock_;
    std::condition_variable sessions_changed_;
    std::size_t session_count_ = 0;
};

} // namespace scstd
