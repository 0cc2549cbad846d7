// SPDX-License-Identifier: Apache-2.0
// root_directory: the root of the tree and its attributes (management.md 1.2), and sgv (1.11).
#include "core/core.hpp"
#include "mgmt/command_trace.hpp"
#include "mgmt/directories.hpp"
#include "mgmt/schema.hpp"
#include "mgmt/trace_level.hpp"
#include "mgmt/values.hpp"

#include <fmt/format.h>

#include <sys/utsname.h>

#include <cerrno>

namespace scstd::mgmt {

namespace {

struct root {
    const tree &of;
    [[nodiscard]] core &registry() const { return of.registry(); }
};

// scstadmin takes the first three-part number of the first line for SCST's version: the one whose behaviour is
// followed.
result<std::string> show_version(const root &) {
    utsname machine{};
    static_cast<void>(::uname(&machine));
    return fmt::format("SCST version: 3.11.0\nSCST build date: \nSCST build number: \nSCST git commit sha1: \n"
                       "SCST kver: {}\nSCST arch type: {}\nSCST config: USERMODE, scstd {}\n",
                       machine.release, machine.machine, core::api().version);
}

result<std::string> show_last_result(const root &at) {
    return shown(at.of.last_result());
}

result<std::string> show_setup_id(const root &at) {
    const auto id = at.registry().setup_id;
    return shown(fmt::format("{:#x}", id), id != 0);
}

result<> store_setup_id(const root &at, std::string_view text) {
    auto id = parse_unsigned(text);
    if (!id)
        return id.error();
    if (id.value() > UINT32_MAX)
        return fail(ERANGE, "'{}' is more than 32 bits", chomp(text));
    at.registry().setup_id = static_cast<std::uint32_t>(id.value());
    return ok();
}

result<std::string> show_threads(const root &at) {
    return shown(at.registry().reactors().count());
}

result<std::string> show_measure_latency(const root &at) {
    return shown(at.registry().measure_latency() ? 1 : 0);
}

result<> store_measure_latency(const root &at, std::string_view text) {
    auto on = parse_integer(text);
    if (!on)
        return on.error();
    at.registry().set_measure_latency(on.value() != 0);
    return ok();
}

result<std::string> show_trace_cmds(const root &at) {
    return command_trace(at.registry());
}

result<std::string> show_trace_level(const root &) {
    return trace_level_text({});
}

result<> store_trace_level(const root &, std::string_view text) {
    return set_trace_level({}, text);
}

constexpr attribute<root> table[] = {
    {"last_sysfs_mgmt_res", read_only, show_last_result},
    {"measure_latency", read_write, show_measure_latency, store_measure_latency},
    {"setup_id", read_write, show_setup_id, store_setup_id},
    {"threads", read_only, show_threads},
    {"trace_cmds", read_only, show_trace_cmds},
    {"trace_level", read_write, show_trace_level, store_trace_level},
    {"version", read_only, show_version},
};

item stats_file(std::string name, std::function<result<std::string>()> show, std::function<result<>()> reset) {
    item made{std::move(name), {node_type::file, read_write}, {}};
    made.show = std::move(show);
    made.store = [reset = std::move(reset)](std::string_view) { return reset(); };
    return made;
}

class pool_directory final : public directory {
  public:
    pool_directory(core &registry, std::string name) : core_{registry}, name_{std::move(name)} {}
    void entries(items &out) override {
        auto *const buffers = &core_.buffers();
        out.push_back(stats_file(
            "stats", [buffers, name = name_] { return buffers->pool_stats(name); },
            [buffers, name = name_] { return buffers->reset_pool_stats(name); }));
    }

  private:
    core &core_;
    std::string name_;
};

} // namespace

schema root_schema() {
    schema made;
    add_files(made, table);
    return made;
}

void root_directory::entries(items &out) {
    auto &registry = tree_.registry();
    add_table<root>(out, table, root{tree_});
    out.push_back(directory_item<device_groups_directory>("device_groups", std::ref(registry)));
    out.push_back(directory_item<devices_directory>("devices", std::ref(registry)));
    out.push_back(directory_item<handlers_directory>("handlers", std::ref(registry)));
    out.push_back(directory_item<sgv_directory>("sgv", std::ref(registry)));
    out.push_back(directory_item<targets_directory>("targets", std::ref(registry)));
}

void sgv_directory::entries(items &out) {
    auto *const buffers = &core_.buffers();
    out.push_back(stats_file(
        "global_stats", [buffers]() -> result<std::string> { return buffers->global_stats(); },
        [buffers] {
            buffers->reset_global_stats();
            return ok();
        }));
    for (const auto &name : buffers->pool_names())
        out.push_back(directory_item<pool_directory>(name, std::ref(core_), name));
}

} // namespace scstd::mgmt
