// SPDX-License-Identifier: Apache-2.0
// access_group: SCST's ACG: which LUNs an initiator sees and how. Every target has one unnamed default group and any
// number of named ones with initiator patterns. Owned by its target; management thread only. What the data path needs
// of it is copied into the sessions (session.hpp).
#pragma once

#include "threads/cpu_mask.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::device {
class device;
}

namespace scstd::session {

class target;

// How REPORT LUNS writes a LUN (SAM-5 4.7.7); all three are understood when they come in.
enum class address_method : std::uint8_t { peripheral = 0, flat = 1, lun = 2 };

struct lun_entry {
    device::device *dev = nullptr;
    bool read_only = false;
    std::uint32_t export_number = 0; // N of devices/<dev>/exported/exportN
};

class access_group {
  public:
    access_group(target &owner, std::string name) : target_{owner}, name_{std::move(name)} {}
    access_group(const access_group &) = delete;
    access_group &operator=(const access_group &) = delete;

    [[nodiscard]] target &owner() const noexcept { return target_; }
    [[nodiscard]] const std::string &name() const noexcept { return name_; } // empty: the default group
    [[nodiscard]] bool is_default() const noexcept { return name_.empty(); }
    // Whether one of the patterns covers the name.
    [[nodiscard]] bool admits(std::string_view initiator_name) const noexcept;

    std::map<std::uint32_t, lun_entry> luns;
    std::vector<std::string> initiators; // patterns, in insertion order
    address_method method = address_method::peripheral;
    std::uint8_t black_hole = 0;           // 0..4, management.md 9.10
    std::string io_grouping_type = "auto"; // kept for SCST's configuration files; threads here follow the reactors
    threads::cpu_mask cpus;                // empty: all
    void *driver_data = nullptr;           // of the driver's add_group()

  private:
    target &target_;
    std::string name_;
};

} // namespace scstd::session
