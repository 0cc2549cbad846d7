// SPDX-License-Identifier: Apache-2.0
// The login machine alone: SCST's recorded answers, every pair of states and stages, statuses, names.
#include "login/login_machine.hpp"
#include "login/name.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace scstd::iscsi;

namespace {

class world final : public login_environment {
  public:
    std::shared_ptr<const target_view> find_target(std::string_view name) override {
        return equal_ignoring_case(name, view->name) ? view : nullptr;
    }
    bool logins_suspended() override { return suspended; }
    bool accepts_logins() override { return accepts; }
    bool portal_allowed(const target_view &) override { return portal; }
    login_status admit(const target_view &, const login_identity &who) override {
        asked = who;
        return admission;
    }
    std::shared_ptr<target_view> view = [] {
        auto made = std::make_shared<target_view>();
        made->name = "iqn.2024-01.example:open";
        made->enabled = true;
        return made;
    }();
    bool suspended = false;
    bool accepts = true;
    bool portal = true;
    login_status admission = login_status::success;
    login_identity asked;
};

std::string nul(std::string_view text) {
    std::string made{text};
    std::replace(made.begin(), made.end(), '|', '\0');
    return made;
}

login_request_pdu request(std::uint8_t current, bool transit, std::uint8_t next) {
    login_request_pdu pdu{};
    pdu.transit = transit;
    pdu.current_stage = current;
    pdu.next_stage = next;
    pdu.isid = 0x801234560001;
    pdu.itt = 1;
    pdu.cid = 1;
    pdu.cmd_sn = 1;
    return pdu;
}

constexpr std::string_view names =
    "InitiatorName=iqn.2024-01.example:probe|TargetName=iqn.2024-01.example:open|SessionType=Normal|";
const std::string with_auth = std::string{names} + "AuthMethod=None|";

std::string shown(const login_machine::reply &reply) {
    std::string text = reply.text;
    std::replace(text.begin(), text.end(), '\0', '|');
    return text;
}

using action = login_machine::action;

login_status first_status(std::string_view keys, world &w, login_request_pdu pdu = request(0, true, 1)) {
    login_machine machine{w};
    const auto reply = machine.receive(pdu, nul(keys));
    CHECK((reply.what == action::respond_and_close) == (reply.header.status != login_status::success));
    return reply.header.status;
}

login_status first_status(std::string_view keys) {
    world w;
    return first_status(keys, w);
}

} // namespace

TEST_CASE("a login in two stages, with the answers of SCST") {
    world w;
    login_machine machine{w};
    auto reply = machine.receive(request(0, true, 1), nul(with_auth));
    CHECK(reply.what == action::respond);
    CHECK(reply.header.transit);
    CHECK(reply.header.next_stage == 1);
    CHECK(shown(reply) == "TargetPortalGroupTag=1|AuthMethod=None|");
    CHECK(machine.state() == login_state::operational);
    reply = machine.receive(
        request(1, true, 3),
        nul("HeaderDigest=None|DataDigest=None|MaxRecvDataSegmentLength=262144|InitialR2T=No|ImmediateData=Yes|"
            "MaxBurstLength=16776192|FirstBurstLength=262144|MaxOutstandingR2T=1|MaxConnections=1|DataPDUInOrder=Yes|"
            "DataSequenceInOrder=Yes|DefaultTime2Wait=2|DefaultTime2Retain=0|ErrorRecoveryLevel=0|IFMarker=No|OFMarker="
            "No|"));
    CHECK(shown(reply) ==
          "HeaderDigest=None|DataDigest=None|InitialR2T=No|ImmediateData=Yes|MaxBurstLength=1048576|"
          "FirstBurstLength=65536|MaxOutstandingR2T=1|MaxConnections=1|DataPDUInOrder=Yes|DataSequenceInOrder=Yes|"
          "DefaultTime2Wait=0|DefaultTime2Retain=0|ErrorRecoveryLevel=0|IFMarker=No|OFMarker=No|"
          "MaxRecvDataSegmentLength=1048576|");
    CHECK(reply.what == action::establish);
    CHECK(reply.header.transit);
    CHECK(reply.header.next_stage == 3);
    CHECK(machine.exp_cmd_sn() == 1);
    CHECK(machine.receive(request(1, true, 3), "").what == action::reject_and_close);
}

TEST_CASE("shortcuts: one stage left out") {
    world w;
    login_machine direct{w};
    auto reply = direct.receive(request(1, true, 3), nul(names));
    CHECK(reply.what == action::establish);
    CHECK(shown(reply) == "TargetPortalGroupTag=1|");
    login_machine to_full{w};
    reply = to_full.receive(request(0, true, 3), nul(with_auth));
    CHECK(reply.what == action::establish);
    CHECK(shown(reply) == "TargetPortalGroupTag=1|AuthMethod=None|");
    CHECK(value_of(to_full.result(), session_key::max_burst_length) == 262144);
}

