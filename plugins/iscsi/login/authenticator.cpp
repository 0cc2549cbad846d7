// SPDX-License-Identifier: Apache-2.0
#include "login/authenticator.hpp"

namespace scstd::iscsi {
namespace {

// No proof at all.
class none final : public authenticator {
  public:
    [[nodiscard]] std::string_view method() const noexcept override { return "None"; }
    [[nodiscard]] bool owns(std::string_view) const noexcept override { return false; }
    step advance(const std::vector<key_value> &, std::string &) override { return {true, login_status::success}; }
};

} // namespace

std::unique_ptr<authenticator> choose_authenticator(std::string_view offered) {
    const bool has_none = any_of_list(offered, [](std::string_view word) { return equal_ignoring_case(word, "None"); });
    return has_none ? std::make_unique<none>() : nullptr;
}

std::unique_ptr<authenticator> default_authenticator() {
    return std::make_unique<none>();
}

} // namespace scstd::iscsi
