// SPDX-License-Identifier: Apache-2.0
// Sessions over socket pairs: beginning, discovery, reinstatement, ending, task management.
#include "session/session.hpp"

#include "connection/connection.hpp"
#include "testing/initiator.hpp"

#include <scst/bytes.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

using namespace scstd::iscsi;
using namespace scstd::iscsi::testing;

namespace {

request_pdu text_pdu(initiator &i, std::string_view keys, std::uint32_t ttt = reserved_tag) {
    request_pdu pdu{opcode::text_request};
    pdu.word(16, 2).word(20, ttt).word(24, i.cmd_sn++);
    pdu.data.assign(keys.begin(), keys.end());
    std::replace(pdu.data.begin(), pdu.data.end(), std::uint8_t{'|'}, std::uint8_t{0});
    return pdu;
}

request_pdu management(initiator &i, std::uint8_t function, std::uint32_t task = reserved_tag,
                       std::uint32_t ref_sn = 0) {
    return request_pdu{opcode::task_management_request, static_cast<std::uint8_t>(0x80 | function)}
        .immediate()
        .word(16, 0x5000)
        .word(20, task)
        .word(24, i.cmd_sn)
        .word(32, ref_sn);
}

std::uint16_t login_status_of(rig &r, std::string_view keys) {
    initiator i{r};
    return i.login(0x87, keys).login_status();
}

} // namespace

TEST_CASE("discovery lists the target with the portal that was asked first") {
    rig r;
    initiator i{r};
    const received_pdu in = i.login(0x87, "InitiatorName=iqn.2026-11.example:host|SessionType=Discovery|");
    CHECK(in.login_status() == 0);
    CHECK(scst::load_be16(&in.header[14]) == 1); // TSIH
    CHECK(in.text() == "TargetPortalGroupTag=1|");
    i.send(text_pdu(i, "SendTargets=All|"));
    received_pdu got = i.receive();
    CHECK(got.code() == opcode::text_response);
    CHECK(got.text().rfind("TargetName=iqn.2026-11.example:disk|TargetAddress=127.0.0.1:3260,1|", 0) == 0);
    SUBCASE("by name, and what is not there") {
        i.send(text_pdu(i, "SendTargets=iqn.2026-11.example:disk|X-k=1|"));
        CHECK(i.receive().text().find("X-k=NotUnderstood|") != std::string::npos);
        i.send(text_pdu(i, "SendTargets=iqn.no:such|"));
        CHECK(i.receive().text().empty());
        i.send(text_pdu(i, "SendTargets=|")); // of the session's target: there is none
        CHECK(i.receive().text().empty());
        i.send(text_pdu(i, ""));
        CHECK(i.receive().text().empty());
    }
    SUBCASE("hidden targets") {
        r.core.hidden_initiator = i.name;
        i.send(text_pdu(i, "SendTargets=All|"));
        CHECK(i.receive().text().empty());
        r.core.hidden_initiator.clear();
        r.port->enable(false);
        i.send(text_pdu(i, "SendTargets=All|"));
        CHECK(i.receive().text().empty());
        r.port->enable(true);
        scst_error error{};
        CHECK(r.port->add_portal("10.*", &error) == 0);
        i.send(text_pdu(i, "SendTargets=All|"));
        CHECK(i.receive().text().empty());
    }
    SUBCASE("groups see the portal when per_portal_acl is on") {
        r.set("per_portal_acl", "1");
        r.core.hidden_initiator = i.name + "#127.0.0.1";
        i.send(text_pdu(i, "SendTargets=All|"));
        CHECK(i.receive().text().find("TargetAddress=127.0.0.1:3260,1") == std::string::npos);
    }
    SUBCASE("logout") {
        i.send(request_pdu{opcode::logout_request, 0x80}.word(16, 3).word(24, i.cmd_sn++));
        CHECK(i.receive().code() == opcode::logout_response);
        CHECK(i.closed());
    }
    SUBCASE("nothing else belongs here") {
        i.send(i.read10(0, 1, 512));
        got = i.receive();
        CHECK(got.code() == opcode::reject);
        CHECK(got.header[2] == 0x05);
        CHECK(i.closed());
    }
    SUBCASE("silence ends it") {
        r.core.advance_ms(driver::discovery_timeout_ms + 1000);
        CHECK(i.closed());
    }
    CHECK(r.core.sessions() == 0);
}

