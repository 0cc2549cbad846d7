// SPDX-License-Identifier: Apache-2.0
// The engine as an initiator sees it, with a handler that can hold commands back.
#include "engine/testing/bench_rig.hpp"

#include <doctest/doctest.h>

#include <array>
#include <thread>

using namespace scstd::engine::testing;

namespace {

constexpr std::uint32_t block = rig::block_size;

request reading(std::uint32_t lba, std::uint16_t count, std::uint32_t lun = 0) {
    request wanted;
    wanted.cdb = read10(lba, count);
    wanted.lun = lun;
    wanted.expected_in = std::uint64_t{count} * block;
    return wanted;
}

request writing(std::uint32_t lba, std::uint16_t count, std::uint8_t fill, std::uint32_t lun = 0) {
    request wanted;
    wanted.cdb = write10(lba, count);
    wanted.lun = lun;
    wanted.out.assign(std::size_t{count} * block, fill);
    return wanted;
}

request plain(std::vector<std::uint8_t> cdb, std::uint64_t expected_in = 0, std::uint32_t lun = 0) {
    request wanted;
    wanted.cdb = std::move(cdb);
    wanted.expected_in = expected_in;
    wanted.lun = lun;
    return wanted;
}

request with_attribute(request wanted, std::uint8_t attribute) {
    wanted.attribute = attribute;
    return wanted;
}

request reserve_out(std::uint8_t action, std::uint8_t type, std::uint64_t key, std::uint64_t action_key) {
    request wanted;
    wanted.cdb = {0x5f, action, type, 0, 0, 0, 0, 0, 24, 0};
    wanted.out.resize(24);
    scst::store_be64(wanted.out.data(), key);
    scst::store_be64(wanted.out.data() + 8, action_key);
    return wanted;
}

struct one_lun : rig {
    one_lun() {
        add_device("d");
        add_lun("d", 0);
    }
};

} // namespace

TEST_CASE("a new nexus tells POWER ON once, then a write can be read back") {
    one_lun at;
    auto *const a = at.login("iqn.test:a");
    CHECK(at.run(a, plain(test_unit_ready())).code() == 0x062900);
    CHECK(at.run(a, plain(test_unit_ready())).status == SCST_STATUS_GOOD);
    CHECK(at.run(a, writing(3, 2, 0x5a)).status == SCST_STATUS_GOOD);
    const auto got = at.run(a, reading(3, 2));
    CHECK(got.status == SCST_STATUS_GOOD);
    CHECK(got.data == std::vector<std::uint8_t>(2 * block, 0x5a));
}

TEST_CASE("blocks beyond the end are refused before any data moves") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    CHECK(at.run(a, writing(255, 2, 1)).code() == 0x052100);
    CHECK(at.run(a, reading(256, 1)).code() == 0x052100);
    CHECK(at.run(a, reading(255, 1)).status == SCST_STATUS_GOOD);
}

TEST_CASE("residuals tell more and less than was announced") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    auto more = reading(0, 2);
    more.expected_in = block;
    const auto over = at.run(a, more);
    CHECK(over.residual_kind == 2);
    CHECK(over.residual == block);
    auto less = reading(0, 1);
    less.expected_in = 3 * block;
    const auto under = at.run(a, less);
    CHECK(under.residual_kind == 1);
    CHECK(under.residual == 2 * block);
}

TEST_CASE("a write cut to a broken block writes nothing") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    auto cut = writing(0, 2, 0x77);
    cut.out.resize(block + 100);
    CHECK(at.run(a, cut).code() == 0x050e03);
    CHECK(at.run(a, reading(0, 1)).data == std::vector<std::uint8_t>(block, 0));
}

TEST_CASE("a LUN that does not exist answers INQUIRY, REQUEST SENSE and REPORT LUNS") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    CHECK(at.run(a, plain(test_unit_ready(), 0, 7)).code() == 0x052500);
    const auto inquiry = at.run(a, plain({0x12, 0, 0, 0, 36, 0}, 36, 7));
    CHECK(inquiry.status == SCST_STATUS_GOOD);
    REQUIRE(inquiry.data.size() == 36);
    CHECK(inquiry.data[0] == 0x7f);
    const auto luns = at.run(a, plain({0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}, 256, 7));
    REQUIRE(luns.data.size() == 16);
    CHECK(luns.data[3] == 8);
}

