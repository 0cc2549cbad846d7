// SPDX-License-Identifier: Apache-2.0
// model: from statements to objects. See model.hpp.
#include "mgmt/scst_conf/model.hpp"

#include <scst/types.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace scstd::mgmt::scst_conf {

namespace {

constexpr std::string_view keywords[] = {"HANDLER",   "DEVICE", "TARGET_DRIVER", "TARGET",       "HW_TARGET",   "LUN",
                                         "INITIATOR", "GROUP",  "ALUA",          "DEVICE_GROUP", "TARGET_GROUP"};

class builder {
  public:
    explicit builder(std::vector<diagnostic> &errors) : errors_{errors} {}

    model run(const std::vector<statement> &statements);

  private:
    void error(position at, std::string text) {
        if (errors_.size() < max_errors)
            errors_.push_back({at, std::move(text)});
    }
    bool names_object(const statement &found);
    void attribute_of(attributes &attrs, const statement &found, std::string_view place);
    template <class Object>
    Object *named(std::vector<Object> &objects, const statement &found);
    void handler_block(handler &into, const statement &found);
    void driver_block(driver &into, const statement &found);
    void target_block(target &into, const statement &found);
    void group_block(group &into, const statement &found);
    void device_group_block(device_group &into, const statement &found);
    void target_group_block(target_group &into, const statement &found);
    void lun_statement(std::vector<lun> &luns, const statement &found);
    void initiator_statement(group &into, const statement &found);
    void only_attributes(attributes &attrs, const statement &found, std::string_view place);

