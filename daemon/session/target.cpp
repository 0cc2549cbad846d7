// SPDX-License-Identifier: Apache-2.0
#include "session/target.hpp"

#include "session/name_pattern.hpp"
#include "session/session.hpp"

#include <algorithm>
#include <utility>

namespace scstd::session {

bool access_group::admits(std::string_view initiator_name) const noexcept {
    return std::any_of(initiators.begin(), initiators.end(),
                       [initiator_name](const std::string &pattern) { return name_matches(pattern, initiator_name); });
}

target::target(target_driver &driver, std::string name)
    : driver_{driver}, name_{std::move(name)}, default_group_{*this, {}} {}

target::~target() = default;

access_group &target::group_for(std::string_view initiator_name) noexcept {
    for (const auto &group : groups) {
        if (group->admits(initiator_name))
            return *group;
    }
    return default_group_;
}

access_group *target::find_group(std::string_view name) noexcept {
    for (const auto &group : groups) {
        if (group->name() == name)
            return group.get();
    }
    return nullptr;
}

} // namespace scstd::session
