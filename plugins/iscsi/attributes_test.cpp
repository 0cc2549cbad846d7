// SPDX-License-Identifier: Apache-2.0
// Attributes read and written as management does it, in SCST's formats; what is refused; the man page against the
// tables; and how the plugin starts.
#include "attributes.hpp"

#include "driver.hpp"
#include "session/session.hpp"
#include "testing/initiator.hpp"

#include <scst/plugin.h>

#include <doctest/doctest.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace scstd::iscsi;
using namespace scstd::iscsi::testing;

namespace {

struct text_writer : scst_writer {
    std::string text;
    text_writer() {
        struct_size = sizeof(scst_writer);
        reserved_0 = 0;
        write = [](scst_writer *self, const char *piece, std::size_t length) {
            static_cast<text_writer *>(self)->text.append(piece, length);
        };
    }
};

const scst_attribute &row(std::span<const scst_attribute> rows, std::string_view name) {
    for (const scst_attribute &one : rows)
        if (name == one.name)
            return one;
    throw std::runtime_error{"no attribute " + std::string{name}};
}

std::string show(std::span<const scst_attribute> rows, std::string_view name, void *object) {
    const scst_attribute &one = row(rows, name);
    text_writer out;
    CHECK(one.show(object, &one, &out) == 0);
    return out.text;
}

std::int32_t store(std::span<const scst_attribute> rows, std::string_view name, void *object, std::string_view text) {
    const scst_attribute &one = row(rows, name);
    const bool writable = one.store != nullptr;
    REQUIRE(writable);
    scst_error error{};
    error.struct_size = sizeof error;
    const std::int32_t result = one.store(object, &one, text.data(), text.size(), &error);
    CHECK((result != 0) == (error.text[0] != '\0')); // every refusal says why
    return result;
}

std::int32_t start_with(const char *portals, std::string *why) {
    fake_core core;
    core.settings["portals"] = portals;
    scst_error error{};
    error.struct_size = sizeof error;
    driver made{core.table(), nullptr};
    const std::int32_t result = made.start(&error);
    *why = error.text;
    made.begin_stop();
    core.run();
    CHECK(made.stopped());
    return result;
}

} // namespace

TEST_CASE("a new target reads as SCST's does") {
    rig r;
    const std::vector<std::pair<const char *, const char *>> expected{
        {"tid", "1\n"},
        {"alias", "\n"},
        {"redirect", "\n"},
        {"per_portal_acl", "0\n\n"},
        {"QueuedCommands", "32\n"},
        {"RspTimeout", "90\n"},
        {"NopInInterval", "30\n"},
        {"NopInTimeout", "30\n"},
        {"MaxSessions", "0\n"},
        {"InitialR2T", "No\n"},
        {"ImmediateData", "Yes\n"},
        {"MaxRecvDataSegmentLength", "1048576\n"},
        {"MaxXmitDataSegmentLength", "1048576\n"},
        {"MaxBurstLength", "1048576\n"},
        {"FirstBurstLength", "65536\n"},
        {"MaxOutstandingR2T", "32\n"},
        {"HeaderDigest", "None\n"},
        {"DataDigest", "None\n"},
        {"RDMAExtensions", "No\n"},
    };
    CHECK(target_attributes().size() == expected.size());
    for (const auto &[name, text] : expected)
        CHECK(show(target_attributes(), name, r.port) == text);
}

TEST_CASE("what is not the default is marked for saving") {
    rig r;
    const auto rows = target_attributes();
    for (const auto &[name, text] : std::vector<std::pair<const char *, const char *>>{{"alias", "my disk"},
                                                                                       {"QueuedCommands", "64"},
                                                                                       {"MaxBurstLength", "131072"},
                                                                                       {"InitialR2T", "Yes"},
                                                                                       {"DataDigest", "None,CRC32C"}}) {
        CHECK(store(rows, name, r.port, text) == 0);
        CHECK(show(rows, name, r.port) == std::string{text} + "\n[key]\n\n");
    }
    CHECK(store(rows, "HeaderDigest", r.port, "CRC32C,None") == 0);
    CHECK(show(rows, "HeaderDigest", r.port) == "None,CRC32C\n[key]\n\n");
    CHECK(store(rows, "per_portal_acl", r.port, "1\n") == 0);
    CHECK(show(rows, "per_portal_acl", r.port) == "1\n[key]\n\n");
    CHECK(store(rows, "QueuedCommands", r.port, "0x10") == 0);
    CHECK(show(rows, "QueuedCommands", r.port) == "16\n[key]\n\n");
    CHECK(store(rows, "QueuedCommands", r.port, ":default:") == 0);
    CHECK(show(rows, "QueuedCommands", r.port) == "32\n");
    CHECK(store(rows, "InitialR2T", r.port, ":default:") == 0);
    CHECK(show(rows, "InitialR2T", r.port) == "No\n");
    CHECK(store(rows, "alias", r.port, "\n") == 0);
    CHECK(show(rows, "alias", r.port) == "\n");
}

