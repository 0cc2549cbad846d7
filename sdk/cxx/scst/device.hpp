// SPDX-License-Identifier: Apache-2.0
// device: a full SCSI handler as a C++ class. handler_table<my_device>(options) makes the C table from its methods.
//
//     class my_device : public scst::device_base {
//         explicit my_device(const scst::device_start &start);   // opens; throws scst::failure
//         scst::exec_result exec(scst_cmd &cmd);                  // required
//         void end_of_batch(scst_reactor *);  void on_free(scst_cmd &);  void abort(scst_cmd &);  void reset();
//         bool alua_state_changed(std::string_view before, std::string_view now);   // true: medium should be open
//         void nexus_lost(std::uint64_t nexus);  void device_ending();
//         bool supports(std::uint8_t opcode, std::uint16_t service_action);           // all of these optional
//     };
//
// Threads are those of handler.h. An exception out of exec() becomes ABORTED COMMAND, INTERNAL TARGET FAILURE
// (B/44/00); so exec() must not throw once it has handed the command to someone else as pending.
#pragma once

#include <scst/parameters.hpp>
#include <scst/plugin.hpp>

#include <atomic>
#include <bit>
#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace scst {

enum class exec_result : std::int32_t {
    done = SCST_EXEC_DONE,
    pending = SCST_EXEC_PENDING,
    need_thread = SCST_EXEC_NEED_THREAD,
};

// What add_device() brought; the parameters are borrowed for the constructor.
struct device_start {
    plugin_base &plugin;
    scst_device *handle;
    std::string_view name;
    parameters params;
};

class device_base {
  public:
    explicit device_base(const device_start &start)
        : plugin_{start.plugin}, handle_{start.handle}, name_{start.name}, log_{plugin_.log("dev." + name_)} {}
    device_base(const device_base &) = delete;
    device_base &operator=(const device_base &) = delete;

    [[nodiscard]] plugin_base &plugin() const noexcept { return plugin_; }
    [[nodiscard]] const scst_core *core() const noexcept { return plugin_.core(); }
    [[nodiscard]] scst_device *handle() const noexcept { return handle_; }
    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] const logger &log() const noexcept { return log_; }

    // CHECK CONDITION; to be followed by `return exec_result::done`.
    exec_result sense(scst_cmd &cmd, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq) const noexcept {
        core()->cmd_set_sense(&cmd, key, asc, ascq);
        return exec_result::done;
    }
    exec_result invalid_field(scst_cmd &cmd, std::uint32_t cdb_byte, std::int32_t bit = -1) const noexcept {
        core()->cmd_set_invalid_field(&cmd, 1, cdb_byte, bit);
        return exec_result::done;
    }

    // Notes an exception; one that comes again and again is logged ever more rarely, not once per command.
    void note_exception(const char *where) noexcept {
        scst_error error{};
        error.struct_size = sizeof error;
        static_cast<void>(report_current_exception(core(), &error));
        const auto count = exceptions_.fetch_add(1, std::memory_order_relaxed) + 1;
        if (std::has_single_bit(count))
            log_.error("%s failed inside the handler: %s (failure %llu)", where, error.text,
                       static_cast<unsigned long long>(count));
    }

  protected:
    ~device_base() = default;

  private:
    plugin_base &plugin_;
    scst_device *handle_;
    std::string name_;
    logger log_;
    std::atomic<std::uint64_t> exceptions_{0};
};

template <class Device>
concept device_class = std::derived_from<Device, device_base> &&
    std::constructible_from<Device, const device_start &> && requires(Device device, scst_cmd cmd) {
    { device.exec(cmd) } -> std::same_as<exec_result>;
};

// The constant part of a handler's table. What the spans and strings point to must be static.
struct handler_options {
    const char *name = nullptr;
    std::uint32_t flags = 0;
    std::uint32_t device_type = SCST_TYPE_DISK;
    std::int32_t threads_num = 1;
    std::uint32_t max_commands_per_nexus = 0;
    std::span<const char *const> parameters = {};
    std::span<const scst_attribute> attributes = {};
    std::span<const scst_opcode> opcodes = {};
};

namespace detail {

template <device_class Device>
struct device_callbacks {
    static Device &of(void *device) noexcept { return *static_cast<Device *>(device); }

    // Runs a callback that has nobody to report to.
    template <class Body>
    static void quietly(void *device, const char *where, Body &&body) noexcept {
        try {
            body(of(device));
        } catch (...) {
            of(device).note_exception(where);
        }
    }

