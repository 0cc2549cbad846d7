// SPDX-License-Identifier: Apache-2.0
// The pure pieces: opcode table, sense data, task order, patterns, ranges, latency classes.
#include "engine/opcode_table.hpp"

#include "device/range_locks.hpp"
#include "engine/latency.hpp"
#include "engine/sense.hpp"
#include "engine/task_set.hpp"
#include "engine/unit_attention.hpp"
#include "session/name_pattern.hpp"

#include <scst/types.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>

using namespace scstd;
using namespace scstd::engine;

namespace {

// The set only compares nexuses.
const session::nexus &nexus_at(std::uintptr_t place) {
    return *reinterpret_cast<const session::nexus *>(place);
}

} // namespace

TEST_CASE("every row of the opcode table is found by its CDB and has a CDB size that fits") {
    for (const opcode_entry &entry : opcode_table()) {
        std::array<std::uint8_t, 16> cdb{};
        cdb[0] = entry.opcode;
        if (entry.service_action != no_service_action)
            cdb[1] = static_cast<std::uint8_t>(entry.service_action);
        const std::uint32_t type = (entry.types & 2) != 0 && (entry.types & 1) == 0 ? SCST_TYPE_CDROM : SCST_TYPE_DISK;
        CHECK(find_opcode(cdb.data(), entry.cdb_size, type) == &entry);
        const std::uint32_t by_group = cdb_size_by_group(entry.opcode);
        CHECK((by_group == 0 || by_group == entry.cdb_size));
        CHECK(entry.length_at + entry.length_size < entry.cdb_size);
        CHECK(entry.lba_at + entry.lba_size < entry.cdb_size);
    }
}

TEST_CASE("CDB usage data names the opcode, the LBA, the length and NACA") {
    std::array<std::uint8_t, 16> usage{};
    cdb_usage(*find_opcode(0x28, no_service_action, SCST_TYPE_DISK), usage.data());
    CHECK(usage[0] == 0x28);
    CHECK(usage[1] == 0xf8);
    CHECK(std::all_of(usage.begin() + 2, usage.begin() + 6, [](std::uint8_t b) { return b == 0xff; }));
    CHECK(usage[6] == 0);
    CHECK(usage[9] == 0x04);
}

TEST_CASE("sense data keeps its code and field pointer over both formats") {
    sense_details details;
    details.field = field_pointer{true, 2, 5};
    std::array<std::uint8_t, 64> fixed{};
    const auto fixed_length = build_sense(fixed.data(), false, codes::invalid_field_in_cdb, details);
    CHECK(fixed_length == 18);
    CHECK(fixed[15] == 0xcd);
    std::array<std::uint8_t, 64> descriptor{};
    const auto length = convert_sense({fixed.data(), fixed_length}, true, descriptor.data());
    CHECK(length == 16);
    CHECK(parse_sense({descriptor.data(), length}) == codes::invalid_field_in_cdb);
    std::array<std::uint8_t, 64> back{};
    CHECK(convert_sense({descriptor.data(), length}, false, back.data()) == 18);
    CHECK(std::equal(back.begin(), back.begin() + 18, fixed.begin()));
}

TEST_CASE("POWER ON is in fixed format even where descriptors are asked for") {
    std::array<std::uint8_t, 64> bytes{};
    CHECK(build_sense(bytes.data(), true, codes::power_on) == 18);
    CHECK(bytes[0] == 0x70);
    CHECK(build_sense(bytes.data(), true, codes::capacity_changed) == 8);
    CHECK(bytes[0] == 0x72);
}

TEST_CASE("a short or empty sense buffer parses as no sense") {
    const std::array<std::uint8_t, 3> bytes{0x70, 0, 5};
    CHECK(parse_sense(bytes) == codes::no_sense);
    CHECK(parse_sense({}) == codes::no_sense);
}

TEST_CASE("unit attentions are queued once, in order, nexus loss first") {
    unit_attention_queue queue;
    queue.push(codes::power_on);
    queue.push(codes::capacity_changed);
    queue.push(codes::power_on);
    queue.push_front(codes::nexus_loss);
    CHECK(queue.take() == codes::nexus_loss);
    CHECK(queue.take() == codes::power_on);
    CHECK(queue.take() == codes::capacity_changed);
    CHECK(queue.empty());
}