TEST_CASE("a discovery answer longer than the initiator takes comes in pieces") {
    rig r;
    void *stored = nullptr;
    scst_error error{};
    for (int n = 0; n < 40; ++n) {
        const std::string name = "iqn.2026-11.example:more" + std::to_string(n);
        REQUIRE(r.owner->add_target(r.core.target_handle(), name.c_str(), nullptr, 0, &stored, &error) == 0);
        static_cast<target *>(stored)->enable(true);
    }
    initiator i{r};
    CHECK(i.login(0x87, "InitiatorName=iqn.2026-11.example:host|SessionType=Discovery|MaxRecvDataSegmentLength=600|")
              .login_status() == 0);
    i.send(text_pdu(i, "SendTargets=All|"));
    received_pdu got = i.receive();
    std::string all = got.text();
    while (!got.final()) {
        CHECK(got.data.size() == 600);
        i.send(text_pdu(i, "", got.ttt()));
        got = i.receive();
        all += got.text();
    }
    std::size_t count = 0;
    for (std::size_t at = all.find("TargetName="); at != std::string::npos; at = all.find("TargetName=", at + 1))
        ++count;
    CHECK(count == 41);
}

TEST_CASE("what the core answers to a registration becomes a login status") {
    rig r;
    const std::string keys = std::string{"InitiatorName=iqn.2026-11.example:host|TargetName="} + rig::target_name + '|';
    r.core.register_error = -ENOENT;
    CHECK(login_status_of(r, keys) == 0x0203);
    r.core.register_error = -EPERM;
    CHECK(login_status_of(r, keys) == 0x0301);
    r.core.register_error = -ENOMEM;
    CHECK(login_status_of(r, keys) == 0x0302);
    r.core.register_error = 0;
    CHECK(login_status_of(r, keys) == 0);
    CHECK(r.core.sessions() == 0);
}

TEST_CASE("who may log in") {
    rig r;
    const std::string keys = std::string{"InitiatorName=iqn.2026-11.example:host|TargetName="} + rig::target_name + '|';
    r.port->enable(false);
    CHECK(login_status_of(r, keys) == 0x0301);
    r.port->enable(true);
    r.owner->enabled = false;
    CHECK(login_status_of(r, keys) == 0x0301);
    r.owner->enabled = true;
    scst_error error{};
    CHECK(r.port->add_portal("!127.*", &error) == 0);
    CHECK(login_status_of(r, keys) == 0x0203);
    CHECK(r.port->del_portal("!127.*", &error) == 0);
    CHECK(login_status_of(r, keys) == 0);
}

TEST_CASE("MaxSessions limits new sessions, not reinstated ones") {
    rig r;
    r.set("MaxSessions", "1");
    initiator first{r};
    first.login_full();
    initiator second{r};
    second.isid = 2;
    CHECK(second.login(0x87, "InitiatorName=iqn.2026-11.example:host|TargetName=iqn.2026-11.example:disk|")
              .login_status() == 0x0302);
    initiator again{r};
    again.login_full();
    CHECK(first.closed());
}

TEST_CASE("the core learns the initiator's port name and transport id") {
    rig r;
    r.set("per_portal_acl", "1");
    initiator i{r};
    i.login_full();
    CHECK(r.core.initiators.back() == i.name + "#127.0.0.1");
    const bytes &id = r.core.last_transport_id;
    REQUIRE(id.size() > 4);
    CHECK(id[0] == 0x45);
    CHECK(scst::load_be16(&id[2]) == id.size() - 4);
    CHECK(id.size() % 4 == 0);
    CHECK(std::string{reinterpret_cast<const char *>(id.data()) + 4} == i.name + ",i,0x00023d000001");
    CHECK(static_cast<session *>(r.core.session_data(0))->sid() == 0x10100003d0200);
}

