// SPDX-License-Identifier: Apache-2.0
// reactor_set: the I/O reactors "scst_r0" … and the choice among them for a new session.
//
// Made, started and stopped by the management thread; select() and at() are for any thread in between.
#pragma once

#include "reactor.hpp"

#include <memory>
#include <vector>

namespace scstd::threads {

class reactor_set {
  public:
    // `pin`: reactor i is bound to the i-th CPU that the process may use.
    explicit reactor_set(std::uint32_t count, bool pin = false);

    // Starts all or none.
    [[nodiscard]] result<> start();
    void stop() noexcept;

    [[nodiscard]] std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(reactors_.size()); }
    // nullptr when there is no such reactor.
    [[nodiscard]] reactor *at(std::uint32_t index) noexcept {
        return index < reactors_.size() ? reactors_[index].get() : nullptr;
    }
    // The reactor with the fewest sessions (reactor::sessions) among those the mask allows: a bound reactor by its
    // CPUs, another by its number. A mask that allows none, or an empty one, allows all. Equals take turns.
    [[nodiscard]] reactor &select(const cpu_mask &allowed) noexcept;

  private:
    std::vector<std::unique_ptr<reactor>> reactors_;
    std::atomic<std::uint32_t> turn_{0};
};

} // namespace scstd::threads