    static std::int32_t add(void *self, scst_device *handle, const char *name, const scst_parameter *list,
                            std::uint32_t count, void **device, scst_error *error) noexcept {
        auto &plugin = *static_cast<plugin_base *>(self);
        return guarded(plugin.core(), error, [&] {
            const device_start start{plugin, handle, name, parameters{list, count}};
            *device = std::make_unique<Device>(start).release();
        });
    }
    static void del(void *device) noexcept { const std::unique_ptr<Device> owned{&of(device)}; }
    static std::int32_t exec(void *device, scst_cmd *cmd) noexcept {
        try {
            return static_cast<std::int32_t>(of(device).exec(*cmd));
        } catch (...) {
            of(device).note_exception("a command");
            of(device).core()->cmd_set_sense(cmd, SCST_SENSE_ABORTED_COMMAND, 0x44, 0x00);
            return SCST_EXEC_DONE;
        }
    }
    static void end_of_batch(void *device, scst_reactor *reactor) noexcept {
        quietly(device, "end_of_batch", [&](Device &self) { self.end_of_batch(reactor); });
    }
    static void on_free(void *device, scst_cmd *cmd) noexcept {
        quietly(device, "on_free", [&](Device &self) { self.on_free(*cmd); });
    }
    static void abort(void *device, scst_cmd *cmd) noexcept {
        quietly(device, "abort", [&](Device &self) { self.abort(*cmd); });
    }
    static void reset(void *device) noexcept {
        quietly(device, "reset", [](Device &self) { self.reset(); });
    }
    static std::int32_t alua_state_changed(void *device, const char *before, const char *now) noexcept {
        std::int32_t open = 0;
        quietly(device, "alua_state_changed",
                [&](Device &self) { open = self.alua_state_changed(before, now) ? 1 : 0; });
        return open;
    }
    static void nexus_lost(void *device, std::uint64_t nexus) noexcept {
        quietly(device, "nexus_lost", [&](Device &self) { self.nexus_lost(nexus); });
    }
    static void device_ending(void *device) noexcept {
        quietly(device, "device_ending", [](Device &self) { self.device_ending(); });
    }
    static std::int32_t supports(void *device, std::uint8_t opcode, std::uint16_t service_action) noexcept {
        std::int32_t has = 1;
        quietly(device, "supports", [&](Device &self) { has = self.supports(opcode, service_action) ? 1 : 0; });
        return has;
    }
};

} // namespace detail

// The table of a handler. Put it into a constant: the core keeps a pointer to it.
template <device_class Device>
constexpr scst_handler handler_table(const handler_options &options) noexcept {
    using callbacks = detail::device_callbacks<Device>;
    scst_handler table{};
    table.struct_size = sizeof table;
    table.flags = options.flags;
    table.name = options.name;
    table.device_type = options.device_type;
    table.threads_num = options.threads_num;
    table.max_commands_per_nexus = options.max_commands_per_nexus;
    table.parameters = options.parameters.data();
    table.parameter_count = static_cast<std::uint32_t>(options.parameters.size());
    table.device_attributes = options.attributes.data();
    table.device_attribute_count = static_cast<std::uint32_t>(options.attributes.size());
    table.opcodes = options.opcodes.data();
    table.opcode_count = static_cast<std::uint32_t>(options.opcodes.size());
    table.add_device = &callbacks::add;
    table.del_device = &callbacks::del;
    table.exec = &callbacks::exec;
    if constexpr (requires(Device device, scst_reactor * reactor) { device.end_of_batch(reactor); })
        table.end_of_batch = &callbacks::end_of_batch;
    if constexpr (requires(Device device, scst_cmd cmd) { device.on_free(cmd); })
        table.on_free = &callbacks::on_free;
    if constexpr (requires(Device device, scst_cmd cmd) { device.abort(cmd); })
        table.abort = &callbacks::abort;
    if constexpr (requires(Device device) { device.reset(); })
        table.reset = &callbacks::reset;
    if constexpr (requires(Device device) { device.alua_state_changed("", ""); })
        table.alua_state_changed = &callbacks::alua_state_changed;
    if constexpr (requires(Device device) { device.nexus_lost(std::uint64_t{}); })
        table.nexus_lost = &callbacks::nexus_lost;
    if constexpr (requires(Device device) { device.device_ending(); })
        table.device_ending = &callbacks::device_ending;
    if constexpr (requires(Device device) { device.supports(std::uint8_t{}, std::uint16_t{}); })
        table.supports = &callbacks::supports;
    return table;
}

} // namespace scst
