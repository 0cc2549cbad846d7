// SPDX-License-Identifier: Apache-2.0
// log_pages: LOG SENSE and LOG SELECT (SPC-4 6.7, 6.8, 7.3; SBC-3 6.2): supported pages, error counters, thin
// provisioning, temperature, informational exceptions. One builder per page in a table.
#include "commands.hpp"

#include "command.hpp"
#include "page_builder.hpp"

namespace scst::vdisk {
namespace {

constexpr std::uint8_t no_subpage = 0;
constexpr std::uint8_t all_subpages = 0xff;
constexpr std::uint8_t unknown_temperature = 0xff;
constexpr std::uint8_t cumulative = 1; // PC

// Counters can't be told apart by threshold: only the cumulative values exist.
void counter(page_builder &page, std::uint32_t code, std::uint64_t value) {
    page.be16(code).u8(0).u8(8).be64(value);
}

// SPC-4 7.3.5: corrected, retried … errors do not happen; uncorrected ones (0006h) do.
void error_counters(page_builder &page, std::uint64_t uncorrected) {
    for (std::uint32_t code = 0; code < 5; ++code)
        counter(page, code, 0);
    counter(page, 6, uncorrected);
}

void write_errors(const device &dev, page_builder &page) {
    error_counters(page, dev.write_errors());
}

void read_errors(const device &dev, page_builder &page) {
    error_counters(page, dev.read_errors());
}

void verify_errors(const device &dev, page_builder &page) {
    error_counters(page, dev.read_errors());
}

// SBC-3 6.2.4: in blocks, as the threshold exponent is 0; saturating.
void provisioning(const device &dev, page_builder &page) {
    const medium *open = dev.backing();
    std::uint64_t used = 0;
    std::uint64_t available = 0;
    if (open == nullptr || open->backend().space == nullptr ||
        open->backend().space(open->handle(), &used, &available) != 0)
        return;
    const auto resource = [&](std::uint32_t code, std::uint64_t bytes) {
        page.be16(code).u8(0x03).u8(8).be32(std::min<std::uint64_t>(bytes >> dev.block_shift(), 0xffffffff));
        page.u8(0x02).zeros(3); // not for this unit alone: it shares a file system
    };
    resource(0x0001, available);
    resource(0x0002, used);
}

// SPC-4 7.3.21: a file has no temperature.
void temperature(const device &, page_builder &page) {
    page.be16(0).u8(0x03).u8(2).u8(0).u8(unknown_temperature);
    page.be16(1).u8(0x03).u8(2).u8(0).u8(unknown_temperature);
}

// SPC-4 7.3.8.
void informational_exceptions(const device &, page_builder &page) {
    page.be16(0).u8(0x03).u8(4).be16(0).u8(unknown_temperature).u8(0);
}

void supported_pages(const device &dev, page_builder &page);

struct log_page {
    std::uint8_t code;
    bool disk_only;
    bool thin_only;
    void (*build)(const device &, page_builder &);
};

constexpr std::array<log_page, 7> log_pages{{
    {0x00, false, false, supported_pages},
    {0x02, true, false, write_errors},
    {0x03, false, false, read_errors},
    {0x05, true, false, verify_errors},
    {0x0c, true, true, provisioning},
    {0x0d, false, false, temperature},
    {0x2f, false, false, informational_exceptions},
}};

bool present(const device &dev, const log_page &page) noexcept {
    return (!page.disk_only || !dev.is_cdrom()) && (!page.thin_only || dev.thin());
}

void supported_pages(const device &dev, page_builder &page) {
    for (const log_page &each : log_pages) {
        if (present(dev, each))
            page.u8(each.code);
    }
}

// Page 00h, subpage FFh: pairs of page and subpage.
void supported_subpages(const device &dev, page_builder &page) {
    page.u8(0x00).u8(no_subpage).u8(0x00).u8(all_subpages);
    for (const log_page &each : log_pages) {
        if (each.code != 0 && present(dev, each))
            page.u8(each.code).u8(no_subpage);
    }
}

const log_page *find(const device &dev, std::uint8_t code) noexcept {
    for (const log_page &each : log_pages) {
        if (each.code == code && present(dev, each))
            return &each;
    }
    return nullptr;
}

} // namespace

std::int32_t log_sense(device &dev, scst_cmd &cmd) {
    const std::uint8_t code = cmd.cdb[2] & 0x3f;
    const std::uint8_t subpage = cmd.cdb[3];
    if ((cmd.cdb[1] & 0x01) != 0) // SP: nothing is saved
        return invalid_cdb(dev, cmd, 1, 0);
    const log_page *found = find(dev, code);
    if (found == nullptr)
        return invalid_cdb(dev, cmd, 2, 0);
    if (subpage != no_subpage && (code != 0 || subpage != all_subpages))
        return invalid_cdb(dev, cmd, 3);
    if (load_be16(cmd.cdb + 5) != 0) // PARAMETER POINTER: pages are short, they come whole
        return invalid_cdb(dev, cmd, 5);
    if (code == 0x0c && !on_worker(cmd))
        return SCST_EXEC_NEED_THREAD; // asks the file system
    std::array<std::uint8_t, max_page_size> bytes{};
    page_builder page{bytes};
    page.u8(code | (subpage != 0 ? 0x40u : 0u)).u8(subpage).be16(0);
    if (subpage == all_subpages)
        supported_subpages(dev, page);
    else
        found->build(dev, page);
    page.patch_be16(2, page.size() - 4);
    return reply(dev, cmd, page.bytes());
}

// SPC-4 6.7: counters can be set to zero, all at once; no parameter can be set to a value.
std::int32_t log_select(device &dev, scst_cmd &cmd) {
    const bool reset = (cmd.cdb[1] & 0x02) != 0; // PCR
    const std::uint8_t control = cmd.cdb[2] >> 6;
    const std::uint8_t code = cmd.cdb[2] & 0x3f;
    const std::uint32_t length = load_be16(cmd.cdb + 7);
    if ((cmd.cdb[1] & 0x01) != 0) // SP
        return invalid_cdb(dev, cmd, 1, 0);
    if (reset && length != 0)
        return invalid_cdb(dev, cmd, 1, 1);
    if (length == 0 && cmd.cdb[3] != 0)
        return invalid_cdb(dev, cmd, 3);
    if (length == 0 && code != 0 && find(dev, code) == nullptr)
        return invalid_cdb(dev, cmd, 2, 0);
    if (length != 0) {
        const parameter_list<4> list{cmd};
        if (list.bytes().size() < 4)
            return fail(dev, cmd, sense::list_length_error);
        return invalid_list(dev, cmd, 0);
    }
    // PCR, or "all cumulative values back to their default" (SPC-4 table 196).
    if (reset || control == cumulative || control == 3) {
        dev.clear_counters();
        dev.core().device_unit_attention(dev.handle(), 0x2a, 0x02, &cmd);
    }
    return SCST_EXEC_DONE;
}

} // namespace scst::vdisk
