// SPDX-License-Identifier: Apache-2.0
// scstd: a SCSI target daemon. Read this first: what starts when, and what ends when.
//
// Start: settings, log, state folder, core (threads), plugins, scst.conf, control socket, "ready". Each step that fails
// ends the daemon in the reverse order, with one message and exit status 1 (2 for wrong usage). Everything that is
// configured happens on the management thread; this one waits for signals. docs/architecture.md has the map.
#include "config/settings.hpp"
#include "core/core.hpp"
#include "log/log.hpp"
#include "mgmt/control_methods.hpp"
#include "mgmt/control_socket.hpp"
#include "mgmt/trace_level.hpp"
#include "mgmt/tree.hpp"
#include "plugin/loader.hpp"
#include "service/notify.hpp"
#include "service/state_folder.hpp"

#include <CLI/CLI.hpp>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace scstd;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

struct command_line_options {
    std::string config_file;
    std::string scst_file;
    std::vector<std::string> overrides;
    bool config_file_given = false;
    bool scst_file_given = false;
};

// Everything that lives between start and stop; members end in the reverse order.
class daemon_process {
  public:
    daemon_process(config::settings settings, command_line_options options)
        : settings_{std::move(settings)}, options_{std::move(options)} {}
    daemon_process(const daemon_process &) = delete;
    daemon_process &operator=(const daemon_process &) = delete;
    ~daemon_process() { stop(); }

    result<> start();
    void stop();
    // Returns when a signal asks for the end.
    void serve();

  private:
    result<> start_core();
    result<> load_plugins();
    result<> load_scst_conf();
    result<> open_control();
    result<> write_pid_file();
    void reopen_logs();
    void suspend_logins(bool suspend);

    const config::settings settings_;
    const command_line_options options_;
    std::optional<service::state_folder> state_;
    std::unique_ptr<core> core_;
    std::unique_ptr<mgmt::tree> tree_;
    std::unique_ptr<plugin::loader> plugins_;
    std::unique_ptr<mgmt::control_methods> methods_;
    std::unique_ptr<mgmt::control_socket> control_;
    std::string pid_file_; // written by us
    bool core_runs_ = false;
};

sigset_t handled_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2})
        sigaddset(&set, number);
    return set;
}

// A second signal ends the process at once, wherever the stop may hang. One that comes with the first does not count:
// timeout(1), for one, tells the process and then its group.
std::atomic<std::uint64_t> first_signal_ms{0};

void second_signal(int) {
    constexpr std::uint64_t together_ms = 500;
    if (threads::now_ms() - first_signal_ms < together_ms)
        return;
    constexpr std::string_view message = "scstd: second signal: ended without finishing\n";
    static_cast<void>(!::write(STDERR_FILENO, message.data(), message.size()));
    ::_exit(exit_failed);
}

void let_second_signal_end() {
    first_signal_ms = threads::now_ms();
    struct sigaction action {};
    action.sa_handler = second_signal;
    action.sa_flags = SA_RESTART;
    sigset_t ending;
    sigemptyset(&ending);
    for (const int number : {SIGINT, SIGTERM}) {
        ::sigaction(number, &action, nullptr);
        sigaddset(&ending, number);
    }
    pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
}

