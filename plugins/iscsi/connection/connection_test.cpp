// SPDX-License-Identifier: Apache-2.0
// Whole exchanges over a socket pair, with a fake core behind the driver.
#include "connection/connection.hpp"

#include "pdu/digest.hpp"
#include "testing/initiator.hpp"

#include <scst/bytes.hpp>

#include <doctest/doctest.h>

#include <algorithm>

using namespace scstd::iscsi;
using namespace scstd::iscsi::testing;

namespace {

bytes on_disk(const fake_core &core, std::size_t lba, std::size_t blocks) {
    const auto first = core.disk.begin() + static_cast<std::ptrdiff_t>(lba * 512);
    return {first, first + static_cast<std::ptrdiff_t>(blocks * 512)};
}

bytes part(const bytes &all, std::size_t offset, std::size_t length) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(offset);
    return {first, first + static_cast<std::ptrdiff_t>(length)};
}

} // namespace

TEST_CASE("a small read is answered by one Data-In that carries the status") {
    rig r;
    initiator i{r};
    i.login_full();
    i.send(i.read10(3, 1, 512));
    const received_pdu got = i.receive();
    CHECK(got.code() == opcode::data_in);
    CHECK(got.flags() == 0x81);
    CHECK(got.scsi_status() == 0);
    CHECK(got.itt() == i.itt);
    CHECK(got.ttt() == reserved_tag);
    CHECK(got.exp_cmd_sn() == 2);
    CHECK(got.max_cmd_sn() == 2 + 32 - 1);
    CHECK(got.word(36) == 0); // DataSN
    CHECK(got.data == on_disk(r.core, 3, 1));
    CHECK(i.nothing());
    CHECK(r.core.live_commands() == 0);
}

TEST_CASE("many requests in one segment are all answered, in order, with rising StatSN") {
    rig r;
    initiator i{r};
    const std::uint32_t first_stat_sn = i.login_full().stat_sn() + 1;
    i.send(request_pdu{opcode::nop_out}.immediate().word(16, 1).word(20, reserved_tag).word(24, i.cmd_sn)); // opens the
                                                                                                            // window
    CHECK(i.receive().code() == opcode::nop_in);
    bytes all;
    for (std::uint32_t n = 0; n < 32; ++n) {
        const bytes one = i.wire(i.read10(n, 1, 512));
        all.insert(all.end(), one.begin(), one.end());
    }
    i.send_raw(all);
    for (std::uint32_t n = 0; n < 32; ++n) {
        const received_pdu got = i.receive();
        CHECK(got.stat_sn() == first_stat_sn + 1 + n);
        CHECK(got.data == on_disk(r.core, n, 1));
    }
    CHECK(i.nothing());
}

TEST_CASE("a large read comes in PDUs of the initiator's size and in sequences of MaxBurstLength") {
    rig r;
    r.core.split_buffers = true;
    initiator i{r};
    i.login_full("MaxRecvDataSegmentLength=1000|MaxBurstLength=2500|");
    i.send(i.read10(0, 10, 5120));
    bytes got;
    std::uint32_t sn = 0;
    std::uint32_t in_burst = 0;
    while (true) {
        const received_pdu pdu = i.receive();
        REQUIRE(pdu.code() == opcode::data_in);
        CHECK(pdu.word(36) == sn++);
        CHECK(pdu.word(40) == got.size());
        CHECK(pdu.data.size() <= 1000);
        got.insert(got.end(), pdu.data.begin(), pdu.data.end());
        in_burst += static_cast<std::uint32_t>(pdu.data.size());
        CHECK(in_burst <= 2500);
        const bool last = got.size() == 5120;
        CHECK(pdu.final() == (in_burst == 2500 || last));
        CHECK(((pdu.flags() & 1) != 0) == last);
        CHECK((pdu.stat_sn() != 0) == last);
        if (pdu.final())
            in_burst = 0;
        if (last)
            break;
    }
    CHECK(got == on_disk(r.core, 0, 10));
    CHECK(r.core.live_commands() == 0);
}

TEST_CASE("data is padded to four bytes and the padding is not counted") {
    rig r;
    initiator i{r};
    i.login_full();
    bytes cdb(16);
    cdb[0] = 0x12;
    cdb[4] = 37;
    i.send(i.command(0xc1, 37, cdb));
    const received_pdu got = i.receive();
    CHECK(got.data == part(on_disk(r.core, 0, 1), 0, 37));
    CHECK(i.nothing());
}

