// SPDX-License-Identifier: Apache-2.0
#include "engine/task_management.hpp"

#include "device/device.hpp"
#include "device/handler.hpp"
#include "engine/decode.hpp"
#include "engine/engine.hpp"
#include "engine/gates.hpp"
#include "log/log.hpp"
#include "session/session.hpp"
#include "session/target.hpp"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

namespace scstd::engine {

namespace gate = session::gate;

task_management_job::task_management_job(threads::reactor &origin, std::function<void(bool)> finished)
    : origin_{origin}, finished_{std::move(finished)} {}

void task_management_job::one_done() {
    if (remaining_.fetch_sub(1, std::memory_order_acq_rel) != 1)
        return;
    origin_.post([job = shared_from_this()] { job->finish(true); });
}

void task_management_job::limit(std::uint64_t milliseconds) {
    self_ = shared_from_this();
    timer_ = std::make_unique<threads::timer>(
        origin_, [](void *argument) { static_cast<task_management_job *>(argument)->finish(false); }, this);
    timer_->start(milliseconds);
}

void task_management_job::await(command &cmd) {
    expect_one();
    cmd.awaited_by.push_back(this);
}

void task_management_job::finish(bool complete) {
    if (complete) {
        // The timer belongs to this thread; nobody points here any more.
        timer_.reset();
        const auto keep = std::exchange(self_, nullptr);
        if (finished_)
            std::exchange(finished_, nullptr)(true);
        return;
    }
    if (finished_)
        std::exchange(finished_, nullptr)(false); // commands still point here: `self_` stays until they are done
}

command *find_command(session::session &sess, std::uint64_t tag) {
    const auto search = [tag](command_list &list) -> command * {
        for (command &cmd : list) {
            if (cmd.tag == tag)
                return &cmd;
        }
        return nullptr;
    };
    for (session::nexus *nex : sess.table()) {
        if (nex == nullptr)
            continue;
        if (command *found = search(nex->commands))
            return found;
    }
    return search(sess.unattached);
}

namespace {

bool is_before(std::uint32_t sn, std::uint32_t limit) noexcept {
    return static_cast<std::int32_t>(sn - limit) < 0; // RFC 1982
}

std::vector<command *> snapshot(session::nexus &nex) {
    std::vector<command *> all;
    all.reserve(nex.live);
    for (command &cmd : nex.commands)
        all.push_back(&cmd);
    return all;
}

// One function in progress.
struct operation {
    std::shared_ptr<session::session> sess;
    scst_task_management *request;
};

void answer(const operation &op, std::int32_t status) {
    op.request->status = status;
    const std::uint8_t hole = op.sess->black_hole.load(std::memory_order_relaxed);
    op.request->suppress = hole == 2 || hole == 4 ? 1 : 0;
    --op.sess->live;
    op.sess->tgt().driver().table().task_management_done(op.request);
    if (op.sess->ending)
        check_session_ended(*op.sess);
}

std::shared_ptr<task_management_job> make_job(const operation &op, std::function<void(bool)> effects) {
    auto job =
        std::make_shared<task_management_job>(op.sess->reactor(), [op, effects = std::move(effects)](bool complete) {
            if (!complete)
                log::warning("core", "task management function {} of {} waited {} ms for a backend: answered FAILED",
                             op.request->function, op.sess->name, task_management_limit_ms);
            if (effects)
                effects(complete);
            answer(op, complete ? SCST_TM_STATUS_COMPLETE : SCST_TM_STATUS_FAILED);
        });
    job->limit(task_management_limit_ms);
    return job;
}

const std::uint32_t *limit_of(const scst_task_management &request) noexcept {
    return request.has_transport_sn != 0 ? &request.transport_sn : nullptr;
}

void abort_task(const operation &op, session::nexus &nex) {
    command *cmd = find_command(*op.sess, op.request->tag);
    if (cmd == nullptr) {
        answer(op, SCST_TM_STATUS_TASK_NOT_EXIST);
        return;
    }
    if (cmd->nex != &nex || (op.request->has_transport_sn != 0 && (cmd->flags & SCST_CMD_IMMEDIATE) == 0 &&
                             !is_before(cmd->transport_sn, op.request->transport_sn))) {
        answer(op, SCST_TM_STATUS_REJECTED);
        return;
    }
    const auto job = make_job(op, {});
    job->await(*cmd);
    abort(*cmd, abort_flag::aborted);
    job->release();
}

void abort_task_set(const operation &op, session::nexus &nex) {
    const auto job = make_job(op, {});
    abort_nexus_commands(nex, nullptr, abort_flag::aborted, job.get(), limit_of(*op.request));
    job->release();
}

void clear_task_set(const operation &op, session::nexus &nex) {
    const auto job = make_job(op, {});
    abort_nexus_commands(nex, nullptr, abort_flag::aborted, job.get(), limit_of(*op.request));
    if (nex.dev.tst.load(std::memory_order_relaxed) == 0)
        abort_other_nexuses(nex.dev, nex, codes::cleared_by_another_initiator, job);
    job->release();
}

void clear_aca_function(const operation &op, session::nexus &nex) {
    const auto job = make_job(op, {});
    bool other = false;
    if (nex.dev.tst.load(std::memory_order_relaxed) == 0) {
        const std::lock_guard guard{nex.dev.lock};
        other = nex.dev.shared_tasks.aca() && nex.dev.shared_tasks.faulted() != &nex;
    }
    if (!other) {
        for (command *cmd : snapshot(nex)) {
            if (cmd->nex == &nex && cmd->order == task_order::aca && cmd->in_set) {
                job->await(*cmd);
                abort(*cmd, abort_flag::aborted);
            }
        }
        clear_aca(nex);
    }
    job->release();
}

// What a reset does to a device when its commands are gone (SAM-5 6.3.3).
void finish_reset(device::device &dev) {
    if (dev.hnd().table().reset != nullptr)
        dev.hnd().table().reset(dev.handler_device);
    const std::lock_guard guard{dev.lock};
    dev.reservation.clear();
    dev.shared_tasks.clear_aca();
    set_gate_all(dev, gate::aca, false);
    update_reservation_gates(dev);
    for (session::nexus *nex : dev.nexuses)
        queue_attention(*nex, codes::power_on);
    unblock(dev);
}

// finish_reset() may block in the handler: on a worker, and the function waits for it. Two works in one object.
struct reset_work final : threads::work_item {
    reset_work(device::device &of, std::shared_ptr<task_management_job> waiting) : dev{of}, job{std::move(waiting)} {}
    device::device &dev;
    std::shared_ptr<task_management_job> job;
};

void reset_on_worker(device::device &dev, const std::shared_ptr<task_management_job> &job) {
    job->expect_one();
    auto work = std::make_unique<reset_work>(dev, job);
    work->run = [](threads::work_item *item) {
        const std::unique_ptr<reset_work> self{static_cast<reset_work *>(item)};
        finish_reset(self->dev);
        self->job->one_done();
    };
    if (dev.workers().submit(*work)) {
        static_cast<void>(work.release()); // the pool's now
        return;
    }
    finish_reset(dev);
    job->one_done();
}

void reset_devices(const operation &op, const std::vector<session::nexus *> &through) {
    // Second stage: the handlers' own reset, when nothing runs any more (or the time is over).
    std::vector<device::device *> devices;
    for (session::nexus *nex : through) {
        if (std::find(devices.begin(), devices.end(), &nex->dev) == devices.end())
            devices.push_back(&nex->dev);
    }
    const auto first = std::make_shared<task_management_job>(op.sess->reactor(), [op, devices](bool complete) {
        if (!complete)
            log::warning("core", "reset by {}: a backend did not give its commands back in {} ms", op.sess->name,
                         task_management_limit_ms);
        const auto second = std::make_shared<task_management_job>(op.sess->reactor(), [op, complete](bool reset_done) {
            answer(op, complete && reset_done ? SCST_TM_STATUS_COMPLETE : SCST_TM_STATUS_FAILED);
        });
        second->limit(task_management_limit_ms);
        for (device::device *dev : devices)
            reset_on_worker(*dev, second);
        second->release();
    });
    first->limit(task_management_limit_ms);
    for (session::nexus *nex : through) {
        std::uint32_t epoch = 0;
        {
            const std::lock_guard guard{nex->dev.lock};
            block(nex->dev); // what comes from now on waits, and is spared
            epoch = nex->dev.reset_epoch.fetch_add(1, std::memory_order_acq_rel) + 1;
        }
        clear_aca(*nex);
        abort_nexus_commands(*nex, nullptr, abort_flag::aborted, first.get(), limit_of(*op.request));
        abort_other_nexuses(nex->dev, *nex, codes::no_sense, first, epoch);
    }
    first->release();
}

std::vector<session::nexus *> luns_of(session::session &sess) {
    std::vector<session::nexus *> all;
    for (session::nexus *nex : sess.table()) {
        // One device may be several LUNs: it is reset once.
        if (nex != nullptr && std::none_of(all.begin(), all.end(),
                                           [nex](const session::nexus *other) { return &other->dev == &nex->dev; }))
            all.push_back(nex);
    }
    return all;
}

void end_nexus_tasks(const operation &op, bool loss) {
    const auto job = make_job(op, [op, loss](bool) {
        if (!loss)
            return;
        for (session::nexus *nex : op.sess->table()) {
            if (nex == nullptr)
                continue;
            if (nex->dev.hnd().table().nexus_lost != nullptr)
                nex->dev.hnd().table().nexus_lost(nex->dev.handler_device, op.sess->id());
            const std::lock_guard guard{nex->dev.lock};
            nex->dev.reservation.drop(nex->number);
            update_reservation_gates(nex->dev);
            queue_attention_front(*nex, codes::nexus_loss);
        }
    });
    for (session::nexus *nex : op.sess->table()) {
        if (nex == nullptr)
            continue;
        clear_aca(*nex);
        abort_nexus_commands(*nex, nullptr, abort_flag::aborted, job.get(), limit_of(*op.request));
    }
    job->release();
}

void query_async_event(const operation &op, session::nexus &nex) {
    const std::lock_guard guard{nex.dev.lock};
    const auto code = nex.attentions.front();
    // SAM-5 7.10: byte 0 is UADE depth and sense key, bytes 1 and 2 are ASC and ASCQ.
    op.request->response_info = code ? (static_cast<std::uint32_t>(0x10 | code->key) << 16) |
                                           (static_cast<std::uint32_t>(code->asc) << 8) | code->ascq
                                     : 0;
    op.request->reserved_0 = code ? 1 : 0;
}

void with_lun(const operation &op, session::nexus &nex) {
    switch (op.request->function) {
    case SCST_TM_ABORT_TASK:
        return abort_task(op, nex);
    case SCST_TM_ABORT_TASK_SET:
        return abort_task_set(op, nex);
    case SCST_TM_CLEAR_ACA:
        return clear_aca_function(op, nex);
    case SCST_TM_CLEAR_TASK_SET:
        return clear_task_set(op, nex);
    case SCST_TM_LUN_RESET:
        return reset_devices(op, {&nex});
    case SCST_TM_QUERY_TASK: {
        const command *cmd = find_command(*op.sess, op.request->tag);
        return answer(op, cmd != nullptr && cmd->nex == &nex ? SCST_TM_STATUS_SUCCEEDED : SCST_TM_STATUS_COMPLETE);
    }
    case SCST_TM_QUERY_TASK_SET:
        return answer(op, nex.live != 0 ? SCST_TM_STATUS_SUCCEEDED : SCST_TM_STATUS_COMPLETE);
    case SCST_TM_QUERY_ASYNC_EVENT:
        query_async_event(op, nex);
        return answer(op, op.request->reserved_0 != 0 ? SCST_TM_STATUS_SUCCEEDED : SCST_TM_STATUS_COMPLETE);
    default:
        return answer(op, SCST_TM_STATUS_NOT_SUPPORTED);
    }
}

} // namespace

void submit_task_management(session::session &sess, scst_task_management &request) {
    ++sess.live;
    const operation op{sess.shared_from_this(), &request};
    log::debug("core", "task management function {} from {}", request.function, sess.name);
    switch (request.function) {
    case SCST_TM_TARGET_RESET:
        return reset_devices(op, luns_of(sess));
    case SCST_TM_NEXUS_LOSS_SESSION:
    case SCST_TM_I_T_NEXUS_RESET:
        return end_nexus_tasks(op, true);
    case SCST_TM_ABORT_ALL_TASKS_SESSION:
        return end_nexus_tasks(op, false);
    default:
        break;
    }
    std::uint32_t lun = 0;
    session::nexus *nex = decode_lun(request.lun_bytes, lun) ? sess.find(lun) : nullptr;
    if (nex == nullptr)
        return answer(op, SCST_TM_STATUS_LUN_NOT_EXIST);
    with_lun(op, *nex);
}

void abort_nexus_commands(session::nexus &nex, const command *except, std::uint8_t flags, task_management_job *job,
                          const std::uint32_t *before, std::uint32_t epoch) {
    for (command *cmd : snapshot(nex)) {
        if (cmd == except || cmd->nex != &nex || cmd->state == command_state::finished ||
            cmd->state == command_state::init_wait)
            continue;
        if (epoch != every_epoch && static_cast<std::int32_t>(cmd->reset_epoch - epoch) >= 0)
            continue;
        if (before != nullptr && (cmd->flags & SCST_CMD_IMMEDIATE) == 0 && !is_before(cmd->transport_sn, *before))
            continue;
        const bool by_other = (flags & abort_flag::by_other) != 0;
        if (job != nullptr && !(by_other && cmd->state >= command_state::dev_done))
            job->await(*cmd);
        abort(*cmd, flags);
    }
}

namespace {

// On the nexus' own reactor: another initiator's function hits it.
void abort_foreign(session::nexus &nex, sense_code attention, task_management_job *job, const command *except,
                   std::uint32_t epoch) {
    const bool tas = nex.dev.tas.load(std::memory_order_relaxed) != 0;
    const bool had_some = nex.live != 0;
    const auto flags =
        static_cast<std::uint8_t>(abort_flag::aborted | abort_flag::by_other | (tas ? abort_flag::task_aborted : 0));
    abort_nexus_commands(nex, except, flags, job, nullptr, epoch);
    if (attention == codes::no_sense || !had_some || tas)
        return;
    const std::lock_guard guard{nex.dev.lock};
    queue_attention(nex, attention);
}

void post_abort(session::nexus &nex, sense_code attention, const std::shared_ptr<task_management_job> &job,
                const command *except, std::uint32_t epoch) {
    if (job)
        job->expect_one();
    nex.sess.reactor().post([&nex, attention, job, except, epoch] {
        abort_foreign(nex, attention, job.get(), except, epoch);
        if (job)
            job->one_done();
    });
}

} // namespace

void abort_other_nexuses(device::device &dev, const session::nexus &self, sense_code attention,
                         const std::shared_ptr<task_management_job> &job, std::uint32_t epoch) {
    const std::lock_guard guard{dev.lock};
    for (session::nexus *nex : dev.nexuses) {
        if (nex != &self)
            post_abort(*nex, attention, job, nullptr, epoch);
    }
}

void abort_numbered_nexuses(device::device &dev, std::span<const std::uint64_t> numbers, const command *except,
                            const std::shared_ptr<task_management_job> &job) {
    const std::lock_guard guard{dev.lock};
    for (session::nexus *nex : dev.nexuses) {
        if (std::find(numbers.begin(), numbers.end(), nex->number) != numbers.end())
            post_abort(*nex, codes::cleared_by_another_initiator, job, except, every_epoch);
    }
}

void clear_aca(session::nexus &nex) {
    if (nex.tasks.aca()) {
        nex.tasks.clear_aca();
        resume_later(nex);
    }
    const std::lock_guard guard{nex.dev.lock};
    if (nex.dev.shared_tasks.aca() && nex.dev.shared_tasks.faulted() == &nex) {
        nex.dev.shared_tasks.clear_aca();
        set_gate_all(nex.dev, gate::aca, false);
        wake(nex.dev);
    }
}

} // namespace scstd::engine
