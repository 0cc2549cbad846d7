// SPDX-License-Identifier: Apache-2.0
// attribute: rows of an attribute table from member functions.
//
// attribute<disk, &disk::show_size>("size") is read-only; with a second member function it can be written too. The
// object must be the very class whose pointer the core holds, so it is named and not deduced. Management thread.
#pragma once

#include <scst/failure.hpp>
#include <scst/text.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace scst {

namespace detail {

template <class Object, auto Show>
std::int32_t show_attribute(void *object, const scst_attribute *, scst_writer *out) noexcept {
    Object &self = *static_cast<Object *>(object);
    return guarded(self.core(), nullptr, [&] { (self.*Show)(out); });
}

template <class Object, auto Store>
std::int32_t store_attribute(void *object, const scst_attribute *, const char *text, std::size_t length,
                             scst_error *error) noexcept {
    Object &self = *static_cast<Object *>(object);
    return guarded(self.core(), error, [&] { (self.*Store)(std::string_view{text, length}); });
}

} // namespace detail

// Show: void (scst_writer *) [const]. Store: void (std::string_view), throws scst::failure and then changes nothing.
// `extra_flags` may hold SCST_ATTR_SECRET.
template <class Object, auto Show, auto Store = nullptr>
constexpr scst_attribute attribute(const char *name, std::uint32_t extra_flags = 0) noexcept {
    scst_attribute row{};
    row.struct_size = sizeof row;
    row.flags = SCST_ATTR_READ | extra_flags;
    row.name = name;
    row.show = &detail::show_attribute<Object, Show>;
    if constexpr (Store != nullptr) {
        row.flags |= SCST_ATTR_WRITE;
        row.store = &detail::store_attribute<Object, Store>;
    }
    return row;
}

} // namespace scst