TEST_CASE("residuals: the initiator expects more, or less, than the command moves") {
    rig r;
    initiator i{r};
    i.login_full();
    i.send(i.read10(0, 1, 1024));
    received_pdu got = i.receive();
    CHECK(got.flags() == 0x83); // F, U, S
    CHECK(got.word(44) == 512);
    CHECK(got.data.size() == 512);
    i.send(i.read10(0, 2, 512));
    got = i.receive();
    CHECK(got.flags() == 0x85); // F, O, S
    CHECK(got.word(44) == 512);
    CHECK(got.data.size() == 512);
    i.send(i.write10(0, 2, 512, true, pattern(512, 1)));
    got = i.receive();
    CHECK(got.code() == opcode::scsi_response);
    CHECK(got.flags() == 0x84);
    CHECK(got.word(44) == 512);
    CHECK(on_disk(r.core, 0, 1) == pattern(512, 1));
    i.send(i.write10(4, 1, 2048, true, pattern(2048, 2))); // the rest of the immediate data goes nowhere
    got = i.receive();
    CHECK(got.flags() == 0x82);
    CHECK(got.word(44) == 1536);
    CHECK(on_disk(r.core, 4, 1) == part(pattern(2048, 2), 0, 512));
}

TEST_CASE("a status with sense follows its command in a response of its own") {
    rig r;
    initiator i{r};
    i.login_full();
    r.core.next_sense = {0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0, 0, 0};
    i.send(i.read10(0, 1, 512));
    const received_pdu got = i.receive();
    CHECK(got.code() == opcode::scsi_response);
    CHECK(got.header[2] == 0);
    CHECK(got.scsi_status() == 2);
    CHECK(got.data.size() == 20);
    CHECK(got.sense() == 0x52400);
    CHECK(i.nothing());
    CHECK(r.core.live_commands() == 0);
}

TEST_CASE("immediate data is written") {
    rig r;
    initiator i{r};
    i.login_full();
    SUBCASE("small") {}
    SUBCASE("small, in a buffer of several segments") {
        r.core.split_buffers = true;
    }
    SUBCASE("small, and the buffer comes later") {
        r.core.hold_buffers = true;
    }
    i.send(i.write10(7, 4, 2048, true, pattern(2048, 9)));
    if (r.core.hold_buffers) {
        CHECK(i.nothing());
        r.core.release_buffers();
    }
    const received_pdu got = i.receive();
    CHECK(got.code() == opcode::scsi_response);
    CHECK(got.scsi_status() == 0);
    CHECK(on_disk(r.core, 7, 4) == pattern(2048, 9));
}

TEST_CASE("immediate data larger than the receive buffer's small PDUs is received in pieces") {
    rig r;
    bool split = false;
    bool late = false;
    SUBCASE("one segment") {}
    SUBCASE("several segments") {
        split = true;
    }
    SUBCASE("buffer later") {
        late = true;
    }
    r.core.split_buffers = split;
    r.core.hold_buffers = late;
    initiator i{r};
    i.login_full("MaxRecvDataSegmentLength=65536|");
    const bytes data = pattern(65536, 5);
    const bytes wire = i.wire(i.write10(0, 128, 65536, true, data));
    // In three parts that cut header and data.
    i.send_raw(part(wire, 0, 20));
    CHECK(i.nothing());
    i.send_raw(part(wire, 20, 30000));
    CHECK(i.nothing());
    i.send_raw(part(wire, 30020, wire.size() - 30020));
    if (late) {
        CHECK(i.nothing());
        r.core.release_buffers();
    }
    CHECK(i.receive().scsi_status() == 0);
    CHECK(on_disk(r.core, 0, 128) == data);
}

