// SPDX-License-Identifier: Apache-2.0
// scstctl: controls a running scstd over its control socket. Exit status: 0 done, 1 refused by the daemon, 2 wrong
// usage, 3 daemon not reachable.
#include "client.hpp"
#include "commands.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <exception>
#include <string>

namespace {

constexpr int exit_refused = 1;
constexpr int exit_usage = 2;
constexpr int exit_unreachable = 3;

int report(bool as_json, const char *name, const char *message, int status) {
    if (as_json) {
        const nlohmann::json error{{"error", {{"name", name}, {"message", message}}}};
        std::fputs((error.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n').c_str(), stdout);
    } else {
        std::fprintf(stderr, "scstctl: %s\n", message);
    }
    return status;
}

int run(const scstctl::context &ctx) {
    try {
        scstctl::client daemon{ctx.socket};
        ctx.chosen(daemon);
        return std::fflush(stdout) == 0 ? 0
                                        : report(ctx.as_json, "EIO", "the output could not be written", exit_refused);
    } catch (const scstctl::refused &error) {
        return report(ctx.as_json, error.name().c_str(), error.what(), exit_refused);
    } catch (const scstctl::usage_error &error) {
        return report(ctx.as_json, "EINVAL", error.what(), exit_usage);
    } catch (const scstctl::unreachable &error) {
        return report(ctx.as_json, "ENOTCONN", error.what(), exit_unreachable);
    } catch (const nlohmann::json::exception &error) {
        return report(ctx.as_json, "EBADMSG",
                      (std::string{"an answer that can't be understood: "} + error.what()).c_str(), exit_unreachable);
    }
}

} // namespace

int main(int argc, char **argv) {
    scstctl::context ctx;
    ctx.socket = scstctl::default_socket();
    CLI::App app{"Control scstd, the SCSI target daemon", "scstctl"};
    app.require_subcommand(1);
    app.fallthrough();
    app.add_option("--socket", ctx.socket, "Control socket of the daemon (SCST_SOCKET)")->capture_default_str();
    app.add_flag("--json", ctx.as_json, "Print answers as JSON");
    app.set_version_flag("-V,--version", std::string{"scstctl "} + SCSTCTL_VERSION);
    scstctl::add_daemon_commands(app, ctx);
    scstctl::add_device_commands(app, ctx);
    scstctl::add_target_commands(app, ctx);
    scstctl::add_session_commands(app, ctx);
    scstctl::add_alua_commands(app, ctx);
    scstctl::add_tree_commands(app, ctx);
    scstctl::add_config_commands(app, ctx);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &ended) {
        return app.exit(ended) == 0 ? 0 : exit_usage;
    }
    return run(ctx);
}