TEST_CASE("unknown operation codes and service actions get the right sense") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    CHECK(at.run(a, plain({0xff, 0, 0, 0, 0, 0})).code() == 0x052000);
    CHECK(at.run(a, plain({0x5e, 0x1f, 0, 0, 0, 0, 0, 0, 8, 0}, 8)).code() == 0x052400);
    CHECK(at.run(a, plain({0x00, 0, 0, 0, 0, 0x01})).code() == 0x052400);
}

TEST_CASE("an ORDERED command waits for those before it, and those after wait for it") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    at.hold(true);
    const auto first = at.send(a, reading(0, 1));
    at.wait_held(1);
    const auto ordered = at.send(a, with_attribute(reading(1, 1), SCST_TASK_ORDERED));
    const auto last = at.send(a, reading(2, 1));
    at.machine().reactors().at(0)->call([] {});
    CHECK(at.held() == 1);
    at.let_go();
    CHECK(first->wait().status == SCST_STATUS_GOOD);
    CHECK(ordered->wait().status == SCST_STATUS_GOOD);
    CHECK(last->wait().status == SCST_STATUS_GOOD);
}

TEST_CASE("HEAD OF QUEUE passes an ORDERED command that waits") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    at.hold(true);
    const auto first = at.send(a, reading(0, 1));
    at.wait_held(1);
    const auto ordered = at.send(a, with_attribute(reading(1, 1), SCST_TASK_ORDERED));
    const auto head = at.send(a, with_attribute(reading(2, 1), SCST_TASK_HEAD_OF_QUEUE));
    at.wait_held(2);
    CHECK_FALSE(ordered->is_done());
    at.let_go();
    CHECK(head->wait().status == SCST_STATUS_GOOD);
    CHECK(ordered->wait().status == SCST_STATUS_GOOD);
    CHECK(first->wait().status == SCST_STATUS_GOOD);
}

TEST_CASE("SPC-2 RESERVE keeps another session out until LOGICAL UNIT RESET") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a", 0);
    auto *const b = at.login_quietly("iqn.test:b", 1);
    CHECK(at.run(a, plain({0x16, 0, 0, 0, 0, 0})).status == SCST_STATUS_GOOD);
    CHECK(at.run(b, reading(0, 1)).status == SCST_STATUS_RESERVATION_CONFLICT);
    CHECK(at.run(b, plain({0x12, 0, 0, 0, 36, 0}, 36)).status == SCST_STATUS_GOOD);
    CHECK(at.run(a, reading(0, 1)).status == SCST_STATUS_GOOD);
    CHECK(at.manage(b, SCST_TM_LUN_RESET, 0) == SCST_TM_STATUS_COMPLETE);
    CHECK(at.run(b, reading(0, 1)).code() == 0x062900);
    CHECK(at.run(b, reading(0, 1)).status == SCST_STATUS_GOOD);
    CHECK(at.run(a, reading(0, 1)).code() == 0x062900);
}

TEST_CASE("a persistent reservation fences the other session and PREEMPT hands it over") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a", 0);
    auto *const b = at.login_quietly("iqn.test:b", 1);
    CHECK(at.run(a, reserve_out(0, 0, 0, 0xaa)).status == SCST_STATUS_GOOD);
    CHECK(at.run(b, reserve_out(0, 0, 0, 0xbb)).status == SCST_STATUS_GOOD);
    CHECK(at.run(a, reserve_out(1, 0x01, 0xaa, 0)).status == SCST_STATUS_GOOD);
    CHECK(at.run(b, writing(0, 1, 1)).status == SCST_STATUS_RESERVATION_CONFLICT);
    CHECK(at.run(b, reading(0, 1)).status == SCST_STATUS_GOOD);
    CHECK(at.run(b, reserve_out(4, 0x01, 0xbb, 0xaa)).status == SCST_STATUS_GOOD);
    CHECK(at.run(b, writing(0, 1, 1)).status == SCST_STATUS_GOOD);
    CHECK(at.run(a, writing(0, 1, 1)).status == SCST_STATUS_RESERVATION_CONFLICT); // before its unit attention
    CHECK(at.run(a, reading(0, 1)).code() == 0x062a05);
}

