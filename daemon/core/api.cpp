// SPDX-License-Identifier: Apache-2.0
// The table lent to plugins: each function turns ABI handles into the daemon's objects and calls the one place that
// does the work. No logic here beyond that. No exception leaves a function: what can throw is caught and becomes an
// errno or a log line.
#include "core/core.hpp"
#include "core/session_request.hpp"
#include "device/handler.hpp"
#include "engine/engine.hpp"
#include "engine/gates.hpp"
#include "engine/status.hpp"
#include "engine/task_management.hpp"
#include "log/log.hpp"
#include "plugin/descriptor.hpp"
#include "plugin/plugin.hpp"

#include <algorithm>
#include <cstring>
#include <exception>

namespace scstd {

namespace {

using engine::from_abi;

device::device &dev_of(scst_device *handle) noexcept {
    return *static_cast<device::device *>(handle);
}
const device::device &dev_of(const scst_device *handle) noexcept {
    return *static_cast<const device::device *>(handle);
}
session::session &session_of(scst_session *handle) noexcept {
    return *static_cast<session::session *>(handle);
}
threads::reactor &reactor_of(scst_reactor *handle) noexcept {
    return *static_cast<threads::reactor *>(handle);
}
const engine::command &from_abi_const(const scst_cmd *cmd) noexcept {
    return *static_cast<const engine::command *>(cmd);
}

log::level level_of(std::uint32_t level) noexcept {
    return static_cast<log::level>(std::min<std::uint32_t>(level, SCST_LOG_ERROR));
}

// ---- logging, errors, settings ----

void api_log(scst_plugin_ref *, std::uint32_t level, const char *component, const char *text, std::size_t length) {
    log::write(level_of(level), component, {text, length});
}

std::int32_t api_log_enabled(scst_plugin_ref *, std::uint32_t level) {
    return log::enabled(level_of(level)) ? 1 : 0;
}

void api_error_set(scst_error *error, const char *text, std::size_t length) {
    if (error == nullptr)
        return;
    const std::size_t size = std::min(length, sizeof error->text - 1);
    std::memcpy(error->text, text, size);
    error->text[size] = '\0';
}

const char *api_setting(scst_plugin_ref *ref, const char *name) {
    return static_cast<plugin::plugin *>(ref)->setting(name);
}

const char *api_state_dir() {
    return core::instance().options().state_dir.c_str();
}

std::uint64_t api_now_ms() {
    return threads::now_ms();
}

// ---- registration ----

std::int32_t refuse(scst_error *error, const scstd::error &why) {
    api_error_set(error, why.message.data(), why.message.size());
    return -why.code;
}

std::int32_t api_register_handler(scst_plugin_ref *ref, const scst_handler *theirs, void *self, scst_error *error) {
    const auto table = plugin::copy_handler(theirs);
    if (!table)
        return refuse(error, table.error());
    const auto done = core::instance().register_handler(static_cast<plugin::plugin *>(ref), table.value(), self);
    return done ? 0 : refuse(error, done.error());
}

std::int32_t api_register_target_driver(scst_plugin_ref *ref, const scst_target_driver *theirs, void *self,
                                        scst_error *error) {
    const auto table = plugin::copy_target_driver(theirs);
    if (!table)
        return refuse(error, table.error());
    const auto done = core::instance().register_driver(static_cast<plugin::plugin *>(ref), table.value(), self);
    return done ? 0 : refuse(error, done.error());
}

// ---- reactors ----

std::uint32_t api_reactor_count() {
    return core::instance().reactors().count();
}

scst_reactor *api_reactor_at(std::uint32_t index) {
    return core::instance().reactors().at(index);
}

scst_reactor *api_reactor_select(scst_target *handle) {
    const threads::cpu_mask any;
    if (handle == nullptr)
        return &core::instance().reactors().select(any);
    return &core::instance().reactors().select(static_cast<session::target *>(handle)->cpus_snapshot());
}

void api_reactor_post(scst_reactor *handle, void (*fn)(void *), void *argument) {
    reactor_of(handle).post(fn, argument);
}

void api_reactor_defer(scst_reactor *handle, void (*fn)(void *), void *argument) {
    reactor_of(handle).defer(fn, argument);
}

scst_reactor *api_reactor_current() {
    threads::reactor *const current = threads::reactor::current();
    return current == nullptr || current->index() == threads::reactor::no_index ? nullptr : current;
}

scst_watch *api_watch_add(scst_reactor *handle, std::int32_t fd, std::uint32_t events,
                          void (*ready)(void *, std::uint32_t), void *argument) {
    return reactor_of(handle).watch_add(fd, events, ready, argument);
}

void api_watch_modify(scst_watch *handle, std::uint32_t events) {
    static_cast<threads::watch *>(handle)->modify(events);
}

void api_watch_remove(scst_watch *handle) {
    static_cast<threads::watch *>(handle)->remove();
}

scst_timer *api_timer_create(scst_reactor *handle, void (*expired)(void *), void *argument) {
    return std::make_unique<threads::timer>(reactor_of(handle), expired, argument).release();
}

void api_timer_start(scst_timer *handle, std::uint64_t milliseconds) {
    static_cast<threads::timer *>(handle)->start(milliseconds);
}

void api_timer_cancel(scst_timer *handle) {
    static_cast<threads::timer *>(handle)->cancel();
}

void api_timer_destroy(scst_timer *handle) {
    const std::unique_ptr<threads::timer> owner{static_cast<threads::timer *>(handle)};
}

// ---- targets and sessions ----

std::uint16_t api_target_relative_id(scst_target *handle) {
    return static_cast<session::target *>(handle)->relative_id.load();
}

// The handle may be of a target that is gone: it is only compared.
session::target *living(scst_target *handle) {
    for (auto &[name, driver] : core::instance().drivers) {
        for (auto &[target_name, tgt] : driver->targets) {
            if (tgt.get() == handle)
                return tgt.get();
        }
    }
    return nullptr;
}

std::int32_t api_target_has_luns_for(scst_target *handle, const char *initiator_name) {
    session::target *const tgt = living(handle);
    return tgt != nullptr && !tgt->group_for(initiator_name).luns.empty() ? 1 : 0;
}

void api_target_query_luns(scst_target *handle, scst_reactor *reactor, const char *initiator_name,
                           void (*done)(void *, std::int32_t), void *argument) {
    core::instance().management().post(
        [handle, &on = reactor_of(reactor), name = std::string{initiator_name}, done, argument] {
            const std::int32_t answer = api_target_has_luns_for(handle, name.c_str());
            on.post([done, argument, answer] { done(argument, answer); });
        });
}

void api_session_register(scst_target *target, scst_reactor *reactor, const scst_session_info *info,
                          void (*done)(void *, scst_session *, std::int32_t), void *argument) {
    auto request = std::make_shared<core::session_request>();
    request->tgt = static_cast<session::target *>(target);
    request->reactor = &reactor_of(reactor);
    request->identity.initiator_name = info->initiator_name;
    if (info->transport_id != nullptr)
        request->identity.transport_id.assign(info->transport_id, info->transport_id + info->transport_id_length);
    request->identity.supports_events = info->supports_events != 0;
    request->identity.initial_nexus_loss = info->initial_nexus_loss != 0;
    request->identity.driver_data = info->driver_data;
    request->replaces = info->replaces;
    request->done = done;
    request->argument = argument;
    core::instance().management().post([request = std::move(request)] { core::instance().start_session(request); });
}

// Carries the driver's callback from session_unregister() to the end.
struct ending {
    std::shared_ptr<session::session> sess;
    void (*done)(void *);
    void *argument;
};

void api_session_unregister(scst_session *handle, void (*done)(void *), void *argument) {
    session::session &sess = session_of(handle);
    auto ctx = std::make_unique<ending>(ending{sess.shared_from_this(), done, argument});
    engine::end_session(
        sess,
        [](void *context) {
            const std::unique_ptr<ending> at{static_cast<ending *>(context)};
            core::instance().management().post([sess = at->sess, done = at->done, argument = at->argument] {
                core::instance().forget_session(sess, done, argument);
            });
        },
        ctx.release());
}

const char *api_session_name(scst_session *handle) {
    return session_of(handle).name.c_str();
}

void *api_session_group_data(scst_session *handle) {
    return session_of(handle).group->driver_data;
}

// ---- commands, driver side ----

scst_cmd *api_cmd_alloc(scst_session *handle) {
    return session_of(handle).allocate_command();
}
void api_cmd_submit(scst_cmd *cmd) {
    engine::submit(from_abi(cmd));
}
void api_cmd_data_received(scst_cmd *cmd, std::int32_t result, std::uint64_t received) {
    engine::data_received(from_abi(cmd), result, received);
}
void api_cmd_finished(scst_cmd *cmd, std::int32_t delivery) {
    engine::response_sent(from_abi(cmd), delivery);
}
std::int32_t api_cmd_response_suppressed(const scst_cmd *cmd) {
    return from_abi_const(cmd).suppressed ? 1 : 0;
}
scst_cmd *api_cmd_find(scst_session *handle, std::uint64_t tag) {
    return engine::find_command(session_of(handle), tag);
}
void api_tm_submit(scst_session *handle, scst_task_management *request) {
    engine::submit_task_management(session_of(handle), *request);
}

// ---- commands, handler side ----

void api_cmd_done(scst_cmd *cmd) {
    engine::handler_done(from_abi(cmd));
}

std::int32_t api_cmd_alloc_buffer(scst_cmd *cmd, std::uint64_t length) {
    engine::command &of = from_abi(cmd);
    if (of.buffer != nullptr)
        core::instance().buffers().put(std::exchange(of.buffer, nullptr));
    return engine::allocate_buffer(of, length) ? 0 : -ENOMEM;
}

void lend(scst_cmd *cmd, const scst_segment &segment) {
    engine::command &of = from_abi(cmd);
    of.own_segment = segment;
    of.segments = &of.own_segment;
    of.segment_count = 1;
}

void api_cmd_lend_buffer(scst_cmd *cmd, std::uint8_t *address, std::uint64_t length) {
    lend(cmd, {SCST_SEGMENT_MEMORY, -1, length, address, 0});
}

void api_cmd_lend_file(scst_cmd *cmd, std::int32_t fd, std::uint64_t offset, std::uint64_t length) {
    lend(cmd, {SCST_SEGMENT_FILE, fd, length, nullptr, offset});
}

void api_cmd_set_sense(scst_cmd *cmd, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq) {
    engine::set_sense(from_abi(cmd), {key, asc, ascq});
}

void api_cmd_set_invalid_field(scst_cmd *cmd, std::int32_t in_cdb, std::uint32_t byte, std::int32_t bit) {
    engine::set_invalid_field(from_abi(cmd), in_cdb != 0, byte, bit);
}

void api_cmd_set_sense_information(scst_cmd *cmd, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq,
                                   std::uint64_t information) {
    engine::sense_details details;
    details.information = information;
    engine::set_sense(from_abi(cmd), {key, asc, ascq}, details);
}

void api_cmd_set_sense_progress(scst_cmd *cmd, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq,
                                std::uint16_t progress) {
    engine::sense_details details;
    details.progress = progress;
    engine::set_sense(from_abi(cmd), {key, asc, ascq}, details);
}

void api_cmd_set_busy(scst_cmd *cmd) {
    engine::set_busy(from_abi(cmd));
}
std::int32_t api_cmd_aborted(const scst_cmd *cmd) {
    return from_abi_const(cmd).aborted() ? 1 : 0;
}
scst_reactor *api_cmd_reactor(const scst_cmd *cmd) {
    return &from_abi_const(cmd).sess->reactor();
}
std::uint64_t api_cmd_nexus_id(const scst_cmd *cmd) {
    return from_abi_const(cmd).sess->id();
}

void api_cmd_port_info(const scst_cmd *cmd, scst_port_info *info) {
    const engine::command &of = from_abi_const(cmd);
    const session::target &tgt = of.sess->tgt();
    scst_port_info known{};
    known.relative_target_port_id = tgt.relative_id.load(std::memory_order_relaxed);
    core::instance().with_groups([&](const alua::device_groups &groups) {
        known.in_device_group = groups.group_of(of.dev->name()) != nullptr ? 1 : 0;
        if (const alua::target_group *group = groups.decides(of.dev->name(), tgt.name()))
            known.target_port_group_id = group->group_id;
    });
    if (known.in_device_group != 0)
        known.tpgs = of.dev->explicit_alua.load(std::memory_order_relaxed) ? 3 : 1;
    if (of.nex != nullptr) {
        const auto state = static_cast<alua::access_state>(of.nex->alua_state.load(std::memory_order_relaxed));
        known.port_unavailable = alua::is_unavailable(state) ? 1 : 0;
    }
    const auto &table = tgt.driver().table();
    known.physical_transport_version = table.physical_transport_version;
    known.scsi_transport_version = table.scsi_transport_version;
    known.initiator_name = of.sess->identity().initiator_name.c_str();
    known.target_name = tgt.name().c_str();
    const std::uint32_t size = std::min<std::uint32_t>(info->struct_size, sizeof known);
    known.struct_size = size;
    std::memcpy(info, &known, size);
}

// ---- devices ----

const char *api_device_name(const scst_device *handle) {
    return dev_of(handle).name().c_str();
}

void api_device_set_capacity(scst_device *handle, std::uint32_t block_size, std::uint64_t block_count,
                             std::int32_t notify) {
    device::device &dev = dev_of(handle);
    const bool changed = dev.block_size.exchange(block_size) != block_size;
    const bool resized = dev.block_count.exchange(block_count) != block_count;
    if (notify == 0 || (!changed && !resized))
        return;
    const std::lock_guard guard{dev.lock};
    engine::attention_to_all(dev, engine::codes::capacity_changed, nullptr);
}

void api_device_set_control_mode(scst_device *handle, const scst_control_mode *mode) {
    device::device &dev = dev_of(handle);
    scst_control_mode known{};
    std::memcpy(&known, mode, std::min<std::size_t>(mode->struct_size, sizeof known));
    const std::lock_guard guard{dev.lock};
    dev.control = known;
    dev.d_sense = known.d_sense;
    dev.qerr = known.qerr;
    dev.tas = known.tas;
    dev.tst = known.tst;
    dev.ua_intlck = known.ua_intlck;
    dev.tmf_only = known.tmf_only;
    dev.queue_algorithm = known.queue_algorithm;
    engine::update_mode_gates(dev);
}

void api_device_set_read_only(scst_device *handle, std::int32_t read_only) {
    device::device &dev = dev_of(handle);
    const std::lock_guard guard{dev.lock};
    dev.read_only = read_only != 0;
    engine::update_mode_gates(dev);
}

void api_device_set_explicit_alua(scst_device *handle, std::int32_t allowed) {
    dev_of(handle).explicit_alua = allowed != 0;
}

void api_device_unit_attention(scst_device *handle, std::uint8_t asc, std::uint8_t ascq, const scst_cmd *except) {
    device::device &dev = dev_of(handle);
    const session::nexus *spared = except != nullptr ? from_abi_const(except).nex : nullptr;
    const std::lock_guard guard{dev.lock};
    engine::attention_to_all(dev, {SCST_SENSE_UNIT_ATTENTION, asc, ascq}, spared);
}

std::int32_t api_device_suspend(scst_device *handle, std::uint64_t timeout_ms) {
    const auto suspended = core::instance().suspend_device(dev_of(handle), timeout_ms);
    return suspended ? 0 : -suspended.error().code;
}

void api_device_resume(scst_device *handle) {
    core::instance().resume_device(dev_of(handle));
}

std::uint32_t api_setup_id() {
    return core::instance().setup_id;
}

std::int32_t api_device_usn_in_use(const scst_device *handle, const char *usn) {
    for (auto &[name, dev] : core::instance().devices) {
        if (dev.get() == handle)
            continue;
        const std::lock_guard guard{dev->lock};
        if (dev->ident.usn == usn)
            return 1;
    }
    return 0;
}

void api_device_set_identity(scst_device *handle, const char *usn, const std::uint8_t *page_83, std::uint32_t length) {
    device::device &dev = dev_of(handle);
    const std::lock_guard guard{dev.lock};
    dev.ident.usn = usn;
    dev.ident.page_83.assign(page_83, page_83 + length);
}

} // namespace

const scst_core &core::api() noexcept {
    static const scst_core table{
        .struct_size = sizeof(scst_core),
        .abi_version = SCST_ABI_VERSION,
        .version = SCSTD_VERSION,
        .log = api_log,
        .log_enabled = api_log_enabled,
        .error_set = api_error_set,
        .setting = api_setting,
        .state_dir = api_state_dir,
        .now_ms = api_now_ms,
        .register_handler = api_register_handler,
        .register_target_driver = api_register_target_driver,
        .reactor_count = api_reactor_count,
        .reactor_at = api_reactor_at,
        .reactor_select = api_reactor_select,
        .reactor_post = api_reactor_post,
        .reactor_defer = api_reactor_defer,
        .reactor_current = api_reactor_current,
        .watch_add = api_watch_add,
        .watch_modify = api_watch_modify,
        .watch_remove = api_watch_remove,
        .timer_create = api_timer_create,
        .timer_start = api_timer_start,
        .timer_cancel = api_timer_cancel,
        .timer_destroy = api_timer_destroy,
        .target_relative_id = api_target_relative_id,
        .target_has_luns_for = api_target_has_luns_for,
        .session_register = api_session_register,
        .session_unregister = api_session_unregister,
        .session_name = api_session_name,
        .session_group_data = api_session_group_data,
        .cmd_alloc = api_cmd_alloc,
        .cmd_submit = api_cmd_submit,
        .cmd_data_received = api_cmd_data_received,
        .cmd_finished = api_cmd_finished,
        .cmd_response_suppressed = api_cmd_response_suppressed,
        .cmd_find = api_cmd_find,
        .tm_submit = api_tm_submit,
        .cmd_done = api_cmd_done,
        .cmd_alloc_buffer = api_cmd_alloc_buffer,
        .cmd_lend_buffer = api_cmd_lend_buffer,
        .cmd_lend_file = api_cmd_lend_file,
        .cmd_set_sense = api_cmd_set_sense,
        .cmd_set_invalid_field = api_cmd_set_invalid_field,
        .cmd_set_sense_information = api_cmd_set_sense_information,
        .cmd_set_sense_progress = api_cmd_set_sense_progress,
        .cmd_set_busy = api_cmd_set_busy,
        .cmd_aborted = api_cmd_aborted,
        .cmd_reactor = api_cmd_reactor,
        .cmd_nexus_id = api_cmd_nexus_id,
        .cmd_port_info = api_cmd_port_info,
        .device_name = api_device_name,
        .device_set_capacity = api_device_set_capacity,
        .device_set_control_mode = api_device_set_control_mode,
        .device_set_read_only = api_device_set_read_only,
        .device_set_explicit_alua = api_device_set_explicit_alua,
        .device_unit_attention = api_device_unit_attention,
        .device_suspend = api_device_suspend,
        .device_resume = api_device_resume,
        .setup_id = api_setup_id,
        .device_usn_in_use = api_device_usn_in_use,
        .device_set_identity = api_device_set_identity,
        .target_query_luns = api_target_query_luns,
    };
    return table;
}

} // namespace scstd
