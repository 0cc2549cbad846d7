// SPDX-License-Identifier: Apache-2.0
// control_methods: see control_methods.hpp.
#include "mgmt/control_methods.hpp"

#include "core/core.hpp"
#include "log/log.hpp"
#include "mgmt/control_reports.hpp"
#include "plugin/loader.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>

namespace scstd::mgmt {

using nlohmann::json;

namespace {

// Access to the params object: a wrong type or a missing member is EINVAL.
class parameters_reader {
  public:
    explicit parameters_reader(const json &params) : params_{params} {}

    result<std::string> text(const char *name) const {
        const auto found = params_.find(name);
        if (found == params_.end() || !found->is_string())
            return fail(EINVAL, "the parameter '{}' must be there and be a string", name);
        return found->get<std::string>();
    }
    // An empty text when it is not there.
    result<std::string> optional_text(const char *name) const {
        return params_.contains(name) ? text(name) : result<std::string>{std::string{}};
    }
    result<bool> flag(const char *name) const {
        const auto found = params_.find(name);
        if (found == params_.end())
            return false;
        if (!found->is_boolean())
            return fail(EINVAL, "the parameter '{}' must be true or false", name);
        return found->get<bool>();
    }

  private:
    const json &params_;
};

using method = result<json> (*)(control_methods &self, const parameters_reader &given);

result<json> status(control_methods &self, const parameters_reader &) {
    auto &registry = self.nodes().registry();
    std::size_t targets = 0;
    std::size_t sessions = 0;
    for (const auto &[driver_name, driver] : registry.drivers) {
        targets += driver->targets.size();
        for (const auto &[target_name, tgt] : driver->targets)
            sessions += tgt->sessions.size();
    }
    return json{{"version", core::api().version},
                {"abi_version", core::api().abi_version},
                {"pid", ::getpid()},
                {"uptime_s", (threads::now_ms() - self.started_ms()) / 1000},
                {"state_dir", registry.options().state_dir},
                {"reactors", registry.reactors().count()},
                {"handlers", registry.handlers.size()},
                {"drivers", registry.drivers.size()},
                {"devices", registry.devices.size()},
                {"targets", targets},
                {"sessions", sessions},
                {"buffer_bytes", registry.buffers().total_bytes()},
                {"buffer_limit_bytes", registry.buffers().max_bytes()}};
}

// ---- plugins ----

json plugin_entry(core &registry, const plugin::plugin &of) {
    json handlers = json::array();
    std::size_t devices = 0;
    for (const auto &[name, hnd] : registry.handlers)
        if (hnd->from() == &of) {
            handlers.push_back(name);
            devices += hnd->device_names.size();
        }
    json drivers = json::array();
    std::size_t targets = 0;
    for (const auto &[name, driver] : registry.drivers)
        if (driver->from() == &of) {
            drivers.push_back(name);
            targets += driver->targets.size();
        }
    return {{"name", of.name()},       {"path", of.path()},       {"version", of.version()},
            {"license", of.license()}, {"summary", of.summary()}, {"handlers", handlers},
            {"drivers", drivers},      {"devices", devices},      {"targets", targets}};
}

result<json> plugin_list(control_methods &self, const parameters_reader &) {
    json list = json::array();
    if (self.plugins() != nullptr)
        for (const auto *each : self.plugins()->list())
            list.push_back(plugin_entry(self.nodes().registry(), *each));
    return json{{"plugins", std::move(list)}};
}

result<json> plugin_load(control_methods &self, const parameters_reader &given) {
    auto name = given.text("name");
    if (!name)
        return name.error();
    if (self.plugins() == nullptr)
        return fail(ENOTSUP, "this daemon loads no plugins");
    auto loaded = self.plugins()->load(name.value());
    if (!loaded)
        return loaded.error();
    return plugin_entry(self.nodes().registry(), *loaded.value());
}

result<json> plugin_unload(control_methods &self, const parameters_reader &given) {
    auto name = given.text("name");
    if (!name)
        return name.error();
    if (self.plugins() == nullptr)
        return fail(ENOTSUP, "this daemon loads no plugins");
    if (auto gone = self.plugins()->unload(name.value()); !gone)
        return gone.error();
    return json::object();
}

// ---- the tree ----

json node_entry(const std::string &name, const node &is, const std::string &target) {
    json entry{{"name", name}, {"type", type_text(is)}, {"mode", mode_text(is)}};
    if (is.type == node_type::link)
        entry["target"] = target;
    return entry;
}

result<json> tree_list(control_methods &self, const parameters_reader &given) {
    auto path = given.optional_text("path");
    if (!path)
        return path.error();
    auto listed = self.nodes().list(path.value());
    if (!listed)
        return listed.error();
    json list = json::array();
    for (const auto &each : listed.value())
        list.push_back(node_entry(each.name, each.is, each.target));
    return json{{"entries", std::move(list)}};
}

result<json> tree_dump_method(control_methods &self, const parameters_reader &given) {
    auto path = given.optional_text("path");
    if (!path)
        return path.error();
    auto values = given.flag("values");
    if (!values)
        return values.error();
    auto entries = tree_dump(self.nodes(), path.value(), values.value());
    if (!entries)
        return entries;
    return json{{"entries", entries.take()}};
}

result<json> tree_stat(control_methods &self, const parameters_reader &given) {
    auto path = given.text("path");
    if (!path)
        return path.error();
    auto is = self.nodes().stat(path.value());
    if (!is)
        return is.error();
    json entry{{"type", type_text(is.value())}, {"mode", mode_text(is.value())}};
    if (is.value().type == node_type::link)
        if (auto target = self.nodes().readlink(path.value()))
            entry["target"] = target.take();
    return entry;
}

result<json> tree_read(control_methods &self, const parameters_reader &given) {
    auto path = given.text("path");
    if (!path)
        return path.error();
    auto text = self.nodes().read(path.value());
    if (!text)
        return text.error();
    return json{{"text", text.take()}};
}

result<json> tree_write(control_methods &self, const parameters_reader &given) {
    auto path = given.text("path");
    if (!path)
        return path.error();
    auto text = given.text("text");
    if (!text)
        return text.error();
    if (auto written = self.nodes().write(path.value(), text.value()); !written)
        return written.error();
    return json::object();
}

// ---- lists ----

result<json> list_devices(control_methods &self, const parameters_reader &) {
    return device_list(self.nodes());
}

result<json> show_device(control_methods &self, const parameters_reader &given) {
    auto name = given.text("name");
    if (!name)
        return name.error();
    return device_show(self.nodes(), name.value());
}

result<json> list_targets(control_methods &self, const parameters_reader &) {
    return target_list(self.nodes());
}

result<json> show_target(control_methods &self, const parameters_reader &given) {
    auto driver = given.text("driver");
    if (!driver)
        return driver.error();
    auto name = given.text("name");
    if (!name)
        return name.error();
    return target_show(self.nodes(), driver.value(), name.value());
}

result<json> list_sessions(control_methods &self, const parameters_reader &given) {
    auto driver = given.optional_text("driver");
    if (!driver)
        return driver.error();
    auto target = given.optional_text("target");
    if (!target)
        return target.error();
    return session_list(self.nodes(), driver.value(), target.value());
}

// ---- configuration ----

json outcome_entry(const scst_conf::outcome &of) {
    return {{"changes", of.changes}, {"kept", of.kept}, {"warnings", of.warnings}};
}

struct config_request {
    std::string text;
    std::string name;
    bool force = false;
};

result<config_request> read_config_request(const parameters_reader &given) {
    auto text = given.text("text");
    if (!text)
        return text.error();
    auto name = given.optional_text("name");
    if (!name)
        return name.error();
    auto force = given.flag("force");
    if (!force)
        return force.error();
    return config_request{text.take(), name.value().empty() ? "scst.conf" : name.take(), force.value()};
}

result<json> config_check(control_methods &self, const parameters_reader &given) {
    auto request = read_config_request(given);
    if (!request)
        return request.error();
    auto found = self.config().check(request.value().text, request.value().name);
    if (!found)
        return found.error();
    return outcome_entry(found.value());
}

result<json> config_diff(control_methods &self, const parameters_reader &given) {
    auto request = read_config_request(given);
    if (!request)
        return request.error();
    const auto &asked = request.value();
    auto found = self.config().diff(asked.text, asked.name, asked.force);
    if (!found)
        return found.error();
    return outcome_entry(found.value());
}

result<json> config_apply(control_methods &self, const parameters_reader &given) {
    auto request = read_config_request(given);
    if (!request)
        return request.error();
    const auto &asked = request.value();
    auto found = self.config().apply(asked.text, asked.name, asked.force);
    if (!found)
        return found.error();
    log::info("config", "{} applied: {} changes", asked.name, found.value().changes.size());
    return outcome_entry(found.value());
}

result<json> config_save(control_methods &self, const parameters_reader &) {
    auto text = self.config().save();
    if (!text)
        return text.error();
    return json{{"text", text.take()}};
}

struct method_row {
    std::string_view name;
    method call;
};

constexpr method_row methods[] = {
    {"config.apply", config_apply},
    {"config.check", config_check},
    {"config.diff", config_diff},
    {"config.save", config_save},
    {"device.list", list_devices},
    {"device.show", show_device},
    {"plugin.list", plugin_list},
    {"plugin.load", plugin_load},
    {"plugin.unload", plugin_unload},
    {"session.list", list_sessions},
    {"status", status},
    {"target.list", list_targets},
    {"target.show", show_target},
    {"tree.dump", tree_dump_method},
    {"tree.list", tree_list},
    {"tree.read", tree_read},
    {"tree.stat", tree_stat},
    {"tree.write", tree_write},
};

std::string_view name_of_errno(int code) {
    const char *const name = ::strerrorname_np(code);
    return name == nullptr ? "EIO" : name;
}

json error_answer(const json &id, const error &why) {
    return {{"id", id}, {"error", {{"code", why.code}, {"name", name_of_errno(why.code)}, {"message", why.message}}}};
}

json answer_to(control_methods &self, std::string_view request) {
    const auto parsed = json::parse(request, nullptr, false);
    if (!parsed.is_object())
        return error_answer(nullptr, fail(EBADMSG, "a request is one JSON object on one line"));
    const auto id = parsed.find("id") == parsed.end() ? json{} : parsed["id"];
    if (!id.is_null() && !id.is_number() && !id.is_string())
        return error_answer(nullptr, fail(EBADMSG, "the id is neither a number nor a string"));
    const auto wanted = parsed.find("method");
    if (wanted == parsed.end() || !wanted->is_string())
        return error_answer(id, fail(EBADMSG, "the request has no method"));
    static const json none = json::object();
    const auto given = parsed.find("params");
    if (given != parsed.end() && !given->is_object())
        return error_answer(id, fail(EBADMSG, "params is not an object"));
    const parameters_reader params{given == parsed.end() ? none : *given};
    for (const auto &row : methods) {
        if (row.name != wanted->get_ref<const std::string &>())
            continue;
        auto done = row.call(self, params);
        if (!done)
            return error_answer(id, done.error());
        return {{"id", id}, {"result", done.take()}};
    }
    return error_answer(id, fail(ENOSYS, "there is no method '{}'", wanted->get<std::string>()));
}

} // namespace

control_methods::control_methods(tree &of, plugin::loader *plugins)
    : tree_{of}, plugins_{plugins}, config_{of}, started_ms_{threads::now_ms()} {}

std::string control_methods::answer(std::string_view request) {
    // Texts of the tree may hold any bytes: what is not UTF-8 is replaced.
    constexpr auto replace = json::error_handler_t::replace;
    try {
        return answer_to(*this, request).dump(-1, ' ', false, replace);
    } catch (const std::exception &failed) {
        log::error("control", "a request failed inside the daemon: {}", failed.what());
        return error_answer(nullptr, fail(EIO, "the request failed inside the daemon")).dump(-1, ' ', false, replace);
    }
}

} // namespace scstd::mgmt
