// SPDX-License-Identifier: Apache-2.0
#include "device.hpp"

#include "../test_core.hpp"
#include "attribute.hpp"

#include <doctest/doctest.h>

#include <array>

namespace {

class disk : public scst::device_base {
  public:
    explicit disk(const scst::device_start &start)
        : device_base{start}, blocks_{start.params.number("blocks", 8, 1, 100)} {
        ++alive;
    }
    ~disk() { --alive; }

    scst::exec_result exec(scst_cmd &cmd) {
        switch (cmd.cdb[0]) {
        case 0x00:
            return scst::exec_result::done;
        case 0x01:
            return scst::exec_result::pending;
        case 0x02:
            sense(cmd, SCST_SENSE_MEDIUM_ERROR, 0x11, 0x00);
            throw std::runtime_error{"after the sense was set"};
        default:
            throw std::runtime_error{"no such luck"};
        }
    }
    void on_free(scst_cmd &) { throw std::runtime_error{"nobody to tell"}; }
    bool supports(std::uint8_t opcode, std::uint16_t) {
        if (opcode == 0xFF)
            throw std::runtime_error{"who asks?"};
        return opcode != 0x42;
    }
    bool alua_state_changed(std::string_view, std::string_view now) { return now == "active"; }

    void show_blocks(scst_writer *out) const { scst::write_value(out, blocks_, blocks_ != 8); }
    void store_blocks(std::string_view text) {
        std::uint64_t value = 0;
        if (scst::parse_unsigned_in(text, 1, 100, value) != 0)
            throw scst::failure{ERANGE, "blocks must be a number from 1 to 100"};
        blocks_ = value;
    }

    static inline int alive = 0;

  private:
    std::uint64_t blocks_;
};

constexpr std::array names{"blocks"};
constexpr std::array attributes{scst::attribute<disk, &disk::show_blocks, &disk::store_blocks>("blocks"),
                                scst::attribute<disk, &disk::show_blocks>("blocks_ro", SCST_ATTR_SECRET)};
constexpr scst_handler table = scst::handler_table<disk>({.name = "sample",
                                                          .flags = SCST_HANDLER_PARALLEL,
                                                          .threads_num = 3,
                                                          .parameters = names,
                                                          .attributes = attributes});

class plugin : public scst::plugin_base {
    using plugin_base::plugin_base;
};

struct opened : scst::test::fixture {
    explicit opened(const char *blocks = nullptr) {
        const scst_parameter parameter{"blocks", blocks};
        result = table.add_device(static_cast<scst::plugin_base *>(&owner), nullptr, "disk1", &parameter,
                                  blocks != nullptr ? 1 : 0, &device, &error);
    }
    ~opened() {
        if (device != nullptr)
            table.del_device(device);
    }
    scst_cmd run(std::uint8_t opcode, std::int32_t answer) {
        scst_cmd cmd{};
        cmd.cdb[0] = opcode;
        CHECK(table.exec(device, &cmd) == answer);
        return cmd;
    }

    plugin owner{scst::plugin_start{&core, nullptr}};
    void *device = nullptr;
    std::int32_t result = -1;
};

struct text_writer {
    scst_writer writer{};
    std::string text{};
};

std::string shown(const scst_attribute &attribute, void *device) {
    text_writer out;
    out.writer.struct_size = sizeof out.writer;
    out.writer.write = [](scst_writer *writer, const char *text, std::size_t length) {
        reinterpret_cast<text_writer *>(writer)->text.append(text, length);
    };
    CHECK(attribute.show(device, &attribute, &out.writer) == 0);
    return out.text;
}

} // namespace

TEST_CASE("the table has the callbacks that the class has, and no others") {
    CHECK(table.struct_size == sizeof(scst_handler));
    CHECK(table.parameter_count == 1);
    CHECK(table.device_attribute_count == 2);
    CHECK(table.threads_num == 3);
    CHECK((table.on_free != nullptr));
    CHECK((table.alua_state_changed != nullptr));
    CHECK((table.reset == nullptr));
    CHECK((table.end_of_batch == nullptr));
    CHECK((table.nexus_lost == nullptr));
}

