// SPDX-License-Identifier: Apache-2.0
#include "engine/extended_copy.hpp"

#include "device/device.hpp"
#include "device/handler.hpp"
#include "engine/command.hpp"
#include "engine/engine.hpp"
#include "engine/internal_io.hpp"
#include "engine/status.hpp"
#include "session/session.hpp"

#include <scst/bytes.hpp>

#include <algorithm>
#include <limits>
#include <mutex>

namespace scstd::engine {

namespace {

constexpr std::uint32_t header_length = 16;
constexpr std::uint32_t target_length = 32;
constexpr std::uint32_t segment_length = 28;
constexpr std::uint32_t most_targets = 5;
constexpr std::uint32_t most_segments = 292; // what fits into 8 KiB
constexpr std::uint32_t longest_descriptors = most_targets * target_length + most_segments * segment_length;
constexpr std::uint8_t identification_target = 0xe4;
constexpr std::uint8_t block_to_block = 0x02;
constexpr std::uint64_t chunk_bytes = 512u << 10;
constexpr std::uint64_t largest_segment = 256u << 20;
constexpr std::uint64_t result_lifetime_ms = 5000;

constexpr sense_code too_many_targets{0x5, 0x26, 0x06};
constexpr sense_code bad_target_type{0x5, 0x26, 0x07};
constexpr sense_code too_many_segments{0x5, 0x26, 0x08};
constexpr sense_code bad_segment_type{0x5, 0x26, 0x09};
constexpr sense_code inline_data_exceeded{0x5, 0x26, 0x0b};
constexpr sense_code operation_in_progress{0x5, 0x00, 0x16};
constexpr sense_code copy_aborted{0xa, 0x00, 0x00};
constexpr sense_code third_party_failure{0xa, 0x0d, 0x01};
constexpr sense_code target_not_reachable{0xa, 0x0d, 0x02};

bool refuse(command &cmd, sense_code code) {
    set_sense(cmd, code);
    return false;
}

bool refuse_field(command &cmd, std::size_t byte, int bit = -1) {
    set_invalid_field(cmd, false, static_cast<std::uint32_t>(byte), bit);
    return false;
}

bool refuse_segment(command &cmd, std::size_t byte) {
    sense_details details;
    details.field = field_pointer{false, static_cast<std::uint16_t>(byte), -1};
    set_sense(cmd, copy_aborted, details);
    return false;
}

// Whether one of the logical unit's designators (VPD page 83h body) is the one that the descriptor names.
bool is_named(device::device &dev, std::span<const std::uint8_t> wanted) {
    const std::lock_guard guard{dev.lock};
    const auto &page = dev.ident.page_83;
    for (std::size_t at = 0; at + 4 <= page.size();) {
        const std::size_t length = page[at + 3];
        if (at + 4 + length > page.size())
            return false;
        const bool same_kind = (page[at] & 0x0f) == (wanted[0] & 0x0f) && (page[at + 1] & 0x3f) == (wanted[1] & 0x3f);
        if (same_kind && length != 0 && length == wanted[3] &&
            std::equal(page.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                       page.begin() + static_cast<std::ptrdiff_t>(at + 4 + length), wanted.begin() + 4))
            return true;
        at += 4 + length;
    }
    return false;
}

session::nexus *find_target(session::session &sess, std::span<const std::uint8_t> designator) {
    constexpr std::size_t longest = 20;
    if (designator[3] == 0 || designator[3] > longest)
        return nullptr;
    for (session::nexus *nex : sess.table()) {
        if (nex != nullptr && is_named(nex->dev, designator))
            return nex;
    }
    return nullptr;
}

// Reads the parameter list (SPC-4 6.4.3); `list` is what arrived.
class planner {
  public:
    planner(command &cmd, std::span<const std::uint8_t> list) : cmd_{cmd}, list_{list} {}

    std::shared_ptr<copy_plan> plan() {
        auto made = std::make_shared<copy_plan>();
        if (!read_header(*made) || !read_targets() || !read_segments(*made))
            return nullptr;
        return made;
    }

