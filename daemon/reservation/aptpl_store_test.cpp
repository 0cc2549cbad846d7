// SPDX-License-Identifier: Apache-2.0
#include "reservation/aptpl_store.hpp"

#include "reservation/aptpl_format.hpp"
#include "reservation/fake_files.hpp"
#include "reservation/pr_text.hpp"
#include "reservation/test_support.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace scstd::reservation;
using namespace scstd::reservation::test;

namespace {

constexpr const char *path = "/pr/disk";

pr_state state_of(std::uint64_t key, std::size_t registrants = 1) {
    pr_state state;
    state.aptpl = true;
    state.reservation = pr_type::write_exclusive;
    for (std::size_t i = 0; i < registrants; ++i)
        state.registrants.push_back({transport_id::parse(sas_id(i + 1)), 1, i == 0, key});
    return state;
}

// "" for no reservations, so that states can be compared and named.
std::string name_of(const pr_state &state) {
    return state.registrants.empty() ? std::string{} : to_text(state);
}

std::string load_name(fake_files &files, bool damage_expected = false) {
    aptpl_store store{path, files};
    const auto loaded = store.load();
    REQUIRE(loaded);
    if (!damage_expected)
        CHECK(loaded.value().warnings.empty());
    CHECK(loaded.value().found == !loaded.value().state.registrants.empty());
    return name_of(loaded.value().state);
}

// What a change does to the store: saves a state, or removes the files.
struct change {
    pr_state to;
    [[nodiscard]] scstd::result<> run(aptpl_store &store) const {
        return to.registrants.empty() ? store.remove() : store.save(to);
    }
};

void prepare(fake_files &files, const pr_state &before) {
    if (before.registrants.empty())
        return;
    aptpl_store store{path, files};
    REQUIRE(store.save(before));
}

const std::vector<std::pair<pr_state, pr_state>> &transitions() {
    static const std::vector<std::pair<pr_state, pr_state>> all{
        {{}, state_of(1)},
        {state_of(1), state_of(2)},
        {state_of(1, 3), state_of(2)},
        {state_of(1), state_of(2, 3)},
        {state_of(2), {}},
        {{}, {}},
    };
    return all;
}

} // namespace

TEST_CASE("power lost before any operation leaves the old state or the new one") {
    std::size_t worlds = 0;
    for (const auto &[before, after] : transitions()) {
        const std::string old_name = name_of(before);
        const std::string new_name = name_of(after);
        bool finished = false;
        for (std::size_t stop = 0; !finished; ++stop) {
            REQUIRE(stop < 100);
            fake_files files;
            prepare(files, before);
            aptpl_store store{path, files};
            REQUIRE(store.load());
            files.steps = 0;
            files.stop_at = stop;
            try {
                const auto done = change{after}.run(store); // doctest's macros would catch the loss of power
                CHECK(done);
                finished = true;
            } catch (const power_loss &) {
            }
            files.after_power_loss([&](fake_files &world) {
                ++worlds;
                const std::string found = load_name(world);
                if (finished)
                    CHECK(found == new_name);
                else
                    CHECK((found == old_name || found == new_name));
                CHECK(load_name(world) == found); // and stays so
            });
        }
    }
    CHECK(worlds > 200);
}

TEST_CASE("power lost again while loading and then while saving does no harm") {
    const pr_state before = state_of(1);
    const pr_state after = state_of(2);
    const pr_state third = state_of(3);
    for (std::size_t stop = 0; stop < 12; ++stop) {
        fake_files files;
        prepare(files, before);
        files.steps = 0;
        files.stop_at = stop;
        try {
            aptpl_store store{path, files};
            static_cast<void>(store.save(after));
        } catch (const power_loss &) {
        }
        files.after_power_loss([&](fake_files &world) {
            const std::string found = load_name(world);
            for (std::size_t again = 0; again < 16; ++again) {
                fake_files copy;
                for (const std::string &name : world.list())
                    copy.put(name, *world.find(name));
                copy.stop_at = again;
                try {
                    aptpl_store store{path, copy};
                    const auto loaded = store.load();
                    REQUIRE(loaded);
                    static_cast<void>(store.save(third));
                } catch (const power_loss &) {
                }
                copy.after_power_loss([&](fake_files &last) {
                    const std::string end = load_name(last);
                    CHECK((end == found || end == name_of(third)));
                });
            }
        });
    }
}

