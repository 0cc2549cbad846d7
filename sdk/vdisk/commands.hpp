// SPDX-License-Identifier: Apache-2.0
// commands: the command functions by topic, and the table that finds them (dispatch.cpp).
//
// Each is `std::int32_t f(device &, scst_cmd &)`; see command.hpp for the rules.
#pragma once

#include <scst/handler.h>

#include <cstdint>
#include <span>

namespace scst::vdisk {

class device;

// Runs a command: gate, table, function. The handler's exec().
std::int32_t execute(device &dev, scst_cmd &cmd) noexcept;
// All commands of a device type, for REPORT SUPPORTED OPERATION CODES.
std::span<const scst_opcode> opcode_list(std::uint32_t device_type);
// False when this device lacks one of them.
bool supports(const device &dev, std::uint8_t opcode, std::uint16_t service_action) noexcept;

// unit_commands.cpp
std::int32_t test_unit_ready(device &dev, scst_cmd &cmd);
std::int32_t request_sense(device &dev, scst_cmd &cmd);
std::int32_t start_stop_unit(device &dev, scst_cmd &cmd);
std::int32_t prevent_allow(device &dev, scst_cmd &cmd);
std::int32_t send_diagnostic(device &dev, scst_cmd &cmd);
std::int32_t receive_diagnostic(device &dev, scst_cmd &cmd);
std::int32_t report_timestamp(device &dev, scst_cmd &cmd);
// capacity.cpp
std::int32_t read_capacity_10(device &dev, scst_cmd &cmd);
std::int32_t read_capacity_16(device &dev, scst_cmd &cmd);
// block_commands.cpp
std::int32_t read_6(device &dev, scst_cmd &cmd);
std::int32_t read_blocks(device &dev, scst_cmd &cmd);
std::int32_t write_6(device &dev, scst_cmd &cmd);
std::int32_t write_blocks(device &dev, scst_cmd &cmd);
std::int32_t write_atomic(device &dev, scst_cmd &cmd);
std::int32_t or_write(device &dev, scst_cmd &cmd);
std::int32_t pre_fetch(device &dev, scst_cmd &cmd);
std::int32_t synchronize_cache(device &dev, scst_cmd &cmd);
std::int32_t read_defect_data_10(device &dev, scst_cmd &cmd);
std::int32_t read_defect_data_12(device &dev, scst_cmd &cmd);
// verify.cpp
std::int32_t verify(device &dev, scst_cmd &cmd);
std::int32_t write_and_verify(device &dev, scst_cmd &cmd);
// provisioning.cpp
std::int32_t unmap(device &dev, scst_cmd &cmd);
std::int32_t write_same_10(device &dev, scst_cmd &cmd);
std::int32_t write_same_16(device &dev, scst_cmd &cmd);
std::int32_t get_lba_status(device &dev, scst_cmd &cmd);
// format_sanitize.cpp
std::int32_t format_unit(device &dev, scst_cmd &cmd);
std::int32_t sanitize(device &dev, scst_cmd &cmd);
// buffers.cpp
std::int32_t read_buffer(device &dev, scst_cmd &cmd);
std::int32_t write_buffer(device &dev, scst_cmd &cmd);
// log_pages.cpp
std::int32_t log_sense(device &dev, scst_cmd &cmd);
std::int32_t log_select(device &dev, scst_cmd &cmd);
// cdrom_commands.cpp
std::int32_t read_toc(device &dev, scst_cmd &cmd);
std::int32_t get_configuration(device &dev, scst_cmd &cmd);
std::int32_t get_event_status(device &dev, scst_cmd &cmd);

} // namespace scst::vdisk
