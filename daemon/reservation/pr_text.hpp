// SPDX-License-Identifier: Apache-2.0
// pr_text: the text form of the state, as the device attribute pr_state shows and takes it.
//
// Pure functions, any thread. Lines: "version 1", "generation N", "reservation TYPE SCOPE" (hexadecimal, only while
// reserved), and per registrant "registrant TARGET_PORT KEY HOLDER LENGTH TRANSPORT_ID" (decimal, 16 hexadecimal
// digits, 0 or 1, decimal, hexadecimal). Lines with another first word are skipped.
#pragma once

#include "base/result.hpp"
#include "reservation/pr_state.hpp"

#include <string>
#include <string_view>

namespace scstd::reservation {

[[nodiscard]] std::string to_text(const pr_state &state);
// EINVAL, with the line's number.
[[nodiscard]] result<pr_state> from_text(std::string_view text);

} // namespace scstd::reservation