TEST_CASE("session reinstatement: the old session ends, then the new one begins, with a nexus loss") {
    rig r;
    std::optional<initiator> old{std::in_place, r};
    old->login_full();
    r.core.hold_execution = true;
    old->send(old->read10(0, 1, 512));
    CHECK(old->nothing());
    r.core.hold_unregistration = true;
    initiator fresh{r};
    std::string keys = std::string{"InitiatorName=iqn.2026-11.example:host|TargetName="} + rig::target_name + '|';
    fresh.send(fresh.login_pdu(0x87, keys));
    CHECK(fresh.nothing()); // parked until the old one is gone
    CHECK(old->closed());
    CHECK(r.core.nexus_losses == 1);
    CHECK(r.core.replacements == 1);
    SUBCASE("the old one ends") {
        r.core.release_unregistration();
        const received_pdu in = fresh.receive();
        CHECK(in.login_status() == 0);
        CHECK(scst::load_be16(&in.header[14]) == 2);
        r.core.hold_execution = false;
        fresh.send(fresh.read10(0, 1, 512));
        CHECK(fresh.receive().code() == opcode::data_in);
        CHECK(r.core.sessions() == 1);
    }
    SUBCASE("a third one comes before") {
        initiator third{r};
        third.send(third.login_pdu(0x87, keys));
        CHECK(third.nothing());
        CHECK(fresh.closed());
        r.core.release_unregistration();
        CHECK(third.receive().login_status() == 0);
        CHECK(r.core.sessions() == 1);
    }
    SUBCASE("the core closes the waiting one") {
        r.core.on_reactor([&] { r.core.driver()->close_session(r.core.session_data(1)); });
        CHECK(fresh.closed());
        r.core.release_unregistration();
        CHECK(r.core.sessions() == 0);
    }
}

TEST_CASE("a session that is replaced while it is being registered") {
    rig r;
    r.core.hold_registration = true;
    initiator old{r};
    std::string keys = std::string{"InitiatorName=iqn.2026-11.example:host|TargetName="} + rig::target_name + '|';
    old.send(old.login_pdu(0x87, keys));
    CHECK(old.nothing());
    initiator fresh{r};
    fresh.send(fresh.login_pdu(0x87, keys));
    CHECK(fresh.nothing());
    SUBCASE("both are registered") {
        r.core.release_registration();
        r.core.release_registration();
        CHECK(old.closed());
        CHECK(fresh.receive().login_status() == 0);
        CHECK(r.core.sessions() == 1);
    }
    SUBCASE("the core refuses both") {
        r.core.register_error = -ENOENT;
        r.core.release_registration();
        r.core.release_registration();
        CHECK(old.receive().login_status() == 0x0203);
        CHECK(fresh.receive().login_status() == 0x0203);
        CHECK(r.core.sessions() == 0);
    }
}

