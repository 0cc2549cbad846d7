// SPDX-License-Identifier: Apache-2.0
// failure: how a C++ plugin says no, and the guard that keeps exceptions inside the plugin.
//
// Management methods throw scst::failure{errno, "one sentence"}; guarded() turns whatever is thrown into -errno and a
// text for the administrator. Nothing ever crosses the C border. Any thread. Spec: docs/sdk.md, "Errors".
#pragma once

#include <scst/core.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace scst {

// A refusal with an errno and a reason: one sentence, no newline, naming the object.
class failure : public std::runtime_error {
  public:
    failure(int code, const std::string &text) : std::runtime_error{text}, code_{code} {}
    [[nodiscard]] int code() const noexcept { return code_; }

  private:
    int code_;
};

// Fills `error` (may be NULL) and returns -code; a code that is no errno becomes EIO.
inline std::int32_t report_failure(const scst_core *core, scst_error *error, int code, const char *text) noexcept {
    if (error != nullptr)
        core->error_set(error, text, std::strlen(text));
    return code > 0 && code < 4096 ? -code : -EIO;
}

// To be called within a catch block only.
inline std::int32_t report_current_exception(const scst_core *core, scst_error *error) noexcept {
    try {
        throw;
    } catch (const failure &caught) {
        return report_failure(core, error, caught.code(), caught.what());
    } catch (const std::bad_alloc &) {
        return report_failure(core, error, ENOMEM, "out of memory");
    } catch (const std::system_error &caught) {
        // Only these two categories count in errno numbers; the default condition maps both to the generic one.
        const auto condition = caught.code().default_error_condition();
        const bool is_errno = condition.category() == std::generic_category();
        return report_failure(core, error, is_errno ? condition.value() : EIO, caught.what());
    } catch (const std::exception &caught) {
        return report_failure(core, error, EIO, caught.what());
    } catch (...) {
        return report_failure(core, error, EIO, "internal failure of the plugin");
    }
}

// Runs the body of a management callback: 0, or -errno and a text.
template <class Body>
std::int32_t guarded(const scst_core *core, scst_error *error, Body &&body) noexcept {
    try {
        body();
        return 0;
    } catch (...) {
        return report_current_exception(core, error);
    }
}

} // namespace scst