TEST_CASE("ABORT TASK answers after the backend gave the command back, and nothing is sent for it") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    at.hold(true);
    const auto victim = at.send(a, writing(9, 1, 0x99));
    at.wait_held(1);
    std::int32_t status = 99;
    std::thread manager{[&] { status = at.manage(a, SCST_TM_ABORT_TASK, 0, victim->tag); }};
    at.wait_abort_hint();
    CHECK_FALSE(victim->is_done());
    at.let_go();
    manager.join();
    CHECK(status == SCST_TM_STATUS_COMPLETE);
    CHECK(victim->wait().suppressed);
    CHECK(at.run(a, reading(9, 1)).data == std::vector<std::uint8_t>(block, 0));
    CHECK(at.manage(a, SCST_TM_ABORT_TASK, 0, 424242) == SCST_TM_STATUS_TASK_NOT_EXIST);
    CHECK(at.manage(a, SCST_TM_ABORT_TASK_SET, 9) == SCST_TM_STATUS_LUN_NOT_EXIST);
}

TEST_CASE("LOGICAL UNIT RESET ends the commands of every session without an answer to them") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a", 0);
    auto *const b = at.login_quietly("iqn.test:b", 1);
    at.hold(true);
    const auto mine = at.send(a, reading(0, 1));
    const auto other = at.send(b, reading(1, 1));
    at.wait_held(2);
    std::int32_t status = 99;
    std::thread manager{[&] { status = at.manage(a, SCST_TM_LUN_RESET, 0); }};
    at.wait_abort_hint();
    at.let_go();
    manager.join();
    CHECK(status == SCST_TM_STATUS_COMPLETE);
    CHECK(mine->wait().suppressed);
    CHECK(at.run(b, reading(1, 1)).code() == 0x062900);
    static_cast<void>(other);
}

TEST_CASE("ACA holds the faulted nexus until CLEAR ACA") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    auto faulty = reading(999, 1);
    faulty.cdb[9] = 0x04; // NACA
    // The range is refused before admission to the task set, so use a service that fails inside: an unsupported page
    // code.
    faulty = plain({0xa0, 0, 0x55, 0, 0, 0, 0, 0, 1, 0, 0, 0x04}, 256);
    CHECK(at.run(a, faulty).code() == 0x052400);
    CHECK(at.run(a, reading(0, 1)).status == SCST_STATUS_ACA_ACTIVE);
    CHECK(at.run(a, with_attribute(reading(0, 1), SCST_TASK_ACA)).status == SCST_STATUS_GOOD);
    CHECK(at.manage(a, SCST_TM_CLEAR_ACA, 0) == SCST_TM_STATUS_COMPLETE);
    CHECK(at.run(a, reading(0, 1)).status == SCST_STATUS_GOOD);
    CHECK(at.run(a, with_attribute(reading(0, 1), SCST_TASK_ACA)).code() == 0x054900);
}

TEST_CASE("a command that is refused by its CDB establishes ACA as well") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    auto faulty = reading(999, 1);
    faulty.cdb[9] = 0x04;
    CHECK(at.run(a, faulty).code() == 0x052100);
    CHECK(at.run(a, reading(999, 1)).status == SCST_STATUS_ACA_ACTIVE);
    CHECK(at.manage(a, SCST_TM_CLEAR_ACA, 0) == SCST_TM_STATUS_COMPLETE);
    CHECK(at.run(a, reading(0, 1)).status == SCST_STATUS_GOOD);
}

TEST_CASE("COMPARE AND WRITE compares, then writes, and tells where it differs") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    CHECK(at.run(a, writing(4, 1, 0x11)).status == SCST_STATUS_GOOD);
    request wanted;
    wanted.cdb = {0x89, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0};
    wanted.out.assign(2 * block, 0x11);
    std::fill(wanted.out.begin() + block, wanted.out.end(), std::uint8_t{0x22});
    CHECK(at.run(a, wanted).status == SCST_STATUS_GOOD);
    CHECK(at.run(a, reading(4, 1)).data == std::vector<std::uint8_t>(block, 0x22));
    wanted.out.assign(2 * block, 0x22);
    wanted.out[37] = 0;
    const auto refused = at.run(a, wanted);
    CHECK(refused.code() == 0x0e1d00);
    REQUIRE(refused.sense.size() == 18);
    CHECK(refused.sense[6] == 37);
}

TEST_CASE("suspending a device waits for its commands and leaves the other device alone") {
    one_lun at;
    at.add_device("e");
    at.add_lun("e", 1);
    auto *const a = at.login_quietly("iqn.test:a");
    auto &machine = at.machine();
    CHECK(
        machine.management().call([&] { return static_cast<bool>(machine.block_device(*machine.find_device("d"))); }));
    const auto held_back = at.send(a, reading(0, 1));
    CHECK(at.run(a, reading(0, 1, 1)).status == SCST_STATUS_GOOD);
    CHECK_FALSE(held_back->is_done());
    machine.management().call([&] { machine.unblock_device(*machine.find_device("d")); });
    CHECK(held_back->wait().status == SCST_STATUS_GOOD);
}

