// SPDX-License-Identifier: Apache-2.0
// device_groups: asymmetric logical unit access: device groups, their target groups, and who is a member (SPC-4 5.15).
//
// A device is in at most one device group, a target in at most one target group of each device group. Pure logic
// without threads: the owner changes it from the management thread; whoever reads it on another thread holds the same
// lock as the owner does for changes. Each change returns what it means for I_T_L nexuses, which the owner then carries
// out. Failures are those of SCST's management files: EEXIST, EINVAL.
#pragma once

#include "alua/alua_state.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::alua {

// A port of a target group. Names of targets that are not ours stand for ports of another node.
struct group_target {
    std::string name;
    std::uint16_t remote_id = 0; // relative target port id; used while no local target has the name; 0: not set
};

struct target_group {
    std::string name;
    std::uint16_t group_id = 0; // 0: not set yet
    access_state state = access_state::active;
    bool preferred = false;
    std::vector<group_target> targets; // in order of adding

    [[nodiscard]] const group_target *find(std::string_view target) const noexcept;
};

struct device_group {
    std::string name;
    std::vector<std::string> devices;                         // in order of adding
    std::vector<std::unique_ptr<target_group>> target_groups; // in order of creation

    [[nodiscard]] target_group *find(std::string_view group) const noexcept;
    [[nodiscard]] bool has_device(std::string_view device) const noexcept;
    // The target group that has the target, or nullptr.
    [[nodiscard]] target_group *group_of(std::string_view target) const noexcept;
};

// What a change means for the nexuses of `device` through `target`: another filter, and maybe a unit attention.
struct affected {
    std::string device;
    std::string target;
    access_state before = access_state::active;
    access_state after = access_state::active;
    bool attention = false; // ASYMMETRIC ACCESS STATE CHANGED, 2A/06
    friend bool operator==(const affected &, const affected &) = default;
};
using changes = std::vector<affected>;

class device_groups {
  public:
    // ---- what exists here; the owner tells before and after ----

    // A local target has appeared, or its relative id is another one.
    void set_local_target(std::string_view target, std::uint16_t relative_id);
    // It is gone, with its memberships.
    changes forget_target(std::string_view target);
    // The device is gone, with its membership.
    changes forget_device(std::string_view device);

    // ---- management commands (management.md 2.6) ----

    result<> create(std::string_view group);
    result<changes> remove(std::string_view group);
    // The caller knows that the device exists.
    result<changes> add_device(std::string_view group, std::string_view device);
    result<changes> remove_device(std::string_view group, std::string_view device);
    result<> create_target_group(std::string_view group, std::string_view target_group);
    result<changes> remove_target_group(std::string_view group, std::string_view target_group);
    result<changes> add_target(std::string_view group, std::string_view target_group, std::string_view target);
    // The target may be in any target group of the device group.
    result<changes> remove_target(std::string_view group, std::string_view target);

    result<> set_group_id(std::string_view group, std::string_view target_group, std::uint64_t id);
    result<changes> set_preferred(std::string_view group, std::string_view target_group, std::uint64_t preferred);
    // `state` as scst.conf names it; the present state is not a change.
    result<changes> set_state(std::string_view group, std::string_view target_group, std::string_view state);
    result<> set_remote_id(std::string_view group, std::string_view target_group, std::string_view target,
                           std::uint64_t id);

    // ---- queries ----

    [[nodiscard]] const std::map<std::string, device_group, std::less<>> &all() const noexcept { return groups_; }
    [[nodiscard]] const device_group *find(std::string_view group) const noexcept;
    // The device group that the device is in, or nullptr.
    [[nodiscard]] const device_group *group_of(std::string_view device) const noexcept;
    // The target group that decides for a device seen through a target, or nullptr: no filter.
    [[nodiscard]] const target_group *decides(std::string_view device, std::string_view target) const noexcept;
    [[nodiscard]] access_state state_for(std::string_view device, std::string_view target) const noexcept;
    [[nodiscard]] bool is_local(std::string_view target) const noexcept;
    // The id that initiators know the port by; nothing for a remote one whose id is not set.
    [[nodiscard]] std::optional<std::uint16_t> relative_id(const group_target &target) const noexcept;
    // Ids of the remote ports of the device's group, for registrations on all target ports.
    [[nodiscard]] std::vector<std::uint16_t> remote_ports(std::string_view device) const;

    // ---- SCSI (see port_group_commands.hpp for the bytes) ----

    // One state for each named group, all or nothing; the caller has checked them (decide_set_target_port_groups()).
    changes apply(std::string_view device, const std::vector<std::pair<std::uint16_t, access_state>> &wanted);

  private:
    [[nodiscard]] device_group *find_group(std::string_view group) noexcept;
    [[nodiscard]] result<target_group *> find_target_group(std::string_view group, std::string_view target_group);
    // The states of all local (device, target) pairs of a group.
    [[nodiscard]] changes pairs_of(const device_group &group) const;
    // What became of the pairs in `before`.
    [[nodiscard]] changes finish(changes before) const;

    std::map<std::string, device_group, std::less<>> groups_;
    std::map<std::string, std::uint16_t, std::less<>> local_targets_; // relative ids by name
};

} // namespace scstd::alua