TEST_CASE("a TSIH asks for an existing session: connection reinstatement, or an error") {
    rig r;
    initiator first{r};
    const received_pdu in = first.login_full();
    const std::string keys = std::string{"InitiatorName=iqn.2026-11.example:host|TargetName="} + rig::target_name + '|';
    SUBCASE("no such session") {
        initiator other{r};
        other.tsih = 0x777;
        CHECK(other.login(0x87, keys).login_status() == 0x020a);
        initiator another{r};
        another.tsih = 1;
        another.isid = 99;
        CHECK(another.login(0x87, keys).login_status() == 0x020a);
    }
    SUBCASE("another connection of the session") {
        initiator other{r};
        other.tsih = 1;
        other.cid = 2;
        CHECK(other.login(0x87, keys).login_status() == 0x0206);
        CHECK(!first.closed());
    }
    SUBCASE("the same connection again") {
        first.send(first.read10(0, 1, 512));
        CHECK(first.receive().code() == opcode::data_in);
        r.core.hold_execution = true;
        first.send(first.read10(0, 1, 512));
        first.send(first.write10(0, 8, 4096, true));
        CHECK(first.receive().code() == opcode::r2t);
        initiator other{r};
        other.tsih = 1;
        other.cmd_sn = first.cmd_sn;
        const received_pdu again = other.login(0x87, keys);
        CHECK(again.login_status() == 0);
        CHECK(scst::load_be16(&again.header[14]) == 1);
        CHECK(again.exp_cmd_sn() == first.cmd_sn);
        CHECK(first.closed());
        r.core.hold_execution = false;
        other.send(other.read10(1, 1, 512));
        CHECK(other.receive().code() == opcode::data_in);
        CHECK(r.core.sessions() == 1);
        CHECK(r.core.initiators.size() == 1);
        CHECK(r.core.live_commands() == 0);
    }
}

TEST_CASE("a session that management closes, with commands in every state") {
    rig r;
    initiator i{r};
    i.login_full();
    r.core.hold_execution = true;
    i.send(i.read10(0, 1, 512));
    i.send(i.write10(0, 8, 4096, true));
    CHECK(i.receive().code() == opcode::r2t);
    r.core.on_reactor([&] { r.core.driver()->close_session(r.core.session_data(0)); });
    CHECK(i.closed());
    CHECK(r.core.sessions() == 0);
    CHECK(r.core.delivery_failures == 2);
}

TEST_CASE("the connection's directory in the tree") {
    rig r;
    initiator i{r};
    i.login_full();
    std::string all;
    r.core.on_reactor([&] {
        r.core.driver()->list_connections(
            r.core.session_data(0),
            [](void *context, const char *directory, const char *file, const char *text) {
                *static_cast<std::string *>(context) += std::string{directory} + '/' + file + '=' + text + ';';
            },
            &all);
    });
    CHECK(all ==
          "127.0.0.2/cid=1;127.0.0.2/ip=127.0.0.2;127.0.0.2/target_ip=127.0.0.1;127.0.0.2/state=established idle "
          ";127.0.0.2/transport=iSCSI-TCP\n;");
}

// ---- task management ----

TEST_CASE("ABORT TASK ends a command, which then has no response") {
    rig r;
    initiator i{r};
    i.login_full();
    SUBCASE("a running read") {
        r.core.hold_execution = true;
        i.send(i.read10(0, 1, 512));
        i.send(management(i, 1, i.itt, i.cmd_sn - 1));
    }
    SUBCASE("a write that waits for data; what still comes is thrown away") {
        i.send(i.write10(0, 8, 4096, true));
        const received_pdu request = i.receive();
        i.send(management(i, 1, i.itt, i.cmd_sn - 1));
        const received_pdu got = i.receive();
        CHECK(got.header[2] == 0);
        i.send(i.data_out(i.itt, request.ttt(), 0, 0, true, pattern(4096, 1)));
        CHECK(i.nothing());
        i.send(management(i, 2));
    }
    SUBCASE("a write in the middle of a large Data-Out") {
        r.set("MaxRecvDataSegmentLength", "1048576");
        initiator big{r};
        big.isid = 77;
        big.login_full("MaxRecvDataSegmentLength=65536|");
        big.send(big.write10(0, 128, 65536, true));
        const received_pdu request = big.receive();
        const bytes wire = big.wire(big.data_out(big.itt, request.ttt(), 0, 0, true, pattern(65536, 1)));
        big.send_raw({wire.begin(), wire.begin() + 20000});
        r.core.on_reactor([&] { r.core.abort_all(1); }); // another nexus resets the unit
        big.send_raw({wire.begin() + 20000, wire.end()});
        CHECK(big.nothing());
        big.send(big.read10(0, 1, 512));
        CHECK(big.receive().code() == opcode::data_in);
        i.send(management(i, 2));
    }
    const received_pdu got = i.receive();
    CHECK(got.code() == opcode::task_management_response);
    CHECK(got.header[2] == 0);
    CHECK(got.itt() == 0x5000);
    CHECK(i.nothing());
    CHECK(r.core.live_commands() == 0);
}