    std::vector<diagnostic> &errors_;
};

// KEYWORD NAME, with or without a block.
bool builder::names_object(const statement &found) {
    const auto &keyword = found.words[0].text;
    if (found.words.size() < 2 || found.words[1].text.empty()) {
        error(found.at(), fmt::format("{} needs a name", keyword));
        return false;
    }
    if (found.words.size() > 2) {
        error(found.words[2].at,
              fmt::format("'{}' is one word too many behind {} {}", found.words[2].text, keyword, found.words[1].text));
        return false;
    }
    return true;
}

template <class Object>
Object *builder::named(std::vector<Object> &objects, const statement &found) {
    if (!names_object(found))
        return nullptr;
    const auto &name = found.words[1];
    if (const auto *before = find(objects, name.text)) {
        error(name.at, fmt::format("{} {} is here a second time; the first is on line {}", found.words[0].text,
                                   name.text, before->at.line));
        return nullptr;
    }
    Object made;
    made.name = name.text;
    made.at = name.at;
    objects.push_back(std::move(made));
    return &objects.back();
}

void builder::attribute_of(attributes &attrs, const statement &found, std::string_view place) {
    const auto &name = found.words[0];
    if (std::find(std::begin(keywords), std::end(keywords), name.text) != std::end(keywords)) {
        error(name.at, fmt::format("{} has no place in {}", name.text, place));
        return;
    }
    if (found.has_block) {
        error(name.at, fmt::format("'{}' is no keyword that could have a block in {}", name.text, place));
        return;
    }
    if (found.words.size() > 2) {
        error(found.words[2].at, fmt::format("'{}' is one word too many: quote a value that has blanks: {} \"{} {}\"",
                                             found.words[2].text, name.text, found.words[1].text, found.words[2].text));
        return;
    }
    const word value = found.words.size() == 2 ? found.words[1] : word{{}, name.at};
    auto at = std::find_if(attrs.begin(), attrs.end(), [&](const auto &each) { return each.name == name.text; });
    if (at == attrs.end())
        at = attrs.insert(attrs.end(), {name.text, name.at, {}});
    if (std::none_of(at->values.begin(), at->values.end(), [&](const auto &v) { return v.text == value.text; }))
        at->values.push_back(value);
}

void builder::only_attributes(attributes &attrs, const statement &found, std::string_view place) {
    for (const auto &inner : found.block)
        attribute_of(attrs, inner, place);
}

model builder::run(const std::vector<statement> &statements) {
    model made;
    for (const auto &found : statements) {
        const auto &keyword = found.words[0].text;
        if (keyword.starts_with('[')) {
            error(found.at(), "this is the format of SCST 1.x (/proc): it is not read; convert it to scst.conf first");
            break;
        }
        if (keyword == "HANDLER") {
            if (auto *into = named(made.handlers, found))
                handler_block(*into, found);
        } else if (keyword == "TARGET_DRIVER") {
            if (auto *into = named(made.drivers, found))
                driver_block(*into, found);
        } else if (keyword == "DEVICE_GROUP") {
            if (auto *into = named(made.device_groups, found))
                device_group_block(*into, found);
        } else if (keyword == "ALUA") {
            if (found.words.size() > 1)
                error(found.words[1].at, "ALUA has no name");
            for (const auto &inner : found.block)
                error(inner.at(), "ALUA has no attributes");
        } else {
            attribute_of(made.attrs, found, "the top level");
        }
    }
    return made;
}

void builder::handler_block(handler &into, const statement &found) {
    for (const auto &inner : found.block) {
        if (inner.words[0].text == "DEVICE") {
            if (auto *made = named(into.devices, inner))
                only_attributes(made->attrs, inner, "a DEVICE");
        } else {
            attribute_of(into.attrs, inner, "a HANDLER");
        }
    }
}

void builder::driver_block(driver &into, const statement &found) {
    for (const auto &inner : found.block) {
        if (inner.words[0].text == "TARGET") {
            if (auto *made = named(into.targets, inner))
                target_block(*made, inner);
        } else {
            attribute_of(into.attrs, inner, "a TARGET_DRIVER");
        }
    }
}

void builder::target_block(target &into, const statement &found) {
    for (const auto &inner : found.block) {
        const auto &keyword = inner.words[0].text;
        if (keyword == "LUN") {
            lun_statement(into.luns, inner);
        } else if (keyword == "GROUP") {
            if (auto *made = named(into.groups, inner))
                group_block(*made, inner);
        } else if (keyword == "HW_TARGET") {
            if (inner.words.size() > 1 || inner.has_block)
                error(inner.at(), "HW_TARGET has neither a value nor a block");
            into.hardware = true;
        } else {
            attribute_of(into.attrs, inner, "a TARGET");
        }
    }
}

void builder::group_block(group &into, const statement &found) {
    for (const auto &inner : found.block) {
        const auto &keyword = inner.words[0].text;
        if (keyword == "LUN")
            lun_statement(into.luns, inner);
        else if (keyword == "INITIATOR")
            initiator_statement(into, inner);
        else
            attribute_of(into.attrs, inner, "a GROUP");
    }
}

void builder::initiator_statement(group &into, const statement &found) {
    if (!names_object(found))
        return;
    for (const auto &inner : found.block)
        error(inner.at(), "an INITIATOR has no attributes");
    const auto &pattern = found.words[1];
    const auto before = std::find_if(into.initiators.begin(), into.initiators.end(),
                                     [&](const auto &each) { return each.text == pattern.text; });
    if (before != into.initiators.end())
        error(pattern.at, fmt::format("INITIATOR {} is here a second time; the first is on line {}", pattern.text,
                                      before->at.line));
    else
        into.initiators.push_back(pattern);
}

void builder::lun_statement(std::vector<lun> &luns, const statement &found) {
    if (found.words.size() != 3 || found.words[2].text.empty()) {
        error(found.at(), "LUN needs a number and the name of a device: LUN 0 disk1");
        return;
    }
    const auto &text = found.words[1];
    lun made;
    const auto [end, failed] = std::from_chars(text.text.data(), text.text.data() + text.text.size(), made.number);
    if (failed != std::errc{} || end != text.text.data() + text.text.size() || made.number > SCST_MAX_LUN) {
        error(text.at, fmt::format("'{}' is not a LUN: a decimal number up to {}", text.text, SCST_MAX_LUN));
        return;
    }
    made.at = text.at;
    made.device = found.words[2];
    only_attributes(made.attrs, found, "a LUN");
    const auto before =
        std::find_if(luns.begin(), luns.end(), [&](const auto &each) { return each.number == made.number; });
    if (before != luns.end())
        error(text.at,
              fmt::format("LUN {} is here a second time; the first is on line {}", made.number, before->at.line));
    else
        luns.push_back(std::move(made));
}

void builder::device_group_block(device_group &into, const statement &found) {
    for (const auto &inner : found.block) {
        const auto &keyword = inner.words[0].text;
        if (keyword == "DEVICE") {
            if (!names_object(inner))
                continue;
            for (const auto &attr : inner.block)
                error(attr.at(), "a DEVICE of a DEVICE_GROUP has no attributes");
            const auto &name = inner.words[1];
            if (std::any_of(into.devices.begin(), into.devices.end(),
                            [&](const auto &d) { return d.text == name.text; }))
                error(name.at, fmt::format("DEVICE {} is here a second time", name.text));
            else
                into.devices.push_back(name);
        } else if (keyword == "TARGET_GROUP") {
            if (auto *made = named(into.target_groups, inner))
                target_group_block(*made, inner);
        } else {
            attribute_of(into.attrs, inner, "a DEVICE_GROUP");
        }
    }
}

void builder::target_group_block(target_group &into, const statement &found) {
    for (const auto &inner : found.block) {
        if (inner.words[0].text == "TARGET") {
            if (auto *made = named(into.targets, inner))
                only_attributes(made->attrs, inner, "a TARGET of a TARGET_GROUP");
        } else {
            attribute_of(into.attrs, inner, "a TARGET_GROUP");
        }
    }
}

} // namespace

bool is_command_word(std::string_view value) {
    const auto end = value.find_last_not_of(" \t");
    return end != std::string_view::npos && value.substr(0, end + 1).find_first_of(" \t=;") == std::string_view::npos;
}

model build(const std::vector<statement> &statements, std::vector<diagnostic> &errors) {
    return builder{errors}.run(statements);
}

} // namespace scstd::mgmt::scst_conf