  private:
    bool read_header(copy_plan &made) {
        if (list_.size() < header_length)
            return refuse(cmd_, codes::parameter_list_length_error);
        targets_length_ = scst::load_be16(list_.data() + 2);
        segments_length_ = scst::load_be32(list_.data() + 8);
        if (targets_length_ % target_length != 0)
            return refuse_field(cmd_, 2);
        const std::uint64_t descriptors = std::uint64_t{targets_length_} + segments_length_;
        if (descriptors > longest_descriptors || list_.size() < header_length + descriptors)
            return refuse(cmd_, codes::parameter_list_length_error);
        if (targets_length_ > most_targets * target_length)
            return refuse(cmd_, too_many_targets);
        if (segments_length_ > most_segments * segment_length)
            return refuse(cmd_, too_many_segments);
        if (scst::load_be32(list_.data() + 12) != 0)
            return refuse(cmd_, inline_data_exceeded);
        return read_list_id(made);
    }

    bool read_list_id(copy_plan &made) {
        const unsigned usage = (list_[1] >> 3) & 3u;
        made.list_id = list_[0];
        made.tracked = usage == 0 || usage == 2;
        if (usage == 1)
            return refuse_field(cmd_, 1, 4);
        if (usage == 3 && made.list_id != 0)
            return refuse_field(cmd_, 0);
        const auto &running = cmd_.sess->copies_running;
        if (made.tracked && std::find(running.begin(), running.end(), made.list_id) != running.end())
            return refuse(cmd_, operation_in_progress);
        return true;
    }

    bool read_targets() {
        for (std::uint32_t at = header_length; at < header_length + targets_length_; at += target_length) {
            const auto one = list_.subspan(at, target_length);
            if (one[0] != identification_target)
                return refuse(cmd_, bad_target_type);
            if ((one[1] & 0x20) != 0) { // NUL: a placeholder
                targets_.push_back(nullptr);
                continue;
            }
            session::nexus *const nex = find_target(*cmd_.sess, one.subspan(4));
            if (nex == nullptr)
                return refuse(cmd_, target_not_reachable);
            if ((one[1] & 0x1f) != nex->dev.hnd().table().device_type)
                return refuse_field(cmd_, at + 1, 4);
            if (scst::load_be24(one.data() + 29) != nex->dev.block_size.load(std::memory_order_relaxed))
                return refuse_field(cmd_, at + 29);
            targets_.push_back(nex);
        }
        return true;
    }

    bool read_segments(copy_plan &made) {
        const std::size_t first = std::size_t{header_length} + targets_length_;
        for (std::size_t at = first; at < first + segments_length_; at += segment_length) {
            if (list_[at] != block_to_block)
                return refuse(cmd_, bad_segment_type);
            if (at + segment_length > first + segments_length_ ||
                scst::load_be16(list_.data() + at + 2) != segment_length - 4)
                return refuse_segment(cmd_, at + 2);
            if (!read_segment(made, at))
                return false;
        }
        return true;
    }

    bool read_segment(copy_plan &made, std::size_t at) {
        const std::uint8_t *const one = list_.data() + at;
        const std::uint16_t source = scst::load_be16(one + 4);
        const std::uint16_t destination = scst::load_be16(one + 6);
        if (source >= targets_.size())
            return refuse_segment(cmd_, at + 4);
        if (destination >= targets_.size())
            return refuse_segment(cmd_, at + 6);
        copy_segment segment;
        segment.source = targets_[source];
        segment.destination = targets_[destination];
        if (segment.source == nullptr || segment.destination == nullptr)
            return refuse(cmd_, target_not_reachable);
        const bool counts_destination = (one[1] & 0x02) != 0;
        const session::nexus &unit = counts_destination ? *segment.destination : *segment.source;
        segment.bytes = std::uint64_t{scst::load_be16(one + 10)} * unit.dev.block_size.load(std::memory_order_relaxed);
        segment.source_lba = scst::load_be64(one + 12);
        segment.destination_lba = scst::load_be64(one + 20);
        if (!is_aligned(segment))
            return refuse_segment(cmd_, at + 10);
        if (segment.bytes != 0)
            made.segments.push_back(segment);
        return true;
    }

    static bool is_aligned(const copy_segment &segment) noexcept {
        return segment.bytes % segment.source->dev.block_size.load(std::memory_order_relaxed) == 0 &&
               segment.bytes % segment.destination->dev.block_size.load(std::memory_order_relaxed) == 0;
    }

