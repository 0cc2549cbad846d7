// SPDX-License-Identifier: Apache-2.0
// report: see the header.
#include "report.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace scstd::bench {
namespace {

[[gnu::format(printf, 2, 3)]] void add(std::string &text, const char *format, ...) {
    std::array<char, 512> line;
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(line.data(), line.size(), format, arguments);
    va_end(arguments);
    text += line.data();
}

double us(std::uint64_t nanoseconds) noexcept {
    return static_cast<double>(nanoseconds) / 1000.0;
}

struct rates {
    std::uint64_t ios = 0;
    double iops = 0;
    double megabytes = 0; // 10^6 bytes per second
    double own_cpu_us = 0;
    double target_cpu_us = 0;
    double target_cpu_percent = 0;
    double own_wait_percent = 0; // of the window, ready to run but without a CPU
    double target_wait_percent = 0;
};

rates rates_of(const load_options &options, const load_results &results) {
    rates r;
    r.ios = results.counts.reads + results.counts.writes;
    if (r.ios == 0 || results.seconds <= 0)
        return r;
    const auto ios = static_cast<double>(r.ios);
    r.iops = ios / results.seconds;
    r.megabytes = r.iops * options.block_size / 1e6;
    r.own_cpu_us = us(results.own_cpu_ns) / ios;
    r.target_cpu_us = us(results.target.cpu_ns) / ios;
    r.target_cpu_percent = static_cast<double>(results.target.cpu_ns) / 1e7 / results.seconds;
    r.own_wait_percent = static_cast<double>(results.own_wait_ns) / 1e7 / results.seconds;
    r.target_wait_percent = static_cast<double>(results.target.wait_ns) / 1e7 / results.seconds;
    return r;
}

} // namespace

std::string json_escaped(const std::string &text) {
    std::string out;
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out += '\\';
        if (static_cast<unsigned char>(c) < 0x20)
            add(out, "\\u%04x", static_cast<unsigned>(c));
        else
            out += c;
    }
    return out;
}

std::string report_text(const load_options &options, const load_results &results) {
    const auto r = rates_of(options, results);
    const auto &counts = results.counts;
    const auto &latency = counts.latency;
    std::string text;
    add(text, "%llu I/Os (%llu reads, %llu writes) of %u bytes in %.2f s\n", static_cast<unsigned long long>(r.ios),
        static_cast<unsigned long long>(counts.reads), static_cast<unsigned long long>(counts.writes),
        options.block_size, results.seconds);
    add(text, "%.0f IOPS, %.1f MB/s\n", r.iops, r.megabytes);
    add(text, "latency us: mean %.1f, p50 %.1f, p90 %.1f, p99 %.1f, p99.9 %.1f, max %.1f\n", latency.mean() / 1000.0,
        us(latency.percentile(50)), us(latency.percentile(90)), us(latency.percentile(99)),
        us(latency.percentile(99.9)), us(latency.max()));
    add(text, "own CPU %.3f us per I/O, waited for a CPU %.1f %%\n", r.own_cpu_us, r.own_wait_percent);
    if (options.watch_pid != 0)
        add(text, "target CPU %.3f us per I/O, %.1f %%, waited for a CPU %.1f %%\n", r.target_cpu_us,
            r.target_cpu_percent, r.target_wait_percent);
    if (options.verify)
        add(text, "%llu blocks verified, %llu reads wrong\n", static_cast<unsigned long long>(counts.blocks_verified),
            static_cast<unsigned long long>(counts.verify_errors));
    if (counts.unit_attentions + counts.busy_answers != 0)
        add(text, "sent again: %llu for unit attentions, %llu for a busy target\n",
            static_cast<unsigned long long>(counts.unit_attentions),
            static_cast<unsigned long long>(counts.busy_answers));
    if (!counts.first_error.empty())
        text += std::to_string(counts.errors) + " errors; the first: " + counts.first_error + "\n";
    return text;
}

std::string report_json(const load_options &options, const load_results &results) {
    const auto r = rates_of(options, results);
    const auto &counts = results.counts;
    const auto &latency = counts.latency;
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::string text;
    add(text, "{\"ios\": %llu, \"reads\": %llu, \"writes\": %llu, \"block_size\": %u, \"seconds\": %.6f, ",
        number(r.ios), number(counts.reads), number(counts.writes), options.block_size, results.seconds);
    add(text, "\"iops\": %.1f, \"mb_s\": %.3f, \"load_cpu_us\": %.4f, \"load_wait_percent\": %.3f, ", r.iops,
        r.megabytes, r.own_cpu_us, r.own_wait_percent);
    add(text,
        "\"latency_us\": {\"mean\": %.3f, \"min\": %.3f, \"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"p99_9\": %.3f, "
        "\"max\": %.3f}, ",
        latency.mean() / 1000.0, us(latency.min()), us(latency.percentile(50)), us(latency.percentile(90)),
        us(latency.percentile(99)), us(latency.percentile(99.9)), us(latency.max()));
    if (options.watch_pid != 0)
        add(text,
            "\"target_cpu_us\": %.4f, \"target_cpu_percent\": %.3f, \"target_wait_percent\": %.3f, "
            "\"target_voluntary_switches\": %llu, "
            "\"target_involuntary_switches\": %llu, ",
            r.target_cpu_us, r.target_cpu_percent, r.target_wait_percent, number(results.target.voluntary_switches),
            number(results.target.involuntary_switches));
    add(text, "\"errors\": %llu, \"unit_attentions\": %llu, \"busy\": %llu, ", number(counts.errors),
        number(counts.unit_attentions), number(counts.busy_answers));
    add(text, "\"blocks_verified\": %llu, \"verify_errors\": %llu, ", number(counts.blocks_verified),
        number(counts.verify_errors));
    text += "\"first_error\": \"" + json_escaped(counts.first_error) + "\"}\n";
    return text;
}

} // namespace scstd::bench
