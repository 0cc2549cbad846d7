// SPDX-License-Identifier: Apache-2.0
// See inquiry.hpp.
#include "inquiry.hpp"

#include "command.hpp"
#include "commands.hpp"

namespace scst::vdisk {
namespace {

// What a builder works from.
struct source {
    device &dev;
    identity id;
    scst_port_info port;
};

constexpr std::uint32_t version_sam4 = 0x008b;
constexpr std::uint32_t version_spc4 = 0x0463;
constexpr std::uint32_t version_sbc3 = 0x04c0;
constexpr std::size_t short_vendor_specific = 20; // fits into bytes 36 to 55

std::uint8_t peripheral(const source &from) noexcept {
    if (from.dev.config().dummy)
        return 0x3f; // "no device here can be": SCST's dummy LUN
    const auto type = static_cast<std::uint8_t>(from.dev.backend().device_type);
    return from.port.port_unavailable != 0 ? static_cast<std::uint8_t>(0x20 | type) : type;
}

// SPC-4 6.6.2.
void standard_data(const source &from, page_builder &page) {
    const std::string &special = from.id.inq_vend_specific.value;
    page.u8(peripheral(from));
    page.u8(from.dev.config().removable || from.dev.is_cdrom() ? 0x80u : 0u);
    page.u8(0x06);                                       // SPC-4
    page.u8(0x22);                                       // NormACA, response data format 2
    page.u8(0);                                          // additional length, below
    page.u8(0x08u | std::uint32_t{from.port.tpgs} << 4); // 3PC, TPGS
    page.u8(0x10);                                       // MultiP
    page.u8(0x02);                                       // CmdQue
    page.padded(from.id.t10_vend_id.value, 8).padded(from.id.prod_id.value, 16).padded(from.id.prod_rev_lvl.value, 4);
    if (special.size() <= short_vendor_specific)
        page.text(special);
    page.up_to(58);
    page.be16(version_sam4);
    if (from.port.physical_transport_version != 0)
        page.be16(from.port.physical_transport_version);
    if (from.port.scsi_transport_version != 0)
        page.be16(from.port.scsi_transport_version);
    page.be16(version_spc4);
    if (!from.dev.is_cdrom())
        page.be16(version_sbc3);
    if (special.size() > short_vendor_specific)
        page.up_to(96).text(special);
    page.patch_u8(4, page.size() - 5);
}

void designator_header(page_builder &page, std::uint32_t code_set, std::uint32_t type, std::size_t length) {
    page.u8(code_set).u8(type).u8(0).u8(static_cast<std::uint32_t>(length));
}

void target_device_name(const identity &id, page_builder &page) {
    const std::string &text = id.scsi_device_name.value;
    if (text.empty())
        return;
    // SCST pads to a multiple of four with at least one NUL; what a length byte can't say is cut.
    const std::size_t size = std::min<std::size_t>(text.size(), 251);
    const std::size_t padded = size + 4 - size % 4;
    designator_header(page, 3, 0x28, padded);
    page.text(std::string_view{text}.substr(0, size)).zeros(padded - size);
}

void lu_names_first(const identity &id, page_builder &page) {
    target_device_name(id, page);
    designator_header(page, 2, 1, 8 + id.vend_specific_id.value.size());
    page.padded(id.t10_vend_id.value, 8).text(id.vend_specific_id.value);
}

void lu_names_last(const identity &id, page_builder &page) {
    if (!id.eui64.empty()) {
        designator_header(page, 1, 2, id.eui64.size());
        page.text(id.eui64);
    } else if (id.naa.empty()) {
        // SCST's fallback: the first characters of t10_dev_id, which is no registered EUI-64.
        designator_header(page, 1, 2, 8);
        const std::string_view start = std::string_view{id.t10_dev_id.value}.substr(0, 8);
        page.text(start).zeros(8 - start.size());
    }
    if (!id.naa.empty()) {
        designator_header(page, 1, 3, id.naa.size());
        page.text(id.naa);
    }
}

// SPC-4 7.8.15.
void supported_pages(const source &from, page_builder &page);

// SPC-4 7.8.17.
void serial_number(const source &from, page_builder &page) {
    page.text(from.id.usn.value);
}

// SPC-4 7.8.6.
void device_identification(const source &from, page_builder &page) {
    lu_names_first(from.id, page);
    designator_header(page, 1, 0x14, 4);
    page.be32(from.port.relative_target_port_id);
    if (from.port.in_device_group != 0 && from.port.target_port_group_id != 0) {
        designator_header(page, 1, 0x15, 4);
        page.be32(from.port.target_port_group_id);
    }
    lu_names_last(from.id, page);
}

// SPC-4 7.8.7.
void extended_inquiry(const source &from, page_builder &page) {
    const mode_state mode = from.dev.mode();
    page.u8(0).u8(0x07);                                                                 // HEADSUP, ORDSUP, SIMPSUP
    page.u8(mode.write_through || from.dev.nv_cache() || from.dev.is_cdrom() ? 0u : 1u); // V_SUP
    page.u8(0x01);                                                                       // LUICLR
    page.up_to(64);
}

std::uint64_t in_blocks(const source &from, std::uint64_t bytes) {
    return std::min<std::uint64_t>(bytes >> from.dev.block_shift(), 0xffffffffu);
}

void thin_limits(const source &from, page_builder &page) {
    const medium *open = from.dev.backing();
    const scst_block_info info = open == nullptr ? scst_block_info{} : open->info();
    const std::uint64_t most = info.max_unmap == 0 ? default_max_unmap : info.max_unmap;
    const std::uint64_t granularity = std::max<std::uint64_t>(in_blocks(from, info.unmap_granularity), 1);
    const std::uint64_t alignment = in_blocks(from, info.unmap_alignment);
    // SCST knows no limit of descriptors; a parameter list of 16 bits has room for 4095.
    const std::uint32_t descriptors = from.dev.config().extensions ? 4095 : 0xffffffffu;
    page.be32(in_blocks(from, most)).be32(descriptors).be32(granularity);
    page.be32(alignment == 0 ? 0 : alignment | 0x80000000u);
}

// SBC-3 6.5.3; the fields for WRITE ATOMIC are SBC-4's.
void block_limits(const source &from, page_builder &page) {
    const std::uint32_t block_size = from.dev.block_size();
    const std::uint64_t most = in_blocks(from, max_transfer);
    page.u8(0x01); // WSNZ
    page.u8(0xff); // maximum COMPARE AND WRITE length
    page.be16(std::max<std::uint32_t>(4096 / block_size, 1));
    page.be32(most);
    page.be32(std::min(most, in_blocks(from, from.dev.optimal_transfer())));
    page.be32(0); // maximum PRE-FETCH length: none
    if (from.dev.thin())
        thin_limits(from, page);
    page.up_to(36).be64(in_blocks(from, max_write_same));
    if (from.dev.config().extensions)
        page.be32(most); // maximum atomic transfer length
    page.up_to(64);
}

// SBC-3 6.5.2.
void block_characteristics(const source &from, page_builder &page) {
    page.be16(from.dev.config().rotational ? 15000u : 1u);
    // SBC-4: blocks erased by SANITIZE read as something (WABEREQ 01b, WACEREQ 01b).
    page.u8(0).u8(supports(from.dev, 0x48, 0x02) ? 0x50u : 0u);
    page.up_to(64);
}

// SBC-3 6.5.4.
void provisioning(const source &from, page_builder &page) {
    page.u8(0);
    page.u8(0xe0u | (from.dev.unmap_zeroes() ? 0x04u : 0u)); // LBPU, LBPWS, LBPWS10, LBPRZ
    page.u8(0x02);                                           // thin
    page.u8(0);
}

bool always(const source &) {
    return true;
}
bool if_disk(const source &from) {
    return !from.dev.is_cdrom();
}
bool if_thin(const source &from) {
    return from.dev.thin();
}

struct vpd_page {
    std::uint8_t code;
    bool (*present)(const source &);
    void (*build)(const source &, page_builder &);
};

constexpr std::array<vpd_page, 7> vpd_pages{{
    {0x00, always, supported_pages},
    {0x80, always, serial_number},
    {0x83, always, device_identification},
    {0x86, always, extended_inquiry},
    {0xb0, if_disk, block_limits},
    {0xb1, if_disk, block_characteristics},
    {0xb2, if_thin, provisioning},
}};

void supported_pages(const source &from, page_builder &page) {
    for (const vpd_page &each : vpd_pages) {
        if (each.present(from))
            page.u8(each.code);
    }
}

bool build_vpd(const source &from, std::uint8_t code, page_builder &page) {
    for (const vpd_page &each : vpd_pages) {
        if (each.code != code || !each.present(from))
            continue;
        page.u8(peripheral(from)).u8(code).be16(0);
        each.build(from, page);
        page.patch_be16(2, page.size() - 4);
        return true;
    }
    return false;
}

} // namespace

std::int32_t inquiry(device &dev, scst_cmd &cmd) {
    const bool vital = (cmd.cdb[1] & 0x01) != 0;
    if ((cmd.cdb[1] & 0x02) != 0) // CMDDT, obsolete
        return invalid_cdb(dev, cmd, 1, 1);
    if (!vital && cmd.cdb[2] != 0)
        return invalid_cdb(dev, cmd, 2);
    source from{dev, dev.id(), {}};
    from.port.struct_size = sizeof from.port;
    dev.core().cmd_port_info(&cmd, &from.port);
    std::array<std::uint8_t, max_page_size> bytes{};
    page_builder page{bytes};
    if (!vital)
        standard_data(from, page);
    else if (!build_vpd(from, cmd.cdb[2], page))
        return invalid_cdb(dev, cmd, 2);
    return reply(dev, cmd, page.bytes());
}

std::size_t build_lu_designators(const identity &id, std::span<std::uint8_t> bytes) {
    page_builder page{bytes};
    lu_names_first(id, page);
    lu_names_last(id, page);
    return page.size();
}

} // namespace scst::vdisk