    command &cmd_;
    std::span<const std::uint8_t> list_;
    std::uint32_t targets_length_ = 0;
    std::uint32_t segments_length_ = 0;
    std::vector<session::nexus *> targets_;
};

// Reservations and write protection of the logical units, as for a READ and a WRITE of this nexus.
bool may_access(const copy_plan &plan) noexcept {
    namespace gate = session::gate;
    return std::all_of(plan.segments.begin(), plan.segments.end(), [](const copy_segment &segment) {
        const std::uint32_t from = segment.source->gate.load(std::memory_order_acquire);
        const std::uint32_t to = segment.destination->gate.load(std::memory_order_acquire);
        return (from & (gate::reserved | gate::pr_exclusive)) == 0 &&
               (to & (gate::reserved | gate::pr_exclusive | gate::pr_write_exclusive | gate::read_only)) == 0;
    });
}

// Neither logical unit may go while the copy runs.
void pin(copy_plan &plan, session::nexus &nex) {
    if (std::find(plan.pinned.begin(), plan.pinned.end(), &nex) != plan.pinned.end())
        return;
    ++nex.live;
    plan.pinned.push_back(&nex);
}

bool in_range(const device::device &dev, std::uint64_t lba, std::uint64_t bytes) noexcept {
    const std::uint64_t capacity = dev.block_count.load(std::memory_order_relaxed);
    const std::uint64_t count = bytes / dev.block_size.load(std::memory_order_relaxed);
    return lba <= capacity && count <= capacity - lba;
}

bool copy_chunk(command &cmd, const copy_segment &segment, std::uint64_t at, std::span<std::uint8_t> buffer) {
    device::device &from = segment.source->dev;
    device::device &to = segment.destination->dev;
    const auto read = internal_read(from, cmd, segment.source_lba + at / from.block_size.load(), buffer);
    return read.good() &&
           internal_write(to, cmd, segment.destination_lba + at / to.block_size.load(), buffer, false).good();
}

bool copy_one(command &cmd, copy_plan &plan, const copy_segment &segment, std::vector<std::uint8_t> &buffer) {
    for (std::uint64_t at = 0; at < segment.bytes;) {
        if (cmd.aborted())
            return true;
        const auto size = static_cast<std::size_t>(std::min(chunk_bytes, segment.bytes - at));
        if (!copy_chunk(cmd, segment, at, {buffer.data(), size}))
            return false;
        at += size;
        plan.bytes_done.fetch_add(size, std::memory_order_relaxed);
    }
    return true;
}

// ---- RECEIVE COPY RESULTS ----

void forget_old(session::session &sess) {
    const std::uint64_t now = threads::now_ms();
    std::erase_if(sess.copy_results,
                  [now](const copy_result &result) { return now - result.ended_ms > result_lifetime_ms; });
}

void copy_status(command &cmd) {
    const std::uint8_t id = cmd.cdb[2];
    std::array<std::uint8_t, 12> data{};
    scst::store_be32(data.data(), 8);
    data[8 - 1] = 1; // transfer count units: KiB
    auto &running = cmd.sess->copies_running;
    if (std::find(running.begin(), running.end(), id) != running.end()) {
        respond(cmd, data);
        return;
    }
    auto &results = cmd.sess->copy_results;
    const auto found =
        std::find_if(results.begin(), results.end(), [id](const copy_result &r) { return r.list_id == id; });
    if (found == results.end()) {
        set_invalid_field(cmd, true, 2, -1);
        return;
    }
    data[4] = found->failed ? 2 : 1;
    scst::store_be16(data.data() + 5, found->segments);
    scst::store_be32(data.data() + 8, static_cast<std::uint32_t>(std::min<std::uint64_t>(
                                          found->bytes >> 10, std::numeric_limits<std::uint32_t>::max())));
    if (!found->failed)
        results.erase(found);
    respond(cmd, data);
}

void operating_parameters(command &cmd) {
    std::array<std::uint8_t, 46> data{};
    scst::store_be32(data.data(), static_cast<std::uint32_t>(data.size() - 4));
    data[4] = 0x01; // SNLID
    scst::store_be16(data.data() + 8, most_targets);
    scst::store_be16(data.data() + 10, most_segments);
    scst::store_be32(data.data() + 12, longest_descriptors);
    scst::store_be32(data.data() + 16, static_cast<std::uint32_t>(largest_segment));
    scst::store_be16(data.data() + 34, 0xffff);
    data[36] = 0xff;
    data[37] = 16;
    data[38] = 16;
    data[39] = 16;
    data[43] = 2;
    data[44] = block_to_block;
    data[45] = identification_target;
    respond(cmd, data);
}

void failed_segment_details(command &cmd) {
    const std::uint8_t id = cmd.cdb[2];
    auto &results = cmd.sess->copy_results;
    const auto found = std::find_if(results.begin(), results.end(),
                                    [id](const copy_result &r) { return r.list_id == id && r.failed; });
    if (found == results.end()) {
        set_invalid_field(cmd, true, 2, -1);
        return;
    }
    std::vector<std::uint8_t> data(60);
    data.insert(data.end(), found->sense.begin(), found->sense.end());
    scst::store_be32(data.data(), static_cast<std::uint32_t>(data.size() - 4));
    data[56] = SCST_STATUS_CHECK_CONDITION;
    scst::store_be16(data.data() + 58, static_cast<std::uint16_t>(found->sense.size()));
    results.erase(found);
    respond(cmd, data);
}

} // namespace

bool extended_copy_supported(const device::device &dev) noexcept {
    return dev.hnd().table().device_type == SCST_TYPE_DISK;
}

bool plan_extended_copy(command &cmd) {
    if (scst::load_be32(cmd.cdb + 10) == 0)
        return true; // nothing to do is no error (SPC-4 6.4.1)
    const auto list = received_data(cmd);
    planner reading{cmd, list};
    auto plan = reading.plan();
    if (!plan)
        return false;
    if (!may_access(*plan))
        return refuse(cmd, third_party_failure);
    for (const copy_segment &segment : plan->segments) {
        pin(*plan, *segment.source);
        pin(*plan, *segment.destination);
    }
    if (plan->tracked) {
        forget_old(*cmd.sess);
        std::erase_if(cmd.sess->copy_results, [&plan](const copy_result &r) { return r.list_id == plan->list_id; });
        cmd.sess->copies_running.push_back(plan->list_id);
    }
    cmd.copy = std::move(plan);
    return true;
}

void run_extended_copy(command &cmd) {
    if (!cmd.copy)
        return;
    std::vector<std::uint8_t> buffer(chunk_bytes);
    for (const copy_segment &segment : cmd.copy->segments) {
        if (!in_range(segment.source->dev, segment.source_lba, segment.bytes) ||
            !in_range(segment.destination->dev, segment.destination_lba, segment.bytes)) {
            set_sense(cmd, copy_aborted);
            return;
        }
        if (!copy_one(cmd, *cmd.copy, segment, buffer)) {
            set_sense(cmd, third_party_failure);
            return;
        }
        cmd.copy->segments_done.fetch_add(1, std::memory_order_relaxed);
    }
}

void finish_extended_copy(command &cmd) {
    const auto plan = std::move(cmd.copy);
    if (!plan)
        return;
    if (plan->tracked) {
        std::erase(cmd.sess->copies_running, plan->list_id);
        copy_result result;
        result.list_id = plan->list_id;
        result.failed = cmd.status != SCST_STATUS_GOOD || cmd.aborted();
        result.segments = plan->segments_done.load(std::memory_order_relaxed);
        result.bytes = plan->bytes_done.load(std::memory_order_relaxed);
        result.ended_ms = threads::now_ms();
        result.sense.assign(cmd.sense, cmd.sense + cmd.sense_length);
        cmd.sess->copy_results.push_back(std::move(result));
    }
    for (session::nexus *nex : plan->pinned) {
        --nex->live;
        check_nexus_gone(*nex);
    }
}

void run_receive_copy_results(command &cmd) {
    forget_old(*cmd.sess);
    switch (cmd.entry_of_opcode->service_action) {
    case 0x00:
        copy_status(cmd);
        return;
    case 0x03:
        operating_parameters(cmd);
        return;
    default:
        failed_segment_details(cmd);
    }
}

} // namespace scstd::engine
