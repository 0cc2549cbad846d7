// SPDX-License-Identifier: Apache-2.0
#include "testing/fake_core.hpp"

#include <scst/bytes.hpp>

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

struct scst_reactor {
    int index;
};
struct scst_target {
    int unused;
};

namespace scstd::iscsi::testing {

namespace {
fake_core *instance = nullptr;
scst_reactor reactors[2]{{0}, {1}};
scst_target the_target{0};

[[noreturn]] void fail(const char *what) {
    std::fprintf(stderr, "the driver broke the core's contract: %s\n", what);
    std::abort();
}
} // namespace

enum class phase : std::uint8_t { allocated, waiting_buffer, fetching, waiting_execution, answering };

struct fake_command {
    scst_cmd cmd{};
    fake_session *owner = nullptr;
    phase at = phase::allocated;
    bool aborted = false;
    std::vector<std::uint8_t> buffer;
    std::vector<scst_segment> segments;
};

struct fake_session {
    scst_reactor *reactor = nullptr;
    void *driver_data = nullptr;
    std::string name;
    std::list<std::unique_ptr<fake_command>> commands;
    void (*ended)(void *) = nullptr;
    void *ended_argument = nullptr;
    bool finishing = false;
};

struct fake_core::watch {
    scst_reactor *reactor;
    int fd;
    std::uint32_t events;
    void (*ready)(void *, std::uint32_t);
    void *argument;
    bool removed = false;
};

struct fake_core::timer {
    scst_reactor *reactor;
    void (*expired)(void *);
    void *argument;
    std::uint64_t due = 0; // 0: not running
    bool destroyed = false;
};

namespace {
fake_command &of(scst_cmd *cmd) {
    return *reinterpret_cast<fake_command *>(cmd); // cmd is its first member
}
fake_command &of(const scst_cmd *cmd) {
    return of(const_cast<scst_cmd *>(cmd));
}
fake_session &of(scst_session *session) {
    return *reinterpret_cast<fake_session *>(session);
}
} // namespace

// The functions of the table.
struct fake_functions {
    static fake_core &core() { return *instance; }

    static void log(scst_plugin_ref *, std::uint32_t, const char *, const char *text, std::size_t length) {
        core().log.emplace_back(text, length);
        if (std::getenv("ISCSI_TEST_LOG") != nullptr)
            std::fprintf(stderr, "%.*s\n", static_cast<int>(length), text);
    }
    static std::int32_t log_enabled(scst_plugin_ref *, std::uint32_t) { return 1; }
    static void error_set(scst_error *error, const char *text, std::size_t length) {
        if (error == nullptr)
            return;
        const std::size_t size = std::min(length, sizeof error->text - 1);
        std::memcpy(error->text, text, size);
        error->text[size] = '\0';
    }
    static const char *setting(scst_plugin_ref *, const char *name) {
        const auto found = core().settings.find(name);
        return found == core().settings.end() ? nullptr : found->second.c_str();
    }
    static std::uint64_t now_ms() { return core().now_ms_; }
    static std::int32_t register_target_driver(scst_plugin_ref *, const scst_target_driver *driver, void *self,
                                               scst_error *) {
        core().driver_ = driver;
        core().driver_self_ = self;
        return 0;
    }
    static std::uint32_t reactor_count() { return 2; }
    static scst_reactor *reactor_at(std::uint32_t index) { return &reactors[index]; }
    static scst_reactor *reactor_select(scst_target *target) { return &reactors[target == nullptr ? 0 : 1]; }
    static scst_reactor *reactor_current() { return core().current_; }
    static void reactor_post(scst_reactor *reactor, void (*fn)(void *), void *argument) {
        core().posted_.push_back({reactor, fn, argument});
    }
    static void reactor_defer(scst_reactor *reactor, void (*fn)(void *), void *argument) {
        if (reactor != core().current_)
            fail("reactor_defer() from another reactor");
        core().deferred_.push_back({reactor, fn, argument});
    }
    static scst_watch *watch_add(scst_reactor *reactor, std::int32_t fd, std::uint32_t events,
                                 void (*ready)(void *, std::uint32_t), void *argument) {
        core().watches_.push_back(
            std::make_unique<fake_core::watch>(fake_core::watch{reactor, fd, events, ready, argument}));
        return reinterpret_cast<scst_watch *>(core().watches_.back().get());
    }
    static void watch_modify(scst_watch *watch, std::uint32_t events) {
        reinterpret_cast<fake_core::watch *>(watch)->events = events;
    }
    static void watch_remove(scst_watch *watch) { reinterpret_cast<fake_core::watch *>(watch)->removed = true; }
    static scst_timer *timer_create(scst_reactor *reactor, void (*expired)(void *), void *argument) {
        core().timers_.push_back(std::make_unique<fake_core::timer>(fake_core::timer{reactor, expired, argument}));
        return reinterpret_cast<scst_timer *>(core().timers_.back().get());
    }
    static void timer_start(scst_timer *timer, std::uint64_t milliseconds) {
        reinterpret_cast<fake_core::timer *>(timer)->due = core().now_ms_ + std::max<std::uint64_t>(milliseconds, 1);
    }
    static void timer_cancel(scst_timer *timer) { reinterpret_cast<fake_core::timer *>(timer)->due = 0; }
    static void timer_destroy(scst_timer *timer) { reinterpret_cast<fake_core::timer *>(timer)->destroyed = true; }

