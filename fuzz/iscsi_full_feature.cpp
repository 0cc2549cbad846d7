// SPDX-License-Identifier: Apache-2.0
// What a logged-in initiator sends: commands, data, task management and everything else, right, wrong and in any order,
// while the core behind is quick, slow, or out of resources. The fake core aborts when the driver breaks its contract.
#include "testing/fuzz_input.hpp"
#include "testing/initiator.hpp"

using namespace scstd::iscsi;
using namespace scstd::iscsi::testing;

namespace {

void arrange(fake_core &core, std::uint8_t choice) {
    switch (choice % 10) {
    case 0:
        core.hold_buffers = true;
        break;
    case 1:
        core.hold_execution = true;
        break;
    case 2:
        core.hold_management = true;
        break;
    case 3:
        core.no_commands = !core.no_commands;
        break;
    case 4:
        core.split_buffers = !core.split_buffers;
        break;
    case 5:
        core.next_sense = {0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0, 0, 0};
        break;
    case 6:
        core.release_buffers();
        break;
    case 7:
        core.release_execution();
        break;
    case 8:
        core.release_management();
        break;
    default:
        if (core.sessions() != 0)
            core.on_reactor([&] { core.abort_all(0); });
        break;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    constexpr std::string_view agreements[] = {
        "",
        "InitialR2T=No|ImmediateData=Yes|FirstBurstLength=2048|MaxBurstLength=1024|MaxRecvDataSegmentLength=600|",
        "InitialR2T=No|DataPDUInOrder=No|MaxRecvDataSegmentLength=65536|MaxOutstandingR2T=4|MaxBurstLength=512|",
        "HeaderDigest=CRC32C|DataDigest=CRC32C|MaxRecvDataSegmentLength=1024|iSCSIProtocolLevel=2|",
    };
    fuzz_input input{data, size};
    rig r;
    r.set("HeaderDigest", "CRC32C,None");
    r.set("DataDigest", "CRC32C,None");
    r.core.hold_execution = false;
    initiator i{r};
    i.login_full(agreements[input.byte() % std::size(agreements)]);
    std::uint32_t last_ttt = reserved_tag;
    while (!input.empty() && !i.closed()) {
        switch (input.byte() % 10) {
        case 0:
            i.send_raw(input.bytes(input.byte()));
            break;
        case 1: {
            request_pdu pdu = i.read10(input.byte(), input.byte() % 16, std::uint32_t{input.byte()} * 64);
            input.change(pdu);
            i.send(pdu);
            break;
        }
        case 2: {
            const std::uint16_t blocks = input.byte() % 16;
            request_pdu pdu = i.write10(input.byte(), blocks, blocks * 512u, (input.byte() & 1) != 0,
                                        pattern(std::size_t{input.byte()} * 8, 1));
            input.change(pdu);
            i.send(pdu);
            break;
        }
        case 3: {
            request_pdu pdu = i.data_out(i.itt - input.byte() % 4, (input.byte() & 1) != 0 ? last_ttt : reserved_tag,
                                         input.byte() % 4, std::uint32_t{input.byte()} * 64, (input.byte() & 1) != 0,
                                         pattern(std::size_t{input.byte()} * 16, 2));
            input.change(pdu);
            i.send(pdu);
            break;
        }
        case 4: {
            request_pdu pdu{opcode::task_management_request, static_cast<std::uint8_t>(0x80 | input.byte() % 14)};
            pdu.immediate()
                .word(16, 0x7000)
                .word(20, (input.byte() & 1) != 0 ? i.itt : reserved_tag)
                .word(24, i.cmd_sn);
            pdu.word(32, i.cmd_sn - 1);
            input.change(pdu);
            i.send(pdu);
            break;
        }
        case 5:
            i.send(input.pdu(static_cast<opcode>(input.byte() & 0x3f)));
            break;
        case 6: { // a CmdSN near the expected one
            request_pdu pdu = i.read10(0, 1, 512);
            i.send(pdu.word(24, i.cmd_sn + input.byte() % 8 - 2));
            break;
        }
        case 7:
            arrange(r.core, input.byte());
            break;
        case 8:
            r.core.advance_ms(std::uint64_t{input.byte()} * 500);
            break;
        default: {
            const std::uint8_t flags = input.byte();
            i.send(input.pdu(opcode::text_request).immediate().byte(1, flags));
            break;
        }
        }
        while (!i.nothing()) {
            const received_pdu got = i.drop();
            if (got.code() == opcode::r2t)
                last_ttt = got.ttt();
        }
    }
    return 0;
}
