// SPDX-License-Identifier: Apache-2.0
// name_pattern: SCST's wildcards for initiator names and portals: '*' any run, '?' one character, compared without
// case; a leading '!' inverts the result. Pure functions, any thread, time linear in pattern times name.
#pragma once

#include <string_view>

namespace scstd::session {

// Whether `pattern` covers the whole `name`.
bool name_matches(std::string_view pattern, std::string_view name) noexcept;

} // namespace scstd::session
