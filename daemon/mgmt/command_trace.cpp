// SPDX-License-Identifier: Apache-2.0
// command_trace: see command_trace.hpp.
#include "mgmt/command_trace.hpp"

#include "core/core.hpp"
#include "log/log.hpp"

#include <fmt/format.h>

namespace scstd::mgmt {

namespace {

// More than that is no longer read by anybody, and must not fill the memory.
constexpr std::size_t longest_text = std::size_t{1} << 20;

// SCST begins with the command's address; the initiator's tag says more and tells nobody where memory lies.
void add_line(std::string &text, const session::session &sess, const std::string &group, const engine::command &cmd) {
    if (text.size() > longest_text)
        return;
    text += fmt::format("cmd {:#x}: state {}; op {}; ", cmd.tag, engine::to_string(cmd.state),
                        cmd.entry_of_opcode == nullptr ? std::string_view{"unknown"} : cmd.entry_of_opcode->name);
    if (cmd.arrived_ms != 0)
        text += fmt::format("proc time {} sec; ", (threads::now_ms() - cmd.arrived_ms) / 1000);
    text += fmt::format("tgtt {}; tgt {}; session {}; grp {}; LUN {}; ini {}; cdb", sess.tgt().driver().name(),
                        sess.tgt().relative_id.load(), log::escape(sess.name), group, cmd.lun,
                        log::escape(sess.identity().initiator_name));
    for (std::uint32_t i = 0; i < cmd.cdb_length && i < sizeof cmd.cdb; ++i)
        text += fmt::format(" {:02x}", cmd.cdb[i]);
    text += '\n';
}

} // namespace

std::string command_trace(core &registry) {
    std::string text;
    for (const auto &[driver_name, driver] : registry.drivers)
        for (const auto &[target_name, tgt] : driver->targets)
            for (const auto &[name, sess] : tgt->sessions) {
                const std::string group = sess->group == nullptr ? std::string{} : sess->group->name();
                registry.on_session(*sess, [&text, &group, &of = *sess] {
                    for (auto *each : of.table()) {
                        if (each == nullptr)
                            continue;
                        for (const auto &cmd : each->commands)
                            add_line(text, of, group, cmd);
                    }
                    for (const auto &cmd : of.unattached)
                        add_line(text, of, group, cmd);
                });
            }
    return text;
}

} // namespace scstd::mgmt
