// SPDX-License-Identifier: Apache-2.0
// Text and negotiation: hostile texts, and the table of keys against what SCST answers.
#include "text/key_value.hpp"
#include "text/negotiator.hpp"
#include "text/session_keys.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace scstd::iscsi;

namespace {

std::string nul(std::string text) {
    std::replace(text.begin(), text.end(), '|', '\0');
    return text;
}

// What a negotiation answers to one offer; "?" for an unknown key, "!" for one that ends the login.
std::string answer(std::string_view key, std::string_view value, const key_values &ours = our_defaults()) {
    negotiator n{ours};
    std::string text;
    switch (n.offer(key, value, text)) {
    case negotiator::outcome::unknown:
        return "?";
    case negotiator::outcome::unworkable:
        return "!";
    case negotiator::outcome::answered:
        break;
    }
    n.declare(text);
    std::replace(text.begin(), text.end(), '\0', '|');
    return text;
}

} // namespace

TEST_CASE("text is split into pairs") {
    const std::string text = nul("A=1|Bc=|D=e=f||");
    const parsed_text parsed = parse_text(text);
    CHECK(parsed.valid);
    REQUIRE(parsed.pairs.size() == 3);
    CHECK(parsed.pairs[1].key == "Bc");
    CHECK(parsed.pairs[1].value.empty());
    CHECK(parsed.pairs[2].value == "e=f");
    CHECK(find_key(parsed.pairs, "bC") != nullptr);
    CHECK(find_key(parsed.pairs, "b") == nullptr);
    CHECK(parse_text("A=1").pairs.size() == 1); // the last NUL is forgiven
    CHECK(parse_text("").valid);
}

TEST_CASE("what is no pair makes the text invalid, however long") {
    CHECK(!parse_text(nul("NoEqualsSign|")).valid);
    CHECK(!parse_text(nul("=value|")).valid);
    CHECK(!parse_text(nul("A=1|nonsense|B=2|")).valid);
    CHECK(parse_text(std::string(63, 'k') + "=1").valid);
    CHECK(!parse_text(std::string(64, 'k') + "=1").valid);
    for (const std::size_t size : {1u, 63u, 1000u, 70000u}) {
        CHECK(!parse_text(std::string(size, 'k')).valid);
        CHECK(parse_text("k=" + std::string(size, 'v')).valid);
        CHECK(parse_text(std::string(size, '\0')).valid);
    }
}

TEST_CASE("keys are answered as SCST answers them") {
    CHECK(answer("HeaderDigest", "None") == "HeaderDigest=None|");
    CHECK(answer("HeaderDigest", "CRC32C,None") == "HeaderDigest=None|");
    CHECK(answer("HeaderDigest", "Bogus") == "HeaderDigest=Reject|");
    CHECK(answer("InitialR2T", "No") == "InitialR2T=No|");
    CHECK(answer("InitialR2T", "Yes") == "InitialR2T=Yes|");
    CHECK(answer("InitialR2T", "Maybe") == "InitialR2T=Reject|");
    CHECK(answer("ImmediateData", "Yes") == "ImmediateData=Yes|");
    CHECK(answer("ImmediateData", "No") == "ImmediateData=No|");
    CHECK(answer("MaxBurstLength", "16776192") == "MaxBurstLength=1048576|");
    CHECK(answer("MaxBurstLength", "16777216") == "MaxBurstLength=1048576|");
    CHECK(answer("MaxBurstLength", "0") == "MaxBurstLength=512|");
    CHECK(answer("MaxBurstLength", "0x10000") == "MaxBurstLength=65536|");
    CHECK(answer("MaxBurstLength", "99999999999999999999999") == "MaxBurstLength=1048576|");
    CHECK(answer("MaxBurstLength", "065536") == "MaxBurstLength=65536|");
    CHECK(answer("FirstBurstLength", "262144") == "FirstBurstLength=65536|");
    CHECK(answer("MaxOutstandingR2T", "65535") == "MaxOutstandingR2T=32|");
    CHECK(answer("MaxOutstandingR2T", "1") == "MaxOutstandingR2T=1|");
    CHECK(answer("MaxConnections", "8") == "MaxConnections=1|");
    CHECK(answer("ErrorRecoveryLevel", "2") == "ErrorRecoveryLevel=0|");
    CHECK(answer("DefaultTime2Wait", "3600") == "DefaultTime2Wait=0|");
    CHECK(answer("DefaultTime2Retain", "3600") == "DefaultTime2Retain=0|");
    CHECK(answer("DataPDUInOrder", "No") == "DataPDUInOrder=No|");
    CHECK(answer("DataSequenceInOrder", "Yes") == "DataSequenceInOrder=Yes|");
    CHECK(answer("IFMarker", "Yes") == "IFMarker=No|");
    CHECK(answer("IFMarkInt", "2048~8192") == "IFMarkInt=Reject|");
    CHECK(answer("MaxRecvDataSegmentLength", "262144") == "MaxRecvDataSegmentLength=1048576|");
    CHECK(answer("MaxRecvDataSegmentLength", "511") == "MaxRecvDataSegmentLength=1048576|");
    CHECK(answer("maxburstlength", "65536") == "MaxBurstLength=65536|");
    CHECK(answer("RDMAExtensions", "Yes") == "!");
    CHECK(answer("RDMAExtensions", "No") == "RDMAExtensions=No|");
    CHECK(answer("UnknownKey", "1") == "?");
    CHECK(answer("MaxXmitDataSegmentLength", "4096") == "?"); // no key of the wire
    // Where this target is stricter or newer than SCST.
    CHECK(answer("MaxBurstLength", "abc") == "MaxBurstLength=Reject|");
    CHECK(answer("MaxBurstLength", "") == "MaxBurstLength=Reject|");
    CHECK(answer("TaskReporting", "FastAbort,RFC3720") == "TaskReporting=RFC3720|");
    CHECK(answer("TaskReporting", "FastAbort") == "TaskReporting=Reject|");
    CHECK(answer("iSCSIProtocolLevel", "2") == "iSCSIProtocolLevel=2|");
    CHECK(answer("iSCSIProtocolLevel", "1") == "iSCSIProtocolLevel=1|");
    CHECK(answer("iSCSIProtocolLevel", "31") == "iSCSIProtocolLevel=2|");
}

