// SPDX-License-Identifier: Apache-2.0
#include "attributes.hpp"

#include "driver.hpp"
#include "session/session.hpp"
#include "target/target.hpp"

#include <scst/log.hpp>
#include <scst/text.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::iscsi {
namespace {

using store_function = decltype(scst_attribute::store);
using show_function = decltype(scst_attribute::show);

constexpr scst_attribute row(std::string_view name, show_function show, store_function store = nullptr) noexcept {
    return {.struct_size = sizeof(scst_attribute),
            .flags = SCST_ATTR_READ | (store != nullptr ? SCST_ATTR_WRITE : 0),
            .name = name.data(), // literals all, so NUL-terminated
            .show = show,
            .store = store};
}

// SCST's user-space part ends the files it is asked for with one empty line more than the kernel does.
void write_daemon_value(scst_writer *out, std::string_view value, bool key) {
    scst::write_value(out, value, key);
    scst::write(out, "\n");
}
// Session keys and the like get that line only when they are marked.
void write_parameter(scst_writer *out, std::string_view value, bool key) {
    scst::write_value(out, value, key);
    if (key)
        scst::write(out, "\n");
}

driver &driver_of(void *object) noexcept {
    return *static_cast<driver *>(object);
}
target &target_of(void *object) noexcept {
    return *static_cast<target *>(object);
}
session &session_of(void *object) noexcept {
    return *static_cast<session *>(object);
}

// ---- driver ----

std::int32_t show_version(void *object, const scst_attribute *, scst_writer *out) {
    scst::write_value(out, std::string_view{driver_of(object).core().version}, false);
    return 0;
}
std::int32_t show_open_state(void *object, const scst_attribute *, scst_writer *out) {
    scst::write_value(out, std::string_view{driver_of(object).closing() ? "closing" : "open"}, false);
    return 0;
}
std::int32_t show_enabled(void *object, const scst_attribute *, scst_writer *out) {
    write_daemon_value(out, driver_of(object).enabled.load() ? "1" : "0", false);
    return 0;
}
std::int32_t show_link_local(void *object, const scst_attribute *, scst_writer *out) {
    const bool on = driver_of(object).link_local.load();
    write_daemon_value(out, on ? "1" : "0", !on);
    return 0;
}
std::int32_t show_suspend_logins(void *object, const scst_attribute *, scst_writer *out) {
    scst::write_value(out, std::uint64_t{driver_of(object).logins_suspended.load() ? 1u : 0u}, false);
    return 0;
}
std::int32_t show_unset(void *, const scst_attribute *, scst_writer *out) {
    write_daemon_value(out, "", false);
    return 0;
}
std::int32_t show_unset_line(void *, const scst_attribute *, scst_writer *out) {
    scst::write_value(out, std::string_view{}, false);
    return 0;
}

std::int32_t store_flag(driver &owner, std::atomic<bool> &flag, const scst_attribute *attribute, std::string_view text,
                        scst_error *error) {
    const std::string_view word = scst::trim(text);
    if (word != "0" && word != "1")
        return scst::refuse(&owner.core(), error, EINVAL, "iscsi: %s is 0 or 1", attribute->name);
    flag.store(word == "1");
    return 0;
}
std::int32_t store_enabled(void *object, const scst_attribute *attribute, const char *text, std::size_t length,
                           scst_error *error) {
    return store_flag(driver_of(object), driver_of(object).enabled, attribute, {text, length}, error);
}
std::int32_t store_link_local(void *object, const scst_attribute *attribute, const char *text, std::size_t length,
                              scst_error *error) {
    return store_flag(driver_of(object), driver_of(object).link_local, attribute, {text, length}, error);
}
std::int32_t store_suspend_logins(void *object, const scst_attribute *attribute, const char *text, std::size_t length,
                                  scst_error *error) {
    return store_flag(driver_of(object), driver_of(object).logins_suspended, attribute, {text, length}, error);
}
// Clearing what is not set is fine; setting it is refused rather than ignored.
std::int32_t store_unsupported(void *object, const scst_attribute *attribute, const char *text, std::size_t length,
                               scst_error *error) {
    if (scst::trim({text, length}).empty())
        return 0;
    return scst::refuse(&driver_of(object).core(), error, EOPNOTSUPP, "iscsi: %s can't be set: not supported yet",
                        attribute->name);
}

constexpr std::array driver_rows{
    row("version", show_version),
    row("open_state", show_open_state),
    row("enabled", show_enabled, store_enabled),
    row("link_local", show_link_local, store_link_local),
    row("suspend_logins", show_suspend_logins, store_suspend_logins),
    row("iSNSServer", show_unset, store_unsupported),
    row("isns_entity_name", show_unset_line, store_unsupported),
    row("internal_portal", show_unset, store_unsupported),
};

// ---- target ----

std::int32_t store_target(void *object, const scst_attribute *attribute, const char *text, std::size_t length,
                          scst_error *error) {
    return target_of(object).set_parameter(attribute->name, {text, length}, error);
}
std::int32_t show_tid(void *object, const scst_attribute *, scst_writer *out) {
    scst::write_value(out, target_of(object).tid(), false);
    return 0;
}
std::int32_t show_alias(void *object, const scst_attribute *, scst_writer *out) {
    const auto view = target_of(object).view();
    write_parameter(out, view->alias, !view->alias.empty());
    return 0;
}
std::int32_t show_per_portal_acl(void *object, const scst_attribute *, scst_writer *out) {
    const bool on = target_of(object).view()->per_portal_acl;
    write_daemon_value(out, on ? "1" : "0", on);
    return 0;
}

template <std::atomic<std::uint32_t> live_parameters::*number>
std::int32_t show_live(void *object, const scst_attribute *, scst_writer *out) {
    static const live_parameters fresh;
    const std::uint32_t value = (target_of(object).live.*number).load();
    write_parameter(out, std::to_string(value), value != (fresh.*number).load());
    return 0;
}

std::int32_t show_key(void *object, const scst_attribute *attribute, scst_writer *out) {
    const key_row *key = find_row(attribute->name);
    const std::uint32_t value = value_of(target_of(object).view()->keys, key->key);
    write_parameter(out, key_text(*key, value), value != key->ours);
    return 0;
}

std::vector<scst_attribute> make_target_rows() {
    std::vector<scst_attribute> rows{
        row("tid", show_tid),
        row("alias", show_alias, store_target),
        row("redirect", show_unset_line, store_target),
        row("per_portal_acl", show_per_portal_acl, store_target),
        row("QueuedCommands", show_live<&live_parameters::queued_commands>, store_target),
        row("RspTimeout", show_live<&live_parameters::rsp_timeout_s>, store_target),
        row("NopInInterval", show_live<&live_parameters::nop_in_interval_s>, store_target),
        row("NopInTimeout", show_live<&live_parameters::nop_in_timeout_s>, store_target),
        row("MaxSessions", show_live<&live_parameters::max_sessions>, store_target),
    };
    for (const key_row &key : key_table())
        if (key.configurable)
            rows.push_back(row(key.name, show_key, store_target));
    return rows;
}

// ---- session ----

std::int32_t show_session_key(void *object, const scst_attribute *attribute, scst_writer *out) {
    const key_row *key = find_row(attribute->name);
    const std::string text = key_text(*key, value_of(session_of(object).keys(), key->key), ", ");
    scst::write_value(out, std::string_view{text}, false);
    return 0;
}
std::int32_t show_sid(void *object, const scst_attribute *, scst_writer *out) {
    char text[24];
    std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(session_of(object).sid()));
    scst::write_value(out, std::string_view{text}, false);
    return 0;
}
std::int32_t show_reinstating(void *object, const scst_attribute *, scst_writer *out) {
    scst::write_value(out, std::uint64_t{session_of(object).reinstating() ? 1u : 0u}, false);
    return 0;
}
std::int32_t show_thread_pid(void *object, const scst_attribute *, scst_writer *out) {
    scst::write_value(out, std::string_view{std::to_string(session_of(object).thread_id())}, false);
    return 0;
}

