// SPDX-License-Identifier: Apache-2.0
// options: the command line of scst-load, checked. Read once at start, constant afterwards.
#pragma once

#include "net.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <sys/types.h>

namespace scstd::bench {

struct load_options {
    portal_address portal{.host = "127.0.0.1"};
    std::string target;
    std::string initiator = "iqn.2026-11.org.scstd:load";
    std::uint32_t lun = 0;
    unsigned sessions = 1;
    unsigned threads = 1;
    unsigned queue_depth = 32;
    std::uint32_t block_size = 512;
    unsigned read_percent = 100;
    bool random = true;
    double duration = 5.0; // seconds; ignored when there is a count
    std::uint64_t count = 0;
    double warmup = 0.0;
    std::uint64_t size = 0; // bytes of the area that is used; 0: the whole LUN, with verify at most 1 GiB
    std::uint64_t seed = 1;
    bool verify = false;
    bool header_digest = false;
    bool data_digest = false;
    bool raw = false;
    bool json = false;
    bool poll = false;
    int cpu = -1;
    pid_t watch_pid = 0;
    double timeout = 30.0; // seconds without any answer after which the target counts as hung
    std::uint32_t max_recv_segment = 262144;
    std::uint32_t max_burst = 1048576;
    std::uint32_t first_burst = 262144;
    std::uint32_t max_outstanding_r2t = 32;
};

enum class options_result { run, help, bad };

// On options_result::bad, `error` says which option is wrong and why.
[[nodiscard]] options_result parse_options(std::span<char *const> arguments, load_options &options, std::string &error);

[[nodiscard]] const char *load_usage() noexcept;

} // namespace scstd::bench
