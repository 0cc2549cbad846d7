// SPDX-License-Identifier: Apache-2.0
// watch: see the header.
#include "watch.hpp"

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace scstd::bench {
namespace {

std::string read_file(const std::filesystem::path &path) {
    struct closer {
        void operator()(std::FILE *file) const noexcept { std::fclose(file); }
    };
    const std::unique_ptr<std::FILE, closer> file{std::fopen(path.c_str(), "re")};
    std::string text(4096, '\0');
    text.resize(file ? std::fread(text.data(), 1, text.size(), file.get()) : 0);
    return text;
}

std::uint64_t number_at(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    std::uint64_t value = 0;
    if (first != std::string_view::npos)
        std::from_chars(text.data() + first, text.data() + text.size(), value);
    return value;
}

std::uint64_t number_after(std::string_view text, std::string_view label) {
    const auto at = text.find(label);
    return at == std::string_view::npos ? 0 : number_at(text.substr(at + label.size()));
}

void add_task(const std::filesystem::path &task, process_usage &sum) {
    const auto schedule = read_file(task / "schedstat"); // time on CPU, time waiting for one, turns
    sum.cpu_ns += number_at(schedule);
    const auto space = schedule.find(' ');
    if (space != std::string::npos)
        sum.wait_ns += number_at(std::string_view{schedule}.substr(space));
    const auto status = read_file(task / "status");
    sum.voluntary_switches += number_after(status, "\nvoluntary_ctxt_switches:");
    sum.involuntary_switches += number_after(status, "\nnonvoluntary_ctxt_switches:");
}

} // namespace

process_usage read_usage(pid_t pid) {
    process_usage sum;
    std::error_code error;
    std::filesystem::directory_iterator tasks{"/proc/" + std::to_string(pid) + "/task", error};
    if (error)
        throw std::runtime_error("no process " + std::to_string(pid));
    for (const auto &task : tasks)
        add_task(task.path(), sum);
    return sum;
}

process_usage read_own_usage() {
    process_usage sum;
    add_task("/proc/thread-self", sum);
    return sum;
}

// A thread that ended between the readings makes a sum smaller: that counts as nothing.
process_usage used_between(const process_usage &before, const process_usage &after) noexcept {
    const auto grown = [](std::uint64_t from, std::uint64_t to) { return to > from ? to - from : 0; };
    return {.cpu_ns = grown(before.cpu_ns, after.cpu_ns),
            .wait_ns = grown(before.wait_ns, after.wait_ns),
            .voluntary_switches = grown(before.voluntary_switches, after.voluntary_switches),
            .involuntary_switches = grown(before.involuntary_switches, after.involuntary_switches)};
}

} // namespace scstd::bench
