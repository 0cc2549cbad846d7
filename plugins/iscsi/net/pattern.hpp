// SPDX-License-Identifier: Apache-2.0
// pattern: SCST's wildcards for portals: '*' any run, '?' one character, compared without case, a leading '!' inverts
// (reference of SCST's allowed_portal). Pure functions, any thread, time at most pattern times text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scstd::iscsi {

// Whether the pattern, without a leading '!', covers the whole text.
[[nodiscard]] bool wildcard_matches(std::string_view pattern, std::string_view text) noexcept;

// SCST's rule for a list: positive patterns are alternatives, every negative one has to hold, an empty list allows all.
[[nodiscard]] bool patterns_allow(const std::vector<std::string> &patterns, std::string_view text) noexcept;

} // namespace scstd::iscsi
