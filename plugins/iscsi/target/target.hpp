// SPDX-License-Identifier: Apache-2.0
// target: one iSCSI target: what is configured (management thread), the view that logins read (any thread), and which
// sessions exist (any thread, under the target's lock).
//
// Shared by the driver's list and by every login and session that uses it; its core handle must not be used after
// close().
#pragma once

#include "pdu/bhs.hpp"
#include "target/view.hpp"

#include <scst/core.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scstd::iscsi {

class driver;
class session;
struct login_identity;

class target {
  public:
    target(driver &owner, scst_target *handle, std::string name, std::uint32_t tid);
    target(const target &) = delete;
    target &operator=(const target &) = delete;

    [[nodiscard]] driver &owner() const noexcept { return owner_; }
    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] std::uint32_t tid() const noexcept { return tid_; }
    live_parameters live;

    // ---- management ----
    void enable(bool on);
    // A target attribute or add_target() parameter by name. 0 or -errno with a reason; then nothing changed.
    std::int32_t set_parameter(std::string_view name, std::string_view value, scst_error *error);
    std::int32_t add_portal(std::string_view pattern, scst_error *error);
    std::int32_t del_portal(std::string_view pattern, scst_error *error);
    std::int32_t replace_portal(std::size_t index, std::string_view pattern, scst_error *error);
    // No more sessions; the handle is given up.
    void close();

    // ---- any thread ----
    [[nodiscard]] std::shared_ptr<const target_view> view() const;
    // Calls use(handle) unless the target is gone; whether it did. The target's removal waits meanwhile.
    template <class Use>
    bool with_handle(Use &&use) {
        const std::lock_guard lock{handle_mutex_};
        if (handle_ == nullptr)
            return false;
        use(handle_);
        return true;
    }

    // Whether admit() would find a place; for the early answer to a login.
    [[nodiscard]] login_status check(const login_identity &identity) const;

    struct admission {
        login_status status = login_status::success;
        std::shared_ptr<session> fresh;    // a new session; it knows which one it replaces
        std::shared_ptr<session> existing; // connection reinstatement: whose connection is replaced
    };
    // Decides about a finished login (RFC 7143 6.3.5) and, unless it is a connection reinstatement, enters what
    // make(tsih) returns as the session of this initiator port.
    admission
    admit(const login_identity &identity,
          const std::function<std::shared_ptr<session>(std::uint16_t, const std::shared_ptr<session> &)> &make);
    // The session ended.
    void forget(const session &gone);
    [[nodiscard]] std::vector<std::shared_ptr<session>> sessions() const;

  private:
    template <class Change>
    void change_view(Change &&change);
    std::int32_t set_live(std::atomic<std::uint32_t> &number, std::string_view name, std::string_view value,
                          std::uint32_t minimum, std::uint32_t maximum, scst_error *error);
    std::int32_t set_key(const key_row &row, std::string_view value, scst_error *error);
    std::int32_t set_text(std::string_view name, std::string_view value, scst_error *error);
    [[nodiscard]] login_status check_locked(const login_identity &identity) const;

    using port = std::pair<std::string, isid_bytes>; // the initiator port: name and ISID
    struct entry {
        std::shared_ptr<session> current;
        std::uint16_t tsih = 0;
        std::uint16_t cid = 0;
    };

    driver &owner_;
    std::string name_;
    std::uint32_t tid_;

    mutable std::mutex view_mutex_;
    std::shared_ptr<const target_view> view_;

    std::mutex handle_mutex_;
    scst_target *handle_;

    mutable std::mutex sessions_mutex_;
    std::map<port, entry> ports_;
    std::set<std::uint16_t> tsihs_; // of all sessions that are not gone, also of replaced ones
    std::uint16_t last_tsih_ = 0;
};

} // namespace scstd::iscsi
