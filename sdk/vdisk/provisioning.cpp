// SPDX-License-Identifier: Apache-2.0
// provisioning: UNMAP, WRITE SAME and GET LBA STATUS (SBC-3 4.7, 5.34, 5.51, 5.52, 5.6): on a worker, in pieces.
#include "commands.hpp"

#include "command.hpp"
#include "page_builder.hpp"

#include <cerrno>

namespace scst::vdisk {
namespace {

constexpr std::size_t max_unmap_list = 65'535 + 1;
constexpr std::size_t pattern_size = 262'144;

bool all_zero(std::span<const std::uint8_t> bytes) noexcept {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::uint64_t most_unmapped(const device &dev) noexcept {
    const std::uint64_t most = dev.backing()->info().max_unmap;
    return (most == 0 ? default_max_unmap : most) >> dev.block_shift();
}

// ---- UNMAP ----

// The block descriptors of an UNMAP parameter list.
class unmap_descriptors {
  public:
    explicit unmap_descriptors(std::span<const std::uint8_t> bytes) noexcept : bytes_{bytes} {}
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() / 16; }
    [[nodiscard]] std::uint64_t lba(std::size_t i) const noexcept { return load_be64(bytes_.data() + i * 16); }
    [[nodiscard]] std::uint64_t count(std::size_t i) const noexcept { return load_be32(bytes_.data() + i * 16 + 8); }

  private:
    std::span<const std::uint8_t> bytes_;
};

std::int32_t unmap_ranges(device &dev, scst_cmd &cmd, const unmap_descriptors &ranges) {
    const std::uint64_t blocks = dev.block_count();
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        if (ranges.lba(i) > blocks || ranges.count(i) > blocks - ranges.lba(i) ||
            (ranges.lba(i) == blocks && ranges.count(i) != 0))
            return fail(dev, cmd, sense::lba_out_of_range);
    }
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        if (dev.core().cmd_aborted(&cmd) != 0)
            return fail(dev, cmd, sense::aborted);
        if (ranges.count(i) == 0)
            continue;
        const int result =
            dev.backing()->discard(ranges.lba(i) << dev.block_shift(), ranges.count(i) << dev.block_shift());
        if (result != 0)
            return fail_io(dev, cmd, result, true);
    }
    return SCST_EXEC_DONE;
}

// ---- WRITE SAME ----

struct same_request {
    bool unmap = false;
    bool no_data = false;          // NDOB
    std::uint32_t count_field = 0; // where the CDB says how many blocks
};

// Writes one block again and again.
int write_pattern(device &dev, scst_cmd &cmd, std::span<const std::uint8_t> block, std::uint64_t offset,
                  std::uint64_t length) {
    std::vector<std::uint8_t> pattern(std::min<std::uint64_t>(length, std::max(pattern_size, block.size())));
    for (std::size_t at = 0; at < pattern.size(); at += block.size())
        std::memcpy(pattern.data() + at, block.data(), block.size());
    while (length != 0) {
        if (dev.core().cmd_aborted(&cmd) != 0)
            return -ECANCELED;
        const auto piece = std::span{pattern}.first(std::min<std::uint64_t>(pattern.size(), length));
        if (const int result = dev.backing()->write(offset, piece, false); result != 0)
            return result;
        offset += piece.size();
        length -= piece.size();
    }
    return 0;
}

// The block that came, in one piece.
bool gather_block(const device &dev, const scst_cmd &cmd, std::vector<std::uint8_t> &block) {
    block.resize(dev.block_size());
    std::size_t size = 0;
    for_each_segment(cmd, std::min<std::uint64_t>(cmd.transfer_length, block.size()),
                     [&](std::uint8_t *from, std::uint64_t piece, std::uint64_t at) {
                         std::memcpy(block.data() + at, from, piece);
                         size += piece;
                         return 0;
                     });
    return size == block.size();
}

bool same_request_ok(device &dev, scst_cmd &cmd, const same_request &request) {
    const std::uint8_t flags = cmd.cdb[1];
    if (!protect_field_ok(dev, cmd))
        return false;
    if ((flags & 0x10) != 0) // ANCHOR: nothing is anchored here (VPD B2h ANC_SUP 0)
        invalid_cdb(dev, cmd, 1, 4);
    else if ((flags & 0x06) != 0) // PBDATA, LBDATA: obsolete
        invalid_cdb(dev, cmd, 1, 1);
    else if (cmd.block_count == 0) // WSNZ
        invalid_cdb(dev, cmd, request.count_field);
    else if (!in_range(dev, cmd))
        return false;
    else if (cmd.block_count << dev.block_shift() > max_write_same)
        invalid_cdb(dev, cmd, request.count_field);
    else if (request.unmap && !dev.thin())
        fail(dev, cmd, sense::invalid_opcode);
    else
        return true;
    return false;
}

