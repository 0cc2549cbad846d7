// SPDX-License-Identifier: Apache-2.0
// driver: a target driver as C++ classes. driver_table<my_session>(options) makes the C table from their methods.
//
//     class my_target : public scst::target_base {
//         explicit my_target(const scst::target_start &start);     // add_target; throws scst::failure
//         void enable(bool on);                                    // unless SCST_DRIVER_NO_ENABLED
//         void *add_group(std::string_view group);                 // both optional
//         static void del_group(void *group_data);
//     };
//     class my_session : public scst::session_base {
//         using target = my_target;
//         static my_session &of(const scst_cmd &cmd) noexcept;     // from what the driver keeps in driver_data
//         static my_session &of(const scst_task_management &request) noexcept;
//         void xmit_response(scst_cmd &cmd);                       // ends with finish()
//         void task_management_done(scst_task_management &request);
//         void close();                                            // leads to session_unregister()
//         void ready_to_transfer(scst_cmd &cmd);                   // these four optional; the first ends with
//         received() void abort_transfer(scst_cmd &cmd); std::int32_t report_event(const scst_event &event); void
//         list_connections(const scst::emit_connection &emit);
//     };
//
// Management methods run on the management thread, those of the session on its reactor. An exception out of a reactor
// method is logged, the command goes back to the core as failed (unless it was given back already) and the session is
// closed. Dynamic attributes are set in the table by hand.
#pragma once

#include <scst/parameters.hpp>
#include <scst/plugin.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace scst {

// What add_target() brought; the parameters are borrowed for the constructor.
struct target_start {
    plugin_base &plugin;
    scst_target *handle;
    std::string_view name;
    parameters params;
};

class target_base {
  public:
    explicit target_base(const target_start &start)
        : plugin_{start.plugin}, handle_{start.handle}, name_{start.name}, log_{plugin_.log("target." + name_)} {}
    target_base(const target_base &) = delete;
    target_base &operator=(const target_base &) = delete;

    [[nodiscard]] plugin_base &plugin() const noexcept { return plugin_; }
    [[nodiscard]] const scst_core *core() const noexcept { return plugin_.core(); }
    [[nodiscard]] scst_target *handle() const noexcept { return handle_; }
    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] const logger &log() const noexcept { return log_; }

  protected:
    ~target_base() = default;

  private:
    plugin_base &plugin_;
    scst_target *handle_;
    std::string name_;
    logger log_;
};

namespace detail {

// The reactor methods that this thread is in, innermost first. It tells whether a command was given back to the core
// (and may be gone, its session too) when an exception comes out of the method that had it.
struct command_call {
    const scst_cmd *cmd;
    command_call *outer;
    bool given_back = false;
};
inline thread_local constinit command_call *innermost_call = nullptr;

inline void note_given_back(const scst_cmd &cmd) noexcept {
    for (command_call *call = innermost_call; call != nullptr; call = call->outer)
        if (call->cmd == &cmd)
            call->given_back = true;
}

} // namespace detail

// Refers to nothing of the target: a session may end after it, when its registration was under way.
class session_base {
  public:
    explicit session_base(const target_base &target) : core_{target.core()}, log_{target.log()} {}
    session_base(const session_base &) = delete;
    session_base &operator=(const session_base &) = delete;

    [[nodiscard]] const scst_core *core() const noexcept { return core_; }
    [[nodiscard]] const logger &log() const noexcept { return log_; }

    // cmd_finished() and cmd_data_received(): within reactor methods go through these two, so that an exception after
    // them doesn't give the command back twice.
    void finish(scst_cmd &cmd, std::int32_t delivery) const noexcept {
        detail::note_given_back(cmd);
        core()->cmd_finished(&cmd, delivery);
    }
    void received(scst_cmd &cmd, std::int32_t result, std::uint64_t bytes) const noexcept {
        detail::note_given_back(cmd);
        core()->cmd_data_received(&cmd, result, bytes);
    }

  protected:
    ~session_base() = default;

  private:
    const scst_core *core_;
    logger log_;
};

