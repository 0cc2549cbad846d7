// SPDX-License-Identifier: Apache-2.0
// loader: loads and unloads plugins; the only user of Boost.DLL. Owned by main(); management thread only.
//
// Every refusal is one sentence that names the plugin and the reason, and leaves the daemon as it was.
// Checks and life cycle: docs/sdk.md, sdk/include/scst/plugin.h.
#pragma once

#include "base/result.hpp"
#include "plugin/plugin.hpp"

#include <scst/plugin.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scstd {
class core;
}

namespace scstd::plugin {

class loader {
  public:
    loader(core &registry, std::filesystem::path plugin_dir);
    loader(const loader &) = delete;
    loader &operator=(const loader &) = delete;
    // Everything was unloaded by now.
    ~loader();

    // `which` is a name (NAME.so in the plugin folder) or, with a '/', a path.
    [[nodiscard]] result<plugin *> load(std::string_view which);
    // EBUSY names the devices or targets that still use it; ENOENT when there is none of that name.
    [[nodiscard]] result<> unload(std::string_view name);
    // At the end, when no device, target or session is left: newest first; what can't be unloaded is logged.
    void unload_all();

    [[nodiscard]] std::vector<const plugin *> list() const; // in order of loading
    [[nodiscard]] const std::filesystem::path &directory() const noexcept { return directory_; }

  private:
    struct entry;
    [[nodiscard]] result<std::filesystem::path> locate(std::string_view which) const;
    [[nodiscard]] result<> start(entry &loaded, const scst_plugin &descriptor);
    // Returns when every reactor has run what was posted or deferred on it before.
    void drain_reactors();

    core &core_;
    std::filesystem::path directory_;
    std::vector<std::unique_ptr<entry>> loaded_;
};

} // namespace scstd::plugin
