// SPDX-License-Identifier: Apache-2.0
// reader: fills the settings from scstd.conf and -o options by the table, and collects all that is wrong.
// See settings.hpp.
#include "config/nearest.hpp"
#include "config/settings.hpp"

#include <fmt/format.h>
#include <libconfig.h++>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace scstd::config {

namespace fs = std::filesystem;

namespace {

const setting *find_row(std::string_view key) {
    const auto rows = table();
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto &row) { return row.key == key; });
    return found == rows.end() ? nullptr : &*found;
}

bool is_group_of_table(std::string_view name) {
    const std::string prefix = std::string{name} + ".";
    const auto rows = table();
    return std::any_of(rows.begin(), rows.end(), [&](const auto &row) { return row.key.starts_with(prefix); });
}

result<std::string> normal_integer(const setting &row, std::string_view text) {
    std::int64_t number = 0;
    int base = 10;
    std::string_view digits = text;
    if (digits.starts_with("0x")) {
        base = 16;
        digits.remove_prefix(2);
    }
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
    if (failed != std::errc{} || end != digits.data() + digits.size() || number < row.lowest || number > row.highest)
        return fail(EINVAL, "'{}' is not a number from {} to {}", text, row.lowest, row.highest);
    return std::to_string(number);
}

result<std::string> normal_boolean(std::string_view text) {
    for (const auto *word : {"true", "yes", "on", "1"})
        if (text == word)
            return std::string{"true"};
    for (const auto *word : {"false", "no", "off", "0"})
        if (text == word)
            return std::string{"false"};
    return fail(EINVAL, "'{}' is neither true nor false", text);
}

result<std::string> normal_choice(const setting &row, std::string_view text) {
    for (std::string_view rest = row.choices; !rest.empty();) {
        const auto bar = std::min(rest.find('|'), rest.size());
        if (rest.substr(0, bar) == text)
            return std::string{text == "warn" ? "warning" : text};
        rest.remove_prefix(std::min(bar + 1, rest.size()));
    }
    return fail(EINVAL, "'{}' is not one of {}", text, row.choices);
}

result<std::string> normal(const setting &row, std::string_view text) {
    if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }))
        return fail(EINVAL, "the value holds control characters");
    switch (row.type) {
    case value_type::integer:
        return normal_integer(row, text);
    case value_type::boolean:
        return normal_boolean(text);
    case value_type::text:
        if (!row.choices.empty())
            return normal_choice(row, text);
        return std::string{text};
    case value_type::path: {
        if (text.empty())
            return std::string{};
        std::error_code failed;
        const auto absolute = fs::absolute(fs::path{text}, failed);
        if (failed)
            return fail(failed.value(), "'{}': {}", text, failed.message());
        return absolute.lexically_normal().string();
    }
    case value_type::list:
        return std::string{text};
    }
    return fail(EINVAL, "no such type");
}

std::string_view written_type(const libconfig::Setting &found) {
    switch (found.getType()) {
    case libconfig::Setting::TypeGroup:
        return "a group";
    case libconfig::Setting::TypeArray:
    case libconfig::Setting::TypeList:
        return "a list";
    case libconfig::Setting::TypeFloat:
        return "a fraction";
    case libconfig::Setting::TypeNone:
    case libconfig::Setting::TypeInt:
    case libconfig::Setting::TypeInt64:
    case libconfig::Setting::TypeString:
    case libconfig::Setting::TypeBoolean:
        break;
    }
    return "a plain value";
}

result<std::string> scalar_text(const libconfig::Setting &found) {
    switch (found.getType()) {
    case libconfig::Setting::TypeInt:
        return std::to_string(static_cast<int>(found));
    case libconfig::Setting::TypeInt64:
        return std::to_string(static_cast<long long>(found));
    case libconfig::Setting::TypeBoolean:
        return std::string{static_cast<bool>(found) ? "true" : "false"};
    case libconfig::Setting::TypeString:
        return std::string{found.c_str()};
    case libconfig::Setting::TypeNone:
    case libconfig::Setting::TypeFloat:
    case libconfig::Setting::TypeGroup:
    case libconfig::Setting::TypeArray:
    case libconfig::Setting::TypeList:
        break;
    }
    return fail(EINVAL, "{} where a number, text or true/false is wanted", written_type(found));
}

bool is_list(const libconfig::Setting &found) {
    return found.getType() == libconfig::Setting::TypeArray || found.getType() == libconfig::Setting::TypeList;
}

result<std::string> value_text(const libconfig::Setting &found) {
    if (!is_list(found))
        return scalar_text(found);
    std::string joined;
    for (int i = 0; i < found.getLength(); ++i) {
        auto item = scalar_text(found[i]);
        if (!item)
            return item;
        if (item.value().empty() || item.value().find(',') != std::string::npos)
            return fail(EINVAL, "an item of a list is empty or holds a ','");
        joined += (i == 0 ? "" : ",") + item.value();
    }
    return joined;
}

} // namespace

class reader {
  public:
    explicit reader(const places &defaults) {
        for (const auto &row : table())
            settings_.values_.emplace(row.key, row.fallback);
        settings_.values_["plugin_dir"] = defaults.plugin_dir;
        settings_.values_["state_dir"] = defaults.state_dir;
        settings_.values_["socket"] = defaults.socket;
    }

