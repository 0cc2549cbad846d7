// SPDX-License-Identifier: Apache-2.0
// loop_driver: a target driver over a Unix socket that carries text: read this file first, then target, connection,
// protocol. README.md tells what it demonstrates and what to try.
#include "connection.hpp"
#include "target.hpp"

#include <scst/attribute.hpp>
#include <scst/driver.hpp>
#include <scst/plugin.hpp>

#include <array>

namespace loop {
namespace {

constexpr std::array target_attributes{
    scst::attribute<target, &target::show_socket>("socket"),
    scst::attribute<target, &target::show_idle_timeout, &target::store_idle_timeout>("idle_timeout"),
};
constexpr std::array session_attributes{scst::attribute<connection, &connection::show_peer_uid>("peer_uid")};

constexpr scst_target_driver driver = scst::driver_table<connection>({
    .name = "loop",
    .target_parameters = target::parameter_names,
    .target_attributes = target_attributes,
    .session_attributes = session_attributes,
});

struct plugin : scst::plugin_base {
    static constexpr const char *name = "loop_driver";
    static constexpr const char *version = "1.0";
    static constexpr const char *license = "Apache-2.0";
    static constexpr const char *summary = "example: a target driver that speaks text over a Unix socket";

    explicit plugin(const scst::plugin_start &start) : plugin_base{start} { add_driver(driver); }
};

} // namespace
} // namespace loop

extern "C" const scst_plugin *scst_plugin_entry() {
    return &scst::plugin_descriptor<loop::plugin>;
}
