// SPDX-License-Identifier: Apache-2.0
// drain: waits until the commands of a device that are executing now and match a condition have left the handler.
//
// The one mechanism behind suspension, serialized commands, exclusive block ranges, LUN removal and resets. It posts to
// every reactor that hosts a nexus of the device; each reports when its matching commands are done; the last one calls
// `drained` on the reactor that asked. Nothing blocks. The caller makes sure first (gate bits, LUN table) that no new
// command gets in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace scstd::device {
class device;
}
namespace scstd::session {
class nexus;
}
namespace scstd::threads {
class reactor;
}

namespace scstd::engine {

struct command;

// Which executing commands are waited for.
struct drain_condition {
    bool only_range = false; // those overlapping [lba, lba + count); otherwise all
    std::uint64_t lba = 0;
    std::uint64_t count = 0;
    const command *except = nullptr;

    [[nodiscard]] bool matches(const command &cmd) const noexcept;
};

// A drain that has begun; nexuses with matching commands hold it (nexus::drains).
class drain_job;

// Starts a drain; `drained` runs on `origin` once, perhaps before this returns when origin is the current reactor and
// nothing runs. Any reactor or the management thread.
void drain(device::device &dev, const drain_condition &condition, threads::reactor &origin,
           std::function<void()> drained);

// The session's reactor: a command of the nexus has stopped executing.
void drain_recheck(session::nexus &nex);

} // namespace scstd::engine
