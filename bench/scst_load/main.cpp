// SPDX-License-Identifier: Apache-2.0
// scst-load: a load generator that speaks iSCSI by itself, so cheaply that it measures the target and not itself.
// See bench/README.md and --help.
#include "options.hpp"
#include "report.hpp"
#include "worker.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>

namespace scstd::bench {
namespace {

constexpr int exit_good = 0;
constexpr int exit_errors = 1;
constexpr int exit_usage = 2;
constexpr int exit_broken = 3;

// Runs one worker; a failure is kept as text and ends the others.
void run_worker(worker &w, std::barrier<> &start_line, std::string &failure) {
    try {
        w.run(start_line);
    } catch (const std::exception &error) {
        failure = error.what();
        worker::cancel_all();
        start_line.arrive_and_drop();
    }
}

// The first worker runs here, so that one worker needs no second thread.
std::string run_all(std::vector<std::unique_ptr<worker>> &workers) {
    std::barrier start_line{static_cast<std::ptrdiff_t>(workers.size())};
    std::vector<std::string> failures(workers.size());
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 1; i < workers.size(); ++i)
            threads.emplace_back([&, i] { run_worker(*workers[i], start_line, failures[i]); });
        run_worker(*workers.front(), start_line, failures.front());
    }
    for (const auto &failure : failures)
        if (!failure.empty() && failure != "cancelled")
            return failure;
    return {};
}

load_results gather(const std::vector<std::unique_ptr<worker>> &workers) {
    load_results results;
    for (const auto &w : workers) {
        const auto &window = w->window();
        results.counts.merge(w->counts());
        results.seconds = std::max(results.seconds, static_cast<double>(window.closed - window.opened) / 1e9);
        results.own_cpu_ns += window.own_cpu_ns;
        results.own_wait_ns = std::max(results.own_wait_ns, window.own.wait_ns);
    }
    results.target = workers.front()->window().target;
    return results;
}

int run_load(const load_options &options) {
    std::vector<std::unique_ptr<worker>> workers;
    for (unsigned i = 0; i < options.threads; ++i) {
        const unsigned first = options.sessions * i / options.threads;
        const unsigned next = options.sessions * (i + 1) / options.threads;
        workers.push_back(std::make_unique<worker>(options, first, next - first));
        workers.back()->connect();
    }
    const std::string failure = run_all(workers);
    if (!failure.empty()) {
        std::fprintf(stderr, "scst-load: %s\n", failure.c_str());
        return exit_broken;
    }
    const auto results = gather(workers);
    const auto text = options.json ? report_json(options, results) : report_text(options, results);
    std::fputs(text.c_str(), stdout);
    return results.counts.errors + results.counts.verify_errors == 0 ? exit_good : exit_errors;
}

} // namespace
} // namespace scstd::bench

int main(int argc, char **argv) {
    using namespace scstd::bench;
    load_options options;
    std::string error;
    switch (parse_options({argv + 1, static_cast<std::size_t>(argc - 1)}, options, error)) {
    case options_result::help:
        std::fputs(load_usage(), stdout);
        return exit_good;
    case options_result::bad:
        std::fprintf(stderr, "scst-load: %s\nTry scst-load --help.\n", error.c_str());
        return exit_usage;
    case options_result::run:
        break;
    }
    try {
        return run_load(options);
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "scst-load: %s\n", failure.what());
        return exit_broken;
    }
}
