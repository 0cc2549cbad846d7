// SPDX-License-Identifier: Apache-2.0
// configuration: see configuration.hpp.
#include "mgmt/scst_conf/configuration.hpp"

#include "mgmt/scst_conf/check.hpp"
#include "mgmt/scst_conf/plan.hpp"

#include <cerrno>

namespace scstd::mgmt::scst_conf {

namespace {

std::string joined(const std::vector<diagnostic> &found, std::string_view name) {
    std::string text;
    for (const auto &each : found)
        text += (text.empty() ? "" : "\n") + format(each, name);
    return text;
}

} // namespace

result<model> configuration::read(std::string_view text, std::string_view name, outcome &into) {
    std::vector<diagnostic> errors;
    std::vector<diagnostic> warnings;
    const auto statements = parse(text, errors);
    auto file = build(statements, errors);
    // Of a text that is broken, what it names would only be errors that follow from it.
    if (errors.empty())
        scst_conf::check(file, tree_.registry(), errors, warnings);
    if (!errors.empty())
        return fail(EINVAL, "{}", joined(errors, name));
    for (const auto &each : warnings)
        into.warnings.push_back(format(each, name));
    return file;
}

result<outcome> configuration::check(std::string_view text, std::string_view name) {
    outcome found;
    auto file = read(text, name, found);
    if (!file)
        return file.error();
    return found;
}

result<outcome> configuration::plan_and_run(std::string_view text, std::string_view name, bool force, bool run) {
    outcome found;
    auto file = read(text, name, found);
    if (!file)
        return file.error();
    auto planned = make_plan(file.value(), tree_, force);
    if (!planned.errors.empty())
        return fail(EEXIST, "{}", joined(planned.errors, name));
    if (run)
        if (auto done = carry_out(planned, tree_, name); !done)
            return done.error();
    for (auto &each : planned.changes)
        found.changes.push_back(std::move(each.what));
    found.kept = std::move(planned.kept);
    return found;
}

result<outcome> configuration::diff(std::string_view text, std::string_view name, bool force) {
    return plan_and_run(text, name, force, false);
}

result<outcome> configuration::apply(std::string_view text, std::string_view name, bool force) {
    return plan_and_run(text, name, force, true);
}

} // namespace scstd::mgmt::scst_conf
