// SPDX-License-Identifier: Apache-2.0
#include "driver.hpp"

#include "../test_core.hpp"

#include <doctest/doctest.h>

#include <optional>

namespace {

class sample_target : public scst::target_base {
  public:
    explicit sample_target(const scst::target_start &start) : target_base{start} {
        if (start.name == "bad")
            throw scst::failure{EINVAL, "bad is no name"};
    }
    void enable(bool on) {
        if (on)
            throw scst::failure{EADDRINUSE, "in use"};
    }
};

// Each reactor method does what the test says, then throws when the test says so.
class sample_session : public scst::session_base {
  public:
    using target = sample_target;
    using session_base::session_base;

    static sample_session &of(const scst_cmd &cmd) noexcept { return *static_cast<sample_session *>(cmd.driver_data); }
    static sample_session &of(const scst_task_management &request) noexcept {
        return *static_cast<sample_session *>(request.driver_data);
    }
    void xmit_response(scst_cmd &cmd) {
        if (gives_back)
            finish(cmd, SCST_DELIVERED);
        fail();
    }
    void ready_to_transfer(scst_cmd &cmd) {
        if (gives_back)
            received(cmd, SCST_RX_SUCCESS, 0);
        fail();
    }
    void task_management_done(scst_task_management &) { fail(); }
    std::int32_t report_event(const scst_event &) {
        fail();
        return 0;
    }
    void list_connections(const scst::emit_connection &emit) { emit("10.0.0.1", "ip", "10.0.0.1\n"); }
    void close() { ++closed; }

    bool gives_back = true;
    bool throws = false;
    int closed = 0;

  private:
    void fail() const {
        if (throws)
            throw std::runtime_error{"broken"};
    }
};

constexpr scst_target_driver table = scst::driver_table<sample_session>({.name = "sample", .protocol_identifier = 5});

class plugin : public scst::plugin_base {
    using plugin_base::plugin_base;
};

struct world : scst::test::fixture {
    world() {
        REQUIRE(table.add_target(static_cast<scst::plugin_base *>(&owner), nullptr, "t1", nullptr, 0, &target,
                                 &error) == 0);
        session.emplace(*static_cast<sample_target *>(target));
        cmd.driver_data = &*session;
    }
    ~world() { table.del_target(target); }

    plugin owner{scst::plugin_start{&core, nullptr}};
    void *target = nullptr;
    std::optional<sample_session> session{};
    scst_cmd cmd{};
};

} // namespace

TEST_CASE("the driver's table has the callbacks that the classes have") {
    CHECK(table.struct_size == sizeof(scst_target_driver));
    CHECK(table.protocol_identifier == 5);
    CHECK((table.enable_target != nullptr));
    CHECK((table.ready_to_transfer != nullptr));
    CHECK((table.report_event != nullptr));
    CHECK((table.abort_transfer == nullptr));
    CHECK((table.add_group == nullptr));
}

TEST_CASE("targets that can't be made or enabled say why") {
    world test;
    void *other = nullptr;
    CHECK(table.add_target(static_cast<scst::plugin_base *>(&test.owner), nullptr, "bad", nullptr, 0, &other,
                           &test.error) == -EINVAL);
    CHECK(std::string{test.error.text} == "bad is no name");
    CHECK(table.enable_target(test.target, 1, &test.error) == -EADDRINUSE);
    CHECK(table.enable_target(test.target, 0, &test.error) == 0);
}

TEST_CASE("a command that the session kept when it threw is given back as not delivered") {
    world test;
    test.session->gives_back = false;
    test.session->throws = true;
    table.xmit_response(&test.cmd);
    CHECK(test.seen.finished == std::vector<int>{SCST_DELIVERY_FAILED});
    CHECK(test.session->closed == 1);
    table.ready_to_transfer(&test.cmd);
    CHECK(test.seen.received == std::vector<int>{SCST_RX_ERROR});
    CHECK(test.session->closed == 2);
}

TEST_CASE("a command given back before the exception is not given back again") {
    world test;
    test.session->throws = true;
    table.xmit_response(&test.cmd);
    CHECK(test.seen.finished == std::vector<int>{SCST_DELIVERED});
    table.ready_to_transfer(&test.cmd);
    CHECK(test.seen.received == std::vector<int>{SCST_RX_SUCCESS});
}

TEST_CASE("a session that works is not closed") {
    world test;
    table.xmit_response(&test.cmd);
    scst_task_management request{};
    request.driver_data = &*test.session;
    table.task_management_done(&request);
    CHECK(test.seen.finished == std::vector<int>{SCST_DELIVERED});
    CHECK(test.session->closed == 0);
    CHECK(test.seen.lines.empty());
}

TEST_CASE("an exception without a command closes the session") {
    world test;
    test.session->throws = true;
    scst_task_management request{};
    request.driver_data = &*test.session;
    table.task_management_done(&request);
    CHECK(test.session->closed == 1);
    const scst_event event{};
    CHECK(table.report_event(&*test.session, &event) == -EIO);
    CHECK(test.session->closed == 2);
    CHECK(test.seen.lines.size() == 2);
}

TEST_CASE("directories of a session are emitted as text") {
    world test;
    std::string seen;
    table.list_connections(
        &*test.session,
        [](void *context, const char *directory, const char *file, const char *text) {
            *static_cast<std::string *>(context) = std::string{directory} + '/' + file + '=' + text;
        },
        &seen);
    CHECK(seen == "10.0.0.1/ip=10.0.0.1\n");
}
