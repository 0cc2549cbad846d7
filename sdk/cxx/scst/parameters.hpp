// SPDX-License-Identifier: Apache-2.0
// parameters: the NAME=VALUE list of add_device() and add_target(), read into types with ranges.
//
// A view of borrowed strings: use it within the call that brought it, copy what shall stay. Management thread.
#pragma once

#include <scst/failure.hpp>
#include <scst/text.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace scst {

class parameters {
  public:
    parameters() = default;
    parameters(const scst_parameter *first, std::uint32_t count) noexcept : list_{first, count} {}

    // Refuses all names but these: what would be ignored is most often a typing error. To be called first.
    void allow_only(std::span<const char *const> names) const {
        for (const scst_parameter &one : list_) {
            const auto is_it = [&one](const char *name) { return std::string_view{name} == one.name; };
            if (std::none_of(names.begin(), names.end(), is_it))
                throw failure{EINVAL, "there is no parameter \"" + std::string{one.name} + '"'};
        }
    }
    // The last value given for the name, as later words of a command override earlier ones.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
        std::optional<std::string_view> found;
        for (const scst_parameter &one : list_)
            if (name == one.name)
                found = one.value;
        return found;
    }
    [[nodiscard]] std::string_view text(std::string_view name, std::string_view otherwise) const noexcept {
        return find(name).value_or(otherwise);
    }
    // A number within minimum..maximum; anything else is refused by name, never cut to fit.
    [[nodiscard]] std::uint64_t number(std::string_view name, std::uint64_t otherwise, std::uint64_t minimum,
                                       std::uint64_t maximum) const {
        const auto value = find(name);
        if (!value)
            return otherwise;
        std::uint64_t parsed = 0;
        if (parse_unsigned_in(trim(*value), minimum, maximum, parsed) != 0)
            throw failure{EINVAL, std::string{name} + " must be a number from " + std::to_string(minimum) + " to " +
                                      std::to_string(maximum) + ", not \"" + std::string{*value} + '"'};
        return parsed;
    }
    [[nodiscard]] bool flag(std::string_view name, bool otherwise) const {
        return number(name, otherwise ? 1 : 0, 0, 1) != 0;
    }

  private:
    std::span<const scst_parameter> list_;
};

} // namespace scst