TEST_CASE("a write is asked for by R2Ts, as many at once as were agreed") {
    rig r;
    r.set("MaxOutstandingR2T", "2");
    initiator i{r};
    i.login_full("InitialR2T=Yes|ImmediateData=No|MaxBurstLength=1024|MaxOutstandingR2T=8|");
    const bytes data = pattern(4096, 3);
    i.send(i.write10(0, 8, 4096, true));
    std::vector<received_pdu> asked{i.receive(), i.receive()};
    CHECK(i.nothing());
    const std::uint32_t stat_sn = asked[0].stat_sn();
    for (std::uint32_t n = 0; n < 4; ++n) {
        const received_pdu request = asked[n];
        CHECK(request.code() == opcode::r2t);
        CHECK(request.itt() == i.itt);
        CHECK(request.ttt() != reserved_tag);
        CHECK(request.stat_sn() == stat_sn);
        CHECK(request.word(36) == n);
        CHECK(request.word(40) == n * 1024);
        CHECK(request.word(44) == 1024);
        // In two PDUs each.
        i.send(i.data_out(i.itt, request.ttt(), 0, n * 1024, false, part(data, n * 1024, 600)));
        CHECK(i.nothing());
        i.send(i.data_out(i.itt, request.ttt(), 1, n * 1024 + 600, true, part(data, n * 1024 + 600, 424)));
        if (n != 2) // when the third is answered, all has been asked for
            asked.push_back(i.receive());
        else
            CHECK(i.nothing());
    }
    CHECK(asked[0].ttt() != asked[1].ttt());
    CHECK(asked.back().code() == opcode::scsi_response);
    CHECK(on_disk(r.core, 0, 8) == data);
}

TEST_CASE("unsolicited data comes before what is asked for") {
    rig r;
    bool late = false;
    SUBCASE("buffer at once") {}
    SUBCASE("buffer later") {
        late = true;
    }
    r.core.hold_buffers = late;
    initiator i{r};
    i.login_full("InitialR2T=No|ImmediateData=Yes|FirstBurstLength=2048|MaxBurstLength=8192|");
    const bytes data = pattern(4096, 8);
    i.send(i.write10(16, 8, 4096, false, part(data, 0, 512)));
    CHECK(i.nothing());
    i.send(i.data_out(i.itt, reserved_tag, 0, 512, false, part(data, 512, 512)));
    i.send(i.data_out(i.itt, reserved_tag, 1, 1024, true, part(data, 1024, 1024)));
    if (late) {
        CHECK(i.nothing());
        r.core.release_buffers();
    }
    const received_pdu request = i.receive();
    REQUIRE(request.code() == opcode::r2t);
    CHECK(request.word(40) == 2048);
    CHECK(request.word(44) == 2048);
    i.send(i.data_out(i.itt, request.ttt(), 0, 2048, true, part(data, 2048, 2048)));
    CHECK(i.receive().scsi_status() == 0);
    CHECK(on_disk(r.core, 16, 8) == data);
}

TEST_CASE("a large Data-Out is received straight into the command's buffer") {
    rig r;
    r.core.split_buffers = false;
    SUBCASE("one segment") {}
    SUBCASE("many segments") {
        r.core.split_buffers = true;
    }
    initiator i{r};
    i.login_full("MaxRecvDataSegmentLength=262144|InitialR2T=Yes|ImmediateData=No|MaxBurstLength=262144|");
    const bytes data = pattern(262144, 77);
    i.send(i.write10(0, 512, 262144, true));
    const received_pdu request = i.receive();
    REQUIRE(request.code() == opcode::r2t);
    const bytes wire = i.wire(i.data_out(i.itt, request.ttt(), 0, 0, true, data));
    for (std::size_t at = 0; at < wire.size(); at += 50001)
        i.send_raw(part(wire, at, std::min<std::size_t>(50001, wire.size() - at)));
    CHECK(i.receive().scsi_status() == 0);
    CHECK(on_disk(r.core, 0, 512) == data);
}

TEST_CASE("data that breaks the rules of its burst fails the command and not the connection") {
    rig r;
    initiator i{r};
    i.login_full("InitialR2T=No|ImmediateData=Yes|FirstBurstLength=2048|MaxBurstLength=1024|DataPDUInOrder=Yes|");
    const bytes before = on_disk(r.core, 0, 8);
    const auto start = [&] {
        i.send(i.write10(0, 8, 4096, true));
        const received_pdu request = i.receive();
        REQUIRE(request.code() == opcode::r2t);
        return request;
    };
    std::uint32_t expected = 0xb4b05;
    SUBCASE("wrong offset") {
        const received_pdu request = start();
        i.send(i.data_out(i.itt, request.ttt(), 0, 4, true, pattern(1020, 1)));
    }
    SUBCASE("wrong DataSN") {
        const received_pdu request = start();
        i.send(i.data_out(i.itt, request.ttt(), 1, 0, true, pattern(1024, 1)));
    }
    SUBCASE("more than was asked for") {
        const received_pdu request = start();
        i.send(i.data_out(i.itt, request.ttt(), 0, 0, true, pattern(1028, 1)));
    }
    SUBCASE("less than was asked for") {
        const received_pdu request = start();
        i.send(i.data_out(i.itt, request.ttt(), 0, 0, true, pattern(512, 1)));
        expected = 0xb0c0d;
    }
    SUBCASE("more unsolicited data than FirstBurstLength") {
        i.send(i.write10(0, 8, 4096, false));
        i.send(i.data_out(i.itt, reserved_tag, 0, 0, false, pattern(1024, 1)));
        i.send(i.data_out(i.itt, reserved_tag, 1, 1024, true, pattern(2048, 1)));
        expected = 0xb0c0d;
    }
    SUBCASE("offset that wraps") {
        const received_pdu request = start();
        i.send(i.data_out(i.itt, request.ttt(), 0, 0xfffffff0, true, pattern(1024, 1)));
    }
    const received_pdu got = i.receive();
    CHECK(got.code() == opcode::scsi_response);
    CHECK(got.sense() == expected);
    CHECK(on_disk(r.core, 0, 8) == before);
    i.send(i.read10(0, 1, 512));
    CHECK(i.receive().code() == opcode::data_in);
}