std::vector<scst_attribute> make_session_rows() {
    std::vector<scst_attribute> rows;
    for (const key_row &key : key_table())
        if (key.shown)
            rows.push_back(row(key.name, show_session_key));
    rows.push_back(row("sid", show_sid));
    rows.push_back(row("reinstating", show_reinstating));
    rows.push_back(row("thread_pid", show_thread_pid));
    return rows;
}

// ---- group ----

std::int32_t show_zero(void *, const scst_attribute *, scst_writer *out) {
    scst::write_value(out, std::uint64_t{0}, false);
    return 0;
}
// A session's reactor does what SCST's session threads do, so there is nothing to dedicate.
std::int32_t store_zero_only(void *object, const scst_attribute *attribute, const char *text, std::size_t length,
                             scst_error *error) {
    std::uint64_t value = 0;
    target &owner = target_of(object);
    if (scst::parse_unsigned(scst::trim({text, length}), value) != 0)
        return scst::refuse(&owner.owner().core(), error, EINVAL, "iscsi: %s is a number", attribute->name);
    if (value == 0)
        return 0;
    return scst::refuse(&owner.owner().core(), error, EOPNOTSUPP,
                        "iscsi: %s can't be set: sessions are served by the daemon's reactors; use cpu_mask",
                        attribute->name);
}

