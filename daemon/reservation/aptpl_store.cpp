// SPDX-License-Identifier: Apache-2.0
#include "reservation/aptpl_store.hpp"

#include "reservation/aptpl_format.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

namespace scstd::reservation {

namespace {

constexpr unsigned max_set_aside = 1000;

std::string folder_of(const std::string &path) {
    const auto slash = path.rfind('/');
    return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// Names of files that are being written. Device names have no '.', so that no other device's file is meant.
std::string unfinished(const std::string &path) {
    return path + ".tmp";
}

} // namespace

aptpl_store::aptpl_store(std::string path, file_ops &files)
    : files_{files}, path_{std::move(path)}, backup_{path_ + ".1"}, directory_{folder_of(path_)} {}

// ---- loading ----

result<loaded_state> aptpl_store::load() {
    if (path_.empty() || path_.front() != '/' || path_.back() == '/')
        return fail(EINVAL, "{} is not the absolute path of a file", path_);
    // Also what was done just before a crash is final from here on.
    if (auto synced = files_.sync_directory(directory_); !synced)
        return synced.error();
    loaded_state loaded;
    saved_.clear();
    for (const std::string *path : {&path_, &backup_}) {
        auto found = load_file(*path, loaded);
        if (!found)
            return found.error();
        if (found.value()) {
            loaded.found = true;
            break;
        }
    }
    for (const std::string *path : {&path_, &backup_})
        if (auto removed = files_.remove(unfinished(*path)); !removed)
            return removed.error();
    return loaded;
}

// True: the file was good and is loaded. False: there is none, or none any more.
result<bool> aptpl_store::load_file(const std::string &path, loaded_state &into) {
    auto bytes = files_.read(path, aptpl_size_limit);
    if (!bytes)
        return bytes.error().code == ENOENT ? result<bool>{false} : bytes.error();
    auto state = decode_aptpl(bytes.value());
    // Nobody writes such a file, and nobody would keep it up to date.
    if (state && !state.value().aptpl)
        state = fail(EINVAL, "it says that its reservations don't outlive power loss");
    if (state) {
        into.state = state.take();
        saved_ = bytes.take();
        return true;
    }
    auto now_at = set_aside(path);
    if (!now_at)
        return now_at.error();
    into.warnings.push_back(fmt::format("the reservation file {} is damaged ({}); it is kept as {}", path,
                                        state.error().message, now_at.value()));
    return false;
}

result<std::string> aptpl_store::set_aside(const std::string &path) {
    for (unsigned number = 1; number <= max_set_aside; ++number) {
        std::string to = fmt::format("{}.damaged-{}", path, number);
        auto renamed = files_.rename_new(path, to);
        if (renamed) {
            if (auto synced = files_.sync_directory(directory_); !synced)
                return synced.error();
            return to;
        }
        if (renamed.error().code != EEXIST)
            return renamed.error();
    }
    return fail(EEXIST, "there are {} damaged copies of {} already", max_set_aside, path);
}

// ---- saving ----

result<> aptpl_store::save(const pr_state &state) {
    auto bytes = encode_aptpl(state);
    if (bytes.size() >= aptpl_size_limit)
        return fail(EFBIG, "the reservations take {} bytes", bytes.size());
    // All that may fail for want of space happens before the first rename.
    for (const std::string *path : {&path_, &backup_}) {
        auto written = write_file(unfinished(*path), bytes);
        if (written)
            continue;
        static_cast<void>(files_.remove(unfinished(path_)));
        static_cast<void>(files_.remove(unfinished(backup_)));
        return written;
    }
    if (auto replaced = replace_files(); !replaced)
        return undo(replaced.error());
    saved_ = std::move(bytes);
    return ok();
}

result<> aptpl_store::write_file(const std::string &path, std::span<const std::uint8_t> bytes) {
    auto file = files_.create(path);
    if (!file)
        return file.error();
    result<> outcome;
    while (outcome && !bytes.empty()) {
        auto written = files_.write(file.value(), bytes);
        if (written)
            bytes = bytes.subspan(written.value());
        else
            outcome = fail(written.error().code, "{}: {}", path, written.error().message);
    }
    if (outcome)
        if (auto synced = files_.sync(file.value()); !synced)
            outcome = fail(synced.error().code, "{}: {}", path, synced.error().message);
    files_.close(file.value());
    return outcome;
}

// The main file first: it is what load() looks at, so that this one rename is what decides.
result<> aptpl_store::replace_files() {
    for (const std::string *path : {&path_, &backup_})
        if (auto renamed = files_.rename(unfinished(*path), *path); !renamed)
            return renamed;
    return files_.sync_directory(directory_);
}

result<> aptpl_store::remove() {
    if (auto removed = remove_files(); !removed)
        return undo(removed.error());
    saved_.clear();
    return ok();
}

// The backup first: while the main file is there, it counts.
result<> aptpl_store::remove_files() {
    for (const std::string *path : {&backup_, &path_})
        if (auto removed = files_.remove(*path); !removed)
            return removed;
    return files_.sync_directory(directory_);
}

// After a failure half-way: makes the files again what they were.
result<> aptpl_store::put_back() {
    if (saved_.empty())
        return remove_files();
    for (const std::string *path : {&path_, &backup_})
        if (auto written = write_file(unfinished(*path), saved_); !written)
            return written;
    return replace_files();
}

result<> aptpl_store::undo(const error &failure) {
    auto restored = put_back();
    if (restored)
        return failure;
    return fail(failure.code, "{}; the files may hold another state than the one in force: {}", failure.message,
                restored.error().message);
}

} // namespace scstd::reservation