// Calls of list_connections(): one file of a directory below the session.
class emit_connection {
  public:
    using function = void (*)(void *context, const char *directory, const char *file, const char *text);
    emit_connection(function emit, void *context) noexcept : emit_{emit}, context_{context} {}
    void operator()(const char *directory, const char *file, const std::string &text) const {
        emit_(context_, directory, file, text.c_str());
    }

  private:
    function emit_;
    void *context_;
};

template <class Target>
concept target_class = std::derived_from<Target, target_base> && std::constructible_from<Target, const target_start &>;

template <class Session>
concept session_class = std::derived_from<Session, session_base> && target_class<typename Session::target> &&
    requires(Session session, scst_cmd cmd, scst_task_management request) {
    { Session::of(std::as_const(cmd)) }
    noexcept->std::same_as<Session &>;
    { Session::of(std::as_const(request)) }
    noexcept->std::same_as<Session &>;
    session.xmit_response(cmd);
    session.task_management_done(request);
    session.close();
};

// The constant part of a driver's table. What the spans and strings point to must be static.
struct driver_options {
    const char *name = nullptr;
    std::uint32_t flags = 0;
    std::uint16_t scsi_transport_version = 0;
    std::uint16_t physical_transport_version = 0;
    std::uint32_t protocol_identifier = 0;
    std::span<const char *const> target_parameters = {};
    std::span<const scst_attribute> driver_attributes = {};
    std::span<const scst_attribute> target_attributes = {};
    std::span<const scst_attribute> session_attributes = {};
    std::span<const scst_attribute> group_attributes = {};
};

namespace detail {

template <class Target>
struct target_callbacks {
    static Target &of(void *target) noexcept { return *static_cast<Target *>(target); }

    static std::int32_t add(void *self, scst_target *handle, const char *name, const scst_parameter *list,
                            std::uint32_t count, void **target, scst_error *error) noexcept {
        auto &plugin = *static_cast<plugin_base *>(self);
        return guarded(plugin.core(), error, [&] {
            const target_start start{plugin, handle, name, parameters{list, count}};
            *target = std::make_unique<Target>(start).release();
        });
    }
    static void del(void *target) noexcept { const std::unique_ptr<Target> owned{&of(target)}; }
    static std::int32_t enable(void *target, std::int32_t on, scst_error *error) noexcept {
        return guarded(of(target).core(), error, [&] { of(target).enable(on != 0); });
    }
    static std::int32_t add_group(void *target, const char *group, void **group_data) noexcept {
        return guarded(of(target).core(), nullptr, [&] { *group_data = of(target).add_group(group); });
    }
    static void del_group(void *group_data) noexcept { Target::del_group(group_data); }
};

template <session_class Session>
struct session_callbacks {
    static Session &of(void *session) noexcept { return *static_cast<Session *>(session); }

    // Runs a method without a command. What escapes closes the session.
    template <class Body>
    static void closing(Session &session, const char *where, Body &&body) noexcept {
        try {
            body();
        } catch (...) {
            note(session, where);
            close(&session);
        }
    }
    // Runs a method that has a command; what escapes before the command was given back makes `give_back` do it.
    template <class Body, class GiveBack>
    static void with_command(scst_cmd *cmd, const char *where, Body &&body, GiveBack &&give_back) noexcept {
        Session &session = Session::of(*cmd);
        command_call call{cmd, innermost_call};
        innermost_call = &call;
        try {
            body(session);
        } catch (...) {
            if (!call.given_back) { // otherwise neither command nor session are known to exist
                note(session, where);
                close(&session);
                if (!call.given_back)
                    give_back(session);
            }
        }
        innermost_call = call.outer;
    }
    static void note(Session &session, const char *where) noexcept {
        scst_error error{};
        error.struct_size = sizeof error;
        static_cast<void>(report_current_exception(session.core(), &error));
        session.log().error("%s failed inside the driver: %s; closing the session", where, error.text);
    }

