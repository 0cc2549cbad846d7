// SPDX-License-Identifier: Apache-2.0
// Compares INQUIRY, VPD pages, MODE SENSE and READ CAPACITY with what a real SCST answered (testdata/golden.txt).
#include <testing/fake_core.hpp>
#include <testing/temporary_folder.hpp>

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

using namespace scst::testing;

namespace {

struct golden_command {
    std::string cdb, data, sense;
    int status = 0;
};

struct golden_device {
    std::string name, handler, parameters;
    unsigned transport = 0;
    unsigned port = 0;
    std::uint64_t size = 0;
    std::vector<golden_command> commands{};
};

std::string or_empty(const std::string &text) {
    return text == "-" ? "" : text;
}

std::vector<golden_device> read_golden() {
    std::vector<golden_device> devices;
    std::ifstream file{SCST_TESTDATA "/golden.txt"};
    std::string line;
    while (std::getline(file, line)) {
        if (line.empty() || line[0] == '#')
            continue;
        std::istringstream words{line};
        std::string first;
        words >> first;
        if (first == "device") {
            golden_device made;
            words >> made.name >> made.handler >> std::hex >> made.transport >> std::dec >> made.port >> made.size >>
                made.parameters;
            devices.push_back(made);
        } else {
            golden_command made;
            made.cdb = first;
            words >> made.status >> made.data >> made.sense;
            made.data = or_empty(made.data);
            made.sense = or_empty(made.sense);
            devices.back().commands.push_back(made);
        }
    }
    return devices;
}

fake_core::parameters parameters_of(const golden_device &device, const std::string &file) {
    fake_core::parameters list;
    if (device.size != 0)
        list.emplace_back("filename", file);
    std::istringstream words{or_empty(device.parameters)};
    std::string one;
    while (std::getline(words, one, ';'))
        list.emplace_back(one.substr(0, one.find('=')), one.substr(one.find('=') + 1));
    return list;
}

} // namespace

TEST_CASE("identity, mode pages and capacity are SCST's, byte for byte") {
    const temporary_folder folder;
    fake_core core{folder.path()};
    REQUIRE(core.load_file(SCST_NULLIO_FILE) == 0);
    REQUIRE(core.load_file(SCST_FILEIO_FILE) == 0);
    const auto devices = read_golden();
    REQUIRE(devices.size() > 10);
    for (const golden_device &device : devices) {
        CAPTURE(device.name);
        std::string file;
        if (device.size != 0)
            file = folder.make(device.name, device.size);
        REQUIRE_MESSAGE(core.add_device(device.handler, device.name, parameters_of(device, file)) == 0,
                        core.last_error());
        core.port.scsi_transport_version = static_cast<std::uint16_t>(device.transport);
        core.port.relative_target_port_id = static_cast<std::uint16_t>(device.port);
        CHECK(device.commands.size() > 50);
        for (const golden_command &command : device.commands) {
            CAPTURE(command.cdb);
            const outcome got = core.run(device.name, command.cdb);
            CHECK(got.status == command.status);
            CHECK(to_hex(got.data) == command.data);
            CHECK(to_hex(got.sense) == command.sense);
        }
        core.del_device(device.name);
    }
}