TEST_CASE("wrong values are refused and change nothing") {
    rig r;
    const auto rows = target_attributes();
    for (const auto &[name, text] : std::vector<std::pair<const char *, const char *>>{{"QueuedCommands", "0"},
                                                                                       {"QueuedCommands", "2049"},
                                                                                       {"QueuedCommands", "abc"},
                                                                                       {"QueuedCommands", ""},
                                                                                       {"RspTimeout", "1"},
                                                                                       {"NopInTimeout", "1"},
                                                                                       {"NopInInterval", "65536"},
                                                                                       {"MaxSessions", "-1"},
                                                                                       {"InitialR2T", "yes"},
                                                                                       {"ImmediateData", "1"},
                                                                                       {"MaxBurstLength", "511"},
                                                                                       {"MaxBurstLength", "1048577"},
                                                                                       {"MaxOutstandingR2T", "0"},
                                                                                       {"HeaderDigest", "MD5"},
                                                                                       {"per_portal_acl", "2"}}) {
        const std::string before = show(rows, name, r.port);
        CHECK(store(rows, name, r.port, text) == -EINVAL);
        CHECK(show(rows, name, r.port) == before);
    }
    CHECK(store(rows, "RDMAExtensions", r.port, "Yes") == -EOPNOTSUPP);
    CHECK(store(rows, "redirect", r.port, "10.0.0.1 temp") == -EOPNOTSUPP);
    CHECK(store(rows, "redirect", r.port, "\n") == 0);
    CHECK(store(rows, "alias", r.port, std::string(256, 'a')) == -ERANGE);
}

TEST_CASE("the driver's attributes") {
    rig r;
    void *self = r.owner.get();
    const auto rows = driver_attributes();
    CHECK(show(rows, "enabled", self) == "1\n\n");
    CHECK(store(rows, "enabled", self, "0") == 0);
    CHECK(show(rows, "enabled", self) == "0\n\n");
    CHECK(store(rows, "enabled", self, "yes") == -EINVAL);
    CHECK(show(rows, "link_local", self) == "1\n\n");
    CHECK(store(rows, "link_local", self, "0") == 0);
    CHECK(show(rows, "link_local", self) == "0\n[key]\n\n");
    CHECK(show(rows, "suspend_logins", self) == "0\n");
    CHECK(store(rows, "suspend_logins", self, "1\n") == 0);
    CHECK(show(rows, "suspend_logins", self) == "1\n");
    CHECK(show(rows, "open_state", self) == "open\n");
    CHECK(show(rows, "iSNSServer", self) == "\n\n");
    CHECK(store(rows, "iSNSServer", self, "10.0.0.1") == -EOPNOTSUPP);
    CHECK(store(rows, "iSNSServer", self, "\n") == 0);
    CHECK(store(rows, "internal_portal", self, "10.0.0.1") == -EOPNOTSUPP);
    CHECK(store(rows, "isns_entity_name", self, "me") == -EOPNOTSUPP);
}

TEST_CASE("dynamic attributes: portals; accounts are refused") {
    rig r;
    void *self = r.owner.get();
    scst_error error{};
    error.struct_size = sizeof error;
    CHECK(add_attribute(self, nullptr, "IncomingUser", "joe 123456789012", &error) == -EOPNOTSUPP);
    CHECK(add_attribute(self, r.port, "OutgoingUser", "joe 123456789012", &error) == -EOPNOTSUPP);
    CHECK(add_attribute(self, r.port, "Foo", "bar", &error) == -EINVAL);
    CHECK(add_attribute(self, nullptr, "allowed_portal", "10.*", &error) == -EINVAL);
    CHECK(add_attribute(self, r.port, "allowed_portal", "10.*", &error) == 0);
    CHECK(add_attribute(self, r.port, "allowed_portal", "10.*", &error) == -EINVAL);
    CHECK(add_attribute(self, r.port, "allowed_portal", "", &error) == -EINVAL);
    CHECK(add_attribute(self, r.port, "allowed_portal", "!10.1.*", &error) == 0);
    CHECK(set_attribute(self, r.port, "allowed_portal1", "!10.2.*", &error) == 0);
    CHECK(set_attribute(self, r.port, "allowed_portal7", "1.1.1.1", &error) == -ENOENT);
    std::string all;
    list_attributes(
        self, r.port,
        [](void *context, const char *name, const char *text, std::uint32_t) {
            *static_cast<std::string *>(context) += std::string{name} + '=' + text;
        },
        &all);
    CHECK(all == "allowed_portal=10.*\n[key]\n\nallowed_portal1=!10.2.*\n[key]\n\n");
    CHECK(del_attribute(self, r.port, "allowed_portal", "10.*", &error) == 0);
    CHECK(del_attribute(self, r.port, "allowed_portal", "10.*", &error) == -EINVAL);
}