std::int32_t write_same(device &dev, scst_cmd &cmd, const same_request &request) {
    if (!same_request_ok(dev, cmd, request))
        return SCST_EXEC_DONE;
    if (!on_worker(cmd))
        return SCST_EXEC_NEED_THREAD;
    std::vector<std::uint8_t> block;
    // One block has to come, no less and no more: INVALID FIELD IN COMMAND INFORMATION UNIT.
    const bool too_much = (cmd.flags & SCST_CMD_INTERNAL) == 0 && cmd.expected_length > cmd.data_length;
    if (!request.no_data && (too_much || !gather_block(dev, cmd, block)))
        return fail(dev, cmd, {SCST_SENSE_ILLEGAL_REQUEST, 0x0e, 0x03});
    const bool zeros = request.no_data || all_zero(block);
    const std::uint64_t offset = cmd.lba << dev.block_shift();
    const std::uint64_t length = cmd.block_count << dev.block_shift();
    medium &open = *dev.backing();
    int result = -EOPNOTSUPP;
    if (request.unmap && zeros) // other data has to be there afterwards (SBC-3 4.7.3.4): it is written
        result = open.unmap(offset, length);
    if (result == -EOPNOTSUPP && zeros && !dev.thin())
        result = open.write_zeroes(offset, length);
    if (result == -EOPNOTSUPP) {
        block.resize(dev.block_size());
        result = write_pattern(dev, cmd, block, offset, length);
    }
    if (result == 0 && dev.write_through())
        result = open.flush();
    return result == 0 ? SCST_EXEC_DONE : fail_io(dev, cmd, result, true);
}

// ---- GET LBA STATUS ----

constexpr std::size_t lba_status_header = 8;
constexpr std::size_t lba_status_descriptor = 16;
constexpr std::size_t max_lba_descriptors = 1024;

// The run of blocks from `lba` on that has one state. A block that is partly allocated is mapped.
int block_run(device &dev, std::uint64_t lba, std::uint64_t &count, bool &mapped) {
    const std::uint64_t left = dev.block_count() - lba;
    scst_block_extent extent{};
    if (!dev.thin()) {
        mapped = true;
        count = left;
        return 0;
    }
    if (const int result = dev.backing()->block_status(lba << dev.block_shift(), extent); result != 0)
        return result;
    const std::uint64_t whole = extent.length >> dev.block_shift();
    mapped = extent.allocated != 0 || whole == 0;
    const std::uint64_t partial = (extent.length & (dev.block_size() - 1)) != 0 && extent.allocated != 0 ? 1 : 0;
    count = std::clamp<std::uint64_t>(whole + partial, 1, left);
    return 0;
}

} // namespace

std::int32_t unmap(device &dev, scst_cmd &cmd) {
    if (!dev.thin())
        return fail(dev, cmd, sense::invalid_opcode);
    if ((cmd.cdb[1] & 0x01) != 0) // ANCHOR
        return invalid_cdb(dev, cmd, 1, 0);
    if (cmd.data_length == 0)
        return SCST_EXEC_DONE;
    if (!on_worker(cmd))
        return SCST_EXEC_NEED_THREAD;
    const auto list = std::make_unique<parameter_list<max_unmap_list>>(cmd);
    const auto bytes = list->bytes();
    if (bytes.size() < 8)
        return fail(dev, cmd, sense::list_length_error);
    const std::size_t length = load_be16(bytes.data() + 2);
    if (length > bytes.size() - 8 || length % 16 != 0)
        return invalid_list(dev, cmd, 2);
    const unmap_descriptors ranges{bytes.subspan(8, length)};
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < ranges.size(); ++i)
        all += ranges.count(i);
    if (all > most_unmapped(dev))
        return invalid_list(dev, cmd, 0);
    return unmap_ranges(dev, cmd, ranges);
}

std::int32_t write_same_10(device &dev, scst_cmd &cmd) {
    return write_same(dev, cmd, {(cmd.cdb[1] & 0x08) != 0, false, 7});
}

std::int32_t write_same_16(device &dev, scst_cmd &cmd) {
    return write_same(dev, cmd, {(cmd.cdb[1] & 0x08) != 0, (cmd.cdb[1] & 0x01) != 0, 10});
}

// SBC-3 5.6.
std::int32_t get_lba_status(device &dev, scst_cmd &cmd) {
    if (cmd.lba >= dev.block_count())
        return fail(dev, cmd, sense::lba_out_of_range);
    const std::uint64_t room = std::min<std::uint64_t>(cmd.data_length, 0xffffffff);
    if (room < lba_status_header + lba_status_descriptor)
        return invalid_cdb(dev, cmd, 10);
    if (!on_worker(cmd))
        return SCST_EXEC_NEED_THREAD;
    const std::size_t most =
        std::min<std::uint64_t>((room - lba_status_header) / lba_status_descriptor, max_lba_descriptors);
    std::vector<std::uint8_t> bytes(lba_status_header + most * lba_status_descriptor);
    page_builder page{bytes};
    page.zeros(lba_status_header);
    std::uint64_t lba = cmd.lba;
    for (std::size_t i = 0; i < most && lba < dev.block_count(); ++i) {
        std::uint64_t count = 0;
        bool mapped = true;
        if (const int result = block_run(dev, lba, count, mapped); result != 0)
            return fail_io(dev, cmd, result, false);
        count = std::min<std::uint64_t>(count, 0xffffffff);
        page.be64(lba).be32(count).u8(mapped ? 0u : 1u).zeros(3);
        lba += count;
    }
    page.patch_be32(0, page.size() - 4);
    return reply(dev, cmd, page.bytes());
}

} // namespace scst::vdisk
