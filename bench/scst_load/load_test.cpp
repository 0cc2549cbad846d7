// SPDX-License-Identifier: Apache-2.0
// Tests of the whole load generator against a target in memory: every liberty a target has, and every breach.
#include "fake_target.hpp"
#include "report.hpp"
#include "worker.hpp"

#include <doctest/doctest.h>

using namespace scstd::bench;

namespace {

load_options options_for(const fake_target &target) {
    load_options options;
    options.portal = target.portal();
    options.target = "iqn.2026-11.org.scstd:fake";
    options.queue_depth = 8;
    options.block_size = 4096;
    options.count = 400;
    options.size = 1 << 20;
    options.timeout = 60;
    return options;
}

// Runs the load and gives the counts.
tally load(const load_options &options) {
    worker w{options, 0, 1};
    w.connect();
    std::barrier start_line{1};
    w.run(start_line);
    return w.counts();
}

const text_keys plain_answers = {{"HeaderDigest", "None"},      {"DataDigest", "None"},
                                 {"InitialR2T", "No"},          {"ImmediateData", "Yes"},
                                 {"MaxBurstLength", "1048576"}, {"MaxRecvDataSegmentLength", "262144"},
                                 {"FirstBurstLength", "65536"}};

text_keys answers_with(std::initializer_list<std::pair<std::string, std::string>> changes) {
    auto keys = plain_answers;
    for (const auto &[key, value] : changes)
        for (auto &existing : keys)
            if (existing.first == key)
                existing.second = value;
    return keys;
}

} // namespace

TEST_CASE("reads with status in the last Data-In are counted") {
    fake_target target{{.answers = plain_answers}};
    const auto counts = load(options_for(target));
    CHECK(counts.reads == 400);
    CHECK(counts.latency.count() == 400);
    CHECK(counts.errors == 0);
}

TEST_CASE("a verified mixed load passes with split Data-In, separate status, pings and a narrow window") {
    fake_target target{
        {.answers = plain_answers, .data_in_size = 1000, .separate_status = true, .window = 3, .ping_every = 5}};
    auto options = options_for(target);
    options.verify = true;
    options.read_percent = 50;
    const auto counts = load(options);
    CHECK(counts.reads + counts.writes == 400);
    CHECK(counts.errors == 0);
    CHECK(counts.verify_errors == 0);
    CHECK(counts.blocks_verified == (counts.reads + 256) * 8); // the load's and the closing pass's
    CHECK(counts.first_error == "");
    target.join();
    CHECK(target.pings_answered() > 50);
}

TEST_CASE("writes follow what was agreed on: immediate, unsolicited and solicited data") {
    for (const bool immediate : {true, false})
        for (const bool initial_r2t : {true, false})
            for (const std::uint32_t r2t_size : {0U, 1536U}) {
                CAPTURE(immediate);
                CAPTURE(initial_r2t);
                CAPTURE(r2t_size);
                fake_target target{{.answers = answers_with({{"ImmediateData", immediate ? "Yes" : "No"},
                                                             {"InitialR2T", initial_r2t ? "Yes" : "No"},
                                                             {"FirstBurstLength", "6000"},
                                                             {"MaxRecvDataSegmentLength", "2050"}}),
                                    .r2t_size = r2t_size,
                                    .first_burst = 6000,
                                    .immediate_data = immediate,
                                    .initial_r2t = initial_r2t}};
                auto options = options_for(target);
                options.verify = true;
                options.block_size = 16384;
                options.read_percent = 0;
                options.count = 100;
                const auto counts = load(options);
                CHECK(counts.writes == 100);
                CHECK(counts.errors == 0);
                CHECK(counts.verify_errors == 0);
            }
}

TEST_CASE("digests are made and checked on every PDU") {
    fake_target target{{.answers = answers_with({{"HeaderDigest", "CRC32C"}, {"DataDigest", "CRC32C"}}),
                        .header_digest = true,
                        .data_digest = true,
                        .ping_every = 7}};
    auto options = options_for(target);
    options.header_digest = options.data_digest = true;
    options.verify = true;
    options.read_percent = 50;
    const auto counts = load(options);
    CHECK(counts.reads + counts.writes == 400);
    CHECK(counts.errors + counts.verify_errors == 0);
}

TEST_CASE("data of large reads is thrown away without being received, with and without status in it") {
    for (const bool separate : {true, false}) {
        fake_target target{{.answers = plain_answers, .data_in_size = 20000, .separate_status = separate}};
        auto options = options_for(target);
        options.block_size = 131072;
        options.count = 100;
        options.random = false;
        const auto counts = load(options);
        CHECK(counts.reads == 100);
        CHECK(counts.errors == 0);
    }
}

TEST_CASE("unit attentions and a busy target are met with the same command again") {
    fake_target target{{.answers = plain_answers, .attention_every = 10, .busy_every = 7}};
    const auto counts = load(options_for(target));
    CHECK(counts.reads == 400);
    CHECK(counts.errors == 0);
    CHECK(counts.unit_attentions > 0);
    CHECK(counts.busy_answers > 0);
}

TEST_CASE("one damaged bit is one wrong read, and the first error says where") {
    fake_target target{{.answers = plain_answers, .corrupt_read = 100}};
    auto options = options_for(target);
    options.verify = true;
    const auto counts = load(options);
    CHECK(counts.verify_errors == 1);
    CHECK(counts.first_error.find("differs from byte") != std::string::npos);
}

TEST_CASE("a failed command is counted with its sense and the load goes on") {
    fake_target target{{.answers = plain_answers, .fail_command = 50}};
    const auto counts = load(options_for(target));
    CHECK(counts.errors == 1);
    CHECK(counts.reads == 399);
    CHECK(counts.first_error.find("sense key 3h asc 11h") != std::string::npos);
}

TEST_CASE("a target that leaves, or breaks the protocol, ends the load with a message") {
    {
        fake_target target{{.answers = plain_answers, .leave_at = 30}};
        CHECK_THROWS_AS(load(options_for(target)), std::runtime_error);
    }
    {
        fake_target target{{.answers = plain_answers, .wrong_tag_at = 30}};
        CHECK_THROWS_WITH(load(options_for(target)), doctest::Contains("broke the protocol"));
    }
    {
        fake_target target{{.answers = plain_answers, .data_in_size = 65536}};
        auto options = options_for(target);
        options.block_size = 65536;
        options.max_recv_segment = 4096;
        CHECK_THROWS_WITH(load(options), doctest::Contains("data segment of 65536"));
    }
}

TEST_CASE("a target that refuses a key or a digest is not used") {
    {
        fake_target target{{.answers = answers_with({{"MaxBurstLength", "Reject"}})}};
        CHECK_THROWS_WITH(load(options_for(target)), doctest::Contains("MaxBurstLength=Reject"));
    }
    {
        fake_target target{{.answers = plain_answers}};
        auto options = options_for(target);
        options.data_digest = true;
        CHECK_THROWS_WITH(load(options), doctest::Contains("digests"));
    }
}

TEST_CASE("a block size that does not fit the disk is refused") {
    fake_target target{{.answers = plain_answers}, 4};
    CHECK_THROWS_WITH(load(options_for(target)), doctest::Contains("too small"));
}

TEST_CASE("text for JSON is escaped") {
    CHECK(json_escaped("a\"b\\c\n") == "a\\\"b\\\\c\\u000a");
}
