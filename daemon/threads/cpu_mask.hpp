// SPDX-License-Identifier: Apache-2.0
// cpu_mask: a set of CPUs, with the kernel's bitmap text ("f", "0000000f,ffffffff"), as SCST's cpu_mask attributes
// have.
//
// A plain value: any thread, no sharing. Text rules: hexadecimal groups of at most 32 bits, highest first, separated by
// commas; see management.md 9.11.
#pragma once

#include "../base/result.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace scstd::threads {

class cpu_mask {
  public:
    static constexpr unsigned max_cpus = 1024; // as cpu_set_t

    cpu_mask() noexcept = default; // empty

    // All CPUs of this machine.
    [[nodiscard]] static cpu_mask all() noexcept;
    // How many CPUs this machine can have: the width of masks in texts.
    [[nodiscard]] static unsigned machine_width() noexcept;
    // EINVAL: not a bitmap; EOVERFLOW: names a CPU at or beyond `width`.
    [[nodiscard]] static result<cpu_mask> parse(std::string_view text, unsigned width = machine_width());

    // As the kernel prints a bitmap of `width` bits.
    [[nodiscard]] std::string format(unsigned width = machine_width()) const;

    void set(unsigned cpu) noexcept;
    [[nodiscard]] bool test(unsigned cpu) const noexcept;
    [[nodiscard]] bool empty() const noexcept;
    [[nodiscard]] unsigned count() const noexcept;
    [[nodiscard]] bool intersects(const cpu_mask &other) const noexcept;
    [[nodiscard]] bool operator==(const cpu_mask &other) const noexcept = default;

    // Binds the calling thread. An empty mask changes nothing. Fails when no CPU of the mask is usable.
    [[nodiscard]] result<> apply_to_current_thread() const;
    // Binds another thread of this process by its kernel id (gettid()).
    [[nodiscard]] result<> apply_to(int thread_id) const;

  private:
    std::array<std::uint32_t, max_cpus / 32> words_{};
};

} // namespace scstd::threads