TEST_CASE("removing a LUN lets its running commands finish and tells the session") {
    one_lun at;
    at.add_device("e");
    at.add_lun("e", 1);
    auto *const a = at.login_quietly("iqn.test:a");
    auto &machine = at.machine();
    CHECK(machine.management().call(
        [&] { return static_cast<bool>(machine.del_lun(machine.find_target("rig", "t")->default_group(), 1)); }));
    CHECK(at.run(a, reading(0, 1, 1)).code() == 0x052500);
    CHECK(at.run(a, reading(0, 1)).code() == 0x063f0e);
    CHECK(at.run(a, reading(0, 1)).status == SCST_STATUS_GOOD);
}

TEST_CASE("writes to a read-only LUN are refused") {
    rig at;
    at.add_device("d");
    at.add_lun("d", 0, true);
    auto *const a = at.login_quietly("iqn.test:a");
    CHECK(at.run(a, writing(0, 1, 1)).code() == 0x072700);
    CHECK(at.run(a, reading(0, 1)).status == SCST_STATUS_GOOD);
}

TEST_CASE("a session that ends takes its commands with it and frees its reservation") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a", 0);
    auto *const b = at.login_quietly("iqn.test:b", 1);
    CHECK(at.run(a, plain({0x16, 0, 0, 0, 0, 0})).status == SCST_STATUS_GOOD);
    at.logout(a);
    CHECK(at.run(b, reading(0, 1)).status == SCST_STATUS_GOOD);
}

TEST_CASE("a command that waits longer than its device's command_timeout is told so") {
    one_lun at;
    auto *const a = at.login_quietly("iqn.test:a");
    auto &machine = at.machine();
    machine.management().call([&] {
        machine.find_device("d")->command_timeout_s = 1;
        CHECK(machine.block_device(*machine.find_device("d")));
    });
    const auto late = at.send(a, reading(0, 1));
    CHECK(late->wait().code() == 0x0b2e01);
    machine.management().call([&] {
        machine.find_device("d")->command_timeout_s = 0;
        machine.unblock_device(*machine.find_device("d"));
    });
    CHECK(at.run(a, reading(0, 1)).status == SCST_STATUS_GOOD);
}

TEST_CASE("EXTENDED COPY reaches only logical units that the session sees") {
    one_lun at;
    at.add_device("e");
    at.add_lun("e", 1);
    at.add_device("hidden");
    auto *const a = at.login_quietly("iqn.test:a");
    at.machine().management().call([&] {
        std::uint8_t id = 1;
        for (const char *name : {"d", "e", "hidden"}) {
            const std::array<std::uint8_t, 12> page{0x01, 0x03, 0, 8, 0x50, 0, 0, 0, 0, 0, 0, id++};
            scstd::core::api().device_set_identity(at.machine().find_device(name), name, page.data(), page.size());
        }
    });
    CHECK(at.run(a, writing(2, 2, 0x66)).status == SCST_STATUS_GOOD);
    const auto copy = [](std::uint8_t from, std::uint8_t to) {
        request wanted;
        wanted.cdb = {0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 108, 0, 0};
        wanted.out.resize(108);
        auto *const list = wanted.out.data();
        list[1] = 0x18; // no list identifier
        list[3] = 64;
        list[11] = 28;
        for (const std::size_t at_byte : {16u, 48u}) {
            list[at_byte] = 0xe4;
            list[at_byte + 4] = 0x01;
            list[at_byte + 5] = 0x03;
            list[at_byte + 7] = 8;
            list[at_byte + 8] = 0x50;
            list[at_byte + 15] = at_byte == 16 ? from : to;
            list[at_byte + 30] = 2; // 512-byte blocks
        }
        auto *const segment = list + 80;
        segment[0] = 0x02;
        segment[3] = 24;
        segment[7] = 1;
        segment[11] = 2;
        segment[19] = 2; // source LBA
        segment[27] = 8; // destination LBA
        return wanted;
    };
    CHECK(at.run(a, copy(1, 2)).status == SCST_STATUS_GOOD);
    CHECK(at.run(a, reading(8, 2, 1)).data == std::vector<std::uint8_t>(2 * block, 0x66));
    CHECK(at.run(a, copy(1, 3)).code() == 0x0a0d02);
    CHECK(at.run(a, copy(3, 1)).code() == 0x0a0d02);
}
