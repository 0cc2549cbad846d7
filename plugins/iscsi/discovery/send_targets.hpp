// SPDX-License-Identifier: Apache-2.0
// send_targets: what SendTargets answers (RFC 7143 Appendix C): targets that the initiator may use, with the portals on
// which it may use them.
#pragma once

#include "net/address.hpp"
#include "target/view.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

struct scst_reactor;

namespace scstd::iscsi {

class driver;

// The target's portals as seen on a connection with this local address: that address first, then the others of the same
// family that are listened on, all filtered by allowed_portal. Any thread.
[[nodiscard]] std::vector<address> portal_addresses(const driver &owner, const target_view &view, const address &local);

// TargetName and one TargetAddress for each portal; the portal group tag is always 1.
void append_target(std::string &answer, const std::string &name, const std::vector<address> &portals);

// The initiator's name as access groups see it when it comes by this portal.
[[nodiscard]] std::string access_name(const target_view &view, const std::string &initiator, const address &portal);

// Asks the core which of the targets (all, or the one named) have LUNs for the initiator, and calls done(text) on the
// reactor, perhaps before it returns. Reactor.
void query_targets(driver &owner, scst_reactor *reactor, const std::string &initiator, const address &local,
                   const std::string &only, std::function<void(std::string)> done);

} // namespace scstd::iscsi
