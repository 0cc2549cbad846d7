// SPDX-License-Identifier: Apache-2.0
#include "driver.hpp"

#include "login/login_connection.hpp"
#include "login/name.hpp"
#include "target/target.hpp"
#include "text/key_value.hpp"

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace scstd::iscsi {
namespace {

constexpr std::uint32_t complaints_per_second = 10;

} // namespace

life_token::life_token(driver &owner) noexcept : owner_{owner} {
    const std::lock_guard lock{owner_.life_mutex_};
    ++owner_.lives_;
}

life_token::~life_token() {
    const std::lock_guard lock{owner_.life_mutex_};
    if (--owner_.lives_ == 0)
        owner_.life_changed_.notify_all();
}

driver::driver(const scst_core *core, scst_plugin_ref *plugin)
    : core_{core}, plugin_{plugin}, log_{core, plugin, "iscsi"} {}

driver::~driver() = default;

std::int32_t driver::start(scst_error *error) {
    if (core_->struct_size < sizeof(scst_core) || core_->target_query_luns == nullptr)
        return scst::refuse(core_, error, ENOSYS, "iscsi: this daemon is too old: its core has no target_query_luns()");
    for (std::uint32_t i = 0; i < core_->reactor_count(); ++i) {
        contexts_.push_back(std::make_unique<reactor_context>());
        contexts_.back()->reactor = core_->reactor_at(i);
    }
    const char *setting = core_->setting(plugin_, "portals");
    std::string culprit;
    const auto wanted = parse_portals(setting != nullptr ? setting : ":3260", &culprit);
    if (!wanted)
        return scst::refuse(
            core_, error, EINVAL,
            "iscsi: the portal \"%s\" is not ADDRESS:PORT, [ADDRESS]:PORT or :PORT with a numeric address",
            culprit.c_str());
    return open_portals(*wanted, error);
}

std::int32_t driver::open_portals(const std::vector<address> &wanted, scst_error *error) {
    for (const address &portal : wanted) {
        std::int32_t result = open_portal(portal, error);
        if (result == -EAFNOSUPPORT && portal.is_v6() && portal.is_wildcard() && !portals_.empty()) {
            log_.warning("this host has no IPv6: portal %s is left out", portal.text().c_str());
            result = 0;
        }
        if (result != 0) {
            contexts_.front()->listeners.clear();
            return result;
        }
    }
    core_->reactor_post(contexts_.front()->reactor, &driver::watch_portals, this);
    return 0;
}

std::int32_t driver::open_portal(const address &portal, scst_error *error) {
    unique_fd socket;
    const char *failed = "";
    if (const int code = listener::open(portal, socket, failed); code != 0)
        return scst::refuse(core_, error, code, "iscsi: can't listen on portal %s: %s: %s", portal.text().c_str(),
                            failed, std::strerror(code));
    address bound = portal;
    sockaddr_storage raw{};
    socklen_t length = sizeof raw;
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr *>(&raw), &length) == 0)
        bound = address::from(reinterpret_cast<sockaddr *>(&raw), length).value_or(portal);
    log_.info("listening on portal %s", bound.text().c_str());
    portals_.push_back(bound);
    contexts_.front()->listeners.push_back(std::make_unique<listener>(*this, std::move(socket), bound));
    return 0;
}

void driver::watch_portals(void *self) {
    auto &mine = *static_cast<driver *>(self);
    reactor_context &first = *mine.contexts_.front();
    for (const auto &one : first.listeners)
        if (!one->watch(first.reactor))
            mine.log_.error("no memory to watch a portal; it will not answer");
}

namespace {

// A job that closes what one reactor has; its token keeps stop() waiting until it ran.
struct closing_job {
    driver *owner;
    reactor_context *context;
    life_token token{*owner};
};

} // namespace

void driver::begin_stop() {
    closing_.store(true);
    for (const auto &context : contexts_)
        core_->reactor_post(
            context->reactor,
            [](void *argument) {
                const std::unique_ptr<closing_job> job{static_cast<closing_job *>(argument)};
                job->owner->close_on(*job->context);
            },
            std::unique_ptr<closing_job>{new closing_job{.owner = this, .context = context.get()}}.release());
}

