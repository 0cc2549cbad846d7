// SPDX-License-Identifier: Apache-2.0
// Tests of settings: the table, files with errors, options that win over the file.
#include "config/nearest.hpp"
#include "config/settings.hpp"

#include <doctest/doctest.h>

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace scstd::config {
namespace {

// A folder that goes with the test.
class folder {
  public:
    folder() {
        std::string name = (std::filesystem::temp_directory_path() / "scstd-config-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    folder(const folder &) = delete;
    folder &operator=(const folder &) = delete;

    [[nodiscard]] std::string file(const std::string &name, const std::string &text) const {
        const auto path = (path_ / name).string();
        std::ofstream{path} << text;
        return path;
    }
    [[nodiscard]] places defaults() const {
        places found;
        found.plugin_dir = path_.string();
        found.state_dir = "/state";
        found.socket = "/run/x/sock";
        return found;
    }

  private:
    std::filesystem::path path_;
};

bool has(const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos;
}

TEST_CASE("without file and options everything has its default") {
    const folder here;
    auto read_settings = read("", {}, here.defaults());
    REQUIRE(read_settings);
    const auto &found = read_settings.value();
    CHECK(found.text("state_dir") == "/state");
    CHECK(found.integer("reactors") == 0);
    CHECK(found.boolean("log.stderr"));
    CHECK_FALSE(found.given("plugins"));
    CHECK(found.list("plugins").size() >= 3);
    for (const auto &row : table())
        CHECK_NOTHROW(static_cast<void>(found.text(row.key)));
}

TEST_CASE("a file sets values, an option wins") {
    const folder here;
    const auto file = here.file("scstd.conf", R"(
plugins = [ "nullio", "iscsi" ];
reactors = 3;
log = { level = "warn"; syslog = true; };
iscsi = { portals = [ "127.0.0.1:3260", "[::1]:3260" ]; window = 5; };
)");
    const std::vector<std::string> options{"reactors=0x10", "iscsi.portals=127.0.0.1:4100", "plugins=iscsi"};
    auto read_settings = read(file, options, here.defaults());
    REQUIRE_MESSAGE(read_settings, read_settings.error().message);
    const auto &found = read_settings.value();
    CHECK(found.integer("reactors") == 16);
    CHECK(found.text("log.level") == "warning");
    CHECK(found.boolean("log.syslog"));
    CHECK(found.list("plugins") == std::vector<std::string>{"iscsi"});
    CHECK(found.of_plugins().at("iscsi.portals") == "127.0.0.1:4100");
    CHECK(found.of_plugins().at("iscsi.window") == "5");
}

TEST_CASE("an unknown key is told with file, line and the nearest known one") {
    const folder here;
    const auto file = here.file("scstd.conf", "\nreactor = 2;\n");
    const auto refused = read(file, {}, here.defaults());
    REQUIRE_FALSE(refused);
    CHECK(has(refused.error().message, file + ":2"));
    CHECK(has(refused.error().message, "'reactors'"));
}

TEST_CASE("all errors are told at once") {
    const folder here;
    const auto file = here.file("scstd.conf", "reactors = \"many\";\nlog = { level = \"loud\"; colour = 1; };\n");
    const std::vector<std::string> options{"nonsense", "max_cmd_mem=-1"};
    const auto refused = read(file, options, here.defaults());
    REQUIRE_FALSE(refused);
    const auto &text = refused.error().message;
    CHECK(has(text, ":1: reactors"));
    CHECK(has(text, ":2: log.level"));
    CHECK(has(text, "log.colour"));
    CHECK(has(text, "-o nonsense"));
    CHECK(has(text, "max_cmd_mem"));
}

TEST_CASE("values are checked against type and range") {
    const folder here;
    for (const auto *bad : {"reactors=1025", "reactors=1x", "reactors=", "log.syslog=maybe", "log.level=", "a.b=1",
                            "log.x=1", "=1", "state_dir=a\nb"}) {
        CAPTURE(bad);
        const std::vector<std::string> options{bad};
        CHECK_FALSE(read("", options, here.defaults()));
    }
}

TEST_CASE("a section is of a plugin that is to be loaded or that is installed") {
    const folder here;
    static_cast<void>(here.file("third.so", ""));
    const std::vector<std::string> good{"third.x=1"};
    CHECK(read("", good, here.defaults()));
    const std::vector<std::string> mistyped{"thrid.x=1"};
    const auto refused = read("", mistyped, here.defaults());
    REQUIRE_FALSE(refused);
    CHECK(has(refused.error().message, "'third'"));
}

TEST_CASE("a broken or missing file is an error with its place") {
    const folder here;
    const auto file = here.file("scstd.conf", "reactors = ;\n");
    const auto broken = read(file, {}, here.defaults());
    REQUIRE_FALSE(broken);
    CHECK(has(broken.error().message, file + ":1"));
    const auto missing = read(file + ".not", {}, here.defaults());
    REQUIRE_FALSE(missing);
    CHECK(has(missing.error().message, "No such file"));
}

TEST_CASE("relative paths become absolute") {
    const folder here;
    const std::vector<std::string> options{"state_dir=./x"};
    auto found = read("", options, here.defaults());
    REQUIRE(found);
    CHECK(found.value().text("state_dir") == (std::filesystem::current_path() / "x").string());
}

TEST_CASE("the help names every setting") {
    const folder here;
    const auto text = help_text(here.defaults());
    for (const auto &row : table())
        CHECK(has(text, std::string{row.key} + " = "));
}

TEST_CASE("the nearest word is found, a far one is not") {
    const std::vector<std::string> words{"reactors", "socket", "plugins"};
    CHECK(nearest("reactor", words) == "reactors");
    CHECK(nearest("scoket", words) == "socket");
    CHECK(nearest("zzzzzzz", words).empty());
    CHECK(nearest(std::string(5000, 'x'), words).empty());
}

} // namespace
} // namespace scstd::config