TEST_CASE("add_device makes the object and del_device destroys it") {
    {
        const opened test{"20"};
        CHECK(test.result == 0);
        CHECK(disk::alive == 1);
        CHECK(static_cast<disk *>(test.device)->name() == "disk1");
    }
    CHECK(disk::alive == 0);
}

TEST_CASE("a parameter out of range is refused by name and value") {
    const opened test{"101"};
    CHECK(test.result == -EINVAL);
    CHECK((test.device == nullptr));
    CHECK(std::string{test.error.text} == "blocks must be a number from 1 to 100, not \"101\"");
}

TEST_CASE("what exec answers goes through unchanged") {
    opened test;
    CHECK(test.run(0x00, SCST_EXEC_DONE).status == SCST_STATUS_GOOD);
    CHECK(test.run(0x01, SCST_EXEC_PENDING).status == SCST_STATUS_GOOD);
}

TEST_CASE("an exception out of exec is an internal target failure for that command") {
    opened test;
    const scst_cmd cmd = test.run(0xFF, SCST_EXEC_DONE);
    CHECK(cmd.status == SCST_STATUS_CHECK_CONDITION);
    CHECK(cmd.sense[2] == SCST_SENSE_ABORTED_COMMAND);
    CHECK(cmd.sense[12] == 0x44);
    CHECK(cmd.sense[13] == 0x00);
}

TEST_CASE("a failure that comes with each command is not logged with each command") {
    opened test;
    for (int i = 0; i < 1000; ++i)
        test.run(0xFF, SCST_EXEC_DONE);
    CHECK(test.seen.lines.size() == 10); // 1, 2, 4 … 512
    CHECK(test.seen.lines.front() == "dev.disk1: a command failed inside the handler: no such luck (failure 1)");
}

TEST_CASE("an exception where nobody waits for an answer is logged and ends there") {
    opened test;
    scst_cmd cmd{};
    table.on_free(test.device, &cmd);
    CHECK(test.seen.lines.size() == 1);
}

TEST_CASE("the ALUA callback answers 1 for true") {
    opened test;
    CHECK(table.alua_state_changed(test.device, "standby", "active") == 1);
    CHECK(table.alua_state_changed(test.device, "active", "standby") == 0);
}

TEST_CASE("a command is supported unless the class says no") {
    opened test;
    CHECK(table.supports(test.device, 0x28, 0xFFFF) == 1);
    CHECK(table.supports(test.device, 0x42, 0xFFFF) == 0);
    CHECK(table.supports(test.device, 0xFF, 0xFFFF) == 1);
}

TEST_CASE("attributes show and store, and a refused store changes nothing") {
    opened test;
    CHECK(shown(attributes[0], test.device) == "8\n");
    CHECK(attributes[0].store(test.device, &attributes[0], "9", 1, &test.error) == 0);
    CHECK(shown(attributes[0], test.device) == "9\n[key]\n");
    CHECK(attributes[0].store(test.device, &attributes[0], "900", 3, &test.error) == -ERANGE);
    CHECK(std::string{test.error.text} == "blocks must be a number from 1 to 100");
    CHECK(shown(attributes[0], test.device) == "9\n[key]\n");
}

TEST_CASE("flags of an attribute follow from its functions") {
    CHECK(attributes[0].flags == (SCST_ATTR_READ | SCST_ATTR_WRITE));
    CHECK(attributes[1].flags == (SCST_ATTR_READ | SCST_ATTR_SECRET));
    CHECK((attributes[1].store == nullptr));
}

TEST_CASE("of a parameter given twice the last value counts") {
    const std::array<scst_parameter, 2> list{scst_parameter{"a", "1"}, scst_parameter{"a", "0"}};
    const scst::parameters params{list.data(), 2};
    CHECK(params.find("a") == "0");
    CHECK_FALSE(params.find("b"));
    CHECK_FALSE(params.flag("a", true));
    CHECK(params.flag("b", true));
    CHECK(params.text("b", "default") == "default");
    static constexpr std::array known{"a", "b"};
    static constexpr std::array other{"b"};
    params.allow_only(known);
    CHECK_THROWS_WITH_AS(params.allow_only(other), "there is no parameter \"a\"", scst::failure);
}