void driver::wait_stopped() {
    std::unique_lock lock{life_mutex_};
    life_changed_.wait(lock, [this] { return lives_ == 0; });
}

bool driver::stopped() {
    const std::lock_guard lock{life_mutex_};
    return lives_ == 0;
}

void driver::close_on(reactor_context &context) {
    context.closing = true;
    context.listeners.clear();
    const auto logins = std::exchange(context.logins, {});
    for (const auto &login : logins)
        login->close();
}

bool driver::may_complain() noexcept {
    const std::uint64_t second = core_->now_ms() / 1000;
    std::uint64_t seen = complaint_second_.load(std::memory_order_relaxed);
    if (seen != second && complaint_second_.compare_exchange_strong(seen, second, std::memory_order_relaxed)) {
        const std::uint32_t made = complaints_.exchange(0, std::memory_order_relaxed);
        if (made > complaints_per_second)
            log_.warning("%u complaints about peers were left out", made - complaints_per_second);
    }
    return complaints_.fetch_add(1, std::memory_order_relaxed) < complaints_per_second;
}

reactor_context &driver::context(const scst_reactor *reactor) noexcept {
    for (const auto &one : contexts_)
        if (one->reactor == reactor)
            return *one;
    return *contexts_.front();
}

std::shared_ptr<target> driver::find_target(std::string_view name) const {
    const std::lock_guard lock{targets_mutex_};
    const auto found = targets_.find(lower_case(name));
    return found == targets_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<target>> driver::targets() const {
    const std::lock_guard lock{targets_mutex_};
    std::vector<std::shared_ptr<target>> all;
    all.reserve(targets_.size());
    for (const auto &[name, one] : targets_)
        all.push_back(one);
    return all;
}

std::int32_t driver::add_target(scst_target *handle, const char *name, const scst_parameter *parameters,
                                std::uint32_t count, void **stored, scst_error *error) {
    const std::string_view text{name};
    if (text.empty() || text.size() > max_name_length)
        return scst::refuse(core_, error, EINVAL, "iscsi: a target name has 1 to %zu bytes, not %zu", max_name_length,
                            text.size());
    if (find_target(text))
        return scst::refuse(core_, error, EEXIST, "iscsi: target %s exists already (names are compared without case)",
                            name);
    auto made = std::make_shared<target>(*this, handle, std::string{text}, next_tid_);
    for (std::uint32_t i = 0; i < count; ++i)
        if (const std::int32_t result = made->set_parameter(parameters[i].name, parameters[i].value, error);
            result != 0)
            return result;
    ++next_tid_;
    *stored = made.get();
    const std::lock_guard lock{targets_mutex_};
    targets_.emplace(lower_case(text), std::move(made));
    return 0;
}

void driver::remove_target(target &gone) {
    gone.close();
    const std::lock_guard lock{targets_mutex_};
    targets_.erase(lower_case(gone.name()));
}

namespace {

struct acceptance {
    driver *owner;
    unique_fd socket;
    address peer;
    address local;
    bool crowded;
    life_token token{*owner};
};

} // namespace

void driver::accepted(unique_fd socket, const address &peer, const address &local) {
    const bool crowded = !gate_.enter(peer);
    if (crowded) { // one that has said nothing yet makes room, so that silence locks nobody out
        if (may_complain())
            log_.warning("%s: too many connections before login; the oldest silent one is closed", peer.text().c_str());
        gate_.enter_for_another(peer);
    }
    std::unique_ptr<acceptance> job{
        new acceptance{.owner = this, .socket = std::move(socket), .peer = peer, .local = local, .crowded = crowded}};
    core_->reactor_post(
        core_->reactor_select(nullptr),
        [](void *argument) {
            const std::unique_ptr<acceptance> mine{static_cast<acceptance *>(argument)};
            login_connection::begin(*mine->owner, mine->owner->core().reactor_current(), std::move(mine->socket),
                                    mine->peer, mine->local, mine->crowded);
        },
        job.release());
}

} // namespace scstd::iscsi