TEST_CASE("an alias is told") {
    world w;
    w.view->alias = "backup disk";
    login_machine machine{w};
    CHECK(shown(machine.receive(request(1, true, 3), nul(names))) == "TargetPortalGroupTag=1|TargetAlias=backup disk|");
}

TEST_CASE("statuses of the first request, in SCST's order") {
    CHECK(first_status("TargetName=iqn.2024-01.example:open|AuthMethod=None|") == login_status::missing_parameter);
    CHECK(first_status("InitiatorName=iqn.A:b|TargetName=iqn.2024-01.example:open|") == login_status::initiator_error);
    CHECK(first_status("InitiatorName=iqn.a:b|AuthMethod=None|") == login_status::missing_parameter);
    CHECK(first_status("InitiatorName=iqn.a:b|TargetName=iqn.no:such|") == login_status::not_found);
    CHECK(first_status("InitiatorName=iqn.a:b|TargetName=IQN.2024-01.EXAMPLE:OPEN|AuthMethod=None|") ==
          login_status::success);
    CHECK(first_status("InitiatorName=iqn.a:b|SessionType=Bogus|") == login_status::session_type_not_supported);
    CHECK(first_status(std::string{names} + "AuthMethod=KRB5,SRP|") == login_status::authentication_failure);
    CHECK(first_status(std::string{names} + "AuthMethod=CHAP,None|") == login_status::success);
    world w;
    w.view->enabled = false;
    CHECK(first_status(with_auth, w) == login_status::service_unavailable);
    w.view->enabled = true;
    w.accepts = false;
    CHECK(first_status(with_auth, w) == login_status::service_unavailable);
    w.accepts = true;
    w.suspended = true;
    CHECK(first_status("InitiatorName=iqn.a:b|SessionType=Discovery|", w) == login_status::service_unavailable);
    w.suspended = false;
    w.portal = false;
    CHECK(first_status(with_auth, w) == login_status::not_found);
    w.portal = true;
    w.admission = login_status::session_does_not_exist;
    login_request_pdu pdu = request(0, true, 1);
    pdu.tsih = 0x7777;
    CHECK(first_status(with_auth, w, pdu) == login_status::session_does_not_exist);
    CHECK(w.asked.tsih == 0x7777);
    CHECK(w.asked.initiator == "iqn.2024-01.example:probe");
    w.admission = login_status::success;
    pdu = request(0, true, 1);
    pdu.version_min = 1;
    CHECK(first_status(with_auth, w, pdu) == login_status::unsupported_version);
    pdu.version_min = 0;
    pdu.version_max = 1;
    CHECK(first_status(with_auth, w, pdu) == login_status::success);
}

TEST_CASE("keys in the wrong form or place") {
    CHECK(first_status("nonsense|") == login_status::initiator_error);
    CHECK(first_status(std::string{names} + "=1|") == login_status::initiator_error);
    world w;
    login_machine machine{w};
    auto reply = machine.receive(request(0, false, 0), nul(with_auth + "MaxBurstLength=512|X-a=1|"));
    CHECK(shown(reply) == "TargetPortalGroupTag=1|AuthMethod=None|MaxBurstLength=NotUnderstood|X-a=NotUnderstood|");
    CHECK(!reply.header.transit);
    reply = machine.receive(request(0, true, 1), "");
    CHECK(reply.header.transit);
    reply = machine.receive(request(1, false, 0),
                            nul("X-com.example.key=1|InitiatorAlias=me|TargetAlias=you|MaxBurstLength=65536|"));
    CHECK(shown(reply) == "X-com.example.key=NotUnderstood|TargetAlias=NotUnderstood|MaxBurstLength=65536|");
    CHECK(reply.what == action::respond);
    reply = machine.receive(request(1, true, 3), nul("RDMAExtensions=Yes|"));
    CHECK(reply.header.status == login_status::initiator_error);
    CHECK(machine.state() == login_state::failed);
}

