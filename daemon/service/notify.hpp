// SPDX-License-Identifier: Apache-2.0
// notify: tells the service manager about the daemon's state (sd_notify(3), by hand: one datagram). Any thread.
#pragma once

#include <string_view>

namespace scstd::service {

// Does nothing when nobody asked to be told (NOTIFY_SOCKET is not set).
void notify(std::string_view state) noexcept;

} // namespace scstd::service
