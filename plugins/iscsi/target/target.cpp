// SPDX-License-Identifier: Apache-2.0
#include "target/target.hpp"

#include "driver.hpp"
#include "login/login_machine.hpp"
#include "session/session.hpp"
#include "text/key_value.hpp"

#include <scst/text.hpp>

#include <algorithm>
#include <array>
#include <cerrno>

namespace scstd::iscsi {
namespace {

constexpr std::size_t max_alias = 255;

// Settings whose function comes with a later version; saying yes to them would be a lie.
constexpr std::array<std::string_view, 3> not_yet{"redirect", "IncomingUser", "OutgoingUser"};

struct live_row {
    std::string_view name;
    std::atomic<std::uint32_t> live_parameters::*number;
    std::uint32_t minimum;
    std::uint32_t maximum;
};
constexpr std::array<live_row, 5> live_rows{{
    {"QueuedCommands", &live_parameters::queued_commands, 1, 2048},
    {"RspTimeout", &live_parameters::rsp_timeout_s, 2, 65535},
    {"NopInInterval", &live_parameters::nop_in_interval_s, 0, 65535},
    {"NopInTimeout", &live_parameters::nop_in_timeout_s, 2, 65535},
    {"MaxSessions", &live_parameters::max_sessions, 0, 65535},
}};

} // namespace

target::target(driver &owner, scst_target *handle, std::string name, std::uint32_t tid)
    : owner_{owner}, name_{std::move(name)}, tid_{tid}, handle_{handle} {
    auto first = std::make_shared<target_view>();
    first->name = name_;
    view_ = std::move(first);
}

std::shared_ptr<const target_view> target::view() const {
    const std::lock_guard lock{view_mutex_};
    return view_;
}

// Only management changes the view, so reading and replacing it need not be one step.
template <class Change>
void target::change_view(Change &&change) {
    auto next = std::make_shared<target_view>(*view());
    change(*next);
    const std::lock_guard lock{view_mutex_};
    view_ = std::move(next);
}

void target::enable(bool on) {
    change_view([&](target_view &next) { next.enabled = on; });
}

void target::close() {
    enable(false);
    const std::lock_guard lock{handle_mutex_};
    handle_ = nullptr;
}

std::int32_t target::set_parameter(std::string_view name, std::string_view value, scst_error *error) {
    for (const live_row &row : live_rows)
        if (row.name == name)
            return set_live(live.*row.number, name, value, row.minimum, row.maximum, error);
    const key_row *row = find_row(name);
    if (row != nullptr && row->configurable)
        return set_key(*row, value, error);
    return set_text(name, value, error);
}

std::int32_t target::set_live(std::atomic<std::uint32_t> &number, std::string_view name, std::string_view value,
                              std::uint32_t minimum, std::uint32_t maximum, scst_error *error) {
    std::uint64_t parsed = 0;
    if (value == ":default:") {
        const live_parameters fresh;
        for (const live_row &row : live_rows)
            if (row.name == name)
                parsed = (fresh.*row.number).load();
    } else if (scst::parse_unsigned_in(scst::trim(value), minimum, maximum, parsed) != 0) {
        return scst::refuse(&owner_.core(), error, EINVAL, "iscsi: %.*s of %s must be a number from %u to %u",
                            static_cast<int>(name.size()), name.data(), name_.c_str(), minimum, maximum);
    }
    number.store(static_cast<std::uint32_t>(parsed), std::memory_order_relaxed);
    if (live.nop_in_timeout_s.load() > live.rsp_timeout_s.load())
        owner_.log().warning("target %s: NopInTimeout %u is longer than RspTimeout %u", name_.c_str(),
                             live.nop_in_timeout_s.load(), live.rsp_timeout_s.load());
    return 0;
}

std::int32_t target::set_key(const key_row &row, std::string_view value, scst_error *error) {
    const auto parsed = parse_configured(row, scst::trim(value));
    if (row.key == session_key::rdma_extensions && parsed && *parsed != 0)
        return scst::refuse(&owner_.core(), error, EOPNOTSUPP,
                            "iscsi: RDMAExtensions=Yes needs iSER, which is not supported");
    if (!parsed)
        return scst::refuse(&owner_.core(), error, EINVAL, "iscsi: \"%.*s\" is no value for %.*s of %s",
                            static_cast<int>(std::min<std::size_t>(value.size(), 60)), value.data(),
                            static_cast<int>(row.name.size()), row.name.data(), name_.c_str());
    change_view([&](target_view &next) { value_of(next.keys, row.key) = *parsed; });
    return 0;
}

std::int32_t target::set_text(std::string_view name, std::string_view value, scst_error *error) {
    const std::string_view word = scst::trim(value);
    const auto text_of = [](std::string_view text) { return static_cast<int>(std::min<std::size_t>(text.size(), 60)); };
    if (equal_ignoring_case(name, "alias")) {
        if (word.size() > max_alias || word.find('\0') != std::string_view::npos)
            return scst::refuse(&owner_.core(), error, ERANGE, "iscsi: an alias has at most %zu bytes", max_alias);
        change_view([&](target_view &next) { next.alias = word; });
        return 0;
    }
    if (name == "per_portal_acl") {
        if (word != "0" && word != "1")
            return scst::refuse(&owner_.core(), error, EINVAL, "iscsi: per_portal_acl is 0 or 1");
        change_view([&](target_view &next) { next.per_portal_acl = word == "1"; });
        return 0;
    }
    for (const std::string_view one : not_yet)
        if (name.substr(0, one.size()) == one) {
            if (one == "redirect" && word.empty())
                return 0;
            return scst::refuse(&owner_.core(), error, EOPNOTSUPP, "iscsi: %.*s of %s can't be set: not supported yet",
                                text_of(name), name.data(), name_.c_str());
        }
    return scst::refuse(&owner_.core(), error, EINVAL, "iscsi: %s has no parameter \"%.*s\"", name_.c_str(),
                        text_of(name), name.data());
}

std::int32_t target::add_portal(std::string_view pattern, scst_error *error) {
    const std::string word{scst::trim(pattern)};
    if (word.empty() || word.find_first_of(" \t") != std::string::npos)
        return scst::refuse(&owner_.core(), error, EINVAL, "iscsi: allowed_portal of %s needs one pattern",
                            name_.c_str());
    const auto now = view();
    if (std::find(now->allowed_portals.begin(), now->allowed_portals.end(), word) != now->allowed_portals.end())
        return scst::refuse(&owner_.core(), error, EINVAL, "iscsi: %s has the allowed_portal %s already", name_.c_str(),
                            word.c_str());
    change_view([&](target_view &next) { next.allowed_portals.push_back(word); });
    return 0;
}

std::int32_t target::del_portal(std::string_view pattern, scst_error *error) {
    const std::string word{scst::trim(pattern)};
    const auto now = view();
    if (std::find(now->allowed_portals.begin(), now->allowed_portals.end(), word) == now->allowed_portals.end())
        return scst::refuse(&owner_.core(), error, EINVAL, "iscsi: %s has no allowed_portal %s", name_.c_str(),
                            word.c_str());
    change_view([&](target_view &next) { std::erase(next.allowed_portals, word); });
    return 0;
}

std::int32_t target::replace_portal(std::size_t index, std::string_view pattern, scst_error *error) {
    const std::string word{scst::trim(pattern)};
    if (index >= view()->allowed_portals.size())
        return scst::refuse(&owner_.core(), error, ENOENT, "iscsi: %s has no such allowed_portal", name_.c_str());
    if (word.empty() || word.find_first_of(" \t") != std::string::npos)
        return scst::refuse(&owner_.core(), error, EINVAL, "iscsi: allowed_portal of %s needs one pattern",
                            name_.c_str());
    change_view([&](target_view &next) { next.allowed_portals[index] = word; });
    return 0;
}

login_status target::check_locked(const login_identity &identity) const {
    const auto found = ports_.find(port{identity.initiator, identity.isid});
    if (identity.tsih != 0) {
        if (found == ports_.end() || found->second.tsih != identity.tsih)
            return login_status::session_does_not_exist;
        return found->second.cid == identity.cid ? login_status::success : login_status::too_many_connections;
    }
    const std::uint32_t most = live.max_sessions.load(std::memory_order_relaxed);
    if (found == ports_.end() && most != 0 && ports_.size() >= most)
        return login_status::out_of_resources;
    return login_status::success;
}

login_status target::check(const login_identity &identity) const {
    const std::lock_guard lock{sessions_mutex_};
    return check_locked(identity);
}

target::admission
target::admit(const login_identity &identity,
              const std::function<std::shared_ptr<session>(std::uint16_t, const std::shared_ptr<session> &)> &make) {
    const std::lock_guard lock{sessions_mutex_};
    admission result;
    result.status = check_locked(identity);
    if (result.status != login_status::success)
        return result;
    entry &mine = ports_[port{identity.initiator, identity.isid}];
    if (identity.tsih != 0) {
        result.existing = mine.current;
        return result;
    }
    if (tsihs_.size() >= 65535) {
        result.status = login_status::out_of_resources;
        if (!mine.current)
            ports_.erase(port{identity.initiator, identity.isid});
        return result;
    }
    do
        ++last_tsih_;
    while (last_tsih_ == 0 || tsihs_.count(last_tsih_) != 0);
    result.fresh = make(last_tsih_, mine.current);
    tsihs_.insert(last_tsih_);
    mine = {.current = result.fresh, .tsih = last_tsih_, .cid = identity.cid};
    return result;
}

void target::forget(const session &gone) {
    const std::lock_guard lock{sessions_mutex_};
    tsihs_.erase(gone.tsih());
    const auto found = ports_.find(port{gone.initiator(), gone.isid()});
    if (found != ports_.end() && found->second.current.get() == &gone)
        ports_.erase(found);
}

std::vector<std::shared_ptr<session>> target::sessions() const {
    const std::lock_guard lock{sessions_mutex_};
    std::vector<std::shared_ptr<session>> all;
    for (const auto &[who, one] : ports_)
        all.push_back(one.current);
    return all;
}

} // namespace scstd::iscsi