TEST_CASE("Data-Out that belongs to nothing is thrown away") {
    rig r;
    initiator i{r};
    i.login_full("MaxRecvDataSegmentLength=65536|");
    i.send(i.data_out(0x777, reserved_tag, 0, 0, true, pattern(512, 1)));
    i.send(i.data_out(0x777, 5, 0, 0, true, pattern(40000, 1)));
    i.send(i.data_out(0x777, 5, 0, 0, true, {})); // a zero-length one where data is expected
    CHECK(i.nothing());
    i.send(i.read10(0, 1, 512));
    CHECK(i.receive().code() == opcode::data_in);
}

TEST_CASE("a command that is over early swallows its unsolicited data before it answers") {
    rig r;
    initiator i{r};
    i.login_full("InitialR2T=No|");
    r.core.no_commands = true;
    i.send(i.write10(0, 8, 4096, false));
    CHECK(i.nothing());
    i.send(i.data_out(i.itt, reserved_tag, 0, 0, true, pattern(4096, 1)));
    const received_pdu got = i.receive();
    CHECK(got.code() == opcode::scsi_response);
    CHECK(got.scsi_status() == 0x28); // TASK SET FULL
}

TEST_CASE("commands that can't be are answered or end the connection") {
    rig r;
    initiator i{r};
    SUBCASE("bidirectional") {
        i.login_full();
        i.send(i.command(0xe1, 512, bytes(16)));
        CHECK(i.receive().sense() == 0x52602);
    }
    SUBCASE("bidirectional with a read length") {
        i.login_full();
        i.send(i.command(0xe1, 512, bytes(16)).with_ahs({0, 5, 2, 0, 0, 0, 2, 0}));
        CHECK(i.receive().sense() == 0x52000);
    }
    SUBCASE("data for a read") {
        i.login_full();
        i.send(i.read10(0, 1, 512).with(pattern(16, 1)));
        CHECK(i.receive().sense() == 0xb0c0c);
    }
    SUBCASE("more immediate data than announced") {
        i.login_full();
        i.send(i.write10(0, 1, 512, true, pattern(600, 1)));
        CHECK(i.receive().sense() == 0xb0c0d);
    }
    SUBCASE("immediate data without agreement") {
        i.login_full("ImmediateData=No|");
        i.send(i.write10(0, 1, 512, true, pattern(512, 1)));
        CHECK(i.closed());
    }
    SUBCASE("unsolicited data without agreement") {
        i.login_full("InitialR2T=Yes|");
        i.send(i.write10(0, 1, 512, false));
        CHECK(i.closed());
    }
    SUBCASE("immediate data longer than FirstBurstLength") {
        i.login_full("FirstBurstLength=512|");
        i.send(i.write10(0, 2, 1024, true, pattern(1024, 1)));
        CHECK(i.closed());
    }
    SUBCASE("the reserved task tag") {
        i.login_full();
        i.send(i.read10(0, 1, 512).word(16, reserved_tag));
        CHECK(i.receive().code() == opcode::reject);
        CHECK(i.closed());
    }
    SUBCASE("a task tag in use") {
        i.login_full();
        r.core.hold_execution = true;
        i.send(i.read10(0, 1, 512));
        i.send(i.read10(0, 1, 512).word(16, i.itt - 1));
        const received_pdu got = i.receive();
        CHECK(got.code() == opcode::reject);
        CHECK(got.header[2] == 0x07);
        CHECK(i.closed());
    }
    SUBCASE("a data segment longer than agreed") {
        i.login_full();
        i.send(i.write10(0, 32, 16384, true, pattern(8196, 1)));
        CHECK(i.closed());
    }
    r.core.release_execution();
    CHECK(r.core.live_commands() == 0);
}