TEST_CASE("SIMPLE commands between ORDERED ones run together, never across") {
    task_set set;
    const auto &me = nexus_at(64);
    task_entry a;
    task_entry b;
    task_entry ordered;
    task_entry c;
    set.enter(a, task_order::simple, me);
    set.enter(b, task_order::simple, me);
    set.enter(ordered, task_order::ordered, me);
    set.enter(c, task_order::simple, me);
    CHECK(set.may_start(a));
    CHECK(set.may_start(b));
    CHECK_FALSE(set.may_start(ordered));
    CHECK_FALSE(set.may_start(c));
    set.leave(a);
    CHECK_FALSE(set.may_start(ordered));
    set.leave(b);
    CHECK(set.may_start(ordered));
    CHECK_FALSE(set.may_start(c));
    CHECK(set.leave(ordered));
    CHECK(set.may_start(c));
    set.leave(c);
    CHECK(set.plain());
}

TEST_CASE("ACA admits one ACA command of the faulted nexus and tells the others off") {
    task_set set;
    const auto &faulted = nexus_at(64);
    const auto &other = nexus_at(128);
    CHECK(set.admission(faulted, true, false, false) == aca_verdict::invalid_message);
    set.establish_aca(faulted);
    CHECK(set.admission(faulted, false, false, false) == aca_verdict::aca_active);
    CHECK(set.admission(faulted, true, false, false) == aca_verdict::admit);
    task_entry running;
    set.enter(running, task_order::aca, faulted);
    CHECK(set.admission(faulted, true, false, false) == aca_verdict::aca_active);
    CHECK(set.admission(other, false, true, false) == aca_verdict::aca_active);
    CHECK(set.admission(other, false, false, false) == aca_verdict::busy);
    CHECK(set.admission(other, false, false, true) == aca_verdict::admit);
    set.leave(running);
    set.clear_aca();
    CHECK(set.plain());
}

TEST_CASE("patterns match as SCST's do") {
    using session::name_matches;
    CHECK(name_matches("iqn.a:*", "IQN.A:host"));
    CHECK(name_matches("h?st*", "hosts-and-more"));
    CHECK_FALSE(name_matches("h?st", "hosts"));
    CHECK(name_matches("!iqn.a:*", "iqn.b:x"));
    CHECK_FALSE(name_matches("!iqn.a:*", "iqn.a:x"));
    CHECK(name_matches("*", ""));
    CHECK_FALSE(name_matches("", "x"));
    CHECK_FALSE(name_matches(std::string(200, '*') + "b", std::string(2000, 'a'))); // no exponential time
}

TEST_CASE("a block range overlaps others but not its owner's") {
    device::range_locks ranges;
    int owner = 0;
    int other = 0;
    ranges.hold(10, 5, &owner);
    CHECK(ranges.overlaps(14, 1, &other));
    CHECK_FALSE(ranges.overlaps(15, 1, &other));
    CHECK_FALSE(ranges.overlaps(5, 5, &other));
    CHECK_FALSE(ranges.overlaps(10, 5, &owner));
    ranges.release(&owner);
    CHECK(ranges.empty());
}

TEST_CASE("latency classes are powers of two from 512 bytes") {
    CHECK(latency_tables::class_of(0) == 0);
    CHECK(latency_tables::class_of(512) == 0);
    CHECK(latency_tables::class_of(513) == 1);
    CHECK(latency_tables::class_of(4096) == 3);
    CHECK(latency_tables::class_of(1u << 30) == 10);
    latency_tables tables;
    tables.add(1, 512, command_state::exec_wait, 1500);
    CHECK(tables.text(1, 0) ==
          "state count min max avg stddev\nEXEC_WAIT 1 1.5 1.5 1.5 0.0 us\ntotal 1 - - 1.5 0.0 us\n");
    CHECK(tables.text(0, 0) == "state count min max avg stddev\n");
}
