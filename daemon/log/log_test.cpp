// SPDX-License-Identifier: Apache-2.0
// Tests of the log: what a line looks like, levels, escaping, reopening, the rate limiter.
#include "log/log.hpp"

#include <doctest/doctest.h>

#include <stdlib.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace log = scstd::log;
namespace fs = std::filesystem;

namespace {

// A log that goes to a file of its own for the time of a test.
class log_file {
  public:
    log_file() {
        std::string pattern = (fs::temp_directory_path() / "scstd-log-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        folder_ = pattern;
        log::options sinks;
        sinks.to_stderr = false;
        sinks.file = path().string();
        const scstd::result<> opened = log::open(sinks);
        REQUIRE(opened);
    }
    log_file(const log_file &) = delete;
    log_file &operator=(const log_file &) = delete;
    ~log_file() {
        log::close();
        log::set_level(log::level::info);
        log::clear_component_levels();
        fs::remove_all(folder_);
    }

    [[nodiscard]] fs::path path() const { return folder_ / "log"; }
    // The lines without their time stamps.
    [[nodiscard]] std::vector<std::string> lines() const {
        std::vector<std::string> found;
        std::ifstream file{path()};
        for (std::string line; std::getline(file, line);)
            found.push_back(line.substr(std::min<std::size_t>(line.size(), 27)));
        return found;
    }

  private:
    fs::path folder_;
};

using strings = std::vector<std::string>;

} // namespace

TEST_CASE("a line has date, time with microseconds, level, component and text") {
    const log_file file;
    log::info("iscsi", "{} sessions", 3);
    std::ifstream text{file.path()};
    std::string line;
    REQUIRE(std::getline(text, line));
    std::string shape = line.substr(0, 27);
    std::replace_if(
        shape.begin(), shape.end(), [](unsigned char c) { return std::isdigit(c) != 0; }, '9');
    CHECK(shape == "9999-99-99 99:99:99.999999 ");
    CHECK(line.substr(27) == "[info] iscsi: 3 sessions");
}

TEST_CASE("lines below the level are not written") {
    const log_file file;
    log::set_level(log::level::warning);
    CHECK_FALSE(log::enabled(log::level::info));
    CHECK(log::enabled(log::level::warning));
    log::info("core", "no");
    log::warning("core", "yes");
    log::error("core", "also");
    log::set_level(log::level::off);
    log::error("core", "no");
    CHECK(file.lines() == strings{"[warning] core: yes", "[error] core: also"});
}

TEST_CASE("a component can have a level of its own, the longest name wins") {
    const log_file file;
    log::set_component_level("dev", log::level::debug);
    log::set_component_level("dev.disk1", log::level::error);
    log::debug("dev", "1");
    log::debug("dev.disk2", "2");
    log::info("dev.disk1", "3");
    log::error("dev.disk1", "4");
    log::debug("device", "5");
    log::debug("core", "6");
    CHECK(file.lines() == strings{"[debug] dev: 1", "[debug] dev.disk2: 2", "[error] dev.disk1: 4"});
    log::clear_component_levels();
    CHECK_FALSE(log::enabled(log::level::debug, "dev"));
    CHECK(log::enabled(log::level::info, "dev.disk1"));
}

TEST_CASE("control characters from a peer cannot make a second line or move the cursor") {
    CHECK(log::escape("plain \"text\" äöü 日本") == "plain \"text\" äöü 日本");
    CHECK(log::escape("a\nb\r\x1b[2J\x7f") == "a\\x0ab\\x0d\\x1b[2J\\x7f");
    CHECK(log::escape(std::string_view{"\0\t", 2}) == "\\x00\\x09");
    CHECK(log::escape("\xc2\x9b") == "\\xc2\\x9b");
    CHECK(log::escape("\xc2") == "\xc2");
    const log_file file;
    log::write(log::level::info, "iscsi\n", "name\n2026-01-01 [error] core: fake");
    CHECK(file.lines() == strings{"[info] iscsi\\x0a: name\\x0a2026-01-01 [error] core: fake"});
}

TEST_CASE("reopening writes to a new file when the old one was moved away") {
    const log_file file;
    log::info("core", "old");
    const fs::path moved = file.path().string() + ".1";
    fs::rename(file.path(), moved);
    const scstd::result<> reopened = log::reopen();
    REQUIRE(reopened);
    log::info("core", "new");
    CHECK(file.lines() == strings{"[info] core: new"});
    CHECK(fs::file_size(moved) > 0);
}

TEST_CASE("a file that cannot be opened is an error and changes nothing") {
    const log_file file;
    log::options sinks;
    sinks.file = "/nonexistent/folder/log";
    const scstd::result<> opened = log::open(sinks);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ENOENT);
    CHECK(opened.error().message.find("/nonexistent/folder/log") != std::string::npos);
    log::info("core", "still here");
    CHECK(file.lines() == strings{"[info] core: still here"});
}

TEST_CASE("many threads write whole lines") {
    const log_file file;
    std::vector<std::thread> writers;
    for (int i = 0; i < 4; i++) {
        writers.emplace_back([i] {
            for (int n = 0; n < 200; n++)
                log::info("core", "thread {} line {} {}", i, n, std::string(100, 'x'));
        });
    }
    for (int n = 0; n < 20; n++) {
        log::set_level(n % 2 == 0 ? log::level::debug : log::level::info);
        const scstd::result<> reopened = log::reopen();
        CHECK(reopened);
    }
    for (std::thread &each : writers)
        each.join();
    const strings lines = file.lines();
    CHECK(lines.size() == 800);
    CHECK(std::all_of(lines.begin(), lines.end(), [](const std::string &line) {
        return line.starts_with("[info] core: thread ") && line.ends_with(" " + std::string(100, 'x'));
    }));
}

TEST_CASE("level names are parsed, others are refused") {
    for (const char *name : {"trace", "debug", "info", "warning", "error", "off"}) {
        const scstd::result<log::level> parsed = log::parse_level(name);
        REQUIRE(parsed);
        CHECK(log::name_of(parsed.value()) == name);
    }
    const scstd::result<log::level> parsed = log::parse_level("Info");
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == EINVAL);
}

TEST_CASE("the rate limiter lets some lines pass and tells how many it swallowed") {
    const log_file file;
    log::rate_limiter limiter{2, 1000};
    for (const unsigned now : {5000U, 5001U, 5002U, 5003U, 5999U, 6000U, 6001U, 6002U, 9000U})
        limiter.write_at(now, log::level::warning, "iscsi", fmt::format("at {}", now));
    CHECK(file.lines() == strings{"[warning] iscsi: at 5000", "[warning] iscsi: at 5001",
                                  "[warning] iscsi: suppressed 3 lines like the next one", "[warning] iscsi: at 6000",
                                  "[warning] iscsi: at 6001", "[warning] iscsi: suppressed 1 lines like the next one",
                                  "[warning] iscsi: at 9000"});
}

TEST_CASE("the rate limiter counts for all threads together") {
    log::rate_limiter limiter{10, 1000};
    std::atomic<int> passed{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&] {
            for (int n = 0; n < 50; n++)
                passed += limiter.admit(77).pass ? 1 : 0;
        });
    }
    for (std::thread &each : threads)
        each.join();
    CHECK(passed == 10);
    CHECK(limiter.admit(1077).suppressed == 190);
}