    void file(const std::string &path);
    void option(const std::string &text);
    void check_sections();
    result<settings> finish() {
        if (errors_.empty())
            return std::move(settings_);
        return fail(EINVAL, "{}", fmt::join(errors_, "\n"));
    }

  private:
    void entry(const std::string &path, const libconfig::Setting &found);
    void group(const std::string &path, const libconfig::Setting &found);
    void set(const std::string &where, const std::string &key, const std::string &text, bool list);
    void unknown(const std::string &where, const std::string &key);

    settings settings_;
    std::vector<std::string> errors_;
    std::map<std::string, std::string> sections_; // of plugins, and where they are
};

void reader::unknown(const std::string &where, const std::string &key) {
    std::vector<std::string> known;
    for (const auto &row : table())
        known.emplace_back(row.key);
    errors_.push_back(fmt::format("{}: there is no setting '{}'{}", where, key, suggestion(key, known)));
}

void reader::set(const std::string &where, const std::string &key, const std::string &text, bool list) {
    const auto dot = key.find('.');
    if (const auto *row = find_row(key)) {
        if (list && row->type != value_type::list) {
            errors_.push_back(fmt::format("{}: {}: a list where one value is wanted", where, key));
            return;
        }
        auto value = normal(*row, text);
        if (!value) {
            errors_.push_back(fmt::format("{}: {}: {}", where, key, value.error().message));
            return;
        }
        settings_.values_[key] = value.take();
        settings_.given_.insert(key);
    } else if (dot != std::string::npos && dot != 0 && dot + 1 < key.size() && !is_group_of_table(key.substr(0, dot))) {
        settings_.plugins_[key] = text;
        sections_.emplace(key.substr(0, dot), where);
    } else {
        unknown(where, key);
    }
}

void reader::entry(const std::string &path, const libconfig::Setting &found) {
    const std::string name = found.getName() == nullptr ? "" : found.getName();
    const std::string where = fmt::format("{}:{}", path, found.getSourceLine());
    if (found.isGroup()) {
        group(path, found);
        return;
    }
    auto text = value_text(found);
    if (!text)
        errors_.push_back(fmt::format("{}: {}: {}", where, name, text.error().message));
    else
        set(where, name, text.value(), is_list(found));
}

void reader::group(const std::string &path, const libconfig::Setting &found) {
    const std::string section = found.getName();
    if (find_row(section) != nullptr) {
        errors_.push_back(fmt::format("{}:{}: {} is a value and not a group", path, found.getSourceLine(), section));
        return;
    }
    if (!is_group_of_table(section))
        sections_.emplace(section, fmt::format("{}:{}", path, found.getSourceLine()));
    for (int i = 0; i < found.getLength(); ++i) {
        const auto &inner = found[i];
        const std::string key = section + "." + inner.getName();
        const std::string where = fmt::format("{}:{}", path, inner.getSourceLine());
        auto text = value_text(inner);
        if (!text)
            errors_.push_back(fmt::format("{}: {}: {}", where, key, text.error().message));
        else
            set(where, key, text.value(), is_list(inner));
    }
}

void reader::file(const std::string &path) {
    libconfig::Config parsed;
    try {
        parsed.readFile(path.c_str());
        const auto &root = parsed.getRoot();
        for (int i = 0; i < root.getLength(); ++i)
            entry(path, root[i]);
    } catch (const libconfig::FileIOException &) {
        // libconfig keeps no errno; reading a folder fails without one.
        const bool unreadable = ::access(path.c_str(), R_OK) != 0;
        errors_.push_back(fmt::format("{}: can't be read: {}", path, std::strerror(unreadable ? errno : EISDIR)));
    } catch (const libconfig::ParseException &failed) {
        const char *const in = failed.getFile();
        errors_.push_back(fmt::format("{}:{}: {}", in == nullptr ? path : in, failed.getLine(), failed.getError()));
    }
}

void reader::option(const std::string &text) {
    const std::string where = "-o " + text;
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
        errors_.push_back(fmt::format("{}: not of the form KEY=VALUE", where));
        return;
    }
    const std::string key = text.substr(0, equals);
    set(where, key, text.substr(equals + 1), false);
}

// A section that belongs to no plugin is most likely a typing error.
void reader::check_sections() {
    std::vector<std::string> known{"log"};
    for (const auto &each : settings_.list("plugins"))
        known.push_back(fs::path{each}.stem().string());
    std::error_code ignored;
    for (const auto &file : fs::directory_iterator{settings_.text("plugin_dir"), ignored})
        if (file.path().extension() == ".so")
            known.push_back(file.path().stem().string());
    for (const auto &[section, where] : sections_)
        if (std::find(known.begin(), known.end(), section) == known.end())
            errors_.push_back(fmt::format("{}: '{}' is neither a group of settings nor a plugin{}", where, section,
                                          suggestion(section, known)));
}

result<settings> read(const std::string &file, std::span<const std::string> options, const places &defaults) {
    reader reading{defaults};
    if (!file.empty())
        reading.file(file);
    for (const auto &option : options)
        reading.option(option);
    reading.check_sections();
    return reading.finish();
}

} // namespace scstd::config
