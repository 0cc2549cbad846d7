// SPDX-License-Identifier: Apache-2.0
#include "engine/drain.hpp"

#include "device/device.hpp"
#include "engine/command.hpp"
#include "session/session.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

namespace scstd::engine {

class drain_job {
  public:
    drain_job(const drain_condition &condition, threads::reactor &origin, std::function<void()> drained)
        : condition_{condition}, origin_{origin}, drained_{std::move(drained)} {}

    void expect_one() noexcept { remaining_.fetch_add(1, std::memory_order_relaxed); }
    void one_done() {
        if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            origin_.post(std::move(drained_));
    }
    // The nexus' reactor.
    [[nodiscard]] bool busy(session::nexus &nex) const noexcept {
        if (nex.executing == 0)
            return false;
        return std::any_of(nex.commands.begin(), nex.commands.end(),
                           [this](const command &cmd) { return condition_.matches(cmd); });
    }

  private:
    drain_condition condition_;
    threads::reactor &origin_;
    std::function<void()> drained_;
    std::atomic<std::uint32_t> remaining_{1};
};

bool drain_condition::matches(const command &cmd) const noexcept {
    if (!cmd.executing || &cmd == except)
        return false;
    if (!only_range)
        return true;
    if (cmd.block_count == 0)
        return cmd.entry_of_opcode->opcode == 0x42; // UNMAP names its blocks in its data: be safe
    return cmd.lba < lba + count && lba < cmd.lba + cmd.block_count;
}

void drain(device::device &dev, const drain_condition &condition, threads::reactor &origin,
           std::function<void()> drained) {
    const auto job = std::make_shared<drain_job>(condition, origin, std::move(drained));
    {
        const std::lock_guard guard{dev.lock};
        for (session::nexus *nex : dev.nexuses) {
            job->expect_one();
            nex->sess.reactor().post([job, nex] {
                if (job->busy(*nex))
                    nex->drains.push_back(job);
                else
                    job->one_done();
            });
        }
    }
    job->one_done();
}

void drain_recheck(session::nexus &nex) {
    auto done = std::partition(nex.drains.begin(), nex.drains.end(),
                               [&nex](const std::shared_ptr<drain_job> &job) { return job->busy(nex); });
    const std::vector<std::shared_ptr<drain_job>> ended{std::make_move_iterator(done),
                                                        std::make_move_iterator(nex.drains.end())};
    nex.drains.erase(done, nex.drains.end());
    for (const auto &job : ended)
        job->one_done();
}

} // namespace scstd::engine