TEST_CASE("an operation that fails leaves the old state, whichever it is") {
    for (const auto &[before, after] : transitions()) {
        bool finished = false;
        for (std::size_t at = 0; !finished; ++at) {
            REQUIRE(at < 100);
            fake_files files;
            prepare(files, before);
            aptpl_store store{path, files};
            REQUIRE(store.load());
            files.steps = 0;
            files.fail_at = at;
            const auto done = change{after}.run(store);
            finished = files.steps <= at;
            CHECK(static_cast<bool>(done) == finished);
            files.fail_at.reset();
            if (finished)
                break;
            CHECK(done.error().code == EIO);
            CHECK(load_name(files) == name_of(before));
            files.after_power_loss([&, &old = before](fake_files &world) { CHECK(load_name(world) == name_of(old)); });
            // And the next attempt works.
            CHECK(change{after}.run(store));
            CHECK(load_name(files) == name_of(after));
        }
    }
}

TEST_CASE("a medium that fails for good is told when the files may not be what they were") {
    for (std::size_t at = 0; at < 12; ++at) {
        fake_files files;
        prepare(files, state_of(1));
        aptpl_store store{path, files};
        REQUIRE(store.load());
        files.steps = 0;
        files.fail_at = at;
        files.fail_count = 1000;
        const auto done = store.save(state_of(2));
        if (done)
            continue;
        files.fail_at.reset();
        const bool told = done.error().message.find("may hold another state") != std::string::npos;
        const std::string found = load_name(files);
        CHECK((found == name_of(state_of(1)) || (told && found == name_of(state_of(2)))));
    }
}

TEST_CASE("a damaged main file is set aside, told, and the backup is taken") {
    fake_files files;
    prepare(files, state_of(1));
    fake_files::content bytes = *files.find(path);
    bytes[30] ^= 0xff;
    bytes.pop_back();
    files.put(path, bytes);
    aptpl_store store{path, files};
    const auto loaded = store.load();
    REQUIRE(loaded);
    CHECK(loaded.value().found);
    CHECK(name_of(loaded.value().state) == name_of(state_of(1)));
    REQUIRE(loaded.value().warnings.size() == 1);
    CHECK(loaded.value().warnings[0].find("/pr/disk.damaged-1") != std::string::npos);
    CHECK(*files.find("/pr/disk.damaged-1") == bytes);
    CHECK(files.find(path) == nullptr);
    // The next damaged one gets the next number, and nothing is overwritten.
    files.put(path, {1, 2, 3});
    CHECK(load_name(files, true) == name_of(state_of(1)));
    CHECK(*files.find("/pr/disk.damaged-2") == fake_files::content{1, 2, 3});
    CHECK(*files.find("/pr/disk.damaged-1") == bytes);
}

TEST_CASE("two damaged files are both kept, and nothing is loaded") {
    fake_files files;
    files.put(path, {});
    files.put("/pr/disk.1", fake_files::content(20));
    aptpl_store store{path, files};
    const auto loaded = store.load();
    REQUIRE(loaded);
    CHECK_FALSE(loaded.value().found);
    CHECK(loaded.value().warnings.size() == 2);
    CHECK(files.list() == std::vector<std::string>{"/pr/disk.1.damaged-1", "/pr/disk.damaged-1"});
}

TEST_CASE("a file that contradicts itself is damaged, too") {
    fake_files files;
    pr_state volatile_state = state_of(1);
    volatile_state.aptpl = false;
    files.put(path, encode_aptpl(volatile_state));
    CHECK(load_name(files, true).empty());
    CHECK(files.list() == std::vector<std::string>{"/pr/disk.damaged-1"});
}

TEST_CASE("a damaged file that can't be set aside keeps the device from starting") {
    fake_files files;
    files.put(path, {1});
    files.fail_at = 1; // the rename; 0 is the directory's sync
    aptpl_store store{path, files};
    CHECK_FALSE(store.load());
    CHECK(*files.find(path) == fake_files::content{1});
}

