// SPDX-License-Identifier: Apache-2.0
// See mode_pages.hpp.
#include "mode_pages.hpp"

#include "command.hpp"
#include "page_builder.hpp"

namespace scst::vdisk {
namespace {

// Page control (SPC-4 table 143).
enum class values : std::uint8_t { current = 0, changeable = 1, defaults = 2, saved = 3 };

struct source {
    device &dev;
    mode_state mode; // the one that was asked for
    values which;
    [[nodiscard]] bool changeable() const noexcept { return which == values::changeable; }
};

constexpr std::uint32_t parameters_savable = 0x80;
constexpr std::uint64_t heads = 255;
constexpr std::uint64_t sectors = 56;

// SBC-3 6.4.8: no retries are counted, automatic reallocation on.
void error_recovery(const source &from, page_builder &page) {
    page.u8(0x01).u8(0x0a);
    if (!from.changeable())
        page.u8(0xc0).u8(0x01).zeros(4).u8(0x01).u8(0).be16(0xffff);
}

// SPC-4 7.5.10.
void disconnect_reconnect(const source &from, page_builder &page) {
    page.u8(0x02).u8(0x0e);
    if (!from.changeable())
        page.u8(0x80).u8(0x80).be16(0x000a);
}

// The format and geometry pages (SBC-2) hold an invented geometry that old BIOSes divide by.
void format_device(const source &from, page_builder &page) {
    page.u8(0x03).u8(0x16);
    if (!from.changeable())
        page.zeros(8).be16(sectors).be16(from.dev.block_size()).zeros(6).u8(0x40);
}

void rigid_disk_geometry(const source &from, page_builder &page) {
    page.u8(0x04).u8(0x16);
    if (from.changeable())
        return;
    const std::uint64_t cylinders = (from.dev.block_count() + heads * sectors - 1) / (heads * sectors);
    page.be24(static_cast<std::uint32_t>(std::min<std::uint64_t>(cylinders, 0xffffff))).u8(heads);
    page.zeros(14).be16(15000);
}

// SBC-3 6.4.5.
void caching(const source &from, page_builder &page) {
    const bool nv_cache = from.dev.nv_cache();
    const bool savable = from.dev.can_save_pages() && !nv_cache;
    page.u8(0x08 | (savable ? parameters_savable : 0u)).u8(0x12);
    if (from.changeable()) {
        page.u8(nv_cache ? 0u : 0x04u);
        return;
    }
    page.u8(from.mode.write_through || nv_cache ? 0u : 0x04u).zeros(9).u8(0x80).u8(0x14);
}

// SPC-4 7.5.8.
void control(const source &from, page_builder &page) {
    page.u8(0x0a | (from.dev.can_save_pages() ? parameters_savable : 0u)).u8(0x0a);
    if (from.changeable()) {
        page.u8(0x1c).u8(0xf6).u8(0x08).u8(0x40);
        return;
    }
    const mode_state &m = from.mode;
    page.u8(std::uint32_t{m.tst} << 5 | (m.tmf_only ? 0x10u : 0u) | (m.dpicz ? 0x08u : 0u) | (m.d_sense ? 0x04u : 0u));
    page.u8(std::uint32_t{m.queue_algorithm} << 4 | std::uint32_t{m.qerr} << 1);
    page.u8(m.swp ? 0x08u : 0u).u8(m.tas ? 0x40u : 0u).zeros(4).be16(0x024b);
}

// SPC-4 7.5.11: informational exceptions are not reported.
void informational_exceptions(const source &from, page_builder &page) {
    page.u8(0x1c).u8(0x0a);
    if (!from.changeable())
        page.u8(0x08);
}

struct mode_page {
    std::uint8_t code;
    bool on_cdrom;
    void (*build)(const source &, page_builder &);
    std::uint8_t size; // with its two header bytes
};

// In the order in which page 3Fh returns them.
constexpr std::array<mode_page, 7> mode_pages{{
    {0x01, true, error_recovery, 12},
    {0x02, false, disconnect_reconnect, 16},
    {0x03, false, format_device, 24},
    {0x08, false, caching, 20},
    {0x0a, true, control, 12},
    {0x1c, true, informational_exceptions, 12},
    {0x04, false, rigid_disk_geometry, 24},
}};

constexpr std::uint8_t all_pages = 0x3f;

bool build_pages(const source &from, std::uint8_t code, page_builder &page) {
    bool found = false;
    for (const mode_page &each : mode_pages) {
        if ((code != all_pages && code != each.code) || (from.dev.is_cdrom() && !each.on_cdrom))
            continue;
        const std::size_t start = page.size();
        each.build(from, page);
        page.up_to(start + each.size);
        found = true;
    }
    return found;
}

std::uint32_t device_specific(const device &dev, const scst_cmd &cmd, const mode_state &mode) {
    const bool protect =
        dev.config().read_only || dev.is_cdrom() || mode.swp || (cmd.flags & SCST_CMD_READ_ONLY_LUN) != 0;
    return (protect ? 0x80u : 0u) | (dev.is_cdrom() ? 0u : 0x10u); // WP, DPOFUA
}

void block_descriptor(const device &dev, page_builder &page) {
    page.be32(std::min<std::uint64_t>(dev.block_count(), 0xffffffffu)).be32(dev.block_size());
}

std::int32_t mode_sense(device &dev, scst_cmd &cmd, bool ten) {
    const bool descriptor = (cmd.cdb[1] & 0x08) == 0;
    const auto which = static_cast<values>(cmd.cdb[2] >> 6);
    const std::uint8_t code = cmd.cdb[2] & 0x3f;
    if (cmd.cdb[3] != 0)
        return invalid_cdb(dev, cmd, 3);
    if (which == values::saved && !dev.can_save_pages())
        return fail(dev, cmd, sense::saving_unsupported);
    const mode_state current = dev.mode();
    source from{dev, current, which};
    if (which == values::defaults)
        from.mode = dev.default_mode();
    else if (which == values::saved)
        from.mode = dev.saved_mode();

    std::array<std::uint8_t, max_page_size> bytes{};
    page_builder page{bytes};
    if (ten)
        page.be16(0).u8(0).u8(device_specific(dev, cmd, current)).zeros(2).be16(descriptor ? 8u : 0u);
    else
        page.u8(0).u8(0).u8(device_specific(dev, cmd, current)).u8(descriptor ? 8u : 0u);
    if (descriptor)
        block_descriptor(dev, page);
    if (!build_pages(from, code, page))
        return invalid_cdb(dev, cmd, 2, 0);
    if (ten)
        page.patch_be16(0, page.size() - 2);
    else
        page.patch_u8(0, page.size() - 1);
    return reply(dev, cmd, page.bytes());
}

// ---- MODE SELECT ----

// Where in the parameter list an error is.
struct list_error {
    std::uint32_t byte = 0;
    std::int32_t bit = -1;
    bool found = false;
    [[nodiscard]] static list_error at(std::size_t byte, std::int32_t bit = -1) {
        return {static_cast<std::uint32_t>(byte), bit, true};
    }
};

list_error apply_control(std::span<const std::uint8_t> page, std::size_t at, mode_state &mode) {
    const std::uint8_t flags = page[2];
    if (flags >> 5 != mode.tst)
        return list_error::at(at + 2, 5);
    if (page[3] >> 4 > 1)
        return list_error::at(at + 3, 4);
    const auto qerr = static_cast<std::uint8_t>(page[3] >> 1 & 3);
    if (qerr == 2)
        return list_error::at(at + 3, 1);
    mode.tmf_only = (flags & 0x10) != 0;
    mode.dpicz = (flags & 0x08) != 0;
    mode.d_sense = (flags & 0x04) != 0;
    mode.queue_algorithm = page[3] >> 4;
    mode.qerr = qerr;
    mode.swp = (page[4] & 0x08) != 0;
    mode.tas = (page[5] & 0x40) != 0;
    return {};
}

list_error apply_page(const device &dev, std::span<const std::uint8_t> rest, std::size_t at, mode_state &mode) {
    if ((rest[0] & 0x80) != 0) // PS is reserved here
        return list_error::at(at, 7);
    const std::uint8_t code = rest[0] & 0x7f; // with SPF: no page has subpages
    const std::size_t size = code == 0x0a ? 12 : code == 0x08 && !dev.is_cdrom() ? 20 : 0;
    if (size == 0)
        return list_error::at(at, 0);
    if (rest[1] != size - 2)
        return list_error::at(at + 1);
    if (code == 0x0a)
        return apply_control(rest.first(size), at, mode);
    if (!dev.nv_cache())
        mode.write_through = (rest[2] & 0x04) == 0;
    return {};
}

// Reads all pages of a list; answers SCST_EXEC_PENDING when they are right, else the first error is set.
std::int32_t parse_pages_of(device &dev, scst_cmd &cmd, std::span<const std::uint8_t> list, std::size_t at,
                            mode_state &mode, bool save) {
    while (at < list.size()) {
        const auto rest = list.subspan(at);
        if (rest.size() < 2)
            return fail(dev, cmd, sense::list_length_error);
        const std::uint8_t code = rest[0] & 0x7f;
        const bool known = code == 0x0a || (code == 0x08 && !dev.is_cdrom());
        if (known && rest[1] == (code == 0x0a ? 10 : 18) && rest.size() < std::size_t{rest[1]} + 2)
            return fail(dev, cmd, sense::list_length_error);
        const list_error error = apply_page(dev, rest, at, mode);
        if (error.found)
            return invalid_list(dev, cmd, error.byte, error.bit);
        if (save && (!dev.can_save_pages() || (code == 0x08 && dev.nv_cache())))
            return code == 0x0a ? invalid_cdb(dev, cmd, 2, 1) : invalid_cdb(dev, cmd, 1, 0);
        at += std::size_t{rest[1]} + 2;
    }
    return SCST_EXEC_PENDING; // no answer yet: all pages are right
}

// Applies what was asked for; WCE going off takes along what the cache holds.
std::int32_t change(device &dev, scst_cmd &cmd, const mode_state &before, const mode_state &mode, bool save) {
    if (mode == before && (!save || mode == dev.saved_mode()))
        return SCST_EXEC_DONE;
    if (mode.write_through && !before.write_through) {
        if (medium *open = dev.backing(); open != nullptr) {
            if (const int result = open->flush(); result != 0)
                return fail_io(dev, cmd, result, true);
        }
    }
    if (!dev.change_mode(mode, save, &cmd))
        dev.core().cmd_set_busy(&cmd);
    return SCST_EXEC_DONE;
}

std::int32_t mode_select(device &dev, scst_cmd &cmd, bool ten) {
    if (!on_worker(cmd))
        return SCST_EXEC_NEED_THREAD; // it writes a file
    const bool save = (cmd.cdb[1] & 0x01) != 0;
    if ((cmd.cdb[1] & 0x10) == 0) // PF
        return invalid_cdb(dev, cmd, 1);
    const parameter_list<512> parameters{cmd};
    const auto list = parameters.bytes();
    if (cmd.data_length == 0)
        return SCST_EXEC_DONE;
    const std::size_t header = ten ? 8 : 4;
    if (list.size() < header || cmd.transfer_length > list.size())
        return fail(dev, cmd, sense::list_length_error);
    const std::size_t descriptors = ten ? load_be16(list.data() + 6) : list[3];
    if (descriptors != 0 && descriptors != 8)
        return invalid_list(dev, cmd, static_cast<std::uint32_t>(header - 1));
    if (list.size() < header + descriptors)
        return fail(dev, cmd, sense::list_length_error);
    const mode_state before = dev.mode();
    mode_state mode = before;
    if (const std::int32_t answer = parse_pages_of(dev, cmd, list, header + descriptors, mode, save);
        answer != SCST_EXEC_PENDING)
        return answer;
    return change(dev, cmd, before, mode, save);
}

} // namespace

std::int32_t mode_sense_6(device &dev, scst_cmd &cmd) {
    return mode_sense(dev, cmd, false);
}
std::int32_t mode_sense_10(device &dev, scst_cmd &cmd) {
    return mode_sense(dev, cmd, true);
}
std::int32_t mode_select_6(device &dev, scst_cmd &cmd) {
    return mode_select(dev, cmd, false);
}
std::int32_t mode_select_10(device &dev, scst_cmd &cmd) {
    return mode_select(dev, cmd, true);
}

} // namespace scst::vdisk