TEST_CASE("ABORT TASK of what is not there") {
    rig r;
    initiator i{r};
    i.login_full();
    i.send(i.read10(0, 1, 512));
    CHECK(i.receive().code() == opcode::data_in);
    i.send(management(i, 1, 0x999, i.cmd_sn - 1)); // answered already
    CHECK(i.receive().header[2] == 1);
    i.send(management(i, 1, 0x999, i.cmd_sn)); // not before the function itself
    CHECK(i.receive().header[2] == 1);
    i.send(management(i, 1, 0x999, i.cmd_sn + 100).word(24, i.cmd_sn + 200)); // beyond the window
    CHECK(i.receive().header[2] == 1);
    i.send(management(i, 1, 0x999, i.cmd_sn + 100));
    CHECK(i.receive().header[2] == 1);
    // A command that has not come yet is taken as received: it is never executed, and those behind it go on.
    const request_pdu lost = i.write10(0, 1, 512, true, pattern(512, 1));
    i.send(management(i, 1, i.itt, i.cmd_sn - 1));
    CHECK(i.receive().header[2] == 0);
    i.send(i.read10(0, 1, 512));
    CHECK(i.receive().code() == opcode::data_in);
    i.send(lost);
    CHECK(i.nothing());
    CHECK(r.core.executed == 2);
}

TEST_CASE("every function is answered") {
    rig r;
    initiator i{r};
    i.login_full();
    const auto response = [&](std::uint8_t function, std::uint32_t tag = reserved_tag) {
        i.send(management(i, function, tag));
        const received_pdu got = i.receive();
        CHECK(got.code() == opcode::task_management_response);
        return got.header[2];
    };
    CHECK(response(2) == 0);
    CHECK(response(3) == 0);
    CHECK(response(4) == 0);
    CHECK(response(5) == 0);
    CHECK(response(6) == 0);
    CHECK(response(8) == 4);
    CHECK(response(9) == 5); // RFC 7144 was not agreed
    CHECK(response(12) == 5);
    CHECK(response(13) == 255);
    CHECK(response(0x7f) == 255);
    CHECK(response(2, 5) == 255); // a task tag where none belongs
    const std::vector<std::uint32_t> wanted{SCST_TM_ABORT_TASK_SET, SCST_TM_CLEAR_ACA, SCST_TM_CLEAR_TASK_SET,
                                            SCST_TM_LUN_RESET, SCST_TM_TARGET_RESET};
    CHECK(r.core.management_functions == wanted);
}

TEST_CASE("the functions of RFC 7144 work at protocol level 2") {
    rig r;
    initiator i{r};
    const received_pdu in = i.login_full("iSCSIProtocolLevel=2|");
    CHECK(in.text().find("iSCSIProtocolLevel=2|") != std::string::npos);
    r.core.hold_execution = true;
    i.send(i.read10(0, 1, 512));
    i.send(management(i, 10));
    CHECK(i.receive().header[2] == 7); // function succeeded: there are tasks
    r.core.release_execution();
    CHECK(i.receive().code() == opcode::data_in);
    i.send(management(i, 10));
    CHECK(i.receive().header[2] == 0);
    i.send(management(i, 9, 0x77));
    CHECK(i.receive().header[2] == 0);
    i.send(management(i, 12));
    CHECK(i.receive().header[2] == 0);
    i.send(management(i, 11));
    CHECK(i.receive().header[2] == 0);
}

