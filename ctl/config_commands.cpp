// SPDX-License-Identifier: Apache-2.0
// config_commands: config check, apply, diff, save. Files are read and written here, by the user who calls: the daemon
// gets and gives text. See commands.hpp.
#include "commands.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

namespace scstctl {

using nlohmann::json;

namespace {

struct arguments {
    std::string file = "/etc/scst.conf";
    bool force = false;
};

std::string read_file(const std::string &path) {
    struct stat state {};
    if (::stat(path.c_str(), &state) == 0 && S_ISDIR(state.st_mode))
        throw usage_error{path + " is a folder"};
    std::ifstream file{path, std::ios::binary};
    if (!file)
        throw usage_error{path + " can't be read: " + std::strerror(errno)};
    return {std::istreambuf_iterator<char>{file}, {}};
}

[[noreturn]] void write_failed(const std::string &path) {
    throw usage_error{path + " can't be written: " + std::strerror(errno)};
}

// It may hold secrets: nobody else reads it, and a failure leaves the old file as it was.
void replace_file(const std::string &path, const std::string &text) {
    const std::string temporary = path + ".new";
    ::unlink(temporary.c_str());
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        write_failed(temporary);
    bool good = true;
    for (std::size_t done = 0; good && done < text.size();) {
        const auto written = ::write(fd, text.data() + done, text.size() - done);
        good = written > 0 || errno == EINTR;
        done += static_cast<std::size_t>(written > 0 ? written : 0);
    }
    good = good && ::fsync(fd) == 0;
    ::close(fd);
    if (good && ::rename(temporary.c_str(), path.c_str()) == 0)
        return;
    const int why = errno;
    ::unlink(temporary.c_str());
    errno = why;
    write_failed(path);
}

std::string lines(const json &list, const char *prefix) {
    std::string text;
    for (const auto &each : list)
        text += prefix + text_of(each) + '\n';
    return text;
}

std::string outcome_text(const json &answer) {
    return lines(answer.at("warnings"), "warning: ") + lines(answer.at("changes"), "") +
           lines(answer.at("kept"), "kept (--force changes it): ") +
           (answer.at("changes").empty() ? "no changes\n" : "");
}

void add_for_file(CLI::App &config, context &ctx, const std::shared_ptr<arguments> &given, const char *name,
                  const char *help, bool force) {
    auto *const made = config.add_subcommand(name, help);
    made->add_option("FILE", given->file, "A file in the format of scst.conf")->capture_default_str();
    if (force)
        made->add_flag("--force", given->force, "Also remove what the file does not name");
    made->callback([&ctx, given, method = std::string{"config."} + name, checking = !force] {
        ctx.chosen = [&ctx, given, method, checking](client &daemon) {
            const auto answer =
                daemon.call(method, {{"text", read_file(given->file)}, {"name", given->file}, {"force", given->force}});
            ctx.print(answer, [&](const json &of) {
                return checking ? lines(of.at("warnings"), "warning: ") + given->file + ": no errors\n"
                                : outcome_text(of);
            });
        };
    });
}

} // namespace

void add_config_commands(CLI::App &app, context &ctx) {
    auto *const config = app.add_subcommand("config", "The configuration as a file (scst.conf)");
    config->require_subcommand(1);
    const auto given = std::make_shared<arguments>();
    add_for_file(*config, ctx, given, "check", "Look for errors in a file; changes nothing", false);
    add_for_file(*config, ctx, given, "diff", "Show what apply would do", true);
    add_for_file(*config, ctx, given, "apply", "Make the daemon what a file says; what is the same is not touched",
                 true);
    const auto to = std::make_shared<std::string>();
    auto *const save = config->add_subcommand("save", "Write the present configuration");
    save->add_option("FILE", *to, "Where to; without it to standard output");
    save->callback([&ctx, to] {
        ctx.chosen = [&ctx, to](client &daemon) {
            const auto answer = daemon.call("config.save", json::object());
            if (to->empty())
                ctx.print(answer, [](const json &of) { return of.at("text").get<std::string>(); });
            else
                replace_file(*to, answer.at("text").get<std::string>());
        };
    });
}

} // namespace scstctl
