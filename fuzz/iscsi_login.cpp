// SPDX-License-Identifier: Apache-2.0
// What a stranger sends to the portal: login and discovery. The input is records: a byte that says what to do, then
// what it needs. PDUs get the lengths that their record really has, so that the bytes behind the header are reached.
#include "testing/fuzz_input.hpp"
#include "testing/initiator.hpp"

using namespace scstd::iscsi;
using namespace scstd::iscsi::testing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    fuzz_input input{data, size};
    rig r;
    initiator i{r};
    constexpr std::string_view keys[] = {
        "InitiatorName=iqn.a:b|TargetName=iqn.2026-11.example:disk|",
        "InitiatorName=iqn.a:b|SessionType=Discovery|",
        "AuthMethod=CHAP,None|",
        "SendTargets=All|",
        "MaxRecvDataSegmentLength=512|HeaderDigest=CRC32C,None|",
    };
    while (!input.empty() && !i.closed()) {
        switch (input.byte() % 6) {
        case 0:
            i.send_raw(input.bytes(input.byte()));
            break;
        case 1:
            i.send(input.pdu(opcode::login_request).immediate());
            break;
        case 2: {
            request_pdu pdu = i.login_pdu(input.byte(), keys[input.byte() % std::size(keys)]);
            input.change(pdu);
            i.send(pdu);
            break;
        }
        case 3:
            i.send(input.pdu(opcode::text_request));
            break;
        case 4:
            i.send(input.pdu(static_cast<opcode>(input.byte() & 0x3f)));
            break;
        default:
            r.core.advance_ms(std::uint64_t{input.byte()} * 100);
            break;
        }
        while (!i.nothing())
            static_cast<void>(i.drop());
    }
    return 0;
}
