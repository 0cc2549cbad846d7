// SPDX-License-Identifier: Apache-2.0
// descriptor: how a struct that a plugin lends crosses the border: min(its size, ours) bytes are copied, the rest is
// zero.
//
// So a plugin built with older headers reads as one that left the newer members out, and of a newer plugin the members
// that we don't know are ignored (docs/sdk.md). Any thread; borrows `theirs` for the call only.
#pragma once

#include "base/result.hpp"

#include <scst/handler.h>
#include <scst/plugin.h>
#include <scst/target.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace scstd::plugin {

// Far above any real table: a bigger size is not a size.
inline constexpr std::uint32_t max_struct_size = 65536;

// `smallest` is the size that version 1 of the ABI had up to its last required member.
template <class Struct>
requires std::is_trivially_copyable_v<Struct>
[[nodiscard]] result<Struct> copy_descriptor(const Struct *theirs, std::uint32_t their_size, std::size_t smallest,
                                             std::string_view what) {
    if (theirs == nullptr)
        return fail(EINVAL, "{} is NULL", what);
    if (their_size < smallest || their_size > max_struct_size)
        return fail(EINVAL, "{} has struct_size {}, which is not between {} and {}", what, their_size, smallest,
                    max_struct_size);
    Struct ours{};
    const auto length = std::min<std::size_t>(their_size, sizeof ours);
    std::memcpy(&ours, theirs, length);
    ours.struct_size = static_cast<std::uint32_t>(length);
    return ours;
}

// Letters, digits, '_' and '-'; 1 to 49 characters: the name of a plugin, handler or driver.
[[nodiscard]] bool is_legal_name(std::string_view name) noexcept;

// Copies a table that register_handler() or register_target_driver() was given and checks that what is required is
// there; the error names what is missing.
[[nodiscard]] result<scst_handler> copy_handler(const scst_handler *theirs);
[[nodiscard]] result<scst_target_driver> copy_target_driver(const scst_target_driver *theirs);

} // namespace scstd::plugin