    static std::int32_t target_has_luns_for(scst_target *, const char *initiator) {
        return core().hidden_initiator != initiator ? 1 : 0;
    }
    static void target_query_luns(scst_target *target, scst_reactor *reactor, const char *initiator,
                                  void (*done)(void *, std::int32_t), void *argument) {
        struct answer {
            void (*done)(void *, std::int32_t);
            void *argument;
            std::int32_t result;
        };
        auto *made = new answer{done, argument, target_has_luns_for(target, initiator)};
        reactor_post(
            reactor,
            [](void *raw) {
                const std::unique_ptr<answer> mine{static_cast<answer *>(raw)};
                mine->done(mine->argument, mine->result);
            },
            made);
    }
    static void session_register(scst_target *, scst_reactor *reactor, const scst_session_info *info,
                                 void (*done)(void *, scst_session *, std::int32_t), void *argument) {
        struct registration {
            std::unique_ptr<fake_session> made;
            void (*done)(void *, scst_session *, std::int32_t);
            void *argument;
        };
        auto *mine = new registration{std::make_unique<fake_session>(), done, argument};
        mine->made->reactor = reactor;
        mine->made->driver_data = info->driver_data;
        mine->made->name = info->initiator_name;
        core().initiators.emplace_back(info->initiator_name);
        core().nexus_losses += info->initial_nexus_loss;
        core().replacements += info->replaces != nullptr ? 1 : 0;
        core().last_transport_id.assign(info->transport_id, info->transport_id + info->transport_id_length);
        const fake_core::job finish{reactor,
                                    [](void *raw) {
                                        const std::unique_ptr<registration> one{static_cast<registration *>(raw)};
                                        if (core().register_error != 0) {
                                            one->done(one->argument, nullptr, core().register_error);
                                            return;
                                        }
                                        core().sessions_.push_back(std::move(one->made));
                                        one->done(one->argument,
                                                  reinterpret_cast<scst_session *>(core().sessions_.back().get()), 0);
                                    },
                                    mine};
        if (core().hold_registration)
            core().waiting_registration_.push_back(finish);
        else
            core().posted_.push_back(finish);
    }
    static void session_unregister(scst_session *session, void (*done)(void *), void *argument) {
        fake_session &one = of(session);
        if (one.ended != nullptr)
            fail("session_unregister() twice");
        one.ended = done;
        one.ended_argument = argument;
        std::vector<fake_command *> all;
        for (const auto &cmd : one.commands)
            all.push_back(cmd.get());
        for (fake_command *cmd : all)
            abort(*cmd);
        core().finish_session(one);
    }
    // Ends a command as the core does when its nexus goes or it is aborted.
    static void abort(fake_command &cmd) {
        cmd.aborted = true;
        switch (cmd.at) {
        case phase::fetching:
            core().driver_->abort_transfer(&cmd.cmd);
            break;
        case phase::waiting_buffer:
        case phase::waiting_execution:
            std::erase(core().waiting_buffer_, &cmd);
            std::erase(core().waiting_execution_, &cmd);
            respond(cmd);
            break;
        case phase::allocated:
        case phase::answering:
            break;
        }
    }
    static void respond(fake_command &cmd) {
        cmd.at = phase::answering;
        core().driver_->xmit_response(&cmd.cmd);
    }
    static const char *session_name(scst_session *session) { return of(session).name.c_str(); }

