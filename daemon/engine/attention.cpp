// SPDX-License-Identifier: Apache-2.0
#include "engine/attention.hpp"

#include "device/device.hpp"
#include "engine/command.hpp"
#include "engine/gates.hpp"
#include "engine/status.hpp"
#include "session/session.hpp"

#include <mutex>

namespace scstd::engine {

namespace {

std::optional<sense_code> take(session::nexus &nex, bool keep) {
    const std::lock_guard guard{nex.dev.lock};
    const auto code = keep ? nex.attentions.front() : nex.attentions.take();
    set_gate(nex, session::gate::unit_attention, !nex.attentions.empty());
    return code;
}

} // namespace

void drop_reported_luns(session::session &sess) {
    for (session::nexus *nex : sess.table()) {
        if (nex == nullptr || (nex->gate.load(std::memory_order_relaxed) & session::gate::unit_attention) == 0)
            continue;
        const std::lock_guard guard{nex->dev.lock};
        nex->attentions.remove(codes::reported_luns_changed);
        set_gate(*nex, session::gate::unit_attention, !nex->attentions.empty());
    }
}

void take_attention(command &cmd) {
    // UA_INTLCK 10b and 11b: reported, but only REQUEST SENSE clears it (SPC-4 7.5.9).
    const bool interlocked = cmd.dev->ua_intlck.load(std::memory_order_relaxed) != 0;
    const auto code = take(*cmd.nex, interlocked);
    if (!code)
        return;
    cmd.carries_attention = !interlocked;
    set_sense(cmd, *code);
    if (*code == codes::reported_luns_changed && !interlocked)
        drop_reported_luns(*cmd.sess);
}

std::optional<sense_code> take_attention_for_sense(session::nexus &nex) {
    const auto code = take(nex, false);
    if (code == codes::reported_luns_changed)
        drop_reported_luns(nex.sess);
    return code;
}

} // namespace scstd::engine
