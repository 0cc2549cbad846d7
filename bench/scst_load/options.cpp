// SPDX-License-Identifier: Apache-2.0
// options: see the header. One table of names; every value is checked against its range.
#include "options.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace scstd::bench {
namespace {

struct bad_option {
    std::string message;
};

std::uint64_t number(std::string_view text, std::uint64_t minimum, std::uint64_t maximum) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
    unsigned shift = 0;
    if (suffix == "k" || suffix == "K")
        shift = 10;
    else if (suffix == "m" || suffix == "M")
        shift = 20;
    else if (suffix == "g" || suffix == "G")
        shift = 30;
    else if (!suffix.empty())
        throw bad_option{"'" + std::string{text} + "' is not a number"};
    if (error != std::errc{} || value > (UINT64_MAX >> shift) || (value << shift) < minimum ||
        (value << shift) > maximum)
        throw bad_option{"'" + std::string{text} + "' is not a number from " + std::to_string(minimum) + " to " +
                         std::to_string(maximum)};
    return value << shift;
}

unsigned small(std::string_view text, unsigned minimum, unsigned maximum) {
    return static_cast<unsigned>(number(text, minimum, maximum));
}

double seconds(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) || value < 0 || value > 1e6)
        throw bad_option{"'" + std::string{text} + "' is not a number of seconds"};
    return value;
}

void set_pattern(load_options &options, std::string_view value) {
    if (value == "read")
        options.read_percent = 100;
    else if (value == "write")
        options.read_percent = 0;
    else if (value == "mixed")
        options.read_percent = 50;
    else
        throw bad_option{"a pattern is read, write or mixed"};
}

void set_digest(load_options &options, std::string_view value) {
    while (!value.empty()) {
        const auto comma = value.find(',');
        const auto word = value.substr(0, comma);
        value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
        if (word == "header")
            options.header_digest = true;
        else if (word == "data")
            options.data_digest = true;
        else if (word != "none")
            throw bad_option{"digests are none, header, data or header,data"};
    }
}

using setter = void (*)(load_options &, std::string_view);
struct option_row {
    std::string_view name;
    bool takes_value;
    setter set;
};

constexpr std::uint32_t largest_segment = 16777215; // RFC 7143 13.12

constexpr std::array option_table = {
    option_row{"--portal", true, [](load_options &o, std::string_view v) { o.portal = parse_portal(std::string{v}); }},
    option_row{"--target", true, [](load_options &o, std::string_view v) { o.target = v; }},
    option_row{"--initiator", true, [](load_options &o, std::string_view v) { o.initiator = v; }},
    option_row{"--lun", true, [](load_options &o, std::string_view v) { o.lun = small(v, 0, 16383); }},
    option_row{"--sessions", true, [](load_options &o, std::string_view v) { o.sessions = small(v, 1, 4096); }},
    option_row{"--threads", true, [](load_options &o, std::string_view v) { o.threads = small(v, 1, 256); }},
    option_row{"--queue-depth", true, [](load_options &o, std::string_view v) { o.queue_depth = small(v, 1, 4096); }},
    option_row{"--block-size", true,
               [](load_options &o, std::string_view v) { o.block_size = small(v, 512, 64U << 20); }},
    option_row{"--pattern", true, set_pattern},
    option_row{"--read-percent", true, [](load_options &o, std::string_view v) { o.read_percent = small(v, 0, 100); }},
    option_row{"--random", false, [](load_options &o, std::string_view) { o.random = true; }},
    option_row{"--sequential", false, [](load_options &o, std::string_view) { o.random = false; }},
    option_row{"--duration", true, [](load_options &o, std::string_view v) { o.duration = seconds(v); }},
    option_row{"--count", true, [](load_options &o, std::string_view v) { o.count = number(v, 1, UINT64_MAX); }},
    option_row{"--warmup", true, [](load_options &o, std::string_view v) { o.warmup = seconds(v); }},
    option_row{"--size", true, [](load_options &o, std::string_view v) { o.size = number(v, 512, UINT64_MAX); }},
    option_row{"--seed", true, [](load_options &o, std::string_view v) { o.seed = number(v, 0, UINT64_MAX); }},
    option_row{"--verify", false, [](load_options &o, std::string_view) { o.verify = true; }},
    option_row{"--digest", true, set_digest},
    option_row{"--raw", false, [](load_options &o, std::string_view) { o.raw = true; }},
    option_row{"--json", false, [](load_options &o, std::string_view) { o.json = true; }},
    option_row{"--poll", false, [](load_options &o, std::string_view) { o.poll = true; }},
    option_row{"--cpu", true, [](load_options &o, std::string_view v) { o.cpu = static_cast<int>(small(v, 0, 1023)); }},
    option_row{"--watch-pid", true,
               [](load_options &o, std::string_view v) { o.watch_pid = static_cast<pid_t>(small(v, 1, 1U << 30)); }},
    option_row{"--timeout", true, [](load_options &o, std::string_view v) { o.timeout = seconds(v); }},
    option_row{"--max-recv-segment", true,
               [](load_options &o, std::string_view v) { o.max_recv_segment = small(v, 512, largest_segment); }},
    option_row{"--max-burst", true,
               [](load_options &o, std::string_view v) { o.max_burst = small(v, 512, largest_segment); }},
    option_row{"--first-burst", true,
               [](load_options &o, std::string_view v) { o.first_burst = small(v, 512, largest_segment); }},
    option_row{"--max-outstanding-r2t", true,
               [](load_options &o, std::string_view v) { o.max_outstanding_r2t = small(v, 1, 65535); }},
};

