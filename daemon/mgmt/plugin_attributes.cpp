// SPDX-License-Identifier: Apache-2.0
// plugin_attributes: see plugin_attributes.hpp.
#include "mgmt/plugin_attributes.hpp"

#include "mgmt/values.hpp"
#include "session/target.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace scstd::mgmt {

namespace {

// Far more than any value; a plugin that writes without end must not take the daemon's memory.
constexpr std::size_t longest_text = std::size_t{1} << 20;

struct collector : scst_writer {
    collector() : scst_writer{sizeof(scst_writer), 0, &append} {}
    static void append(scst_writer *writer, const char *more, std::size_t length) {
        auto &self = *static_cast<collector *>(writer);
        if (more != nullptr && length <= longest_text - self.text.size())
            self.text.append(more, length);
    }
    std::string text;
};

result<std::string> show(const scst_attribute &row, void *object) {
    collector out;
    const auto answer = row.show(object, &row, &out);
    if (answer != 0) {
        scst_error none{};
        return plugin_error(answer, none, row.name);
    }
    return std::move(out.text);
}

result<> store(const scst_attribute &row, void *object, std::string_view text) {
    const std::string value{chomp(text)}; // NUL behind it, for plugins that treat it as a C string
    scst_error why{};
    why.struct_size = sizeof why;
    const auto answer = row.store(object, &row, value.c_str(), value.size(), &why);
    if (answer != 0)
        return plugin_error(answer, why, row.name);
    return ok();
}

struct dynamic_value {
    std::string name;
    std::string text;
    std::uint32_t flags;
};

std::uint32_t mode_of(std::uint32_t flags) {
    std::uint32_t mode = 0;
    const bool secret = (flags & SCST_ATTR_SECRET) != 0;
    if ((flags & SCST_ATTR_READ) != 0)
        mode |= secret ? 0400u : 0444u;
    if ((flags & SCST_ATTR_WRITE) != 0)
        mode |= 0200u;
    return mode;
}

bool has(const items &out, std::string_view name) {
    return std::any_of(out.begin(), out.end(), [&](const item &each) { return each.name == name; });
}

} // namespace

error plugin_error(std::int32_t answer, const scst_error &why, std::string_view what) {
    const int code = answer < 0 && answer > -4096 ? -answer : EIO;
    const auto length = ::strnlen(why.text, sizeof why.text);
    if (length != 0)
        return fail(code, "{}", std::string_view{why.text, length});
    return fail(code, "{}: {}", what, std::strerror(code));
}

void add_plugin_table(items &out, const scst_attribute *table, std::uint32_t count, void *object) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto &row = table[i];
        if (has(out, row.name))
            continue;
        item made{row.name, {node_type::file, mode_of(row.flags)}, {}};
        if ((row.flags & SCST_ATTR_READ) != 0)
            made.show = [&row, object] { return show(row, object); };
        if ((row.flags & SCST_ATTR_WRITE) != 0)
            made.store = [&row, object](std::string_view text) { return store(row, object, text); };
        out.push_back(std::move(made));
    }
}

void add_dynamic_attributes(items &out, session::target_driver &driver, session::target *tgt) {
    const auto &table = driver.table();
    if (table.list_attributes == nullptr)
        return;
    std::vector<dynamic_value> found;
    void *const target = tgt == nullptr ? nullptr : tgt->driver_target;
    table.list_attributes(
        driver.self(), target,
        [](void *context, const char *name, const char *text, std::uint32_t flags) {
            static_cast<std::vector<dynamic_value> *>(context)->push_back({name, text, flags});
        },
        &found);
    for (auto &each : found) {
        if (has(out, each.name) || each.name.find('/') != std::string::npos)
            continue;
        item made{each.name, {node_type::file, mode_of(each.flags)}, {}};
        made.show = [text = each.text]() -> result<std::string> { return text; };
        if (table.set_attribute != nullptr && (each.flags & SCST_ATTR_WRITE) != 0)
            made.store = [&driver, target, name = each.name](std::string_view text) -> result<> {
                scst_error why{};
                why.struct_size = sizeof why;
                const std::string value{chomp(text)};
                const auto answer =
                    driver.table().set_attribute(driver.self(), target, name.c_str(), value.c_str(), &why);
                if (answer != 0)
                    return plugin_error(answer, why, name);
                return ok();
            };
        else
            made.is.mode &= ~0222u;
        out.push_back(std::move(made));
    }
}

} // namespace scstd::mgmt
