// SPDX-License-Identifier: Apache-2.0
// cpu_mask: see the header. The text is read as the kernel's bitmap_parse() does: from the end, group by group.
#include "cpu_mask.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <system_error>

namespace scstd::threads {

namespace {

constexpr unsigned bits_per_group = 32;

bool separates(char c) {
    return c == ',' || c == ' ' || (c >= '\t' && c <= '\r');
}

// The digit's value, or -1.
int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

// Takes the last group off `text`, which does not end in a separator.
result<std::uint32_t> take_group(std::string_view &text) {
    std::uint32_t value = 0;
    for (unsigned shift = 0; !text.empty() && !separates(text.back()); shift += 4) {
        const int digit = hex_digit(text.back());
        if (digit < 0)
            return fail(EINVAL, "a CPU mask is hexadecimal, such as f or 3,ffffffff");
        if (shift >= bits_per_group)
            return fail(EOVERFLOW, "a group of a CPU mask has at most 8 digits");
        value |= static_cast<std::uint32_t>(digit) << shift;
        text.remove_suffix(1);
    }
    return value;
}

} // namespace

cpu_mask cpu_mask::all() noexcept {
    cpu_mask mask;
    for (unsigned cpu = 0; cpu < machine_width(); cpu++)
        mask.set(cpu);
    return mask;
}

unsigned cpu_mask::machine_width() noexcept {
    static const unsigned width = [] {
        const long configured = ::sysconf(_SC_NPROCESSORS_CONF);
        return static_cast<unsigned>(std::clamp<long>(configured, 1, max_cpus));
    }();
    return width;
}

result<cpu_mask> cpu_mask::parse(std::string_view text, unsigned width) {
    width = std::min(width, max_cpus);
    cpu_mask mask;
    for (unsigned first_cpu = 0;; first_cpu += bits_per_group) {
        while (!text.empty() && separates(text.back()))
            text.remove_suffix(1);
        if (text.empty())
            return mask;
        if (first_cpu >= width)
            return fail(EOVERFLOW, "the CPU mask is wider than {} CPUs", width);
        const result<std::uint32_t> group = take_group(text);
        if (!group)
            return group.error();
        if (width - first_cpu < bits_per_group && group.value() >> (width - first_cpu) != 0)
            return fail(EOVERFLOW, "the CPU mask names a CPU beyond the {} there are", width);
        mask.words_[first_cpu / bits_per_group] = group.value();
    }
}

std::string cpu_mask::format(unsigned width) const {
    width = std::clamp(width, 1U, max_cpus);
    std::string text;
    for (unsigned group = (width + bits_per_group - 1) / bits_per_group; group-- > 0;) {
        const bool highest = text.empty();
        const unsigned bits = highest ? width - group * bits_per_group : bits_per_group;
        text += fmt::format("{}{:0{}x}", highest ? "" : ",", words_[group], (bits + 3) / 4);
    }
    return text;
}

void cpu_mask::set(unsigned cpu) noexcept {
    if (cpu < max_cpus)
        words_[cpu / bits_per_group] |= 1U << cpu % bits_per_group;
}

bool cpu_mask::test(unsigned cpu) const noexcept {
    return cpu < max_cpus && (words_[cpu / bits_per_group] >> cpu % bits_per_group & 1U) != 0;
}

bool cpu_mask::empty() const noexcept {
    return *this == cpu_mask{};
}

unsigned cpu_mask::count() const noexcept {
    unsigned total = 0;
    for (const std::uint32_t word : words_)
        total += static_cast<unsigned>(std::popcount(word));
    return total;
}

bool cpu_mask::intersects(const cpu_mask &other) const noexcept {
    for (std::size_t i = 0; i < words_.size(); i++) {
        if ((words_[i] & other.words_[i]) != 0)
            return true;
    }
    return false;
}

result<> cpu_mask::apply_to_current_thread() const {
    return apply_to(0);
}

result<> cpu_mask::apply_to(int thread_id) const {
    if (empty())
        return ok();
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (unsigned cpu = 0; cpu < max_cpus; cpu++) {
        if (test(cpu))
            CPU_SET(cpu, &cpus);
    }
    if (::sched_setaffinity(thread_id, sizeof(cpus), &cpus) != 0) {
        const int code = errno;
        return fail(code, "cannot bind a thread to the CPUs {}: {}", format(), std::generic_category().message(code));
    }
    return ok();
}

} // namespace scstd::threads