TEST_CASE("additional header segments: a long CDB, and ones that contradict themselves") {
    rig r;
    initiator i{r};
    i.login_full();
    SUBCASE("a long CDB reaches the core") {
        i.send(i.read10(0, 1, 512).with_ahs({0, 9, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8}));
        CHECK(i.receive().code() == opcode::data_in);
    }
    SUBCASE("longer than what came") {
        i.send(i.read10(0, 1, 512).with_ahs({0, 200, 1, 0}));
        const received_pdu got = i.receive();
        CHECK(got.code() == opcode::reject);
        CHECK(got.header[2] == 0x09);
        CHECK(got.data.size() == 48);
    }
    SUBCASE("a CDB beyond 260 bytes") {
        bytes ahs(1020, 1);
        ahs[0] = 3;
        ahs[1] = 0xf8;
        ahs[2] = 1;
        i.send(i.read10(0, 1, 512).with_ahs(ahs));
        CHECK(i.receive().code() == opcode::reject);
    }
    SUBCASE("length zero") {
        i.send(i.read10(0, 1, 512).with_ahs({0, 0, 1, 0}));
        CHECK(i.receive().code() == opcode::reject);
    }
    i.send(i.read10(0, 1, 512));
    CHECK(i.receive().code() == opcode::data_in);
}

TEST_CASE("digests are checked and made") {
    rig r;
    r.set("HeaderDigest", "CRC32C,None");
    r.set("DataDigest", "CRC32C,None");
    initiator i{r};
    i.login_full("HeaderDigest=CRC32C,None|DataDigest=CRC32C,None|MaxRecvDataSegmentLength=1000|MaxBurstLength=65536|");
    REQUIRE(i.header_digest);
    REQUIRE(i.data_digest);
    SUBCASE("reads of one and of many PDUs") {
        i.send(i.read10(2, 1, 510));
        CHECK(i.receive().data == part(on_disk(r.core, 2, 1), 0, 510));
        i.send(i.read10(2, 8, 4096));
        bytes got;
        while (got.size() < 4096) {
            const received_pdu pdu = i.receive();
            got.insert(got.end(), pdu.data.begin(), pdu.data.end());
        }
        CHECK(got == on_disk(r.core, 2, 8));
    }
    SUBCASE("writes, small and large") {
        i.send(i.write10(2, 1, 512, true, pattern(512, 4)));
        CHECK(i.receive().scsi_status() == 0);
        CHECK(on_disk(r.core, 2, 1) == pattern(512, 4));
        i.send(i.write10(0, 100, 51200, true));
        const received_pdu request = i.receive();
        REQUIRE(request.code() == opcode::r2t);
        const bytes wire = i.wire(i.data_out(i.itt, request.ttt(), 0, 0, true, pattern(51200, 6)));
        i.send_raw(part(wire, 0, 10000));
        i.send_raw(part(wire, 10000, wire.size() - 10000));
        CHECK(i.receive().scsi_status() == 0);
        CHECK(on_disk(r.core, 0, 100) == pattern(51200, 6));
    }
    SUBCASE("a broken header digest closes the connection, and nothing follows") {
        bytes wire = i.wire(i.read10(0, 1, 512));
        wire[17] ^= 1;
        i.send_raw(wire);
        CHECK(i.closed());
    }
    SUBCASE("broken immediate data fails the command, the medium is unchanged, the connection lives") {
        const bytes before = on_disk(r.core, 2, 1);
        bytes wire = i.wire(i.write10(2, 1, 512, true, pattern(512, 4)));
        wire[100] ^= 1;
        i.send_raw(wire);
        CHECK(i.receive().sense() == 0xb4705);
        CHECK(on_disk(r.core, 2, 1) == before);
        i.send(i.read10(2, 1, 512));
        CHECK(i.receive().data == before);
    }
    SUBCASE("a broken large Data-Out does so too, when all its data has come") {
        const bytes before = on_disk(r.core, 0, 100);
        i.send(i.write10(0, 100, 51200, true));
        const received_pdu request = i.receive();
        bytes wire = i.wire(i.data_out(i.itt, request.ttt(), 0, 0, false, pattern(51196, 6)));
        wire[20000] ^= 1;
        i.send_raw(part(wire, 0, 9000));
        i.send_raw(part(wire, 9000, wire.size() - 9000));
        CHECK(i.nothing());
        i.send(i.data_out(i.itt, request.ttt(), 1, 51196, true, pattern(4, 6)));
        CHECK(i.receive().sense() == 0xb4705);
        CHECK(on_disk(r.core, 0, 100) == before);
    }
    SUBCASE("a NOP-Out with broken data is as good as lost") {
        bytes wire = i.wire(request_pdu{opcode::nop_out}
                                .immediate()
                                .word(16, 9)
                                .word(20, reserved_tag)
                                .word(24, i.cmd_sn)
                                .with(pattern(8, 1)));
        wire[53] ^= 1;
        i.send_raw(wire);
        CHECK(i.nothing());
    }
}