TEST_CASE("a backup of the original alone is enough, and removal takes both") {
    fake_files files;
    files.put("/pr/disk.1", encode_aptpl(state_of(5)));
    CHECK(load_name(files) == name_of(state_of(5)));
    aptpl_store store{path, files};
    REQUIRE(store.load());
    REQUIRE(store.remove());
    CHECK(files.list().empty());
}

TEST_CASE("a path must be absolute and name a file") {
    fake_files files;
    for (const char *bad : {"", "disk", "pr/disk", "/pr/"}) {
        aptpl_store store{bad, files};
        const auto loaded = store.load();
        REQUIRE_FALSE(loaded);
        CHECK(loaded.error().code == EINVAL);
    }
}

// ---- the real file system ----

namespace {

struct temporary_folder {
    std::filesystem::path path;
    temporary_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "scstd-pr-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    temporary_folder(const temporary_folder &) = delete;
    temporary_folder &operator=(const temporary_folder &) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    [[nodiscard]] std::string file(const std::string &name) const { return (path / name).string(); }
};

void write(const std::string &to, const std::string &text) {
    std::ofstream{to, std::ios::binary} << text;
}

mode_t mode_of(const std::string &of) {
    struct stat about {};
    REQUIRE(::stat(of.c_str(), &about) == 0);
    return about.st_mode & 07777;
}

} // namespace

TEST_CASE("on a disk: saved, loaded, private, and no unfinished file is left") {
    const temporary_folder folder;
    aptpl_store store{folder.file("disk")};
    auto empty = store.load();
    REQUIRE(empty);
    CHECK_FALSE(empty.value().found);
    write(folder.file("disk.tmp"), "left by a crash");
    ::chmod(folder.file("disk.tmp").c_str(), 0666);
    REQUIRE(store.save(state_of(7, 200)));
    CHECK(mode_of(folder.file("disk")) == 0600);
    CHECK(mode_of(folder.file("disk.1")) == 0600);
    CHECK_FALSE(std::filesystem::exists(folder.file("disk.tmp")));
    aptpl_store other{folder.file("disk")};
    const auto loaded = other.load();
    REQUIRE(loaded);
    CHECK(name_of(loaded.value().state) == name_of(state_of(7, 200)));
    REQUIRE(other.remove());
    CHECK(std::filesystem::is_empty(folder.path));
    CHECK(other.remove());
}

TEST_CASE("on a disk: a missing folder is ENOENT, and what is no regular file is EINVAL") {
    const temporary_folder folder;
    aptpl_store missing{folder.file("no/disk")};
    const auto loaded = missing.load();
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == ENOENT);
    CHECK_FALSE(missing.save(state_of(1)));

    std::filesystem::create_directory(folder.file("folder"));
    CHECK(aptpl_store{folder.file("folder")}.load().error().code == EINVAL);
    REQUIRE(::mkfifo(folder.file("fifo").c_str(), 0600) == 0);
    CHECK(aptpl_store{folder.file("fifo")}.load().error().code == EINVAL);
    std::filesystem::create_symlink("elsewhere", folder.file("link"));
    CHECK(aptpl_store{folder.file("link")}.load().error().code == EINVAL);
}

TEST_CASE("on a disk: a link in the place of the unfinished file is not followed") {
    const temporary_folder folder;
    write(folder.file("victim"), "precious");
    std::filesystem::create_symlink("victim", folder.file("disk.tmp"));
    aptpl_store store{folder.file("disk")};
    CHECK_FALSE(store.save(state_of(1)));
    CHECK(std::filesystem::file_size(folder.file("victim")) == 8);
}

TEST_CASE("on a disk: damaged and oversized files are set aside") {
    const temporary_folder folder;
    write(folder.file("disk"), "");
    std::filesystem::resize_file(folder.file("disk"), aptpl_size_limit);
    write(folder.file("disk.1"), "garbage");
    aptpl_store store{folder.file("disk")};
    const auto loaded = store.load();
    REQUIRE(loaded);
    CHECK(loaded.value().warnings.size() == 2);
    CHECK(std::filesystem::file_size(folder.file("disk.damaged-1")) == aptpl_size_limit);
    CHECK(std::filesystem::exists(folder.file("disk.1.damaged-1")));
    CHECK(store.save(state_of(1)));
    CHECK(std::filesystem::exists(folder.file("disk.damaged-1")));
}
