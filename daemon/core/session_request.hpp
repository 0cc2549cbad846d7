// SPDX-License-Identifier: Apache-2.0
// session_request: a driver's session_register() on its way to the management thread and back.
#pragma once

#include "core/core.hpp"

namespace scstd {

struct core::session_request {
    session::target *tgt = nullptr; // looked up again on the management thread before it is used
    threads::reactor *reactor = nullptr;
    session::session_identity identity;
    const scst_session *replaces = nullptr; // only compared
    void (*done)(void *argument, scst_session *session, std::int32_t error) = nullptr;
    void *argument = nullptr;
};

} // namespace scstd