TEST_CASE("commands are executed in CmdSN order, whatever order they come in") {
    rig r;
    initiator i{r};
    i.login_full();
    i.send(request_pdu{opcode::nop_out}.immediate().word(16, 1).word(20, reserved_tag).word(24, i.cmd_sn));
    CHECK(i.receive().code() == opcode::nop_in);
    const std::uint32_t first = i.cmd_sn;
    std::vector<request_pdu> pdus;
    for (std::uint32_t n = 0; n < 4; ++n)
        pdus.push_back(i.write10(n, 1, 512, true, pattern(512, static_cast<std::uint8_t>(n))));
    for (std::size_t n = 4; n-- > 1;)
        i.send(pdus[n]);
    i.send(pdus[2]); // twice
    CHECK(i.nothing());
    i.send(pdus[0]);
    for (std::uint32_t n = 0; n < 4; ++n) {
        const received_pdu got = i.receive();
        CHECK(got.itt() == i.itt - 3 + n);
        CHECK(on_disk(r.core, n, 1) == pattern(512, static_cast<std::uint8_t>(n)));
    }
    i.send(pdus[1]); // old
    request_pdu far = i.read10(0, 1, 512);
    far.word(24, first + 1000);
    i.send(far); // beyond the window
    CHECK(i.nothing());
}

TEST_CASE("the window shrinks with every command that is not answered and never below what was announced") {
    rig r;
    r.set("QueuedCommands", "2");
    initiator i{r};
    i.login_full();
    r.core.hold_execution = true;
    i.send(i.read10(0, 1, 512));
    i.send(i.read10(1, 1, 512));
    i.send(request_pdu{opcode::nop_out}.immediate().word(16, 1).word(20, reserved_tag).word(24, i.cmd_sn));
    const received_pdu nop = i.receive();
    CHECK(nop.exp_cmd_sn() == 3);
    CHECK(nop.max_cmd_sn() == 2); // closed
    i.send(i.read10(2, 1, 512));  // ignored
    r.core.release_execution();
    CHECK(i.receive().max_cmd_sn() == 3);
    CHECK(i.receive().max_cmd_sn() == 4);
    CHECK(i.nothing());
}

TEST_CASE("NOP-Out is echoed; a wrong one is rejected") {
    rig r;
    initiator i{r};
    i.login_full("MaxRecvDataSegmentLength=512|");
    i.send(request_pdu{opcode::nop_out}.word(16, 5).word(20, reserved_tag).word(24, i.cmd_sn++).with(pattern(600, 3)));
    received_pdu got = i.receive();
    CHECK(got.code() == opcode::nop_in);
    CHECK(got.itt() == 5);
    CHECK(got.ttt() == reserved_tag);
    CHECK(got.data == part(pattern(600, 3), 0, 512)); // no more than the initiator takes
    CHECK(got.exp_cmd_sn() == i.cmd_sn);
    i.send(request_pdu{opcode::nop_out, 0}.immediate().word(16, 5).word(20, reserved_tag).word(24, i.cmd_sn));
    got = i.receive();
    CHECK(got.code() == opcode::reject);
    CHECK(got.header[2] == 0x04);
    CHECK(got.itt() == reserved_tag);
}