TEST_CASE("a response waits for the commands before its function, which are then not executed") {
    rig r;
    initiator i{r};
    i.login_full();
    i.send(request_pdu{opcode::nop_out}.immediate().word(16, 1).word(20, reserved_tag).word(24, i.cmd_sn));
    CHECK(i.receive().code() == opcode::nop_in);
    const request_pdu late = i.write10(0, 1, 512, true, pattern(512, 1));
    i.send(management(i, 5)); // immediate, CmdSN behind the write's
    CHECK(i.nothing());
    i.send(late);
    const received_pdu got = i.receive();
    CHECK(got.code() == opcode::task_management_response);
    CHECK(i.nothing());
    CHECK(r.core.executed == 0);
}

TEST_CASE("a cold reset answers, then closes every session of the target") {
    rig r;
    initiator first{r};
    first.login_full();
    initiator second{r};
    second.isid = 5;
    second.login_full();
    first.send(management(first, 7));
    CHECK(first.receive().header[2] == 0);
    CHECK(first.closed());
    CHECK(second.closed());
    CHECK(r.core.sessions() == 0);
}

// ---- hostile beginnings ----

TEST_CASE("garbage closes its own connection only") {
    rig r;
    initiator good{r};
    good.login_full();
    for (int kind = 0; kind < 4; ++kind) {
        initiator bad{r};
        if (kind == 0)
            bad.send_raw(pattern(5000, 0x47));
        else if (kind == 1)
            bad.send_raw(bytes(3000, 0xff));
        else if (kind == 2)
            bad.send_raw({'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P', '/', '1', '.', '1', '\r', '\n'});
        else
            bad.send(bad.read10(0, 1, 512));
        if (kind == 2)
            r.core.advance_ms(driver::login_timeout_ms + 1000);
        while (!bad.nothing())
            CHECK(bad.receive().code() == opcode::reject);
        CHECK(bad.closed());
    }
    good.send(good.read10(0, 1, 512));
    CHECK(good.receive().code() == opcode::data_in);
}

TEST_CASE("a silent connection is closed, and silence locks nobody out") {
    rig r;
    std::vector<std::unique_ptr<initiator>> many;
    for (int n = 0; n < 260; ++n)
        many.push_back(std::make_unique<initiator>(r));
    CHECK(many[0]->closed()); // made room for one beyond the limit of one host
    CHECK(!many[259]->closed());
    initiator speaker{r};
    speaker.login_full();
    r.core.advance_ms(driver::login_timeout_ms + 1000);
    CHECK(many[259]->closed());
    initiator next{r};
    next.login_full();
}

TEST_CASE("oversized login PDUs and keys") {
    rig r;
    SUBCASE("a data segment beyond 8192 bytes") {
        initiator i{r};
        i.send(i.login_pdu(0x87, std::string(8200, 'a')));
        CHECK(i.closed());
    }
    SUBCASE("a long key without end, in pieces") {
        initiator i{r};
        std::uint16_t status = 0;
        for (int n = 0; n < 9 && status == 0; ++n)
            status = i.login(0x44, std::string(8192, 'k')).login_status();
        CHECK(status == 0x0200);
        CHECK(i.closed());
    }
    SUBCASE("many unknown keys are answered in pieces") {
        initiator i{r};
        std::string keys = std::string{"InitiatorName=iqn.2026-11.example:host|TargetName="} + rig::target_name + '|';
        for (int n = 0; n < 1000; ++n)
            keys += "x=1|";
        received_pdu got = i.login(0x87, keys);
        CHECK(got.flags() == 0x44); // C, and no transit yet
        std::size_t size = got.data.size();
        while ((got.flags() & 0x40) != 0) {
            got = i.login(0x04, "");
            size += got.data.size();
        }
        CHECK(got.flags() == 0x87);
        CHECK(got.login_status() == 0);
        CHECK(size > 15000);
    }
}
