// SPDX-License-Identifier: Apache-2.0
// settings: the table, the typed getters and the help made from it. See settings.hpp; reading is in reader.cpp.
#include "config/settings.hpp"

#include <fmt/format.h>

#include <cassert>
#include <charconv>

namespace scstd::config {

namespace {

constexpr setting rows[] = {
    {"plugin_dir", value_type::path, 0, 0, "", "Folder of the plugins: a plugin NAME is the file NAME.so in it."},
    {"plugins", value_type::list, 0, 0, "nullio,vdisk_fileio,vdisk_blockio,vcdrom,iscsi",
     "Plugins to load at start, in this order: names, or paths of .so files. When it is not set, those of the default "
     "that are installed."},
    {"reactors", value_type::integer, 0, 1024, "0",
     "Threads that serve connections; 0: one for each CPU the daemon may use."},
    {"state_dir", value_type::path, 0, 0, "",
     "Folder of persistent reservations, mode pages and what else outlives a restart; others must not be able to "
     "write to it."},
    {"socket", value_type::path, 0, 0, "", "The control socket of scstctl: mode 0600, in a folder only we may write."},
    {"max_cmd_mem", value_type::integer, 0, 1 << 24, "0",
     "MiB of memory for the data of commands of all devices; 0: a quarter of the machine's memory."},
    {"max_dev_cmd_mem", value_type::integer, 0, 1 << 24, "0",
     "MiB of memory for the data of commands of one device; 0: two fifths of max_cmd_mem."},
    {"pid_file", value_type::path, 0, 0, "", "File to write the process id to; none when empty."},
    {"log.level", value_type::text, 0, 0, "info", "The least important lines that are written.",
     "error|warning|warn|info|debug|trace"},
    {"log.file", value_type::path, 0, 0, "", "File to log to; SIGHUP opens it anew. None when empty."},
    {"log.syslog", value_type::boolean, 0, 0, "false", "Log to syslog, too."},
    {"log.stderr", value_type::boolean, 0, 0, "true", "Log to standard error, which is the journal under systemd."},
    {"log.timestamps", value_type::boolean, 0, 0, "true",
     "Put the time before each line on standard error; the journal has its own."},
};

std::string_view type_name(value_type type) {
    switch (type) {
    case value_type::text:
        return "text";
    case value_type::path:
        return "path";
    case value_type::integer:
        return "number";
    case value_type::boolean:
        return "true|false";
    case value_type::list:
        return "list";
    }
    return {};
}

const std::string &default_of(const setting &row, const places &defaults, std::string &scratch) {
    if (row.key == "plugin_dir")
        return defaults.plugin_dir;
    if (row.key == "state_dir")
        return defaults.state_dir;
    if (row.key == "socket")
        return defaults.socket;
    return scratch = row.fallback;
}

} // namespace

std::span<const setting> table() noexcept {
    return rows;
}

const std::string &settings::text(std::string_view key) const {
    const auto found = values_.find(key);
    static const std::string none;
    if (found != values_.end())
        return found->second;
    assert(false && "a key that is not in the table");
    return none;
}

std::int64_t settings::integer(std::string_view key) const {
    const auto &written = text(key);
    std::int64_t number = 0;
    std::from_chars(written.data(), written.data() + written.size(), number); // normalised by the reader
    return number;
}

bool settings::boolean(std::string_view key) const {
    return text(key) == "true";
}

std::vector<std::string> settings::list(std::string_view key) const {
    std::vector<std::string> items;
    const std::string &written = text(key);
    for (std::size_t at = 0; at < written.size();) {
        const auto comma = std::min(written.find(',', at), written.size());
        if (comma > at)
            items.push_back(written.substr(at, comma - at));
        at = comma + 1;
    }
    return items;
}

bool settings::given(std::string_view key) const {
    return given_.contains(key);
}

std::string help_text(const places &defaults) {
    std::string text = "Settings of scstd.conf; -o KEY=VALUE sets one from the command line (lists as a,b,c).\n";
    for (const auto &row : rows) {
        std::string scratch;
        const auto &fallback = default_of(row, defaults, scratch);
        std::string kind{type_name(row.type)};
        if (row.type == value_type::integer)
            kind += fmt::format(" {}..{}", row.lowest, row.highest);
        if (!row.choices.empty())
            kind = row.choices;
        text += fmt::format("\n{} = {} (default: {})\n    {}\n", row.key, kind, fallback.empty() ? "none" : fallback,
                            row.help);
    }
    text += "\nPLUGIN.NAME = value\n    A setting of a plugin, in a group with the plugin's name: "
            "iscsi = { portals = [ \"0.0.0.0:3260\" ]; };\n";
    return text;
}

} // namespace scstd::config
