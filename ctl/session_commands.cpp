// SPDX-License-Identifier: Apache-2.0
// session_commands: session list and close. See commands.hpp.
#include "commands.hpp"
#include "output.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>

#include <memory>

namespace scstctl {

using nlohmann::json;

namespace {

struct arguments {
    std::string driver;
    std::string target;
    std::string session;
};

std::uint64_t count(const json &session, const char *name) {
    const auto &counters = session.at("counters");
    const auto found = counters.find(name);
    return found != counters.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
}

std::string transferred(const json &session, const std::string &direction) {
    return std::to_string(count(session, (direction + "_cmd_count").c_str())) + " (" +
           size_text(count(session, (direction + "_io_count_kb").c_str()) * 1024) + ")";
}

std::string peers(const json &session) {
    std::string text;
    for (const auto &each : session.at("connections"))
        text += (text.empty() ? "" : ", ") + text_at(each, "ip", text_at(each, "name").c_str());
    return text.empty() ? "-" : text;
}

std::string list_text(const json &answer) {
    table rows{{"SESSION", "TARGET", "GROUP", "LUNS", "FROM", "ACTIVE", "READS", "WRITES", "OTHER"}};
    std::string details;
    for (const auto &each : answer.at("sessions")) {
        rows.row({text_at(each, "name"), text_at(each, "target"), text_at(each, "group"), text_at(each, "luns"),
                  peers(each), text_at(each, "commands"), transferred(each, "read"), transferred(each, "write"),
                  std::to_string(count(each, "none_cmd_count"))});
        std::string values;
        for (const auto &[name, value] : each.at("negotiated").items())
            values += (values.empty() ? "" : ", ") + name + '=' + text_of(value);
        details += '\n' + text_at(each, "name") + "\n  initiator   " + text_at(each, "initiator") + "\n  negotiated  " +
                   (values.empty() ? "-" : values) + '\n';
    }
    return rows.text() + details;
}

void close_session(client &daemon, const arguments &given) {
    write_file(daemon,
               "targets/" + checked(given.driver.empty() ? "iscsi" : given.driver) + '/' + checked(given.target) +
                   "/sessions/" + checked(given.session) + "/force_close",
               "1\n");
}

} // namespace

void add_session_commands(CLI::App &app, context &ctx) {
    auto *const session = app.add_subcommand("session", "Sessions: initiators that are logged in");
    session->require_subcommand(1);
    const auto given = std::make_shared<arguments>();
    auto *const list = session->add_subcommand("list", "List sessions with negotiated values and counters");
    list->add_option("TARGET", given->target, "Only those of this target");
    list->add_option("--driver", given->driver, "Only those of this target driver");
    list->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            ctx.print(daemon.call("session.list", {{"driver", given->driver}, {"target", given->target}}), list_text);
        };
    });
    auto *const close = session->add_subcommand("close", "Close a session; its initiator may log in again");
    close->add_option("TARGET", given->target, "Name of the target")->required();
    close->add_option("SESSION", given->session, "Name of the session, as list shows it")->required();
    close->add_option("--driver", given->driver, "Target driver (default: iscsi)");
    close->callback([&ctx, given] {
        ctx.chosen = [&ctx, given](client &daemon) {
            close_session(daemon, *given);
            ctx.done(json::object());
        };
    });
}

} // namespace scstctl