TEST_CASE("every pair of stages: which transitions are taken") {
    for (std::uint8_t first = 0; first < 4; ++first)
        for (std::uint8_t current = 0; current < 4; ++current)
            for (std::uint8_t next = 0; next < 4; ++next) {
                world w;
                login_machine machine{w};
                auto reply = machine.receive(request(first, false, 0), nul(with_auth));
                if (first > 1) {
                    CHECK(reply.header.status == login_status::initiator_error);
                    continue;
                }
                REQUIRE(reply.what == action::respond);
                reply = machine.receive(request(current, true, next), "");
                const bool legal = current == first && next > current && next != 2;
                CHECK((reply.header.status == login_status::success) == legal);
                CHECK(reply.header.transit == legal);
            }
    CHECK(!transition_allowed(login_state::start, 0, 1));
    CHECK(!transition_allowed(login_state::full_feature, 1, 3));
    CHECK(!transition_allowed(login_state::failed, 0, 1));
}

TEST_CASE("what a later request must repeat") {
    for (int field = 0; field < 4; ++field) {
        world w;
        login_machine machine{w};
        REQUIRE(machine.receive(request(0, true, 1), nul(with_auth)).what == action::respond);
        login_request_pdu pdu = request(1, true, 3);
        pdu.isid += field == 0 ? 1u : 0u;
        pdu.tsih = field == 1 ? 5 : pdu.tsih;
        pdu.cid = field == 2 ? 5 : pdu.cid;
        pdu.itt = field == 3 ? 5 : pdu.itt;
        CHECK(machine.receive(pdu, "").header.status == login_status::initiator_error);
    }
}

TEST_CASE("a request over several PDUs, cut anywhere") {
    const std::string whole = nul(with_auth);
    for (std::size_t cut = 1; cut < whole.size(); cut += 5) {
        world w;
        login_machine machine{w};
        login_request_pdu pdu = request(0, false, 0);
        pdu.more = true;
        auto reply = machine.receive(pdu, whole.substr(0, cut));
        CHECK(reply.what == action::respond);
        CHECK(reply.text.empty());
        CHECK(!reply.header.more);
        reply = machine.receive(request(0, true, 1), whole.substr(cut));
        CHECK(shown(reply) == "TargetPortalGroupTag=1|AuthMethod=None|");
    }
    world w;
    login_machine machine{w};
    login_request_pdu both = request(0, true, 1);
    both.more = true; // C and T exclude each other
    CHECK(machine.receive(both, whole).header.status == login_status::initiator_error);
}

TEST_CASE("an answer over several PDUs changes the stage with the last") {
    world w;
    login_machine machine{w};
    std::string keys{names};
    for (int n = 0; n < 1000; ++n)
        keys += "a=1|";
    auto reply = machine.receive(request(1, true, 3), nul(keys));
    std::string all = reply.text;
    CHECK(reply.header.more);
    CHECK(!reply.header.transit);
    while (reply.header.more) {
        CHECK(reply.text.size() == login_machine::max_segment);
        CHECK(machine.state() == login_state::operational);
        reply = machine.receive(request(1, false, 0), "");
        all += reply.text;
    }
    CHECK(reply.what == action::establish);
    CHECK(reply.header.transit);
    CHECK(all.size() == std::string{"TargetPortalGroupTag=1|"}.size() + 1000 * 16);
}

TEST_CASE("a request without end is refused") {
    world w;
    login_machine machine{w};
    login_request_pdu pdu = request(0, false, 0);
    pdu.more = true;
    login_status status = login_status::success;
    for (int n = 0; n < 20 && status == login_status::success; ++n)
        status = machine.receive(pdu, std::string(8192, 'x')).header.status;
    CHECK(status == login_status::initiator_error);
}

TEST_CASE("discovery needs no target") {
    world w;
    login_machine machine{w};
    const auto reply = machine.receive(
        request(1, true, 3), nul("InitiatorName=iqn.a:b|SessionType=Discovery|HeaderDigest=None|DataDigest=None|"));
    CHECK(reply.what == action::discovery);
    CHECK(reply.header.tsih == 1);
    CHECK(shown(reply) == "TargetPortalGroupTag=1|HeaderDigest=None|DataDigest=None|");
}

TEST_CASE("names of initiators") {
    CHECK(valid_initiator_name("iqn.2005-03.org.open-iscsi:cacdcd2520"));
    CHECK(valid_initiator_name("x"));
    CHECK(valid_initiator_name(std::string(223, 'a')));
    CHECK(!valid_initiator_name(std::string(224, 'a')));
    CHECK(!valid_initiator_name(""));
    for (const char *bad :
         {"iqn.A", "a_b", "a#b", "a b", "a\tb", "a\xff", "a\xc3", "a\xe2\x80\x8b", "a\xc0\xaf", "a\xed\xa0\x80", "a%n"})
        CHECK(!valid_initiator_name(bad));
    CHECK(valid_initiator_name("iqn.2026:m\xc3\xbcller"));
    CHECK(valid_initiator_name("iqn.2026:\xf0\x9f\x92\xbe"));
}
