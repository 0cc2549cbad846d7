// SPDX-License-Identifier: Apache-2.0
// Tests of syntax and model: scst.conf's form, its traps, and the place of every error.
#include "mgmt/scst_conf/model.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <string>
#include <vector>

namespace scstd::mgmt::scst_conf {
namespace {

// "a b{c d;}" : words with a blank between, blocks in braces, statements end with ';'.
std::string shape(const std::vector<statement> &statements) {
    std::string text;
    for (const auto &each : statements) {
        for (std::size_t i = 0; i < each.words.size(); ++i)
            text += (i == 0 ? "" : "|") + each.words[i].text;
        if (each.has_block)
            text += '{' + shape(each.block) + '}';
        text += ';';
    }
    return text;
}

std::string parsed(std::string_view text) {
    std::vector<diagnostic> errors;
    const auto statements = parse(text, errors);
    REQUIRE_MESSAGE(errors.empty(), format(errors.front(), "file"));
    return shape(statements);
}

// "LINE:COLUMN" of the first error, or "none".
std::string error_at(std::string_view text) {
    std::vector<diagnostic> errors;
    static_cast<void>(build(parse(text, errors), errors));
    return errors.empty() ? "none" : fmt::format("{}:{}", errors.front().at.line, errors.front().at.column);
}

std::string error_text(std::string_view text) {
    std::vector<diagnostic> errors;
    static_cast<void>(build(parse(text, errors), errors));
    return errors.empty() ? "none" : errors.front().text;
}

bool has(const std::string &text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

TEST_CASE("statements are lines of up to three words") {
    CHECK(parsed("") == "");
    CHECK(parsed("\n\n  \n") == "");
    CHECK(parsed("setup_id 0x1234") == "setup_id|0x1234;");
    CHECK(parsed("a\nb c\n\td\te f") == "a;b|c;d|e|f;");
    CHECK(parsed("a b\r\nc d\r\n") == "a|b;c|d;");
}

TEST_CASE("blocks open on the line of their head and close by a brace") {
    CHECK(parsed("HANDLER x {\n\tDEVICE y\n}\n") == "HANDLER|x{DEVICE|y;};");
    CHECK(parsed("HANDLER x {\n}\n") == "HANDLER|x{};");
    CHECK(parsed("HANDLER x { }\n") == "HANDLER|x{};");
    CHECK(parsed("HANDLER x{\n}") == "HANDLER|x{};");
    CHECK(parsed("A b { c d\n}\n") == "A|b{c|d;};");
    CHECK(parsed("A b {\n} C d {\n\n\n}\n") == "A|b{};C|d{};");
    CHECK(parsed("LUN 0 disk1 {\n read_only 1\n}") == "LUN|0|disk1{read_only|1;};");
}

TEST_CASE("quotes make one word with blanks") {
    CHECK(parsed("IncomingUser \"joe 12charsecret\"") == "IncomingUser|joe 12charsecret;");
    CHECK(parsed("alias \"\"") == "alias|;");
    CHECK(parsed("prod_id \"  padded  \"") == "prod_id|  padded  ;");
    CHECK(parsed("GROUP \"a\" {\n}") == "GROUP|a{};");
}

TEST_CASE("comments are lines with a # in the first column, or what follows blank and #") {
    CHECK(parsed("# a { \" comment\nb c # d\n#e") == "b|c;");
    CHECK(parsed("A b { # why\n c d\t# x\n} # end") == "A|b{c|d;};");
}

TEST_CASE("a backslash takes the next character literally") {
    CHECK(parsed("INITIATOR iqn.x\\#10.0.0.1") == "INITIATOR|iqn.x#10.0.0.1;");
    CHECK(parsed("INITIATOR *\\#ip # comment") == "INITIATOR|*#ip;");
    CHECK(parsed("a b\\\\c") == "a|b\\c;");
    CHECK(parsed("a \"say \\\"hi\\\" \\{x\\}\"") == "a|say \"hi\" {x};");
}

TEST_CASE("what SCST would drop or cut is an error with its place") {
    CHECK(error_at("alias foo#bar") == "1:10");
    CHECK(error_at("A b {# c\n}") == "1:6");
    CHECK(error_at("alias \"x # y\"") == "1:10");
    CHECK(error_at("HANDLER h {\nDEVICE d { read_only 1 }\n}") == "2:12");
    CHECK(error_at("IncomingUser joe secret") == "1:18");
    CHECK(error_at("a b c d") == "1:7");
    CHECK(error_at("\n  {\n}\n") == "2:3");
    CHECK(error_at("HANDLER x\n{\n}\n") == "2:1");
    CHECK(error_at("alias \"open") == "1:7");
    CHECK(error_at("alias \"a\"b") == "1:10");
    CHECK(error_at("alias a\"b\"") == "1:8");
    CHECK(error_at("a b \\\nc") == "1:5");
}

TEST_CASE("braces that don't match are told where they are") {
    CHECK(error_at("HANDLER x {\n DEVICE y {\n") == "2:11");
    CHECK(error_at("HANDLER x {\n}\n}\n") == "3:1");
    CHECK(error_at("}") == "1:1");
}

TEST_CASE("hostile files end with errors, not with the daemon") {
    CHECK(error_at(std::string(100000, '{')) != "none");
    std::string deep;
    for (int i = 0; i < 100000; ++i)
        deep += "a b {\n";
    CHECK(has(error_text(deep), "nested"));
    CHECK(error_at(std::string_view{"a b\0c", 5}) == "1:4");
    CHECK(error_at("a \x01") == "1:3");
    std::vector<diagnostic> errors;
    static_cast<void>(build(parse(std::string(1000, '}'), errors), errors));
    CHECK(errors.size() == max_errors);
    errors.clear();
    static_cast<void>(parse(std::string(max_file_size + 1, ' '), errors));
    CHECK(errors.size() == 1);
    CHECK(error_at("alias gr\xc3\xbc\xc3\x9f") == "none");
}

TEST_CASE("the objects of a whole file are found") {
    std::vector<diagnostic> errors;
    const auto file = build(parse(R"(
setup_id 0x10
HANDLER vdisk_fileio {
	DEVICE disk1 {

		filename /disk1
		nv_cache 1

	}
	DEVICE disk2
}
HANDLER vdisk_nullio { }
TARGET_DRIVER iscsi {
	IncomingUser "joe 12charsecret"
	IncomingUser "jim 12charsecret"
	enabled 1
	TARGET iqn.2024-01.example:t {
		enabled 1
		LUN 0 disk1
		LUN 26 disk2 {
			read_only 1
		}
		GROUP hosts {
			INITIATOR iqn.*\#10.0.0.1
			LUN 0 disk2
			cpu_mask ff
		}
	}
	TARGET iqn.2024-01.example:empty
}
DEVICE_GROUP dg {
	DEVICE disk1
	TARGET_GROUP tg {
		group_id 257
		TARGET iqn.2024-01.example:t
		TARGET other {
			rel_tgt_id 32001
		}
	}
}
)",
                                  errors),
                            errors);
    REQUIRE_MESSAGE(errors.empty(), format(errors.front(), "file"));
    REQUIRE(file.handlers.size() == 2);
    CHECK(file.handlers[0].devices[0].attrs[0].values[0].text == "/disk1");
    CHECK(file.handlers[0].devices[0].at.line == 4);
    const auto &driver = file.drivers.at(0);
    CHECK(driver.attrs[0].values.size() == 2);
    REQUIRE(driver.targets.size() == 2);
    const auto &target = driver.targets[0];
    CHECK(target.luns[1].number == 26);
    CHECK(target.luns[1].attrs[0].name == "read_only");
    CHECK(target.groups[0].initiators[0].text == "iqn.*#10.0.0.1");
    CHECK(target.groups[0].attrs[0].name == "cpu_mask");
    const auto &ports = file.device_groups.at(0).target_groups.at(0);
    CHECK(ports.targets[1].attrs[0].values[0].text == "32001");
    CHECK(file.attrs[0].name == "setup_id");
}

TEST_CASE("what is there twice is an error that names the first") {
    CHECK(error_at("HANDLER a {\n}\nHANDLER a {\n}") == "3:9");
    CHECK(has(error_text("HANDLER a {\n}\nHANDLER a {\n}"), "line 1"));
    CHECK(error_at("HANDLER a {\nDEVICE d\nDEVICE d\n}") == "3:8");
    CHECK(error_at("TARGET_DRIVER a {\nTARGET t {\nLUN 0 d\nLUN 0 e\n}\n}") == "4:5");
    CHECK(error_at("TARGET_DRIVER a {\nTARGET t {\nLUN 0 d\nLUN 00 e\n}\n}") == "4:5");
    CHECK(error_at("TARGET_DRIVER a {\nTARGET t {\nGROUP g {\nINITIATOR i\nINITIATOR i\n}\n}\n}") == "5:11");
    CHECK(error_at("DEVICE_GROUP g {\nDEVICE d\nDEVICE d\n}") == "3:8");
    CHECK(error_at("HANDLER a {\nDEVICE d {\nx 1\nx 1\n}\n}") == "none");
}

TEST_CASE("keywords in a wrong place are errors") {
    CHECK(error_at("DEVICE d") == "1:1");
    CHECK(error_at("HANDLER a {\nLUN 0 d\n}") == "2:1");
    CHECK(error_at("handler a {\n}") == "1:1");
    CHECK(error_at("HANDLER") == "1:1");
    CHECK(error_at("HANDLER a b") == "1:11");
    CHECK(error_at("ALUA {\nx 1\n}") == "2:1");
    CHECK(error_at("ALUA {\n}") == "none");
    CHECK(error_at("[HANDLER vdisk]\n") == "1:1");
}

TEST_CASE("a LUN has a number in range and a device") {
    const auto lun = [](const std::string &text) { return "TARGET_DRIVER a {\nTARGET t {\n" + text + "\n}\n}"; };
    CHECK(error_at(lun("LUN 0 d")) == "none");
    CHECK(error_at(lun("LUN 16383 d")) == "none");
    CHECK(error_at(lun("LUN 16384 d")) == "3:5");
    CHECK(error_at(lun("LUN -1 d")) == "3:5");
    CHECK(error_at(lun("LUN x d")) == "3:5");
    CHECK(error_at(lun("LUN 0")) == "3:1");
    CHECK(error_at(lun("LUN 99999999999999999999 d")) == "3:5");
}

TEST_CASE("quoted() gives what parses to the same value") {
    for (const std::string value : {"plain", "two words", "", "a#b", "back\\slash", "say \"hi\"", "{x}", " lead",
                                    "trail ", "\ttab", "iqn.x:y*?!"}) {
        CAPTURE(value);
        CHECK(parsed("a " + quoted(value)) == "a|" + value + ";");
    }
}

} // namespace
} // namespace scstd::mgmt::scst_conf