const option_row &find_option(std::string_view name) {
    for (const auto &row : option_table)
        if (row.name == name)
            return row;
    throw bad_option{"there is no such option"};
}

void check_together(const load_options &options) {
    if (!options.raw && options.target.empty())
        throw bad_option{"--target is needed (or --raw)"};
    if (options.raw && options.read_percent != 0 && options.read_percent != 100)
        throw bad_option{"--raw is either all reads or all writes"};
    if (options.raw && (options.verify || options.header_digest || options.data_digest))
        throw bad_option{"--raw has neither data to verify nor digests"};
    if (options.block_size % 512 != 0)
        throw bad_option{"--block-size is a multiple of 512"};
    if (options.first_burst > options.max_burst) // RFC 7143 13.14
        throw bad_option{"--first-burst is larger than --max-burst"};
    if (options.threads > options.sessions)
        throw bad_option{"there are more threads than sessions"};
    if (options.count == 0 && options.duration <= 0)
        throw bad_option{"--duration or --count is needed"};
}

} // namespace

options_result parse_options(std::span<char *const> arguments, load_options &options, std::string &error) {
    std::string_view name = "options";
    try {
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            name = arguments[i];
            if (name == "--help" || name == "-h")
                return options_result::help;
            const auto &row = find_option(name);
            if (row.takes_value && i + 1 == arguments.size())
                throw bad_option{"needs a value"};
            row.set(options, row.takes_value ? std::string_view{arguments[++i]} : std::string_view{});
        }
        name = "options";
        check_together(options);
    } catch (const bad_option &bad) {
        error = std::string{name} + ": " + bad.message;
        return options_result::bad;
    } catch (const std::exception &bad) {
        error = std::string{name} + ": " + bad.what();
        return options_result::bad;
    }
    return options_result::run;
}

const char *load_usage() noexcept {
    return R"(usage: scst-load --portal HOST[:PORT] --target IQN [options]
       scst-load --portal HOST[:PORT] --raw [options]         (against scst-ceiling)

What is sent
  --lun N                  logical unit, 0
  --sessions N             sessions, each with the whole queue depth, 1
  --threads N              threads that the sessions are spread over, 1
  --queue-depth N          commands in flight per session, 32
  --block-size BYTES       bytes per command, 512 (suffixes k, m, g)
  --pattern read|write|mixed
  --read-percent N         share of reads, 100
  --random | --sequential  order of the addresses, random
  --size BYTES             use only this much of the logical unit
  --verify                 write a pattern first, check every block that is read
  --seed N                 of the addresses and of the pattern, 1
How long
  --duration SECONDS       5, or
  --count N                this many commands
  --warmup SECONDS         not measured, before the duration, 0
How it is spoken
  --digest none|header|data|header,data
  --max-recv-segment N, --max-burst N, --first-burst N, --max-outstanding-r2t N
  --initiator IQN          initiator name
  --timeout SECONDS        without any answer, after which to give up, 30
What is told
  --poll                   spin while waiting, so that the target has nobody to wake (wants a CPU of its own);
                           the own CPU that is told leaves the spinning out
  --cpu N                  run on this CPU only
  --watch-pid PID          measure this process's CPU time over the same window
  --json                   one JSON object in place of the text

Exit status: 0 all well, 1 commands failed or data was wrong, 2 bad usage, 3 no connection or it broke.
)";
}

} // namespace scstd::bench
