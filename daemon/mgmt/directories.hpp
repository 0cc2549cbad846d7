// SPDX-License-Identifier: Apache-2.0
// directories: every kind of directory of the tree (management.md 1.1). Each lives for one call and borrows its object
// from the core; management thread.
#pragma once

#include "mgmt/directory.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace scstd {
class core;
namespace alua {
struct device_group;
struct group_target;
struct target_group;
} // namespace alua
namespace device {
class device;
class handler;
} // namespace device
namespace session {
class access_group;
class session;
class target;
class target_driver;
} // namespace session
} // namespace scstd

namespace scstd::mgmt {

// A directory that needs no more than its objects: `Objects` are references.
class root_directory final : public directory {
  public:
    explicit root_directory(const tree &of) : tree_{of} {}
    void entries(items &out) override;

  private:
    const tree &tree_;
};

// ---- devices, handlers ----

class devices_directory final : public directory {
  public:
    explicit devices_directory(core &registry) : core_{registry} {}
    void entries(items &out) override;
    std::optional<item> find(std::string_view name) override;

  private:
    core &core_;
};

class device_directory final : public directory {
  public:
    device_directory(core &registry, device::device &dev) : core_{registry}, dev_{dev} {}
    void entries(items &out) override;

  private:
    core &core_;
    device::device &dev_;
};

class exported_directory final : public directory {
  public:
    exported_directory(core &registry, device::device &dev) : core_{registry}, dev_{dev} {}
    void entries(items &out) override;

  private:
    core &core_;
    device::device &dev_;
};

class handlers_directory final : public directory {
  public:
    explicit handlers_directory(core &registry) : core_{registry} {}
    void entries(items &out) override;

  private:
    core &core_;
};

class handler_directory final : public directory {
  public:
    handler_directory(core &registry, device::handler &hnd) : core_{registry}, handler_{hnd} {}
    void entries(items &out) override;

  private:
    core &core_;
    device::handler &handler_;
};

// ---- targets ----

class targets_directory final : public directory {
  public:
    explicit targets_directory(core &registry) : core_{registry} {}
    void entries(items &out) override;

  private:
    core &core_;
};

class driver_directory final : public directory {
  public:
    driver_directory(core &registry, session::target_driver &driver) : core_{registry}, driver_{driver} {}
    void entries(items &out) override;
    std::optional<item> find(std::string_view name) override;

  private:
    core &core_;
    session::target_driver &driver_;
};

class target_directory final : public directory {
  public:
    target_directory(core &registry, session::target &tgt) : core_{registry}, target_{tgt} {}
    void entries(items &out) override;
    std::optional<item> find(std::string_view name) override;

  private:
    void folders(items &out);
    core &core_;
    session::target &target_;
};

// ---- access groups ----

class luns_directory final : public directory {
  public:
    luns_directory(core &registry, session::access_group &group) : core_{registry}, group_{group} {}
    void entries(items &out) override;

  private:
    core &core_;
    session::access_group &group_;
};

class lun_directory final : public directory {
  public:
    lun_directory(session::access_group &group, std::uint32_t lun) : group_{group}, lun_{lun} {}
    void entries(items &out) override;

  private:
    session::access_group &group_;
    std::uint32_t lun_;
};

class ini_groups_directory final : public directory {
  public:
    ini_groups_directory(core &registry, session::target &tgt) : core_{registry}, target_{tgt} {}
    void entries(items &out) override;

  private:
    core &core_;
    session::target &target_;
};

class group_directory final : public directory {
  public:
    group_directory(core &registry, session::access_group &group) : core_{registry}, group_{group} {}
    void entries(items &out) override;

  private:
    core &core_;
    session::access_group &group_;
};

class initiators_directory final : public directory {
  public:
    initiators_directory(core &registry, session::access_group &group) : core_{registry}, group_{group} {}
    void entries(items &out) override;

  private:
    core &core_;
    session::access_group &group_;
};

// addr_method, io_grouping_type, black_hole and cpu_mask, which a target has for its default group.
void add_group_attributes(items &out, core &registry, session::access_group &group);

// ---- sessions ----

class sessions_directory final : public directory {
  public:
    sessions_directory(core &registry, session::target &tgt) : core_{registry}, target_{tgt} {}
    void entries(items &out) override;
    std::optional<item> find(std::string_view name) override;

  private:
    core &core_;
    session::target &target_;
};

class session_directory final : public directory {
  public:
    session_directory(core &registry, session::session &sess) : core_{registry}, session_{sess} {}
    void entries(items &out) override;

  private:
    core &core_;
    session::session &session_;
};

class latency_directory final : public directory {
  public:
    latency_directory(core &registry, session::session &sess) : core_{registry}, session_{sess} {}
    void entries(items &out) override;

  private:
    core &core_;
    session::session &session_;
};

// The 11 I/O counters, as sums over the sessions of a target.
void add_counter_sums(items &out, session::target &tgt);

// ---- ALUA ----

class device_groups_directory final : public directory {
  public:
    explicit device_groups_directory(core &registry) : core_{registry} {}
    void entries(items &out) override;

  private:
    core &core_;
};

class device_group_directory final : public directory {
  public:
    device_group_directory(core &registry, const alua::device_group &group) : core_{registry}, group_{group} {}
    void entries(items &out) override;

  private:
    core &core_;
    const alua::device_group &group_;
};

class group_devices_directory final : public directory {
  public:
    group_devices_directory(core &registry, const alua::device_group &group) : core_{registry}, group_{group} {}
    void entries(items &out) override;

  private:
    core &core_;
    const alua::device_group &group_;
};

class target_groups_directory final : public directory {
  public:
    target_groups_directory(core &registry, const alua::device_group &group) : core_{registry}, group_{group} {}
    void entries(items &out) override;

  private:
    core &core_;
    const alua::device_group &group_;
};

class target_group_directory final : public directory {
  public:
    target_group_directory(core &registry, const alua::device_group &group, const alua::target_group &ports)
        : core_{registry}, group_{group}, ports_{ports} {}
    void entries(items &out) override;

  private:
    core &core_;
    const alua::device_group &group_;
    const alua::target_group &ports_;
};

// ---- sgv ----

class sgv_directory final : public directory {
  public:
    explicit sgv_directory(core &registry) : core_{registry} {}
    void entries(items &out) override;

  private:
    core &core_;
};

} // namespace scstd::mgmt
