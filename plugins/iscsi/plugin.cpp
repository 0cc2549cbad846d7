// SPDX-License-Identifier: Apache-2.0
// iscsi: the iSCSI target driver (RFC 7143, RFC 7144). This file is the border: the plugin's descriptor, the driver's
// table, and callbacks that find the object and call it. What escapes from a callback of a session closes that session.
#include "attributes.hpp"
#include "connection/connection.hpp"
#include "driver.hpp"
#include "session/session.hpp"
#include "target/target.hpp"

#include <scst/plugin.h>

#include <array>
#include <cerrno>
#include <exception>
#include <memory>
#include <new>
#include <string>

namespace scstd::iscsi {
namespace {

driver &driver_of(void *self) noexcept {
    return *static_cast<driver *>(self);
}
target &target_of(void *object) noexcept {
    return *static_cast<target *>(object);
}
session &session_of(void *object) noexcept {
    return *static_cast<session *>(object);
}
task &task_of(scst_cmd *cmd) noexcept {
    return *static_cast<task *>(cmd->driver_data);
}

// ---- management ----

std::int32_t add_target(void *self, scst_target *handle, const char *name, const scst_parameter *parameters,
                        std::uint32_t count, void **stored, scst_error *error) {
    return driver_of(self).add_target(handle, name, parameters, count, stored, error);
}

void del_target(void *object) {
    target &gone = target_of(object);
    gone.owner().remove_target(gone);
}

std::int32_t enable_target(void *object, std::int32_t enable, scst_error *) {
    target_of(object).enable(enable != 0);
    return 0;
}

// ---- reactor ----

void xmit_response(scst_cmd *cmd) {
    task &one = task_of(cmd);
    one.owner->xmit_response(one);
}

void ready_to_transfer(scst_cmd *cmd) {
    task &one = task_of(cmd);
    one.owner->ready_to_transfer(one);
}

void abort_transfer(scst_cmd *cmd) {
    task &one = task_of(cmd);
    one.owner->abort_transfer(one);
}

void task_management_done(scst_task_management *request) {
    if (request->function == SCST_TM_ABORT_ALL_TASKS_SESSION)
        session_of(request->driver_data).reconnect_abort_done();
    else
        static_cast<connection *>(request->driver_data)->management_done(*request);
}

std::int32_t report_event(void *object, const scst_event *event) {
    connection *current = session_of(object).current();
    return current != nullptr ? current->report_event(*event) : -ENOTCONN;
}

void close_session(void *object) {
    session_of(object).close("closed by management");
}

void list_connections(void *object,
                      void (*emit)(void *context, const char *directory, const char *file, const char *text),
                      void *context) {
    const connection *one = session_of(object).current();
    if (one == nullptr)
        return;
    const std::string directory = one->peer().bracketed_ip();
    emit(context, directory.c_str(), "cid", std::to_string(one->cid()).c_str());
    emit(context, directory.c_str(), "ip", one->peer().bracketed_ip().c_str());
    emit(context, directory.c_str(), "target_ip", one->local().bracketed_ip().c_str());
    emit(context, directory.c_str(), "state", one->state_text().c_str());
    emit(context, directory.c_str(), "transport", "iSCSI-TCP\n");
}

constexpr std::array<const char *, 2> dynamic_driver_attributes{"IncomingUser", "OutgoingUser"};
constexpr std::array<const char *, 3> dynamic_target_attributes{"IncomingUser", "OutgoingUser", "allowed_portal"};

scst_target_driver make_table() {
    scst_target_driver table{};
    table.struct_size = sizeof table;
    table.name = "iscsi";
    table.scsi_transport_version = 0x0960;
    table.protocol_identifier = 5;
    table.target_parameters = target_parameters().data();
    table.target_parameter_count = static_cast<std::uint32_t>(target_parameters().size());
    table.driver_attributes = driver_attributes().data();
    table.driver_attribute_count = static_cast<std::uint32_t>(driver_attributes().size());
    table.target_attributes = target_attributes().data();
    table.target_attribute_count = static_cast<std::uint32_t>(target_attributes().size());
    table.session_attributes = session_attributes().data();
    table.session_attribute_count = static_cast<std::uint32_t>(session_attributes().size());
    table.group_attributes = group_attributes().data();
    table.group_attribute_count = static_cast<std::uint32_t>(group_attributes().size());
    table.dynamic_driver_attributes = dynamic_driver_attributes.data();
    table.dynamic_driver_attribute_count = static_cast<std::uint32_t>(dynamic_driver_attributes.size());
    table.dynamic_target_attributes = dynamic_target_attributes.data();
    table.dynamic_target_attribute_count = static_cast<std::uint32_t>(dynamic_target_attributes.size());
    table.add_target = &add_target;
    table.del_target = &del_target;
    table.enable_target = &enable_target;
    table.xmit_response = &xmit_response;
    table.ready_to_transfer = &ready_to_transfer;
    table.abort_transfer = &abort_transfer;
    table.task_management_done = &task_management_done;
    table.report_event = &report_event;
    table.close_session = &close_session;
    table.add_attribute = &add_attribute;
    table.del_attribute = &del_attribute;
    table.list_attributes = &list_attributes;
    table.set_attribute = &set_attribute;
    table.add_group = &add_group;
    table.del_group = &del_group;
    table.list_connections = &list_connections;
    return table;
}

std::int32_t init(const scst_core *core, scst_plugin_ref *plugin, void **self, scst_error *error) noexcept {
    try {
        static const scst_target_driver table = make_table();
        auto made = std::make_unique<driver>(core, plugin);
        if (const std::int32_t result = core->register_target_driver(plugin, &table, made.get(), error); result != 0)
            return result;
        if (const std::int32_t result = made->start(error); result != 0)
            return result;
        *self = made.release();
        return 0;
    } catch (const std::bad_alloc &) {
        return -ENOMEM;
    } catch (const std::exception &problem) {
        return scst::refuse(core, error, EIO, "iscsi: %s", problem.what());
    }
}

void exit_plugin(void *self) noexcept {
    const std::unique_ptr<driver> mine{static_cast<driver *>(self)};
    mine->stop();
}

constexpr scst_plugin descriptor{
    .magic = SCST_PLUGIN_MAGIC,
    .abi_version = SCST_ABI_VERSION,
    .struct_size = sizeof(scst_plugin),
    .flags = 0,
    .name = "iscsi",
    .version = "1",
    .license = "Apache-2.0",
    .summary = "iSCSI target (RFC 7143)",
    .init = &init,
    .exit = &exit_plugin,
};

} // namespace
} // namespace scstd::iscsi

extern "C" const scst_plugin *scst_plugin_entry() {
    return &scstd::iscsi::descriptor;
}
