// SPDX-License-Identifier: Apache-2.0
// Tests of the command line: what is accepted, what is refused, and that the message names the option.
#include "options.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace scstd::bench;

namespace {

options_result parse(std::vector<std::string> words, load_options &options, std::string &error) {
    std::vector<char *> pointers;
    for (auto &word : words)
        pointers.push_back(word.data());
    return parse_options(pointers, options, error);
}

std::string refusal(std::vector<std::string> words) {
    words.insert(words.begin(), {"--target", "iqn.a"});
    load_options options;
    std::string error;
    CHECK(parse(std::move(words), options, error) == options_result::bad);
    return error;
}

} // namespace

TEST_CASE("options are read with suffixes, lists and portals of every form") {
    load_options options;
    std::string error;
    REQUIRE(parse({"--portal", "[::1]:4100", "--target", "iqn.a", "--block-size", "128k", "--size", "1g", "--digest",
                   "header,data", "--pattern", "mixed", "--read-percent", "70", "--sequential", "--warmup", "0.5"},
                  options, error) == options_result::run);
    CHECK(options.portal.host == "::1");
    CHECK(options.portal.port == "4100");
    CHECK(options.block_size == 131072);
    CHECK(options.size == 1U << 30);
    CHECK(options.header_digest);
    CHECK(options.data_digest);
    CHECK(options.read_percent == 70);
    CHECK_FALSE(options.random);
    CHECK(options.warmup == 0.5);
}

TEST_CASE("what makes no sense is refused by name") {
    CHECK(refusal({"--nonsense"}).starts_with("--nonsense: "));
    CHECK(refusal({"--lun"}) == "--lun: needs a value");
    CHECK(refusal({"--lun", "16384"}).starts_with("--lun: "));
    CHECK(refusal({"--lun", "-1"}).starts_with("--lun: "));
    CHECK(refusal({"--queue-depth", "0"}).starts_with("--queue-depth: "));
    CHECK(refusal({"--block-size", "1000"}).starts_with("options: --block-size"));
    CHECK(refusal({"--size", "99999999999999999999"}).starts_with("--size: "));
    CHECK(refusal({"--size", "18446744073709551615g"}).starts_with("--size: "));
    CHECK(refusal({"--duration", "nan"}).starts_with("--duration: "));
    CHECK(refusal({"--duration", "5s"}).starts_with("--duration: "));
    CHECK(refusal({"--pattern", "both"}).starts_with("--pattern: "));
    CHECK(refusal({"--digest", "header,crc"}).starts_with("--digest: "));
    CHECK(refusal({"--portal", "[::1"}).starts_with("--portal: "));
    CHECK(refusal({"--first-burst", "2m"}).starts_with("options: --first-burst"));
    CHECK(refusal({"--threads", "2"}).starts_with("options: there are more threads"));
    CHECK(refusal({"--raw", "--verify"}).starts_with("options: --raw"));
    load_options options;
    std::string error;
    CHECK(parse({}, options, error) == options_result::bad);
    CHECK(error == "options: --target is needed (or --raw)");
    CHECK(parse({"--help"}, options, error) == options_result::help);
}