TEST_CASE("an idle initiator is asked, and closed when it does not answer") {
    rig r;
    initiator i{r};
    i.login_full();
    r.core.advance_ms(29000);
    CHECK(i.nothing());
    r.core.advance_ms(2000);
    received_pdu ping = i.receive();
    CHECK(ping.code() == opcode::nop_in);
    CHECK(ping.itt() == reserved_tag);
    CHECK(ping.ttt() != reserved_tag);
    i.send(request_pdu{opcode::nop_out}.immediate().word(16, reserved_tag).word(20, ping.ttt()).word(24, i.cmd_sn));
    r.core.advance_ms(29500);
    CHECK(i.nothing());
    r.core.advance_ms(2000);
    ping = i.receive();
    CHECK(ping.code() == opcode::nop_in);
    r.core.advance_ms(28000);
    CHECK(!i.closed());
    r.core.advance_ms(3000);
    CHECK(i.closed());
    CHECK(r.core.sessions() == 0);
}

TEST_CASE("a write whose data never comes closes the connection after RspTimeout") {
    rig r;
    r.set("NopInInterval", "0");
    r.set("RspTimeout", "5");
    initiator i{r};
    i.login_full();
    i.send(i.write10(0, 200, 102400, true));
    CHECK(i.receive().code() == opcode::r2t);
    r.core.advance_ms(4000);
    CHECK(!i.closed());
    r.core.advance_ms(2000);
    CHECK(i.closed());
    CHECK(r.core.sessions() == 0);
    CHECK(r.core.live_commands() == 0);
    CHECK(r.core.logged("RspTimeout"));
}

TEST_CASE("logout is answered, then the connection is closed, whatever the reason") {
    for (const int reason : {0, 1, 2, 77}) {
        rig r;
        initiator i{r};
        i.login_full();
        i.send(
            request_pdu{opcode::logout_request, static_cast<std::uint8_t>(0x80 | reason)}.immediate().word(16, 3).word(
                24, i.cmd_sn));
        const received_pdu got = i.receive();
        CHECK(got.code() == opcode::logout_response);
        CHECK(got.header[2] == 0);
        CHECK(got.itt() == 3);
        CHECK(i.closed());
        CHECK(r.core.sessions() == 0);
    }
}

TEST_CASE("what a target does not take is rejected with its header, and the connection lives") {
    rig r;
    initiator i{r};
    i.login_full();
    for (const int code : {0x10, 0x03, 0x1c, 0x21, 0x3f, 0x25}) {
        const request_pdu pdu = request_pdu{static_cast<opcode>(code)}.immediate().word(16, 7).with(pattern(20, 1));
        i.send(pdu);
        const received_pdu got = i.receive();
        CHECK(got.code() == opcode::reject);
        CHECK(got.header[2] == 0x05);
        REQUIRE(got.data.size() == 48);
        CHECK(got.data[0] == pdu.header[0]);
    }
    i.send(i.read10(0, 1, 512));
    CHECK(i.receive().code() == opcode::data_in);
}

TEST_CASE("text in full-feature phase: the session's own target, pieces, and what is refused") {
    rig r;
    initiator i{r};
    i.login_full();
    const auto text = [&](std::uint8_t flags, std::uint32_t ttt, std::string_view keys) {
        request_pdu pdu{opcode::text_request, flags};
        pdu.word(16, 4).word(20, ttt).word(24, i.cmd_sn++);
        pdu.data.assign(keys.begin(), keys.end());
        std::replace(pdu.data.begin(), pdu.data.end(), std::uint8_t{'|'}, std::uint8_t{0});
        i.send(pdu);
        return i.receive();
    };
    received_pdu got = text(0x80, reserved_tag, "SendTargets=|");
    CHECK(got.code() == opcode::text_response);
    CHECK(got.flags() == 0x80);
    CHECK(got.ttt() == reserved_tag);
    CHECK(got.text().rfind("TargetName=iqn.2026-11.example:disk|TargetAddress=127.0.0.1:3260,1|", 0) == 0);
    CHECK(text(0x80, reserved_tag, "SendTargets=All|X-a=1|").text() == "SendTargets=Reject|X-a=NotUnderstood|");
    // In two PDUs, the cut in the middle of a key.
    got = text(0x40, reserved_tag, "SendTar");
    CHECK(got.flags() == 0);
    REQUIRE(got.ttt() != reserved_tag);
    CHECK(text(0x80, got.ttt(), "gets=All|").text() == "SendTargets=Reject|");
    CHECK(text(0x80, 0x1234, "").header[2] == 0x09);       // a TTT that is not ours
    CHECK(text(0xc0, reserved_tag, "").header[2] == 0x04); // F and C
    CHECK(text(0x80, reserved_tag, "nonsense|").header[2] == 0x04);
    // An answer longer than the initiator takes.
    CHECK(text(0x80, reserved_tag, "MaxRecvDataSegmentLength=512|").data.empty());
    std::string many;
    for (int n = 0; n < 100; ++n)
        many += "a=1|";
    got = text(0x80, reserved_tag, many);
    CHECK(got.data.size() == 512);
    CHECK(got.flags() == 0x40);
    std::string all = got.text();
    while ((got.flags() & 0x80) == 0) {
        got = text(0x80, got.ttt(), "");
        all += got.text();
    }
    CHECK(all.size() == 1600);
}

