// SPDX-License-Identifier: Apache-2.0
// nearest: "did you mean": the known word that is closest to a mistyped one. Pure function, any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace scstd::config {

// The candidate with the smallest edit distance, or an empty string when none is near.
[[nodiscard]] std::string nearest(std::string_view word, std::span<const std::string> candidates);

// "; did you mean 'x'?" or nothing: to be put behind a message.
[[nodiscard]] std::string suggestion(std::string_view word, std::span<const std::string> candidates);

} // namespace scstd::config
