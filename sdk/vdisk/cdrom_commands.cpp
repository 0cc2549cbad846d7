// SPDX-License-Identifier: Apache-2.0
// cdrom_commands: what a CD-ROM has besides a disk (MMC-6): table of contents, features, events.
#include "commands.hpp"

#include "command.hpp"
#include "page_builder.hpp"

namespace scst::vdisk {
namespace {

constexpr std::uint8_t lead_out = 0xaa;
constexpr std::uint16_t profile_none = 0x0000;
constexpr std::uint16_t profile_cdrom = 0x0008;
constexpr std::uint16_t profile_dvdrom = 0x0010;
constexpr std::uint64_t largest_cd = 360'000; // blocks: 80 minutes; more is shown as DVD-ROM

// An address as LBA or minute, second, frame (MMC-6 table 17).
void address(page_builder &page, std::uint64_t lba, bool msf) {
    if (!msf) {
        page.be32(std::min<std::uint64_t>(lba, 0xffffffff));
        return;
    }
    const std::uint64_t frames = std::min<std::uint64_t>(lba + 150, 255 * 60 * 75 + 59 * 75 + 74);
    page.u8(0).u8(static_cast<std::uint32_t>(frames / 75 / 60)).u8(static_cast<std::uint32_t>(frames / 75 % 60));
    page.u8(static_cast<std::uint32_t>(frames % 75));
}

void track(page_builder &page, std::uint8_t number, std::uint64_t lba, bool msf) {
    page.u8(0).u8(0x14).u8(number).u8(0); // data track, recorded uninterrupted
    address(page, lba, msf);
}

bool has_disc(const device &dev) noexcept {
    return (dev.gate() & gate_ejected) == 0 && dev.backing() != nullptr;
}

std::uint16_t current_profile(const device &dev) noexcept {
    if (!has_disc(dev))
        return profile_none;
    return dev.block_count() > largest_cd ? profile_dvdrom : profile_cdrom;
}

void profile(page_builder &page, std::uint16_t number, std::uint16_t current) {
    page.be16(number).u8(number == current ? 1u : 0u).u8(0);
}

struct feature {
    std::uint16_t code;
    std::uint8_t version;
    bool needs_disc; // current only with a disc
    void (*build)(const device &, page_builder &);
};

// MMC-6 5.3.
constexpr std::array<feature, 6> features{{
    {0x0000, 0, false,
     [](const device &dev, page_builder &page) { // profile list
         profile(page, profile_dvdrom, current_profile(dev));
         profile(page, profile_cdrom, current_profile(dev));
     }},
    {0x0001, 2, false,
     [](const device &, page_builder &page) { page.be32(1).u8(0x01).zeros(3); }},           // core: SCSI, INQ2 0, DBE
    {0x0002, 1, false, [](const device &, page_builder &page) { page.u8(0x02).zeros(3); }}, // morphing: OCEvent
    {0x0003, 2, false,
     [](const device &, page_builder &page) { page.u8(0x29).zeros(3); }}, // removable: tray, eject, lock
    {0x0010, 0, true,
     [](const device &dev, page_builder &page) { page.be32(dev.block_size()).be16(1).u8(0).u8(0); }}, // random readable
    {0x001e, 2, true, [](const device &, page_builder &page) { page.zeros(4); }},                     // CD read
}};

void build_feature(const device &dev, const feature &each, page_builder &page) {
    const bool persistent = !each.needs_disc;
    const bool current = persistent || has_disc(dev);
    const std::size_t start = page.size();
    page.be16(each.code);
    page.u8(std::uint32_t{each.version} << 2 | (persistent ? 0x02u : 0u) | (current ? 0x01u : 0u)).u8(0);
    each.build(dev, page);
    page.patch_u8(start + 3, page.size() - start - 4);
}

} // namespace

// MMC-6 6.26, format 0000b: one track and the lead-out.
std::int32_t read_toc(device &dev, scst_cmd &cmd) {
    const bool msf = (cmd.cdb[1] & 0x02) != 0;
    const std::uint8_t format = cmd.cdb[2] & 0x0f;
    const std::uint8_t start = cmd.cdb[6];
    std::array<std::uint8_t, 20> bytes{};
    page_builder page{bytes};
    page.be16(0).u8(1).u8(1);
    if (format == 1) { // session information
        track(page, 1, 0, msf);
    } else if (format == 0) {
        if (start > 1 && start != lead_out)
            return invalid_cdb(dev, cmd, 6);
        if (start <= 1)
            track(page, 1, 0, msf);
        track(page, lead_out, dev.block_count(), msf);
    } else {
        return invalid_cdb(dev, cmd, 2, 5);
    }
    page.patch_be16(0, page.size() - 2);
    return reply(dev, cmd, page.bytes());
}

// MMC-6 6.6.
std::int32_t get_configuration(device &dev, scst_cmd &cmd) {
    const std::uint8_t kind = cmd.cdb[1] & 0x03; // RT
    const std::uint16_t start = load_be16(cmd.cdb + 2);
    if (kind == 3)
        return invalid_cdb(dev, cmd, 1, 1);
    std::array<std::uint8_t, 256> bytes{};
    page_builder page{bytes};
    page.be32(0).be16(0).be16(current_profile(dev));
    for (const feature &each : features) {
        const bool wanted = kind == 2 ? each.code == start : each.code >= start;
        if (wanted && (kind != 1 || !each.needs_disc || has_disc(dev)))
            build_feature(dev, each, page);
    }
    page.patch_be32(0, page.size() - 4);
    return reply(dev, cmd, page.bytes());
}

// MMC-6 6.7: polled; the media class only. Nothing is remembered: a change of medium is told by a unit attention.
std::int32_t get_event_status(device &dev, scst_cmd &cmd) {
    constexpr std::uint8_t media_class = 0x10;
    if ((cmd.cdb[1] & 0x01) == 0) // asynchronous
        return invalid_cdb(dev, cmd, 1, 0);
    std::array<std::uint8_t, 8> bytes{};
    page_builder page{bytes};
    if ((cmd.cdb[4] & media_class) == 0) {
        page.be16(2).u8(0x80).u8(media_class); // NEA: no class that was asked for is supported
        return reply(dev, cmd, page.bytes());
    }
    page.be16(6).u8(0x04).u8(media_class);
    page.u8(0).u8(has_disc(dev) ? 0x02u : 0u).u8(0).u8(0);
    return reply(dev, cmd, page.bytes());
}

} // namespace scst::vdisk
