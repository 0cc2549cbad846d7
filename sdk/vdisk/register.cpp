// SPDX-License-Identifier: Apache-2.0
// register: makes a complete handler of a block backend: the callbacks of scst_handler over the device class.
//
// No exception leaves here.
#include "attributes.hpp"
#include "commands.hpp"
#include "device.hpp"
#include "parameters.hpp"

#include <scst/log.hpp>

#include <cerrno>
#include <memory>
#include <new>

// Owns all tables that the core holds pointers to, from register to unregister.
struct scst_block_handler {
    scst::vdisk::handler_context context{};
    std::vector<const char *> parameters;
    std::vector<scst_attribute> attributes;
    scst_handler table{};
};

namespace scst::vdisk {
namespace {

constexpr std::uint32_t max_name = 49;

std::int32_t add_device(void *self, scst_device *handle, const char *name, const scst_parameter *parameters,
                        std::uint32_t count, void **result, scst_error *error) {
    const auto &owner = *static_cast<scst_block_handler *>(self);
    const handler_context &context = owner.context;
    try {
        settings wanted;
        std::string why;
        const std::span<const scst_parameter> given{parameters, count};
        if (const int code = parse_parameters(*context.backend, name, given, wanted, why); code != 0)
            return refuse(context.core, error, -code, "%s", why.c_str());
        auto made = std::make_unique<device>(context, handle, name, std::move(wanted));
        if (const int code = made->start(error); code != 0)
            return code;
        *result = made.release();
        return 0;
    } catch (const std::bad_alloc &) {
        return refuse(context.core, error, ENOMEM, "device %s: no memory", name);
    } catch (const std::exception &failure) {
        return refuse(context.core, error, EIO, "device %s: %s", name, failure.what());
    }
}

void del_device(void *object) {
    const std::unique_ptr<device> gone{static_cast<device *>(object)};
}

std::int32_t exec(void *object, scst_cmd *cmd) {
    return execute(*static_cast<device *>(object), *cmd);
}

void on_free(void *, scst_cmd *cmd) {
    if (cmd->handler_data != nullptr) {
        static_cast<medium *>(cmd->handler_data)->loan_ends();
        cmd->handler_data = nullptr;
    }
}

void abort_command(void *object, scst_cmd *cmd) {
    auto &dev = *static_cast<device *>(object);
    if (dev.job().forget(cmd)) // the work goes on without it
        dev.core().cmd_done(cmd);
}

void end_of_batch(void *object, scst_reactor *reactor) {
    if (medium *open = static_cast<device *>(object)->backing(); open != nullptr)
        open->backend().end_of_batch(open->handle(), reactor);
}

void reset(void *object) {
    static_cast<device *>(object)->reset();
}

std::int32_t alua_state_changed(void *object, const char *old_state, const char *new_state) {
    return static_cast<device *>(object)->alua_state_changed(old_state, new_state);
}

void nexus_lost(void *object, std::uint64_t nexus) {
    static_cast<device *>(object)->nexus_lost(nexus);
}

void device_ending(void *object) {
    static_cast<device *>(object)->ending();
}

std::int32_t device_supports(void *object, std::uint8_t opcode, std::uint16_t service_action) {
    return supports(*static_cast<device *>(object), opcode, service_action) ? 1 : 0;
}

void fill(scst_handler &table, const scst_block_backend &backend) {
    table.struct_size = sizeof table;
    table.flags = SCST_HANDLER_PARALLEL | SCST_HANDLER_NONBLOCKING | SCST_HANDLER_OWN_BUFFERS;
    table.name = backend.name;
    table.device_type = backend.device_type;
    table.threads_num = backend.threads_num > 0 ? backend.threads_num : 8;
    const auto opcodes = opcode_list(backend.device_type);
    table.opcodes = opcodes.data();
    table.opcode_count = static_cast<std::uint32_t>(opcodes.size());
    table.add_device = add_device;
    table.del_device = del_device;
    table.exec = exec;
    table.on_free = backend.lend != nullptr ? on_free : nullptr;
    table.abort = abort_command;
    table.end_of_batch = backend.end_of_batch != nullptr ? end_of_batch : nullptr;
    table.reset = reset;
    table.alua_state_changed = alua_state_changed;
    table.nexus_lost = nexus_lost;
    table.device_ending = device_ending;
    table.supports = device_supports;
}

// What is wrong with a backend's description; NULL: nothing.
const char *defect(const scst_block_backend *backend) noexcept {
    if (backend == nullptr || backend->struct_size != sizeof(scst_block_backend))
        return "the description was built for another version of the library";
    if (backend->name == nullptr || backend->name[0] == '\0' || std::string_view{backend->name}.size() > max_name)
        return "the name is missing or too long";
    if (backend->open == nullptr || backend->close == nullptr || backend->read == nullptr || backend->write == nullptr)
        return "open, close, read and write are required";
    if (backend->device_type != SCST_TYPE_DISK && backend->device_type != SCST_TYPE_CDROM)
        return "the device type is neither disk nor CD-ROM";
    if ((backend->flags & SCST_BLOCK_SIZE_WRITABLE) != 0 && backend->resize == nullptr)
        return "SCST_BLOCK_SIZE_WRITABLE needs resize";
    return nullptr;
}

} // namespace
} // namespace scst::vdisk

extern "C" std::int32_t scst_block_register(const scst_core *core, scst_plugin_ref *plugin,
                                            const scst_block_backend *backend, void *self, scst_block_handler **handler,
                                            scst_error *error) {
    if (const char *wrong = scst::vdisk::defect(backend); wrong != nullptr)
        return scst::refuse(core, error, EINVAL, "block backend: %s", wrong);
    try {
        auto made = std::make_unique<scst_block_handler>();
        made->context = {core, plugin, backend, self};
        made->parameters = scst::vdisk::parameter_names(*backend);
        made->attributes = scst::vdisk::attribute_table(*backend);
        scst::vdisk::fill(made->table, *backend);
        made->table.parameters = made->parameters.data();
        made->table.parameter_count = static_cast<std::uint32_t>(made->parameters.size());
        made->table.device_attributes = made->attributes.data();
        made->table.device_attribute_count = static_cast<std::uint32_t>(made->attributes.size());
        const std::int32_t result = core->register_handler(plugin, &made->table, made.get(), error);
        if (result == 0)
            *handler = made.release();
        return result;
    } catch (...) {
        return scst::refuse(core, error, ENOMEM, "block backend %s: no memory", backend->name);
    }
}

extern "C" void scst_block_unregister(scst_block_handler *handler) {
    const std::unique_ptr<scst_block_handler> gone{handler};
}
