// SPDX-License-Identifier: Apache-2.0
// helpers: what the subcommands share. See commands.hpp.
#include "commands.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace scstctl {

using nlohmann::json;

void context::print(const json &answer, const std::function<std::string(const json &)> &text) const {
    const std::string shown =
        as_json ? answer.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n' : text(answer);
    std::fputs(shown.c_str(), stdout);
}

void context::done(const nlohmann::json &answer) const {
    if (as_json)
        std::fputs((answer.dump(2) + '\n').c_str(), stdout);
}

assignments parse_assignments(const std::vector<std::string> &words) {
    assignments found;
    for (const auto &word : words) {
        const auto equals = word.find('=');
        if (equals == 0)
            throw usage_error{"'" + word + "' is not of the form NAME=VALUE"};
        if (equals == std::string::npos)
            found.emplace_back(word, "1");
        else
            found.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
    return found;
}

void write_file(client &daemon, const std::string &path, const std::string &text) {
    daemon.call("tree.write", {{"path", path}, {"text", text}});
}

void set_attributes(client &daemon, const std::string &path, const assignments &wanted) {
    for (const auto &[name, value] : wanted)
        write_file(daemon, path + '/' + checked(name), value + '\n');
}

std::string with_parameters(std::string command, const assignments &given) {
    for (const auto &[name, value] : given) {
        // The daemon reads words: a blank would end the value and be understood as something else.
        if (value.find_first_of(" \t\n;=") != std::string::npos)
            throw usage_error{name + ": a value that is given to a new object can't hold blanks, ';' or '='"};
        command += ' ' + name + '=' + value + ';';
    }
    return command;
}

std::string checked(const std::string &name) {
    if (name.empty() || name == "." || name == ".." || name.find_first_of("/ \t\n;=") != std::string::npos)
        throw usage_error{"'" + name + "' can't be a name: no blanks, '/', ';' or '='"};
    return name;
}

std::string text_of(const json &value) {
    if (value.is_string())
        return value.get<std::string>();
    if (value.is_boolean())
        return value.get<bool>() ? "yes" : "no";
    return value.is_null() ? std::string{} : value.dump();
}

std::string text_at(const json &object, const char *name, const char *otherwise) {
    const auto found = object.find(name);
    if (found == object.end())
        return otherwise;
    auto text = text_of(*found);
    return text.empty() ? otherwise : text;
}

} // namespace scstctl
