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

} // namespace

process_usage read_usage(pid_t pid) {
    process_usage sum;
    std::error_code error;
    std::filesystem::directory_iterator tasks{"/proc/" + std::to_string(pid) + "/task", error};
    if (error)
        throw std::runtime_error("no process " + std::to_string(pid));
    for (const auto &task : tasks) {
        sum.cpu_ns += number_at(read_file(task.path() / "schedstat"));
        const auto status = read_file(task.path() / "status");
        sum.voluntary_switches += number_after(status, "\nvoluntary_ctxt_switches:");
        sum.involuntary_switches += number_after(status, "\nnonvoluntary_ctxt_switches:");
    }
    return sum;
}

} // namespace scstd::bench
