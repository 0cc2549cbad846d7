// SPDX-License-Identifier: Apache-2.0
// fake_files: a file system for tests that can lose power or fail at any single operation.
//
// It knows what is only in memory and what is on the medium: contents count once synced, names once the directory is
// synced. after_power_loss() lists every world that may be found afterwards: each subset of the names' changes, each
// with unsynced contents absent, cut, zeroed or complete.
#pragma once

#include "reservation/file_ops.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace scstd::reservation::test {

struct power_loss {};

class fake_files final : public file_ops {
  public:
    using content = std::vector<std::uint8_t>;

    // Power is lost just before operation number `stop_at` (from 0); operations from `fail_at` on fail.
    std::optional<std::size_t> stop_at;
    std::optional<std::size_t> fail_at;
    std::size_t fail_count = 1;
    std::size_t steps = 0;

    // ---- file_ops ----

    result<content> read(const std::string &path, std::size_t limit) override {
        const auto found = names_.find(path);
        if (found == names_.end())
            return fail(ENOENT, "no {}", path);
        content bytes = found->second->now;
        bytes.resize(std::min(bytes.size(), limit));
        return bytes;
    }
    result<int> create(const std::string &path) override {
        if (auto stepped = step(); !stepped)
            return stepped.error();
        auto &file = names_[path];
        if (!file) {
            file = std::make_shared<inode>();
            pending_.push_back({path, file, {}});
        }
        file->now.clear();
        file->synced = false;
        open_.push_back(file);
        return static_cast<int>(open_.size()) - 1;
    }
    result<std::size_t> write(int handle, std::span<const std::uint8_t> bytes) override {
        if (auto stepped = step(); !stepped)
            return stepped.error();
        inode &file = *open_[static_cast<std::size_t>(handle)];
        const std::size_t taken = std::max<std::size_t>(1, std::min<std::size_t>(bytes.size(), 40)); // a short write
        file.now.insert(file.now.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
        file.synced = false;
        return taken;
    }
    result<> sync(int handle) override {
        auto stepped = step();
        if (stepped) {
            inode &file = *open_[static_cast<std::size_t>(handle)];
            file.durable = file.now;
            file.synced = true;
        }
        return stepped;
    }
    void close(int) noexcept override {}
    result<> rename(const std::string &from, const std::string &to) override {
        auto stepped = step();
        return stepped ? move_name(from, to) : stepped;
    }
    result<> rename_new(const std::string &from, const std::string &to) override {
        auto stepped = step();
        if (stepped && names_.contains(to))
            return fail(EEXIST, "{} exists", to);
        return stepped ? move_name(from, to) : stepped;
    }
    result<> remove(const std::string &path) override {
        auto stepped = step();
        if (stepped && names_.erase(path) != 0)
            pending_.push_back({{}, nullptr, path});
        return stepped;
    }
    result<> sync_directory(const std::string &) override {
        auto stepped = step();
        if (stepped) {
            durable_names_ = names_;
            pending_.clear();
        }
        return stepped;
    }

    // ---- for the test ----

    void put(const std::string &path, content bytes) {
        auto file = std::make_shared<inode>();
        file->now = file->durable = std::move(bytes);
        names_[path] = durable_names_[path] = file;
    }
    [[nodiscard]] const content *find(const std::string &path) const {
        const auto found = names_.find(path);
        return found == names_.end() ? nullptr : &found->second->now;
    }
    [[nodiscard]] std::vector<std::string> list() const {
        std::vector<std::string> all;
        for (const auto &[name, file] : names_)
            all.push_back(name);
        return all;
    }

    void after_power_loss(const std::function<void(fake_files &)> &visit) const {
        for (std::size_t subset = 0; subset < std::size_t{1} << pending_.size(); ++subset) {
            auto names = durable_names_;
            for (std::size_t i = 0; i < pending_.size(); ++i)
                if ((subset >> i & 1) != 0)
                    apply(pending_[i], names);
            visit_contents(names, visit);
        }
    }

  private:
    struct inode {
        content now;
        content durable;
        bool synced = true;
    };
    using directory = std::map<std::string, std::shared_ptr<inode>>;
    struct name_change {
        std::string to;
        std::shared_ptr<inode> file;
        std::string from;
    };

    result<> step() {
        const std::size_t number = steps++;
        if (stop_at == number)
            throw power_loss{};
        if (fail_at && number >= *fail_at && number - *fail_at < fail_count)
            return fail(EIO, "the medium failed");
        return ok();
    }
    result<> move_name(const std::string &from, const std::string &to) {
        const auto found = names_.find(from);
        if (found == names_.end())
            return fail(ENOENT, "no {}", from);
        const name_change change{to, found->second, from};
        apply(change, names_);
        pending_.push_back(change);
        return ok();
    }
    static void apply(const name_change &change, directory &names) {
        if (!change.from.empty())
            names.erase(change.from);
        if (change.file)
            names[change.to] = change.file;
    }

    static std::vector<content> possible_contents(const inode &file) {
        if (file.synced)
            return {file.durable};
        const auto half = static_cast<std::ptrdiff_t>(file.now.size() / 2);
        return {file.durable, file.now, content(file.now.begin(), file.now.begin() + half), content(file.now.size())};
    }
    // Every combination of what the files may contain.
    static void visit_contents(const directory &names, const std::function<void(fake_files &)> &visit) {
        std::vector<std::map<std::string, content>> worlds{{}};
        for (const auto &[name, file] : names) {
            std::vector<std::map<std::string, content>> more;
            for (const content &bytes : possible_contents(*file))
                for (auto world : worlds) {
                    world[name] = bytes;
                    more.push_back(std::move(world));
                }
            worlds = std::move(more);
        }
        for (auto &world : worlds) {
            fake_files files;
            for (auto &[name, bytes] : world)
                files.put(name, std::move(bytes));
            visit(files);
        }
    }

    directory names_;
    directory durable_names_;
    std::vector<name_change> pending_;
    std::vector<std::shared_ptr<inode>> open_;
};

} // namespace scstd::reservation::test