    static scst_cmd *cmd_alloc(scst_session *session) {
        fake_session &owner = of(session);
        if (core().no_commands || owner.ended != nullptr)
            return nullptr;
        owner.commands.push_back(std::make_unique<fake_command>());
        fake_command &made = *owner.commands.back();
        made.owner = &owner;
        made.cmd.struct_size = sizeof made.cmd;
        return &made.cmd;
    }
    static void cmd_submit(scst_cmd *cmd) {
        for (const auto &other : of(cmd).owner->commands)
            if (&other->cmd != cmd && other->at != phase::answering && other->cmd.tag == cmd->tag)
                fail("two live commands with one tag");
        decode(of(cmd));
        if (cmd->data_direction == SCST_DATA_WRITE && cmd->transfer_length != 0) {
            if (core().hold_buffers) {
                of(cmd).at = phase::waiting_buffer;
                core().waiting_buffer_.push_back(&of(cmd));
            } else {
                core().start_transfer(of(cmd));
            }
        } else {
            core().execute(of(cmd));
        }
    }
    static void decode(fake_command &one) {
        scst_cmd &cmd = one.cmd;
        switch (cmd.cdb[0]) {
        case 0x28:
        case 0x2a:
            cmd.lba = scst::load_be32(&cmd.cdb[2]);
            cmd.block_count = scst::load_be16(&cmd.cdb[7]);
            cmd.data_length = cmd.block_count * 512;
            cmd.data_direction = cmd.cdb[0] == 0x28 ? SCST_DATA_READ : SCST_DATA_WRITE;
            break;
        case 0x12:
            cmd.data_length = scst::load_be16(&cmd.cdb[3]);
            cmd.data_direction = SCST_DATA_READ;
            break;
        default:
            break;
        }
        if (cmd.data_length == 0)
            cmd.data_direction = SCST_DATA_NONE;
        cmd.transfer_length = std::min(cmd.expected_length, cmd.data_length);
        cmd.response_length = cmd.transfer_length;
        if (cmd.expected_length > cmd.data_length) {
            cmd.residual_kind = 1;
            cmd.residual_count = cmd.expected_length - cmd.data_length;
        } else if (cmd.expected_length < cmd.data_length) {
            cmd.residual_kind = 2;
            cmd.residual_count = cmd.data_length - cmd.expected_length;
        }
    }
    static void cmd_data_received(scst_cmd *cmd, std::int32_t result, std::uint64_t received) {
        fake_command &one = of(cmd);
        if (one.at != phase::fetching)
            fail("cmd_data_received() without ready_to_transfer()");
        if (result == SCST_RX_SUCCESS && received != cmd->transfer_length)
            fail("success with too little data");
        if (result == SCST_RX_SUCCESS) {
            core().execute(one);
            return;
        }
        if (result == SCST_RX_ABORTED && !one.aborted)
            fail("SCST_RX_ABORTED for a command that was not aborted");
        respond(one);
    }
    static void cmd_finished(scst_cmd *cmd, std::int32_t delivery) {
        fake_command &one = of(cmd);
        if (one.at != phase::answering)
            fail("cmd_finished() before xmit_response()");
        ++core().finished;
        core().delivery_failures += delivery == SCST_DELIVERY_FAILED ? 1 : 0;
        fake_session &owner = *one.owner;
        owner.commands.remove_if([&](const auto &other) { return other.get() == &one; });
        if (owner.ended != nullptr)
            core().finish_session(owner);
    }
    static std::int32_t cmd_response_suppressed(const scst_cmd *cmd) { return of(cmd).aborted ? 1 : 0; }
    static scst_cmd *cmd_find(scst_session *session, std::uint64_t tag) {
        for (const auto &one : of(session).commands)
            if (one->cmd.tag == tag)
                return &one->cmd;
        return nullptr;
    }
    static void tm_submit(scst_session *session, scst_task_management *request) {
        core().management_functions.push_back(request->function);
        if (core().hold_management)
            core().waiting_management_.emplace_back(session, request);
        else
            manage(session, *request);
    }
    static void manage(scst_session *session, scst_task_management &request) {
        request.status = SCST_TM_STATUS_COMPLETE;
        std::vector<fake_command *> all;
        for (const auto &cmd : of(session).commands)
            if (cmd->at != phase::answering && (request.function != SCST_TM_ABORT_TASK || cmd->cmd.tag == request.tag))
                all.push_back(cmd.get());
        if (request.function == SCST_TM_ABORT_TASK && all.empty())
            request.status = SCST_TM_STATUS_TASK_NOT_EXIST;
        if (request.function == SCST_TM_QUERY_TASK_SET)
            request.status = all.empty() ? SCST_TM_STATUS_COMPLETE : SCST_TM_STATUS_SUCCEEDED;
        else
            for (fake_command *cmd : all)
                abort(*cmd);
        core().driver_->task_management_done(&request);
    }
    static void cmd_set_sense(scst_cmd *cmd, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq) {
        cmd->status = SCST_STATUS_CHECK_CONDITION;
        cmd->sense_length = 18;
        std::memset(cmd->sense, 0, 18);
        cmd->sense[0] = 0x70;
        cmd->sense[2] = key;
        cmd->sense[7] = 10;
        cmd->sense[12] = asc;
        cmd->sense[13] = ascq;
    }
};

fake_core::fake_core() : disk(1024 * 1024) {
    instance = this;
    for (std::size_t i = 0; i < disk.size(); ++i)
        disk[i] = static_cast<std::uint8_t>(i * 7 + i / 512);
    settings["portals"] = "127.0.0.1:0";
    using f = fake_functions;
    table_.struct_size = sizeof table_;
    table_.abi_version = SCST_ABI_VERSION;
    table_.version = "test";
    table_.log = &f::log;
    table_.log_enabled = &f::log_enabled;
    table_.error_set = &f::error_set;
    table_.setting = &f::setting;
    table_.now_ms = &f::now_ms;
    table_.register_target_driver = &f::register_target_driver;
    table_.reactor_count = &f::reactor_count;
    table_.reactor_at = &f::reactor_at;
    table_.reactor_select = &f::reactor_select;
    table_.reactor_post = &f::reactor_post;
    table_.reactor_defer = &f::reactor_defer;
    table_.reactor_current = &f::reactor_current;
    table_.watch_add = &f::watch_add;
    table_.watch_modify = &f::watch_modify;
    table_.watch_remove = &f::watch_remove;
    table_.timer_create = &f::timer_create;
    table_.timer_start = &f::timer_start;
    table_.timer_cancel = &f::timer_cancel;
    table_.timer_destroy = &f::timer_destroy;
    table_.target_has_luns_for = &f::target_has_luns_for;
    table_.session_register = &f::session_register;
    table_.session_unregister = &f::session_unregister;
    table_.session_name = &f::session_name;
    table_.cmd_alloc = &f::cmd_alloc;
    table_.cmd_submit = &f::cmd_submit;
    table_.cmd_data_received = &f::cmd_data_received;
    table_.cmd_finished = &f::cmd_finished;
    table_.cmd_response_suppressed = &f::cmd_response_suppressed;
    table_.cmd_find = &f::cmd_find;
    table_.tm_submit = &f::tm_submit;
    table_.cmd_set_sense = &f::cmd_set_sense;
    table_.target_query_luns = &f::target_query_luns;
}

fake_core::~fake_core() {
    instance = nullptr;
}

scst_target *fake_core::target_handle() noexcept {
    return &the_target;
}

std::size_t fake_core::live_commands() const noexcept {
    std::size_t count = 0;
    for (const auto &one : sessions_)
        count += one->commands.size();
    return count;
}

fake_session *fake_core::session_at(std::size_t index) noexcept {
    return index < sessions_.size() ? std::next(sessions_.begin(), static_cast<std::ptrdiff_t>(index))->get() : nullptr;
}

void *fake_core::session_data(std::size_t index) noexcept {
    fake_session *one = session_at(index);
    return one != nullptr ? one->driver_data : nullptr;
}

bool fake_core::logged(std::string_view text) const {
    return std::any_of(log.begin(), log.end(),
                       [&](const std::string &line) { return line.find(text) != std::string::npos; });
}

void fake_core::finish_session(fake_session &ending) {
    const bool managed = std::any_of(waiting_management_.begin(), waiting_management_.end(),
                                     [&](const auto &one) { return &of(one.first) == &ending; });
    if (!ending.commands.empty() || managed)
        return;
    if (hold_unregistration) {
        waiting_unregistration_.push_back(&ending);
        return;
    }
    if (std::exchange(ending.finishing, true))
        return;
    posted_.push_back({ending.reactor,
                       [](void *raw) {
                           auto &session = *static_cast<fake_session *>(raw);
                           const auto done = session.ended;
                           void *argument = session.ended_argument;
                           instance->sessions_.remove_if([&](const auto &one) { return one.get() == &session; });
                           done(argument);
                       },
                       &ending});
}

void fake_core::start_transfer(fake_command &cmd) {
    cmd.buffer.assign(static_cast<std::size_t>(cmd.cmd.transfer_length), 0xee);
    const std::size_t piece = split_buffers ? 700 : std::max<std::size_t>(cmd.buffer.size(), 1);
    for (std::size_t at = 0; at < cmd.buffer.size(); at += piece)
        cmd.segments.push_back({.kind = SCST_SEGMENT_MEMORY,
                                .fd = -1,
                                .length = std::min(piece, cmd.buffer.size() - at),
                                .address = cmd.buffer.data() + at,
                                .offset = 0});
    cmd.cmd.segments = cmd.segments.data();
    cmd.cmd.segment_count = static_cast<std::uint32_t>(cmd.segments.size());
    cmd.at = phase::fetching;
    driver_->ready_to_transfer(&cmd.cmd);
}

void fake_core::execute(fake_command &cmd) {
    if (hold_execution) {
        cmd.at = phase::waiting_execution;
        waiting_execution_.push_back(&cmd);
        return;
    }
    ++executed;
    scst_cmd &c = cmd.cmd;
    if (c.lba * 512 + c.data_length > disk.size()) // LOGICAL BLOCK ADDRESS OUT OF RANGE
        next_sense = {0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0};
    if (!next_sense.empty()) {
        c.status = SCST_STATUS_CHECK_CONDITION;
        c.response_length = 0;
        c.sense_length = static_cast<std::uint32_t>(next_sense.size());
        std::copy(next_sense.begin(), next_sense.end(), c.sense);
        next_sense.clear();
    } else if (c.data_direction == SCST_DATA_WRITE) {
        std::copy(cmd.buffer.begin(), cmd.buffer.end(), disk.begin() + static_cast<std::ptrdiff_t>(c.lba * 512));
    } else if (c.data_direction == SCST_DATA_READ && give_file_ranges && (c.flags & SCST_CMD_FILE_RANGES_OK) != 0) {
        cmd.segments = {{.kind = SCST_SEGMENT_FILE,
                         .fd = file_fd,
                         .length = c.transfer_length,
                         .address = nullptr,
                         .offset = c.lba * 512}};
    } else if (c.data_direction == SCST_DATA_READ) {
        std::uint8_t *from = disk.data() + c.lba * 512;
        const std::size_t piece = split_buffers ? 700 : static_cast<std::size_t>(c.transfer_length);
        for (std::uint64_t at = 0; at < c.transfer_length; at += piece)
            cmd.segments.push_back({.kind = SCST_SEGMENT_MEMORY,
                                    .fd = -1,
                                    .length = std::min<std::uint64_t>(piece, c.transfer_length - at),
                                    .address = from + at,
                                    .offset = 0});
    }
    c.segments = cmd.segments.data();
    c.segment_count = static_cast<std::uint32_t>(cmd.segments.size());
    fake_functions::respond(cmd);
}

scst_reactor *fake_core::session_reactor() noexcept {
    return &reactors[1];
}

void fake_core::release_buffers() {
    hold_buffers = false;
    on_reactor([this] {
        for (fake_command *cmd : std::exchange(waiting_buffer_, {}))
            start_transfer(*cmd);
    });
}

void fake_core::release_execution() {
    hold_execution = false;
    on_reactor([this] {
        for (fake_command *cmd : std::exchange(waiting_execution_, {}))
            execute(*cmd);
    });
}

void fake_core::release_registration() {
    hold_registration = false;
    for (const job &one : std::exchange(waiting_registration_, {}))
        posted_.push_back(one);
    run();
}

void fake_core::release_unregistration() {
    hold_unregistration = false;
    on_reactor([this] {
        for (fake_session *one : std::exchange(waiting_unregistration_, {}))
            finish_session(*one);
    });
}

void fake_core::release_management() {
    hold_management = false;
    on_reactor([this] {
        for (const auto &[session, request] : std::exchange(waiting_management_, {})) {
            fake_functions::manage(session, *request);
            if (of(session).ended != nullptr)
                finish_session(of(session));
        }
    });
}

void fake_core::abort_all(std::size_t session) {
    std::vector<fake_command *> all;
    for (const auto &cmd : session_at(session)->commands)
        all.push_back(cmd.get());
    for (fake_command *cmd : all)
        fake_functions::abort(*cmd);
}

bool fake_core::run_watches() {
    std::vector<pollfd> polls;
    std::vector<watch *> which;
    watches_.remove_if([](const auto &one) { return one->removed; });
    for (const auto &one : watches_) {
        short events = 0;
        if ((one->events & SCST_WATCH_READ) != 0)
            events = static_cast<short>(events | POLLIN);
        if ((one->events & SCST_WATCH_WRITE) != 0)
            events = static_cast<short>(events | POLLOUT);
        if (events == 0)
            continue;
        polls.push_back({one->fd, events, 0});
        which.push_back(one.get());
    }
    if (polls.empty() || ::poll(polls.data(), polls.size(), 0) <= 0)
        return false;
    for (std::size_t i = 0; i < polls.size(); ++i) {
        std::uint32_t ready = 0;
        if ((polls[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            ready |= SCST_WATCH_READ;
        if ((polls[i].revents & (POLLOUT | POLLERR)) != 0)
            ready |= SCST_WATCH_WRITE;
        ready &= which[i]->events;
        if (ready == 0 || which[i]->removed)
            continue;
        current_ = which[i]->reactor;
        which[i]->ready(which[i]->argument, ready);
        current_ = nullptr;
    }
    return true;
}

void fake_core::run() {
    bool again = true;
    while (again) {
        again = run_watches();
        while (!posted_.empty()) {
            again = true;
            const job next = posted_.front();
            posted_.pop_front();
            current_ = next.reactor;
            next.call(next.argument);
            current_ = nullptr;
        }
        while (!deferred_.empty()) {
            again = true;
            const job next = deferred_.front();
            deferred_.pop_front();
            current_ = next.reactor;
            next.call(next.argument);
            current_ = nullptr;
        }
    }
    timers_.remove_if([](const auto &one) { return one->destroyed; });
}

void fake_core::advance_ms(std::uint64_t milliseconds) {
    const std::uint64_t end = now_ms_ + milliseconds;
    while (true) {
        run();
        timer *next = nullptr;
        for (const auto &one : timers_)
            if (!one->destroyed && one->due != 0 && one->due <= end && (next == nullptr || one->due < next->due))
                next = one.get();
        if (next == nullptr)
            break;
        now_ms_ = std::max(now_ms_, next->due);
        next->due = 0;
        current_ = next->reactor;
        next->expired(next->argument);
        current_ = nullptr;
    }
    now_ms_ = end;
    run();
}

} // namespace scstd::iscsi::testing
