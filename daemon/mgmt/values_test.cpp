// SPDX-License-Identifier: Apache-2.0
// Tests of values and command_line: numbers as the kernel reads them (values of the record of a real SCST), words and
// parameters of management commands.
#include "mgmt/command_line.hpp"
#include "mgmt/values.hpp"

#include <doctest/doctest.h>

#include <cerrno>

namespace scstd::mgmt {
namespace {

int code(const auto &outcome) {
    return outcome ? 0 : outcome.error().code;
}

TEST_CASE("numbers have a base by prefix and may end in one newline") {
    CHECK(parse_unsigned("0").value() == 0);
    CHECK(parse_unsigned("0x10\n").value() == 16);
    CHECK(parse_unsigned("010\n").value() == 8);
    CHECK(parse_unsigned("18446744073709551615").value() == UINT64_MAX);
    CHECK(parse_integer("-1\n").value() == -1);
    CHECK(parse_integer("-9223372036854775807").value() == -INT64_MAX);
    for (const auto *bad : {"", "\n", " 1", "1 ", "1k\n", "abc", "0x", "08", "1\n\n", "--1", "-+1", "1 2"}) {
        CAPTURE(bad);
        CHECK(code(parse_unsigned(bad)) == EINVAL);
        CHECK(code(parse_integer(bad)) == EINVAL);
    }
    CHECK(code(parse_unsigned("-1")) == EINVAL);
    CHECK(code(parse_unsigned("18446744073709551616")) == ERANGE);
    CHECK(code(parse_integer("9223372036854775808")) == ERANGE);
}

TEST_CASE("booleans: the first character, or exactly 0 and 1") {
    CHECK(parse_first_boolean("1k\n").value());
    CHECK_FALSE(parse_first_boolean("0x10").value());
    CHECK(code(parse_first_boolean("2")) == EINVAL);
    CHECK(code(parse_first_boolean("")) == EINVAL);
    CHECK(code(parse_zero_or_one("2")) == EINVAL);
    CHECK(parse_zero_or_one("1\n").value());
}

TEST_CASE("words are compared as SCST does") {
    CHECK(word_matches("FLAT\n", "FLAT"));
    CHECK(word_matches("flat", "FLAT"));
    CHECK(word_matches("F", "FLAT"));
    CHECK(word_matches("FLAT and more", "FLAT"));
    CHECK_FALSE(word_matches("F\n", "FLAT"));
    CHECK_FALSE(word_matches("", "FLAT"));
    CHECK_FALSE(word_matches("LUN", "FLAT"));
}

TEST_CASE("the mark is on the second line only") {
    CHECK(shown(5) == "5\n");
    CHECK(shown("x", true) == "x\n[key]\n");
    const auto marked = split_value("/disk1\n[key]\n\n");
    CHECK(marked.value == "/disk1");
    CHECK(marked.key);
    CHECK_FALSE(split_value("a\n\n[key]\n").key);
    CHECK(split_value("").value.empty());
    CHECK(split_value("no newline").value == "no newline");
}

TEST_CASE("lexems are separated by blanks or equal signs") {
    command_line line{"  add_device  disk1 = x\n"};
    CHECK(line.word() == "add_device");
    CHECK(line.word() == "disk1");
    CHECK(line.word() == "x");
    CHECK(line.word().empty());
    CHECK(line.end());
}

TEST_CASE("parameters are name and value, separated by semicolons or newlines") {
    const auto parameters = [](std::string_view text) {
        command_line line{text};
        static_cast<void>(line.word());
        static_cast<void>(line.word());
        return line.parameters();
    };
    using list = std::vector<std::pair<std::string, std::string>>;
    CHECK(parameters("add x").value().empty());
    CHECK(parameters("add x a=1").value() == list{{"a", "1"}});
    CHECK(parameters("add x a=1; b = 2 ;c 3;\n").value() == list{{"a", "1"}, {"b", "2"}, {"c", "3"}});
    CHECK(parameters("add x; a=1").value() == list{{"a", "1"}});
    CHECK(parameters("add x a=1;;b=2").value() == list{{"a", "1"}});
    CHECK(parameters("add x filename=/a b=c").error().code == EINVAL);
    CHECK(code(parameters("add x a=")) == EINVAL);
    CHECK(code(parameters("add x a")) == EINVAL);
    CHECK(code(parameters("add x a=1 nv_cache=1")) == EINVAL);
}

TEST_CASE("a command without parameters takes no more words") {
    command_line line{"del 5 x"};
    static_cast<void>(line.word());
    static_cast<void>(line.word());
    CHECK(code(line.end()) == EINVAL);
    CHECK(command_line{"clear\n"}.rest() == "clear");
}

} // namespace
} // namespace scstd::mgmt