constexpr std::array group_rows{row("per_sess_dedicated_tgt_threads", show_zero, store_zero_only)};

// ---- dynamic attributes ----

constexpr std::string_view portal_attribute = "allowed_portal";

std::int32_t refuse_dynamic(driver &owner, const char *name, scst_error *error) {
    const std::string_view text{name};
    const bool account = text.substr(0, 12) == "IncomingUser" || text.substr(0, 12) == "OutgoingUser";
    return account ? scst::refuse(&owner.core(), error, EOPNOTSUPP, "iscsi: %s can't be set: CHAP is not supported yet",
                                  name)
                   : scst::refuse(&owner.core(), error, EINVAL, "iscsi: there is no dynamic attribute %s", name);
}

bool is_portal(void *target, std::string_view name) noexcept {
    return target != nullptr && name.substr(0, portal_attribute.size()) == portal_attribute;
}

} // namespace

std::span<const scst_attribute> driver_attributes() {
    return driver_rows;
}
std::span<const scst_attribute> target_attributes() {
    static const std::vector<scst_attribute> rows = make_target_rows();
    return rows;
}
std::span<const scst_attribute> session_attributes() {
    static const std::vector<scst_attribute> rows = make_session_rows();
    return rows;
}
std::span<const scst_attribute> group_attributes() {
    return group_rows;
}

std::span<const char *const> target_parameters() {
    static const std::vector<const char *> names = [] {
        std::vector<const char *> list{"IncomingUser", "OutgoingUser", "Alias"};
        for (const scst_attribute &one : target_attributes())
            if (one.store != nullptr)
                list.push_back(one.name);
        return list;
    }();
    return names;
}

std::int32_t add_attribute(void *self, void *target, const char *name, const char *value, scst_error *error) {
    if (!is_portal(target, name))
        return refuse_dynamic(driver_of(self), name, error);
    return target_of(target).add_portal(value, error);
}

std::int32_t del_attribute(void *self, void *target, const char *name, const char *value, scst_error *error) {
    if (!is_portal(target, name))
        return refuse_dynamic(driver_of(self), name, error);
    return target_of(target).del_portal(value, error);
}

std::int32_t set_attribute(void *self, void *target, const char *name, const char *value, scst_error *error) {
    if (!is_portal(target, name))
        return refuse_dynamic(driver_of(self), name, error);
    const std::string_view digits = std::string_view{name}.substr(portal_attribute.size());
    std::uint64_t index = 0;
    if (!digits.empty() && scst::parse_unsigned(digits, index) != 0)
        return refuse_dynamic(driver_of(self), name, error);
    return target_of(target).replace_portal(static_cast<std::size_t>(index), value, error);
}

void list_attributes(void *, void *target,
                     void (*emit)(void *context, const char *name, const char *text, std::uint32_t flags),
                     void *context) {
    if (target == nullptr)
        return;
    const auto view = target_of(target).view();
    for (std::size_t i = 0; i < view->allowed_portals.size(); ++i) {
        const std::string name = std::string{portal_attribute} + (i == 0 ? std::string{} : std::to_string(i));
        const std::string text = view->allowed_portals[i] + "\n[key]\n\n";
        emit(context, name.c_str(), text.c_str(), SCST_ATTR_READ | SCST_ATTR_WRITE);
    }
}

// A group's attributes need no more than the target they belong to.
std::int32_t add_group(void *target, const char *, void **group_data) {
    *group_data = target;
    return 0;
}
void del_group(void *) {}

} // namespace scstd::iscsi
