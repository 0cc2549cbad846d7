// SPDX-License-Identifier: Apache-2.0
// result: what a fallible function returns: a value, or an error (a positive errno and one sentence for the admin).
//
// No exceptions cross a function that returns a result. Plain values: any thread, no sharing.
//     result<int> port = parse_port(text);
//     if (!port)
//         return port.error();
#pragma once

#include <fmt/core.h>

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace scstd {

struct error {
    int code = 0; // an errno, positive
    std::string message;
};

template <class T = void>
class [[nodiscard]] result {
  public:
    using value_type = T;

    result(T value) : state_{std::in_place_index<0>, std::move(value)} {}
    result(scstd::error failure) : state_{std::in_place_index<1>, std::move(failure)} {}

    [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }

    // The value: only when ok.
    [[nodiscard]] T &value() &noexcept {
        assert(state_.index() == 0);
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] const T &value() const &noexcept {
        assert(state_.index() == 0);
        return *std::get_if<0>(&state_);
    }
    // Moves the value out: only when ok.
    [[nodiscard]] T take() noexcept(std::is_nothrow_move_constructible_v<T>) { return std::move(value()); }

    // The error: only when not ok.
    [[nodiscard]] const scstd::error &error() const noexcept {
        assert(state_.index() == 1);
        return *std::get_if<1>(&state_);
    }

  private:
    std::variant<T, scstd::error> state_;
};

template <>
class [[nodiscard]] result<void> {
  public:
    using value_type = void;

    result() noexcept = default;
    result(scstd::error failure) : failure_{std::move(failure)} { assert(failure_.code > 0); }

    [[nodiscard]] explicit operator bool() const noexcept { return failure_.code == 0; }

    // The error: only when not ok.
    [[nodiscard]] const scstd::error &error() const noexcept {
        assert(failure_.code != 0);
        return failure_;
    }

  private:
    scstd::error failure_;
};

// The success of a result<>.
[[nodiscard]] inline result<> ok() noexcept {
    return {};
}

// Makes an error: return fail(EINVAL, "{} is not a port", text);
template <class... Args>
[[nodiscard]] error fail(int code, fmt::format_string<Args...> format, Args &&...arguments) {
    return {code, fmt::vformat(format, fmt::make_format_args(arguments...))};
}

} // namespace scstd
