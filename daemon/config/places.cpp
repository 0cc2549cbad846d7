// SPDX-License-Identifier: Apache-2.0
// places: where files are when nothing is said. See settings.hpp; XDG Base Directory Specification for ordinary users.
#include "config/settings.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace scstd::config {

namespace fs = std::filesystem;

namespace {

// The variable when it holds an absolute path (others must be ignored, says XDG), else HOME/`below_home`.
fs::path xdg(const char *variable, const char *below_home) {
    const char *const value = std::getenv(variable);
    if (value != nullptr && *value == '/')
        return value;
    const char *const home = std::getenv("HOME");
    return fs::path{home != nullptr && *home == '/' ? home : "/"} / below_home;
}

// The installed folder; of a daemon that runs from its build tree the one beside it.
std::string plugin_folder() {
    std::error_code failed;
    const auto self = fs::read_symlink("/proc/self/exe", failed);
    if (!failed) {
        const auto beside = (self.parent_path() / "../lib/scst").lexically_normal();
        if (fs::is_directory(beside, failed))
            return beside.string();
    }
    return SCSTD_PLUGIN_DIR;
}

} // namespace

places default_places() {
    places found;
    found.plugin_dir = plugin_folder();
    if (::geteuid() == 0) {
        found.config_file = "/etc/scstd.conf";
        found.scst_file = "/etc/scst.conf";
        found.state_dir = "/var/lib/scst";
        found.socket = "/run/scstd/scstd.sock";
        return found;
    }
    const auto config = xdg("XDG_CONFIG_HOME", ".config") / "scstd";
    const auto state = xdg("XDG_STATE_HOME", ".local/state") / "scstd";
    found.config_file = (config / "scstd.conf").string();
    found.scst_file = (config / "scst.conf").string();
    found.state_dir = state.string();
    const char *const runtime = std::getenv("XDG_RUNTIME_DIR");
    const bool usable = runtime != nullptr && *runtime == '/';
    found.socket = ((usable ? fs::path{runtime} / "scstd" : state) / "scstd.sock").string();
    return found;
}

} // namespace scstd::config
