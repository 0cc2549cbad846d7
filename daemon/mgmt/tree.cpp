// SPDX-License-Identifier: Apache-2.0
// tree: walking paths. See tree.hpp; what the directories hold is in *_directory.cpp.
#include "mgmt/tree.hpp"

#include "mgmt/directories.hpp"
#include "mgmt/directory.hpp"

#include <algorithm>
#include <cerrno>

namespace scstd::mgmt {

namespace {

// The next element of a path, which it is cut off from; empty at the end.
std::string_view next_element(std::string_view &path) {
    while (path.starts_with('/'))
        path.remove_prefix(1);
    const auto element = path.substr(0, path.find('/'));
    path.remove_prefix(element.size());
    return element;
}

error not_there(std::string_view path, std::string_view element) {
    return fail(ENOENT, "{}: there is no '{}'", path, element);
}

} // namespace

std::optional<item> directory::find(std::string_view name) {
    items all;
    entries(all);
    for (auto &each : all)
        if (each.name == name)
            return std::move(each);
    return std::nullopt;
}

item link_item(std::string name, std::string target) {
    return {std::move(name), {node_type::link, 0777}, std::move(target)};
}

item mgmt_item(std::function<std::string()> help, std::function<result<>(std::string_view)> command) {
    item made{"mgmt", {node_type::file, read_write}, {}};
    made.show = [help = std::move(help)]() -> result<std::string> { return help(); };
    made.store = std::move(command);
    return made;
}

tree::tree(core &registry) : core_{registry} {}
tree::~tree() = default;

result<item> tree::find(std::string_view path) const {
    item at = directory_item<root_directory>("", std::cref(*this));
    std::string_view rest = path;
    for (auto element = next_element(rest); !element.empty(); element = next_element(rest)) {
        if (at.is.type != node_type::directory)
            return fail(ENOTDIR, "{}: '{}' is not a directory", path, at.name);
        auto inner = at.open()->find(element);
        if (!inner)
            return not_there(path, element);
        at = std::move(*inner);
    }
    return at;
}

result<std::unique_ptr<directory>> tree::open(std::string_view path) const {
    auto found = find(path);
    if (!found)
        return found.error();
    if (found.value().is.type != node_type::directory)
        return fail(ENOTDIR, "{} is not a directory", path);
    return found.value().open();
}

result<node> tree::stat(std::string_view path) const {
    auto found = find(path);
    if (!found)
        return found.error();
    return found.value().is;
}

result<std::vector<listed_node>> tree::list(std::string_view path) const {
    auto opened = open(path);
    if (!opened)
        return opened.error();
    items all;
    opened.value()->entries(all);
    std::vector<listed_node> listed;
    listed.reserve(all.size());
    for (auto &each : all)
        listed.push_back({std::move(each.name), each.is, std::move(each.target)});
    std::sort(listed.begin(), listed.end(), [](const auto &a, const auto &b) { return a.name < b.name; });
    return listed;
}

result<std::vector<file_content>> tree::read_all(std::string_view path) const {
    auto opened = open(path);
    if (!opened)
        return opened.error();
    items all;
    opened.value()->entries(all);
    std::vector<file_content> contents;
    contents.reserve(all.size());
    for (auto &each : all) {
        file_content content{{std::move(each.name), each.is, std::move(each.target)}, {}};
        if (each.show != nullptr) {
            auto text = each.show();
            if (text)
                content.text = text.take();
            else
                content.error = text.error().code;
        }
        contents.push_back(std::move(content));
    }
    std::sort(contents.begin(), contents.end(), [](const auto &a, const auto &b) { return a.is.name < b.is.name; });
    return contents;
}

result<std::string> tree::read(std::string_view path) const {
    auto found = find(path);
    if (!found)
        return found.error();
    const auto &file = found.value();
    if (file.is.type == node_type::directory)
        return fail(EISDIR, "{} is a directory", path);
    if (file.show == nullptr)
        return fail(file.is.type == node_type::link ? EINVAL : EACCES, "{} can't be read", path);
    auto text = file.show();
    if (!text)
        return fail(text.error().code, "{}: {}", path, text.error().message);
    return text;
}

result<> tree::write(std::string_view path, std::string_view text) {
    auto found = find(path);
    if (!found)
        return found.error();
    const auto &file = found.value();
    if (file.is.type == node_type::directory)
        return fail(EISDIR, "{} is a directory", path);
    if (file.store == nullptr)
        return fail(EACCES, "{} can't be written", path);
    if (text.empty())
        return ok();
    auto done = file.store(text);
    last_result_ = done ? 0 : -done.error().code;
    if (!done)
        return fail(done.error().code, "{}: {}", path, done.error().message);
    return done;
}

result<std::string> tree::readlink(std::string_view path) const {
    auto found = find(path);
    if (!found)
        return found.error();
    if (found.value().is.type != node_type::link)
        return fail(EINVAL, "{} is not a link", path);
    return found.value().target;
}

} // namespace scstd::mgmt