TEST_CASE("digests follow the initiator's order when the target takes both") {
    key_values ours = our_defaults();
    value_of(ours, session_key::header_digest) = digest_none | digest_crc32c;
    CHECK(answer("HeaderDigest", "CRC32C,None", ours) == "HeaderDigest=CRC32C|");
    CHECK(answer("HeaderDigest", "None,CRC32C", ours) == "HeaderDigest=None|");
    value_of(ours, session_key::header_digest) = digest_crc32c;
    CHECK(answer("HeaderDigest", "None,CRC32C", ours) == "HeaderDigest=CRC32C|");
    CHECK(answer("HeaderDigest", "None", ours) == "HeaderDigest=None|");
}

TEST_CASE("what was not mentioned takes the RFC default, and what was is settled once") {
    negotiator n{our_defaults()};
    std::string text;
    n.declare(text);
    CHECK(text.empty()); // nothing to say before the initiator has said its own
    static_cast<void>(n.offer("MaxBurstLength", "65536", text));
    static_cast<void>(n.offer("MaxBurstLength", "32768", text));
    CHECK(text == nul("MaxBurstLength=65536|"));
    static_cast<void>(n.offer("FirstBurstLength", "65535", text));
    text.clear();
    static_cast<void>(n.offer("MaxRecvDataSegmentLength", "4096", text));
    n.declare(text);
    n.declare(text);
    CHECK(text == nul("MaxRecvDataSegmentLength=1048576|"));
    const key_values values = n.result();
    CHECK(value_of(values, session_key::max_burst_length) == 65536);
    CHECK(value_of(values, session_key::first_burst_length) == 65535);
    CHECK(value_of(values, session_key::max_recv_data_segment_length) == 1048576);
    CHECK(value_of(values, session_key::max_xmit_data_segment_length) == 4096);
    CHECK(value_of(values, session_key::initial_r2t) == 1);
    CHECK(value_of(values, session_key::max_outstanding_r2t) == 1);
    CHECK(value_of(values, session_key::iscsi_protocol_level) == 1);
    const key_values silent = negotiator{our_defaults()}.result();
    CHECK(value_of(silent, session_key::max_recv_data_segment_length) == 8192);
    CHECK(value_of(silent, session_key::max_xmit_data_segment_length) == 8192);
    CHECK(value_of(silent, session_key::max_burst_length) == 262144);
}

TEST_CASE("FirstBurstLength is never more than MaxBurstLength") {
    negotiator n{our_defaults()};
    std::string text;
    static_cast<void>(n.offer("MaxBurstLength", "1024", text));
    CHECK(value_of(n.result(), session_key::first_burst_length) == 1024);
}

TEST_CASE("what an administrator may set") {
    const key_row &burst = row_of(session_key::max_burst_length);
    CHECK(parse_configured(burst, "512") == 512u);
    CHECK(parse_configured(burst, "0x400") == 1024u);
    CHECK(!parse_configured(burst, "511"));
    CHECK(!parse_configured(burst, "1048577"));
    CHECK(!parse_configured(burst, "abc"));
    CHECK(parse_configured(burst, ":default:") == 1048576u);
    const key_row &r2t = row_of(session_key::initial_r2t);
    CHECK(parse_configured(r2t, "Yes") == 1u);
    CHECK(!parse_configured(r2t, "yes"));
    CHECK(!parse_configured(r2t, "1"));
    const key_row &digest = row_of(session_key::data_digest);
    CHECK(parse_configured(digest, "CRC32C,None") == 3u);
    CHECK(key_text(digest, 3) == "None,CRC32C");
    CHECK(key_text(digest, 3, ", ") == "None, CRC32C");
    CHECK(!parse_configured(digest, "CRC32C,Bogus"));
    CHECK(!parse_configured(digest, ""));
}