// An error of a configuration has a line for each thing that is wrong.
void log_lines(std::string_view text) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        log::error("scstd", "{}", text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

std::uint64_t mebibytes(const config::settings &settings, std::string_view key) {
    return static_cast<std::uint64_t>(settings.integer(key)) << 20;
}

result<> daemon_process::start() {
    auto folder = service::state_folder::open(settings_.text("state_dir"));
    if (!folder)
        return folder.error();
    state_.emplace(folder.take());
    for (auto step : {&daemon_process::write_pid_file, &daemon_process::start_core, &daemon_process::load_plugins,
                      &daemon_process::load_scst_conf, &daemon_process::open_control})
        if (auto done = (this->*step)(); !done)
            return done;
    log::info("scstd", "ready");
    service::notify("READY=1");
    return ok();
}

result<> daemon_process::write_pid_file() {
    const auto &path = settings_.text("pid_file");
    if (path.empty())
        return ok();
    std::ofstream file{path, std::ios::trunc};
    file << ::getpid() << '\n';
    file.close();
    if (!file)
        return fail(EIO, "pid_file {} can't be written: {}", path, std::strerror(errno));
    pid_file_ = path;
    return ok();
}

result<> daemon_process::start_core() {
    core_options wanted;
    wanted.reactors = static_cast<unsigned>(settings_.integer("reactors"));
    wanted.state_dir = settings_.text("state_dir");
    wanted.max_command_memory = mebibytes(settings_, "max_cmd_mem");
    wanted.max_device_memory = mebibytes(settings_, "max_dev_cmd_mem");
    wanted.settings = settings_.of_plugins();
    core_ = std::make_unique<core>(std::move(wanted));
    if (auto started = core_->start(); !started)
        return started;
    core_runs_ = true;
    tree_ = std::make_unique<mgmt::tree>(*core_);
    plugins_ = std::make_unique<plugin::loader>(*core_, settings_.text("plugin_dir"));
    methods_ = std::make_unique<mgmt::control_methods>(*tree_, plugins_.get());
    return ok();
}

// A plugin that is refused is told and left out: what needs it says so later. Nobody asked for those of the default by
// name, so of these only what is installed is tried.
result<> daemon_process::load_plugins() {
    const bool asked = settings_.given("plugins");
    return core_->management().call([&]() -> result<> {
        for (const auto &name : settings_.list("plugins")) {
            std::error_code ignored;
            if (!asked && !std::filesystem::exists(plugins_->directory() / (name + ".so"), ignored))
                continue;
            if (auto loaded = plugins_->load(name); !loaded)
                log::error("plugin", "{}", loaded.error().message);
        }
        return ok();
    });
}

result<std::string> file_text(const std::string &path) {
    std::ifstream file{path, std::ios::binary};
    std::ostringstream text;
    if (file)
        text << file.rdbuf();
    // rdbuf() of an empty file sets failbit on `text`, not on `file`; a folder opens and can't be read.
    std::error_code ignored;
    if (!file || std::filesystem::is_directory(path, ignored))
        return fail(file ? EISDIR : ENOENT, "{} can't be read: {}", path, std::strerror(file ? EISDIR : errno));
    return text.str();
}

result<> daemon_process::load_scst_conf() {
    std::error_code ignored;
    if (!options_.scst_file_given && !std::filesystem::exists(options_.scst_file, ignored)) {
        log::info("config", "there is no {}: nothing is configured", options_.scst_file);
        return ok();
    }
    auto text = file_text(options_.scst_file);
    if (!text)
        return text.error();
    auto applied =
        core_->management().call([&] { return methods_->config().apply(text.value(), options_.scst_file, false); });
    if (!applied)
        return applied.error();
    for (const auto &warning : applied.value().warnings)
        log::warning("config", "{}", warning);
    log::info("config", "{} loaded: {} devices", options_.scst_file,
              core_->management().call([&] { return core_->devices.size(); }));
    return ok();
}

result<> daemon_process::open_control() {
    control_ = std::make_unique<mgmt::control_socket>(core_->management(), *methods_);
    return core_->management().call([&] { return control_->open(settings_.text("socket")); });
}

void daemon_process::stop() {
    if (core_runs_) {
        service::notify("STOPPING=1");
        core_->management().call([this] { control_.reset(); });
        core_->close_everything();
        core_->management().call([this] { plugins_->unload_all(); });
        core_->stop();
        core_runs_ = false;
        methods_.reset();
        plugins_.reset();
        tree_.reset();
    }
    core_.reset();
    if (!pid_file_.empty())
        ::unlink(pid_file_.c_str());
    pid_file_.clear();
    state_.reset();
}

void daemon_process::reopen_logs() {
    if (auto done = log::reopen(); !done)
        log::error("scstd", "{}", done.error().message);
    else
        log::info("scstd", "log opened anew");
}

// SCST's iscsi-scstd takes the same signals: new logins wait or are accepted again, sessions go on.
void daemon_process::suspend_logins(bool suspend) {
    core_->management().call([&] {
        bool any = false;
        for (const auto &[name, driver] : core_->drivers) {
            const auto path = "targets/" + name + "/suspend_logins";
            if (!tree_->exists(path))
                continue;
            any = true;
            if (auto done = tree_->write(path, suspend ? "1\n" : "0\n"); !done)
                log::error("scstd", "{}", done.error().message);
        }
        if (!any)
            log::warning("scstd", "no target driver can suspend logins");
        else
            log::info("scstd", "new logins are {}", suspend ? "suspended" : "accepted again");
    });
}

void daemon_process::serve() {
    const auto signals = handled_signals();
    for (;;) {
        const int number = ::sigwaitinfo(&signals, nullptr);
        switch (number) {
        case SIGHUP:
            reopen_logs();
            break;
        case SIGUSR1:
        case SIGUSR2:
            suspend_logins(number == SIGUSR1);
            break;
        case SIGINT:
        case SIGTERM: {
            log::info("scstd", "{}: stopping", number == SIGINT ? "SIGINT" : "SIGTERM");
            let_second_signal_end();
            return;
        }
        default:
            break; // EINTR
        }
    }
}

result<> open_log(const config::settings &settings) {
    log::options sinks;
    sinks.to_stderr = settings.boolean("log.stderr");
    sinks.stderr_time = settings.boolean("log.timestamps") && std::getenv("JOURNAL_STREAM") == nullptr;
    sinks.file = settings.text("log.file");
    sinks.syslog_ident = settings.boolean("log.syslog") ? "scstd" : "";
    if (auto opened = log::open(sinks); !opened)
        return opened;
    auto level = log::parse_level(settings.text("log.level"));
    if (!level)
        return level.error();
    log::set_level(level.value());
    mgmt::set_default_trace_level(settings.text("log.level"));
    return ok();
}

int run(command_line_options options) {
    const auto defaults = config::default_places();
    if (!options.config_file_given)
        options.config_file = std::filesystem::exists(defaults.config_file) ? defaults.config_file : "";
    if (!options.scst_file_given)
        options.scst_file = defaults.scst_file;
    auto settings = config::read(options.config_file, options.overrides, defaults);
    if (!settings) {
        std::fprintf(stderr, "scstd: %s\n", settings.error().message.c_str());
        return exit_failed;
    }
    if (auto opened = open_log(settings.value()); !opened) {
        std::fprintf(stderr, "scstd: %s\n", opened.error().message.c_str());
        return exit_failed;
    }
    // Blocked before the first thread starts, so that all of them leave the signals to this one.
    const auto signals = handled_signals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);

    log::info("scstd", "version {} starts, pid {}", core::api().version, ::getpid());
    int status = 0;
    {
        daemon_process process{settings.take(), std::move(options)};
        if (auto started = process.start(); started) {
            process.serve();
        } else {
            log_lines(started.error().message);
            status = exit_failed;
        }
        process.stop();
    }
    log::info("scstd", "stopped");
    log::close();
    return status;
}

} // namespace

int main(int argc, char **argv) {
    command_line_options options;
    bool help_config = false;
    CLI::App app{"scstd: a SCSI target daemon (SCST in user space)", "scstd"};
    auto *const config = app.add_option("-c,--config", options.config_file, "Settings of the daemon (scstd.conf)");
    auto *const scst = app.add_option("-f,--scst-conf", options.scst_file, "Devices and targets (scst.conf)");
    app.add_option("-o,--option", options.overrides, "KEY=VALUE: a setting that wins over the file; may be repeated")
        ->allow_extra_args(false);
    app.add_flag("--help-config", help_config, "List all settings and exit");
    app.set_version_flag("-V,--version", std::string{"scstd "} + core::api().version);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &ended) {
        return app.exit(ended) == 0 ? 0 : exit_usage;
    }
    if (help_config) {
        std::fputs(config::help_text(config::default_places()).c_str(), stdout);
        return 0;
    }
    options.config_file_given = config->count() != 0;
    options.scst_file_given = scst->count() != 0;
    return run(std::move(options));
}
