// SPDX-License-Identifier: Apache-2.0
// planner: makes a plan: compares the running configuration with the wanted one object by object and keeps the former
// up to date with what it has planned. Split over planner_*.cpp by kind of object. Management thread.
#pragma once

#include "mgmt/schema.hpp"
#include "mgmt/scst_conf/plan.hpp"
#include "mgmt/scst_conf/running.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scstd::mgmt::scst_conf {

class planner {
  public:
    planner(const model &wanted, const tree &running, bool force)
        : want_{wanted}, now_{read_running(running)}, tree_{running}, force_{force} {}

    plan run();

  private:
    // ---- planner.cpp ----
    void add(std::string what, tree_write action, std::vector<tree_write> undo, position at);
    // The same for a new object with parameters.
    void add_object(std::string what, tree_write action, std::vector<tree_write> undo, position at,
                    const attributes &attrs, const schema &known);
    void keep(std::string what) { plan_.kept.push_back(std::move(what)); }
    // Values of an object: `now` null when the object is being made. Parameters and names in `skip` are left out.
    void set_attributes(const std::string &path, const attributes &wanted, const attributes *now, const schema &known,
                        std::string_view skip = {});
    void set_attribute(const std::string &path, const attribute &wanted, const attributes *now);
    // Attributes with several values, added and removed by a command of `mgmt`; `object` is the target's name or empty.
    void set_dynamic(const std::string &driver_name, const std::string &object, const attribute &wanted,
                     const attributes *now);
    void drop_dynamic(const std::string &driver_name, const std::string &object, const attributes &wanted,
                      const attributes &now, const schema &known);

    // ---- planner_devices.cpp ----
    void plan_devices();
    void plan_device(const handler &of, const device &wanted);
    void drop_device(const handler &of, const device &gone);
    // What of the device could only be changed by making it anew; empty when nothing.
    std::string must_be_remade(const device &wanted, const device &now, const schema &known) const;
    void unmap_everywhere(const std::string &device_name);
    void unmap(const std::string &luns_path, std::vector<lun> &luns, const std::string &device_name);

    // ---- planner_targets.cpp ----
    void plan_driver(const driver &wanted);
    void plan_target(const driver &of, const target &wanted);
    void plan_groups(const driver &of, const target &wanted, target *now);
    void plan_group(const driver &of, const target &on, const group &wanted, group *now);
    void plan_initiators(const std::string &path, const group &wanted, const group *now);
    void plan_luns(const std::string &path, const std::vector<lun> &wanted, std::vector<lun> *now);
    void drop_target(const std::string &driver_name, const target &gone);
    void drop_group(const std::string &driver_name, const std::string &target_name, const group &gone);
    void remove_unwanted_targets();
    void remove_unwanted_from_targets();
    void remove_unwanted_from(const std::string &driver_name, target &now, const target &wanted);
    void remove_unwanted_luns(const std::string &path, const std::vector<lun> &wanted, std::vector<lun> &now);
    void enable_targets();
    void enable_drivers();

    // ---- planner_groups.cpp ----
    void plan_device_groups();
    void plan_device_group(const device_group &wanted, const device_group *now);
    void plan_target_group(const device_group &of, const target_group &wanted, const target_group *now);
    void remove_unwanted_device_groups();
    void remove_unwanted_members(const device_group &wanted, device_group &now);
    void drop_device_group(const device_group &gone);
    void drop_target_group(const std::string &group, const target_group &gone);

    const model &want_;
    model now_;
    const tree &tree_;
    const bool force_;
    plan plan_;
};

// ---- shared by them ----
[[nodiscard]] const attribute *find_attribute(const attributes &attrs, std::string_view name);
[[nodiscard]] std::string value_of(const attributes &attrs, std::string_view name); // empty: not there
[[nodiscard]] std::string lun_command(std::string_view verb, const lun &which);
// Whether the attribute is part of the command that makes the object.
[[nodiscard]] bool is_given_at_creation(const attribute &attr, const schema &known);
// "NAME a=1;b=2;" of the attributes that are parameters.
[[nodiscard]] std::string creation_command(std::string_view verb, std::string_view name, const attributes &attrs,
                                           const schema &known, bool only_marked);
// The writes that bring back the marked attributes which are no parameters.
void restore_attributes(std::vector<tree_write> &into, const std::string &path, const attributes &attrs,
                        const schema &known);
// Whether both mean the same value: as text, or as numbers.
[[nodiscard]] bool same_value(std::string_view left, std::string_view right);
template <class Object>
[[nodiscard]] Object *find_mutable(std::vector<Object> &objects, std::string_view name) {
    for (auto &each : objects)
        if (each.name == name)
            return &each;
    return nullptr;
}

template <class Object>
[[nodiscard]] std::vector<const Object *> by_name(const std::vector<Object> &objects) {
    std::vector<const Object *> sorted;
    sorted.reserve(objects.size());
    for (const auto &each : objects)
        sorted.push_back(&each);
    std::sort(sorted.begin(), sorted.end(), [](const auto *a, const auto *b) { return a->name < b->name; });
    return sorted;
}

} // namespace scstd::mgmt::scst_conf
