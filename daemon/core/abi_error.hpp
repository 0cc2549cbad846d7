// SPDX-License-Identifier: Apache-2.0
// abi_error: a plugin's refusal (-errno and a text) as an error of ours. Management thread.
#pragma once

#include "base/result.hpp"
#include "log/log.hpp"

#include <scst/types.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace scstd {

[[nodiscard]] inline scst_error empty_error() noexcept {
    scst_error error{};
    error.struct_size = sizeof error;
    return error;
}

// `what` names the object; a text that begins with it already is left as it is.
[[nodiscard]] inline error from_abi(std::int32_t code, const scst_error &text, const std::string &what) {
    const int number = code < 0 ? -code : EIO;
    const std::string_view told{text.text};
    if (told.empty())
        return fail(number, "{}: {}", what, std::generic_category().message(number));
    if (told.starts_with(what))
        return fail(number, "{}", log::escape(told));
    return fail(number, "{}: {}", what, log::escape(told));
}

} // namespace scstd
