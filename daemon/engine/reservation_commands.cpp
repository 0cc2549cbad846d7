// SPDX-License-Identifier: Apache-2.0
#include "engine/reservation_commands.hpp"

#include "core/core.hpp"
#include "device/device.hpp"
#include "engine/engine.hpp"
#include "engine/gates.hpp"
#include "engine/status.hpp"
#include "engine/task_management.hpp"
#include "log/log.hpp"
#include "session/session.hpp"
#include "session/target.hpp"

#include <scst/bytes.hpp>

#include <condition_variable>
#include <mutex>
#include <utility>

namespace scstd::engine {

namespace {

void report(command &cmd, const reservation::pr_status &answer) {
    if (answer.good())
        return;
    if (answer.status != SCST_STATUS_CHECK_CONDITION) {
        set_status(cmd, answer.status);
        return;
    }
    sense_details details;
    if (answer.field)
        details.field =
            field_pointer{answer.field->in_cdb, answer.field->byte,
                          answer.field->bit ? static_cast<std::int8_t>(*answer.field->bit) : std::int8_t{-1}};
    set_sense(cmd, {answer.key, answer.asc, answer.ascq}, details);
}

// RESERVE(10), RELEASE(10): third-party and extent reservations do not exist (SPC-2 7.21).
bool refuse_third_party(command &cmd) {
    const bool ten = cmd.cdb[0] == 0x56 || cmd.cdb[0] == 0x57;
    if (!ten || (cmd.cdb[1] & 0x10) == 0)
        return false;
    set_invalid_field(cmd, true, 1, 4);
    return true;
}

// All ports of the transport through which the device can be reached, here and, by its device group, elsewhere.
std::vector<std::uint16_t> target_ports_of(const command &cmd) {
    std::vector<std::uint16_t> ports;
    const auto add = [&ports](std::uint16_t id) {
        if (id != 0 && std::find(ports.begin(), ports.end(), id) == ports.end())
            ports.push_back(id);
    };
    add(cmd.sess->tgt().relative_id.load());
    for (const std::uint16_t id : core::instance().ports_of(*cmd.dev, cmd.sess->tgt().driver()))
        add(id);
    return ports;
}

// Waits on a worker thread until the aborted commands are gone.
class abort_wait {
  public:
    void signal() {
        const std::lock_guard guard{mutex_};
        done_ = true;
        changed_.notify_all();
    }
    void wait() {
        std::unique_lock guard{mutex_};
        changed_.wait(guard, [this] { return done_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_ = false;
};

void abort_and_wait(command &cmd, const std::vector<std::uint64_t> &victims) {
    const auto waited = std::make_shared<abort_wait>();
    threads::reactor &origin = cmd.sess->reactor();
    const auto job = std::make_shared<task_management_job>(origin, [waited](bool) { waited->signal(); });
    origin.post([job, &cmd, &victims] {
        job->limit(task_management_limit_ms);
        abort_numbered_nexuses(*cmd.dev, victims, &cmd, job);
        job->release();
    });
    waited->wait();
}

void queue_attentions(device::device &dev, const std::vector<reservation::pr_attention> &attentions) {
    for (const auto &attention : attentions) {
        for (session::nexus *nex : dev.nexuses) {
            if (nex->number == attention.nexus)
                queue_attention(*nex, {SCST_SENSE_UNIT_ATTENTION, attention.asc, attention.ascq});
        }
    }
}

bool save(device::device &dev, const reservation::pr_outcome &outcome) {
    if (outcome.persist == reservation::pr_persist::nothing)
        return true;
    if (!dev.aptpl)
        return outcome.persist == reservation::pr_persist::remove;
    const auto saved =
        outcome.persist == reservation::pr_persist::save ? dev.aptpl->save(outcome.next) : dev.aptpl->remove();
    if (!saved)
        log::error("core", "device {}: persistent reservations could not be saved: {}", dev.name(),
                   saved.error().message);
    return static_cast<bool>(saved);
}

} // namespace

bool reservation_exempt(const command &cmd) noexcept {
    if (cmd.cdb[0] == 0x1b)
        return (cmd.cdb[4] & 0xf1) == 0x01;
    return cmd.cdb[0] == 0x1e && (cmd.cdb[4] & 0x03) == 0;
}

void run_reserve(command &cmd) {
    if (refuse_third_party(cmd))
        return;
    const std::lock_guard guard{cmd.dev->lock};
    set_status(cmd, cmd.dev->reservation.reserve(cmd.nex->number, cmd.dev->pr));
    update_reservation_gates(*cmd.dev);
}

void run_release(command &cmd) {
    if (refuse_third_party(cmd))
        return;
    const std::lock_guard guard{cmd.dev->lock};
    set_status(cmd, cmd.dev->reservation.release(cmd.nex->number, cmd.dev->pr));
    update_reservation_gates(*cmd.dev);
}

void run_persistent_reserve_in(command &cmd) {
    reservation::pr_in_response answer;
    {
        const std::lock_guard guard{cmd.dev->lock};
        if (!cmd.dev->pr.is_supported()) {
            set_sense(cmd, codes::invalid_opcode);
            return;
        }
        if (cmd.dev->reservation.excludes_persistent()) {
            set_status(cmd, SCST_STATUS_RESERVATION_CONFLICT);
            return;
        }
        answer = cmd.dev->pr.pr_in(cmd.nex->number, cmd.cdb[1] & 0x1f, scst::load_be16(cmd.cdb + 7));
    }
    report(cmd, answer.answer);
    if (answer.answer.good())
        respond(cmd, answer.data);
}

bool carry_out(device::device &dev, reservation::pr_outcome &&outcome) {
    if (!outcome.changed && outcome.attentions.empty())
        return true;
    if (!save(dev, outcome))
        return false;
    const auto attentions = outcome.attentions;
    const std::lock_guard guard{dev.lock};
    if (!dev.pr.commit(std::move(outcome)))
        return false;
    queue_attentions(dev, attentions);
    update_reservation_gates(dev);
    return true;
}

void run_persistent_reserve_out(command &cmd) {
    device::device &dev = *cmd.dev;
    const auto ports = target_ports_of(cmd);
    const std::lock_guard serial{dev.pr_serial};
    reservation::pr_outcome outcome;
    {
        const std::lock_guard guard{dev.lock};
        if (!dev.pr.is_supported()) {
            set_sense(cmd, codes::invalid_opcode);
            return;
        }
        if (dev.reservation.excludes_persistent()) {
            set_status(cmd, SCST_STATUS_RESERVATION_CONFLICT);
            return;
        }
        const auto request = reservation::pr_out_request::from_cdb({cmd.cdb, 10}, received_data(cmd));
        outcome = dev.pr.prepare_out(cmd.nex->number, request, ports);
    }
    report(cmd, outcome.answer);
    if (!outcome.answer.good())
        return;
    const auto victims = outcome.aborts;
    if (!carry_out(dev, std::move(outcome))) {
        set_sense(cmd, codes::internal_failure);
        return;
    }
    if (!victims.empty())
        abort_and_wait(cmd, victims);
}

} // namespace scstd::engine
