// SPDX-License-Identifier: Apache-2.0
// save: the running configuration as a file (management.md 5.8). See configuration.hpp.
#include "core/core.hpp"
#include "mgmt/schema.hpp"
#include "mgmt/scst_conf/configuration.hpp"
#include "mgmt/scst_conf/running.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace scstd::mgmt::scst_conf {

namespace {

class writer {
  public:
    explicit writer(const core &registry) : core_{registry} {}

    std::string run(const model &running);

  private:
    void line(std::string_view text) {
        text_.append(depth_, '\t');
        text_ += text;
        text_ += '\n';
    }
    void blank() {
        if (!text_.ends_with("\n\n") && !text_.ends_with("{\n"))
            text_ += '\n';
    }
    void open(std::string_view head) {
        line(std::string{head} + " {");
        ++depth_;
    }
    void close() {
        while (text_.ends_with("\n\n"))
            text_.pop_back();
        --depth_;
        line("}");
    }
    // Marked attributes that a file can set; returns whether there were any.
    bool attributes_of(const attributes &attrs, const schema &known);
    [[nodiscard]] static bool is_saved(const attribute &attr, const schema &known);
    [[nodiscard]] static bool has_saved(const attributes &attrs, const schema &known);
    // "HEAD" or "HEAD { attributes }", the latter followed by an empty line.
    void with_attributes(const std::string &head, const attributes &attrs, const schema &known);
    void luns(const std::vector<lun> &from);
    void write_handler(const handler &from);
    void write_driver(const driver &from);
    void write_target(const target &from, const scstd::session::target_driver &there);
    void write_group(const group &from, const scstd::session::target_driver &there);
    void write_device_group(const device_group &from);

    const core &core_;
    std::string text_;
    std::size_t depth_ = 0;
};

bool writer::is_saved(const attribute &attr, const schema &known) {
    if (attr.name == "enabled")
        return true;
    // The size of what lies behind a device is not saved, or it could not grow.
    if (attr.name == "size" && !attr.writable)
        return false;
    return attr.key && (attr.writable || known.has_parameter(attr.name) || known.has_dynamic(attr.name));
}

bool writer::has_saved(const attributes &attrs, const schema &known) {
    return std::any_of(attrs.begin(), attrs.end(), [&](const auto &attr) { return is_saved(attr, known); });
}

bool writer::attributes_of(const attributes &attrs, const schema &known) {
    std::vector<const attribute *> sorted;
    for (const auto &attr : attrs)
        if (is_saved(attr, known))
            sorted.push_back(&attr);
    std::sort(sorted.begin(), sorted.end(), [](const auto *a, const auto *b) { return a->name < b->name; });
    for (const auto *attr : sorted) {
        std::vector<std::string> values;
        for (const auto &value : attr->values)
            values.push_back(value.text);
        std::sort(values.begin(), values.end());
        for (const auto &value : values)
            line(attr->name + ' ' + quoted(value));
    }
    return !sorted.empty();
}

void writer::with_attributes(const std::string &head, const attributes &attrs, const schema &known) {
    if (!has_saved(attrs, known)) {
        line(head);
        return;
    }
    open(head);
    attributes_of(attrs, known);
    close();
    text_ += '\n';
}

void writer::luns(const std::vector<lun> &from) {
    for (const auto &each : from)
        with_attributes(fmt::format("LUN {} {}", each.number, quoted(each.device.text)), each.attrs, lun_schema());
}

void writer::write_handler(const handler &from) {
    const bool attrs = has_saved(from.attrs, handler_schema());
    if (!attrs && from.devices.empty())
        return;
    const auto known = device_schema(*core_.handlers.at(from.name));
    open("HANDLER " + quoted(from.name));
    if (attributes_of(from.attrs, handler_schema()))
        blank();
    for (const auto &dev : from.devices)
        with_attributes("DEVICE " + quoted(dev.name), dev.attrs, known);
    close();
    blank();
}

void writer::write_group(const group &from, const scstd::session::target_driver &there) {
    open("GROUP " + quoted(from.name));
    luns(from.luns);
    if (!from.luns.empty())
        blank();
    std::vector<std::string> patterns;
    for (const auto &each : from.initiators)
        patterns.push_back(each.text);
    for (const auto &pattern : patterns)
        line("INITIATOR " + quoted(pattern));
    const auto known = group_schema(there);
    if (has_saved(from.attrs, known)) {
        if (!patterns.empty())
            blank();
        attributes_of(from.attrs, known);
    }
    close();
}

void writer::write_target(const target &from, const scstd::session::target_driver &there) {
    const auto known = target_schema(there);
    const std::string head = "TARGET " + quoted(from.name);
    if (!has_saved(from.attrs, known) && from.luns.empty() && from.groups.empty()) {
        line(head);
        return;
    }
    open(head);
    attributes_of(from.attrs, known);
    if (!from.luns.empty())
        blank();
    luns(from.luns);
    for (const auto &each : from.groups) {
        blank();
        write_group(each, there);
    }
    close();
}

void writer::write_driver(const driver &from) {
    if (from.name == copy_manager) {
        if (has_saved(from.attrs, copy_manager_schema())) {
            open("TARGET_DRIVER " + from.name);
            attributes_of(from.attrs, copy_manager_schema());
            close();
            blank();
        }
        return;
    }
    const auto &there = *core_.drivers.at(from.name);
    const auto known = driver_schema(there);
    if (!has_saved(from.attrs, known) && from.targets.empty())
        return;
    open("TARGET_DRIVER " + quoted(from.name));
    attributes_of(from.attrs, known);
    for (const auto &each : from.targets) {
        blank();
        write_target(each, there);
    }
    close();
    blank();
}

void writer::write_device_group(const device_group &from) {
    open("DEVICE_GROUP " + quoted(from.name));
    for (const auto &dev : from.devices)
        line("DEVICE " + quoted(dev.text));
    for (const auto &ports : from.target_groups) {
        blank();
        open("TARGET_GROUP " + quoted(ports.name));
        for (const auto &attr : ports.attrs)
            // 0 is what it has before it is set, and can't be set.
            if (is_saved(attr, {}) && !(attr.name == "group_id" && attr.values.front().text == "0"))
                line(attr.name + ' ' + quoted(attr.values.front().text));
        blank();
        for (const auto &port : ports.targets) {
            attributes set;
            std::copy_if(port.attrs.begin(), port.attrs.end(), std::back_inserter(set),
                         [](const auto &attr) { return attr.values.front().text != "0"; });
            with_attributes("TARGET " + quoted(port.name), set, group_target_schema());
        }
        close();
    }
    close();
    blank();
}

std::string writer::run(const model &running) {
    text_ = fmt::format("# Automatically generated by scstd {}.\n\n", core::api().version);
    if (attributes_of(running.attrs, root_schema()))
        blank();
    for (const auto &each : running.handlers)
        write_handler(each);
    for (const auto &each : running.drivers)
        write_driver(each);
    for (const auto &each : running.device_groups)
        write_device_group(each);
    while (text_.ends_with("\n\n"))
        text_.pop_back();
    return text_;
}

} // namespace

result<std::string> configuration::save() {
    return writer{tree_.registry()}.run(read_running(tree_));
}

} // namespace scstd::mgmt::scst_conf
