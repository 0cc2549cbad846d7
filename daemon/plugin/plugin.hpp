// SPDX-License-Identifier: Apache-2.0
// plugin: one loaded plugin. Its descriptor's texts are copied, so that what names it stays readable when it is gone.
//
// Owned by the loader; made, changed and destroyed on the management thread. name(), version() and setting() are for
// any thread. It is what scst_plugin_ref is inside the daemon (sdk/include/scst/plugin.h).
#pragma once

#include "base/handles.hpp"

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scstd::plugin {

struct description {
    std::string name;
    std::string path; // absolute
    std::string version;
    std::string license;
    std::string summary;
};

class plugin final : public ::scst_plugin_ref {
  public:
    // `settings`: what scstd.conf and -o say in the section of this plugin, by name without the section.
    plugin(description told, std::map<std::string, std::string> settings)
        : told_{std::move(told)}, settings_{std::move(settings)} {}
    plugin(const plugin &) = delete;
    plugin &operator=(const plugin &) = delete;

    [[nodiscard]] const std::string &name() const noexcept { return told_.name; }
    [[nodiscard]] const std::string &path() const noexcept { return told_.path; }
    [[nodiscard]] const std::string &version() const noexcept { return told_.version; }
    [[nodiscard]] const std::string &license() const noexcept { return told_.license; }
    [[nodiscard]] const std::string &summary() const noexcept { return told_.summary; }

    // The table's setting(): the value, or nullptr. Valid as long as the plugin.
    [[nodiscard]] const char *setting(std::string_view setting_name) {
        const std::scoped_lock held{mutex_};
        const std::string key{setting_name};
        asked_.insert(key);
        const auto found = settings_.find(key);
        return found == settings_.end() ? nullptr : found->second.c_str();
    }
    // Settings that are given but that the plugin never asked for.
    [[nodiscard]] std::vector<std::string> unused_settings() const {
        const std::scoped_lock held{mutex_};
        std::vector<std::string> names;
        for (const auto &[key, value] : settings_)
            if (!asked_.contains(key))
                names.push_back(key);
        return names;
    }
    // Names it asked for, for a "did you mean".
    [[nodiscard]] std::vector<std::string> asked_settings() const {
        const std::scoped_lock held{mutex_};
        return {asked_.begin(), asked_.end()};
    }

  private:
    const description told_;
    const std::map<std::string, std::string> settings_;
    mutable std::mutex mutex_;
    std::set<std::string> asked_; // mutex_
};

} // namespace scstd::plugin
