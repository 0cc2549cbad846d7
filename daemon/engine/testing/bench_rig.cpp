// SPDX-License-Identifier: Apache-2.0
#include "engine/testing/bench_rig.hpp"

#include "core/latch.hpp"
#include "engine/engine.hpp"
#include "engine/sense.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace scstd::engine::testing {

namespace {

constexpr std::chrono::seconds long_while{60};

} // namespace

std::uint32_t answer::code() const {
    const sense_code at = parse_sense(sense);
    return sense.empty()
               ? 0u
               : (static_cast<std::uint32_t>(at.key) << 16) | (static_cast<std::uint32_t>(at.asc) << 8) | at.ascq;
}

const answer &flight::wait() {
    std::unique_lock guard{mutex_};
    REQUIRE(changed_.wait_for(guard, long_while, [this] { return done_; }));
    return answer_;
}

bool flight::is_done() {
    const std::lock_guard guard{mutex_};
    return done_;
}

void flight::finish(answer result) {
    const std::lock_guard guard{mutex_};
    answer_ = std::move(result);
    done_ = true;
    changed_.notify_all();
}

// The handler and the driver, and what the test thread shares with them.
struct rig::state {
    std::filesystem::path folder;
    const scst_core *api = &core::api();
    scst_target *target = nullptr;
    std::mutex mutex;
    std::condition_variable changed;
    bool holding = false;
    bool abort_hint = false;
    std::deque<scst_cmd *> held;
    std::array<std::uint8_t, blocks * block_size> disk{};
    std::uint64_t next_tag = 1;

    static state *self;

    // ---- handler ----
    static std::int32_t add_device(void *, scst_device *handle, const char *, const scst_parameter *, std::uint32_t,
                                   void **device, scst_error *) {
        *device = self;
        self->api->device_set_capacity(handle, block_size, blocks, 0);
        return 0;
    }
    static void del_device(void *) {}

    void carry_out(scst_cmd *cmd) {
        const auto at = static_cast<std::size_t>(cmd->lba) * block_size;
        if (cmd->data_direction == SCST_DATA_READ && cmd->block_count != 0)
            std::copy_n(disk.data() + at, cmd->transfer_length, cmd->segments->address);
        else if (cmd->data_direction == SCST_DATA_WRITE && cmd->block_count != 0)
            std::copy_n(cmd->segments->address, cmd->transfer_length, disk.data() + at);
        else if (cmd->data_direction == SCST_DATA_READ && cmd->segment_count != 0)
            std::fill_n(cmd->segments->address, cmd->transfer_length, std::uint8_t{0});
    }
    static std::int32_t exec(void *, scst_cmd *cmd) {
        const std::lock_guard guard{self->mutex};
        if (self->holding && cmd->cdb[0] != 0x00 && cmd->cdb[0] != 0x12 && (cmd->flags & SCST_CMD_INTERNAL) == 0) {
            self->held.push_back(cmd);
            self->changed.notify_all();
            return SCST_EXEC_PENDING;
        }
        self->carry_out(cmd);
        return SCST_EXEC_DONE;
    }

    static void abort(void *, scst_cmd *) {
        const std::lock_guard guard{self->mutex};
        self->abort_hint = true;
        self->changed.notify_all();
    }

    // ---- driver ----
    static std::int32_t add_target(void *, scst_target *handle, const char *, const scst_parameter *, std::uint32_t,
                                   void **, scst_error *) {
        self->target = handle;
        return 0;
    }
    static void del_target(void *) {}
    static void xmit_response(scst_cmd *cmd) {
        const std::unique_ptr<std::shared_ptr<flight>> of{static_cast<std::shared_ptr<flight> *>(cmd->driver_data)};
        answer result;
        result.status = cmd->status;
        result.suppressed = self->api->cmd_response_suppressed(cmd) != 0;
        result.sense.assign(cmd->sense, cmd->sense + cmd->sense_length);
        result.residual = cmd->residual_count;
        result.residual_kind = cmd->residual_kind;
        if (cmd->data_direction == SCST_DATA_READ && cmd->response_length != 0)
            result.data.assign(cmd->segments->address, cmd->segments->address + cmd->response_length);
        self->api->cmd_finished(cmd, SCST_DELIVERED);
        (*of)->finish(std::move(result));
    }
    static void ready_to_transfer(scst_cmd *cmd) {
        auto &of = *static_cast<std::shared_ptr<flight> *>(cmd->driver_data);
        const auto bytes = self->out_of(of->tag);
        const auto size = std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(cmd->transfer_length));
        std::copy_n(bytes.begin(), size, cmd->segments->address);
        self->api->cmd_data_received(cmd, SCST_RX_SUCCESS, size);
    }
    std::map<std::uint64_t, std::vector<std::uint8_t>> outs;
    std::vector<std::uint8_t> out_of(std::uint64_t tag) {
        const std::lock_guard guard{mutex};
        auto node = outs.extract(tag);
        return node.empty() ? std::vector<std::uint8_t>{} : std::move(node.mapped());
    }
    static void task_management_done(scst_task_management *request) {
        static_cast<latch *>(request->driver_data)->signal();
    }
    static void close_session(void *session) {
        auto *const handle = *static_cast<scst_session **>(session);
        self->api->session_unregister(
            handle, [](void *) {}, nullptr);
    }
};