TEST_CASE("an event of the core becomes an asynchronous message") {
    rig r;
    initiator i{r};
    i.login_full();
    const std::uint8_t sense[18] = {0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3f, 0x03, 0, 0, 0, 0};
    scst_event event{};
    event.struct_size = sizeof event;
    event.lun_bytes[1] = 4;
    event.sense = sense;
    event.sense_length = sizeof sense;
    r.core.on_reactor([&] { CHECK(r.core.driver()->report_event(r.core.session_data(0), &event) == 0); });
    const received_pdu got = i.receive();
    CHECK(got.code() == opcode::async_message);
    CHECK(got.itt() == reserved_tag);
    CHECK(got.header[36] == 0);
    CHECK(got.header[9] == 4);
    CHECK(got.sense() == 0x63f03);
}

TEST_CASE("a peer that goes away in the middle of anything leaves nothing behind") {
    rig r;
    {
        initiator i{r};
        i.login_full("InitialR2T=No|FirstBurstLength=2048|MaxRecvDataSegmentLength=65536|");
        SUBCASE("in a header") {
            i.send_raw(part(i.wire(i.read10(0, 1, 512)), 0, 30));
        }
        SUBCASE("in immediate data") {
            i.send_raw(part(i.wire(i.write10(0, 4, 2048, true, pattern(2048, 1))), 0, 700));
        }
        SUBCASE("before unsolicited data") {
            i.send(i.write10(0, 8, 4096, false));
        }
        SUBCASE("before solicited data") {
            i.send(i.write10(0, 8, 4096, true));
        }
        SUBCASE("in a large Data-Out") {
            i.send(i.write10(0, 128, 65536, true));
            const received_pdu request = i.receive();
            i.send_raw(part(i.wire(i.data_out(i.itt, request.ttt(), 0, 0, true, pattern(65536, 1))), 0, 30000));
        }
        SUBCASE("while a command runs") {
            r.core.hold_execution = true;
            i.send(i.read10(0, 1, 512));
        }
        SUBCASE("while a command waits for its buffer") {
            r.core.hold_buffers = true;
            i.send(i.write10(0, 1, 512, true, pattern(512, 1)));
        }
        SUBCASE("while its status waits for data") {
            r.core.no_commands = true;
            i.send(i.write10(0, 8, 4096, false));
        }
        SUBCASE("while a task management function runs") {
            r.core.hold_management = true;
            i.send(request_pdu{opcode::task_management_request, 0x85}
                       .immediate()
                       .word(16, 2)
                       .word(20, reserved_tag)
                       .word(24, i.cmd_sn));
        }
        SUBCASE("in a text") {
            i.send(request_pdu{opcode::text_request, 0x40}
                       .word(16, 2)
                       .word(20, reserved_tag)
                       .word(24, i.cmd_sn++)
                       .with(pattern(20, 'a')));
        }
    }
    r.core.release_management();
    CHECK(r.core.sessions() == 0);
    CHECK(r.core.live_commands() == 0);
}

TEST_CASE("a peer that does not read is no longer read from, and goes on when it reads") {
    rig r;
    initiator i{r};
    i.login_full("MaxRecvDataSegmentLength=65536|");
    i.reading = false;
    const bytes ping = i.wire(request_pdu{opcode::nop_out}
                                  .immediate()
                                  .word(16, 5)
                                  .word(20, reserved_tag)
                                  .word(24, i.cmd_sn)
                                  .with(pattern(65536, 3)));
    bytes many;
    for (int n = 0; n < 16; ++n)
        many.insert(many.end(), ping.begin(), ping.end());
    for (int n = 0; n < 12; ++n)
        i.send_raw(many); // most of it can't be delivered
    i.reading = true;
    int echoes = 0;
    while (!i.nothing()) {
        CHECK(i.receive().data == pattern(65536, 3));
        ++echoes;
    }
    CHECK(echoes >= 64);  // what was taken in was answered
    CHECK(echoes <= 160); // and not all was taken in
}