TEST_CASE("a session shows what was agreed") {
    rig r;
    r.set("HeaderDigest", "CRC32C,None");
    initiator i{r};
    i.login_full("HeaderDigest=CRC32C|MaxRecvDataSegmentLength=262144|InitialR2T=No|");
    void *object = r.core.session_data(0);
    const auto rows = session_attributes();
    CHECK(show(rows, "HeaderDigest", object) == "CRC32C\n");
    CHECK(show(rows, "DataDigest", object) == "None\n");
    CHECK(show(rows, "InitialR2T", object) == "No\n");
    CHECK(show(rows, "MaxXmitDataSegmentLength", object) == "262144\n");
    CHECK(show(rows, "MaxRecvDataSegmentLength", object) == "1048576\n");
    CHECK(show(rows, "sid", object) == "10100003d0200\n");
    CHECK(show(rows, "reinstating", object) == "0\n");
    CHECK(rows.size() == 12);
    CHECK(std::stol(show(rows, "thread_pid", object)) > 0);
}

TEST_CASE("groups have no threads of their own") {
    rig r;
    CHECK(show(group_attributes(), "per_sess_dedicated_tgt_threads", r.port) == "0\n");
    CHECK(store(group_attributes(), "per_sess_dedicated_tgt_threads", r.port, "0") == 0);
    CHECK(store(group_attributes(), "per_sess_dedicated_tgt_threads", r.port, "1") == -EOPNOTSUPP);
    CHECK(store(group_attributes(), "per_sess_dedicated_tgt_threads", r.port, "x") == -EINVAL);
}

TEST_CASE("targets are made with parameters, once, and with good names") {
    rig r;
    scst_error error{};
    error.struct_size = sizeof error;
    void *stored = nullptr;
    const scst_parameter good[] = {{"HeaderDigest", "CRC32C"}, {"MaxSessions", "3"}};
    const scst_parameter bad[] = {{"MaxSessions", "3"}, {"foo", "bar"}};
    const scst_parameter account[] = {{"IncomingUser", "joe 123456789012"}};
    scst_target *handle = r.core.target_handle();
    CHECK(r.owner->add_target(handle, "iqn.x:q", bad, 2, &stored, &error) == -EINVAL);
    CHECK(r.owner->add_target(handle, "iqn.x:q", account, 1, &stored, &error) == -EOPNOTSUPP);
    CHECK(r.owner->add_target(handle, "iqn.x:q", good, 2, &stored, &error) == 0);
    CHECK(show(target_attributes(), "tid", stored) == "2\n");
    CHECK(show(target_attributes(), "MaxSessions", stored) == "3\n[key]\n\n");
    CHECK(r.owner->add_target(handle, "IQN.X:Q", nullptr, 0, &stored, &error) == -EEXIST);
    CHECK(r.owner->add_target(handle, "", nullptr, 0, &stored, &error) == -EINVAL);
    CHECK(r.owner->add_target(handle, std::string(224, 'a').c_str(), nullptr, 0, &stored, &error) == -EINVAL);
}

TEST_CASE("portals that can't be had keep the plugin from starting, and the reason names them") {
    std::string why;
    CHECK(start_with("127.0.0.1:0,[::1]:0", &why) == 0);
    CHECK(start_with("localhost:3260", &why) == -EINVAL);
    CHECK(why.find("localhost:3260") != std::string::npos);
    CHECK(start_with("203.0.113.7:3260", &why) == -EADDRNOTAVAIL);
    CHECK(why.find("203.0.113.7:3260") != std::string::npos);
    unique_fd taken;
    const char *failed = "";
    REQUIRE(listener::open(*address::parse("127.0.0.1:0"), taken, failed) == 0);
    sockaddr_storage raw{};
    socklen_t length = sizeof raw;
    REQUIRE(::getsockname(taken.get(), reinterpret_cast<sockaddr *>(&raw), &length) == 0);
    const std::string used = address::from(reinterpret_cast<sockaddr *>(&raw), length)->text();
    CHECK(start_with(used.c_str(), &why) == -EADDRINUSE);
    CHECK(why.find(used) != std::string::npos);
}

TEST_CASE("the man page tells every attribute and setting") {
    std::ifstream file{SCST_MAN_PAGE};
    std::stringstream all;
    all << file.rdbuf();
    const std::string page = all.str();
    REQUIRE(!page.empty());
    for (const auto rows : {driver_attributes(), target_attributes(), session_attributes(), group_attributes()})
        for (const scst_attribute &one : rows) {
            const std::string marked = "**" + std::string{one.name} + "**";
            CAPTURE(marked);
            CHECK(page.find(marked) != std::string::npos);
        }
    for (const char *name : {"**iscsi.portals**", "**allowed_portal**", "**IncomingUser**", "**OutgoingUser**"})
        CHECK(page.find(name) != std::string::npos);
    for (const key_row &key : key_table())
        CHECK(page.find(key.name) != std::string::npos);
}