rig::state *rig::state::self = nullptr;

rig::rig(unsigned reactors) : state_{std::make_unique<state>()} {
    state::self = state_.get();
    std::string pattern = (std::filesystem::temp_directory_path() / "scst-rig-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    state_->folder = pattern;
    core_options options;
    options.reactors = reactors;
    options.state_dir = pattern;
    core_ = std::make_unique<core>(options);
    REQUIRE(core_->start());
    core_->management().call([this] {
        scst_handler handler{};
        handler.struct_size = sizeof handler;
        handler.name = "rig_disk";
        handler.device_type = SCST_TYPE_DISK;
        handler.flags = SCST_HANDLER_NONBLOCKING | SCST_HANDLER_PARALLEL;
        handler.threads_num = 2;
        handler.add_device = state::add_device;
        handler.del_device = state::del_device;
        handler.exec = state::exec;
        handler.abort = state::abort;
        REQUIRE(core_->register_handler(nullptr, handler, nullptr));
        scst_target_driver driver{};
        driver.struct_size = sizeof driver;
        driver.name = "rig";
        driver.flags = SCST_DRIVER_NO_ENABLED;
        driver.protocol_identifier = 5;
        driver.add_target = state::add_target;
        driver.del_target = state::del_target;
        driver.xmit_response = state::xmit_response;
        driver.ready_to_transfer = state::ready_to_transfer;
        driver.task_management_done = state::task_management_done;
        driver.close_session = state::close_session;
        REQUIRE(core_->register_driver(nullptr, driver, nullptr));
        REQUIRE(core_->add_target(*core_->drivers.at("rig"), "t", {}));
        REQUIRE(core_->set_relative_id(*core_->find_target("rig", "t"), 1));
    });
}

rig::~rig() {
    let_go();
    core_->close_everything();
    core_->stop();
    core_.reset();
    state::self = nullptr;
    std::error_code ignored;
    std::filesystem::remove_all(state_->folder, ignored);
}

void rig::add_device(const std::string &name) {
    core_->management().call([&] { REQUIRE(core_->add_device(*core_->handlers.at("rig_disk"), name, {})); });
}

void rig::add_lun(const std::string &device, std::uint32_t lun, bool read_only) {
    core_->management().call([&] {
        REQUIRE(core_->add_lun(core_->find_target("rig", "t")->default_group(), *core_->find_device(device), lun,
                               read_only));
    });
}

scst_session *rig::login(const std::string &initiator, std::uint32_t reactor) {
    // iSCSI TransportID, format 01b (SPC-4 7.6.4.6): name,i,0x ISID, padded to 4.
    std::string name = initiator + ",i,0x00023d000001";
    name.resize((name.size() / 4 + 1) * 4, '\0');
    std::vector<std::uint8_t> tid(4 + name.size());
    tid[0] = 0x45;
    tid[3] = static_cast<std::uint8_t>(name.size());
    std::copy(name.begin(), name.end(), tid.begin() + 4);
    struct waiting {
        latch done;
        scst_session *session = nullptr;
    } wait;
    auto slot = std::make_unique<scst_session *>(nullptr);
    threads::reactor &on = *core_->reactors().at(reactor);
    on.call([&] {
        scst_session_info info{};
        info.struct_size = sizeof info;
        info.initiator_name = initiator.c_str();
        info.transport_id = tid.data();
        info.transport_id_length = static_cast<std::uint32_t>(tid.size());
        info.driver_data = slot.get();
        state_->api->session_register(
            state_->target, &on, &info,
            [](void *argument, scst_session *session, std::int32_t) {
                auto &at = *static_cast<waiting *>(argument);
                at.session = session;
                at.done.signal();
            },
            &wait);
    });
    REQUIRE(wait.done.wait_for(60000));
    REQUIRE(wait.session != nullptr);
    *slot = wait.session;
    static std::vector<std::unique_ptr<scst_session *>> slots; // as long as the process: close_session() may come late
    slots.push_back(std::move(slot));
    return wait.session;
}

scst_session *rig::login_quietly(const std::string &initiator, std::uint32_t reactor) {
    scst_session *const session = login(initiator, reactor);
    for (std::uint32_t lun = 0; lun < 4; ++lun) {
        for (int i = 0; i < 4; ++i) {
            request wanted;
            wanted.cdb = test_unit_ready();
            wanted.lun = lun;
            if (run(session, std::move(wanted)).status == SCST_STATUS_GOOD)
                break;
        }
    }
    return session;
}

void rig::logout(scst_session *session) {
    latch done;
    static_cast<session::session *>(session)->reactor().post([&] {
        state_->api->session_unregister(
            session, [](void *argument) { static_cast<latch *>(argument)->signal(); }, &done);
    });
    REQUIRE(done.wait_for(60000));
    core_->management().call([] {});
}

std::shared_ptr<flight> rig::send(scst_session *session, request wanted) {
    auto of = std::make_shared<flight>();
    {
        const std::lock_guard guard{state_->mutex};
        of->tag = state_->next_tag++;
        state_->outs.emplace(of->tag, wanted.out);
    }
    auto *const api = state_->api;
    static_cast<session::session *>(session)->reactor().post([api, session, of, wanted = std::move(wanted)] {
        scst_cmd *const cmd = api->cmd_alloc(session);
        std::copy(wanted.cdb.begin(), wanted.cdb.end(), cmd->cdb);
        cmd->cdb_length = static_cast<std::uint32_t>(wanted.cdb.size());
        cmd->tag = of->tag;
        cmd->task_attribute = wanted.attribute;
        scst::store_be16(cmd->lun_bytes, static_cast<std::uint16_t>(wanted.lun));
        cmd->expected_direction = wanted.expected_in != 0                           ? SCST_DATA_READ
                                  : !wanted.out.empty() || wanted.expected_out != 0 ? SCST_DATA_WRITE
                                                                                    : SCST_DATA_NONE;
        cmd->expected_length = wanted.expected_in != 0    ? wanted.expected_in
                               : wanted.expected_out != 0 ? wanted.expected_out
                                                          : wanted.out.size();
        cmd->driver_data = std::make_unique<std::shared_ptr<flight>>(of).release();
        api->cmd_submit(cmd);
    });
    return of;
}

std::int32_t rig::manage(scst_session *session, std::uint32_t function, std::uint32_t lun, std::uint64_t tag) {
    latch done;
    scst_task_management request{};
    request.struct_size = sizeof request;
    request.function = function;
    request.tag = tag;
    scst::store_be16(request.lun_bytes, static_cast<std::uint16_t>(lun));
    request.driver_data = &done;
    static_cast<session::session *>(session)->reactor().post([&] { state_->api->tm_submit(session, &request); });
    REQUIRE(done.wait_for(60000));
    return request.status;
}

void rig::hold(bool on) {
    const std::lock_guard guard{state_->mutex};
    state_->holding = on;
}

void rig::let_go() {
    std::deque<scst_cmd *> all;
    {
        const std::lock_guard guard{state_->mutex};
        state_->holding = false;
        all.swap(state_->held);
        for (scst_cmd *cmd : all) {
            if (state_->api->cmd_aborted(cmd) == 0)
                state_->carry_out(cmd);
        }
    }
    for (scst_cmd *cmd : all)
        state_->api->cmd_done(cmd);
}

std::size_t rig::held() {
    const std::lock_guard guard{state_->mutex};
    return state_->held.size();
}

void rig::wait_held(std::size_t count) {
    std::unique_lock guard{state_->mutex};
    REQUIRE(state_->changed.wait_for(guard, long_while, [&] { return state_->held.size() >= count; }));
}

void rig::wait_abort_hint() {
    std::unique_lock guard{state_->mutex};
    REQUIRE(state_->changed.wait_for(guard, long_while, [&] { return state_->abort_hint; }));
}

std::vector<std::uint8_t> test_unit_ready() {
    return std::vector<std::uint8_t>(6);
}

std::vector<std::uint8_t> read10(std::uint32_t lba, std::uint16_t count) {
    std::vector<std::uint8_t> cdb(10);
    cdb[0] = 0x28;
    scst::store_be32(cdb.data() + 2, lba);
    scst::store_be16(cdb.data() + 7, count);
    return cdb;
}

std::vector<std::uint8_t> write10(std::uint32_t lba, std::uint16_t count) {
    auto cdb = read10(lba, count);
    cdb[0] = 0x2a;
    return cdb;
}

} // namespace scstd::engine::testing