    static void close(void *session) noexcept {
        try {
            of(session).close();
        } catch (...) {
            note(of(session), "close_session");
        }
    }
    static void xmit_response(scst_cmd *cmd) noexcept {
        with_command(
            cmd, "xmit_response", [&](Session &session) { session.xmit_response(*cmd); },
            [&](Session &session) { session.finish(*cmd, SCST_DELIVERY_FAILED); });
    }
    static void ready_to_transfer(scst_cmd *cmd) noexcept {
        with_command(
            cmd, "ready_to_transfer", [&](Session &session) { session.ready_to_transfer(*cmd); },
            [&](Session &session) { session.received(*cmd, SCST_RX_ERROR, 0); });
    }
    static void abort_transfer(scst_cmd *cmd) noexcept {
        with_command(
            cmd, "abort_transfer", [&](Session &session) { session.abort_transfer(*cmd); },
            [&](Session &session) { session.received(*cmd, SCST_RX_ABORTED, 0); });
    }
    static void task_management_done(scst_task_management *request) noexcept {
        Session &session = Session::of(*request);
        closing(session, "task_management_done", [&] { session.task_management_done(*request); });
    }
    static std::int32_t report_event(void *session, const scst_event *event) noexcept {
        std::int32_t result = -EIO;
        closing(of(session), "report_event", [&] { result = of(session).report_event(*event); });
        return result;
    }
    static void list_connections(void *session, emit_connection::function emit, void *context) noexcept {
        closing(of(session), "list_connections", [&] { of(session).list_connections(emit_connection{emit, context}); });
    }
};

template <session_class Session>
constexpr void set_optional_callbacks(scst_target_driver &table) noexcept {
    using target = typename Session::target;
    using of_session = session_callbacks<Session>;
    if constexpr (requires(target one) { one.enable(true); })
        table.enable_target = &target_callbacks<target>::enable;
    if constexpr (requires(target one) { one.add_group(std::string_view{}); }) {
        table.add_group = &target_callbacks<target>::add_group;
        table.del_group = &target_callbacks<target>::del_group;
    }
    if constexpr (requires(Session one, scst_cmd cmd) { one.ready_to_transfer(cmd); })
        table.ready_to_transfer = &of_session::ready_to_transfer;
    if constexpr (requires(Session one, scst_cmd cmd) { one.abort_transfer(cmd); })
        table.abort_transfer = &of_session::abort_transfer;
    if constexpr (requires(Session one, scst_event event) { one.report_event(event); })
        table.report_event = &of_session::report_event;
    if constexpr (requires(Session one, const emit_connection &emit) { one.list_connections(emit); })
        table.list_connections = &of_session::list_connections;
}

template <class Count>
constexpr const scst_attribute *attribute_rows(std::span<const scst_attribute> rows, Count &count) noexcept {
    count = static_cast<Count>(rows.size());
    return rows.data();
}

} // namespace detail

// The table of a target driver. Put it into a constant (or extend it first): the core keeps a pointer to it.
template <session_class Session>
constexpr scst_target_driver driver_table(const driver_options &options) noexcept {
    using of_target = detail::target_callbacks<typename Session::target>;
    using of_session = detail::session_callbacks<Session>;
    scst_target_driver table{};
    table.struct_size = sizeof table;
    table.flags = options.flags;
    table.name = options.name;
    table.scsi_transport_version = options.scsi_transport_version;
    table.physical_transport_version = options.physical_transport_version;
    table.protocol_identifier = options.protocol_identifier;
    table.target_parameters = options.target_parameters.data();
    table.target_parameter_count = static_cast<std::uint32_t>(options.target_parameters.size());
    table.driver_attributes = detail::attribute_rows(options.driver_attributes, table.driver_attribute_count);
    table.target_attributes = detail::attribute_rows(options.target_attributes, table.target_attribute_count);
    table.session_attributes = detail::attribute_rows(options.session_attributes, table.session_attribute_count);
    table.group_attributes = detail::attribute_rows(options.group_attributes, table.group_attribute_count);
    table.add_target = &of_target::add;
    table.del_target = &of_target::del;
    table.xmit_response = &of_session::xmit_response;
    table.task_management_done = &of_session::task_management_done;
    table.close_session = &of_session::close;
    detail::set_optional_callbacks<Session>(table);
    return table;
}

} // namespace scst
