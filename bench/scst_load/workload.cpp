// SPDX-License-Identifier: Apache-2.0
// workload: see the header.
#include "workload.hpp"

namespace scstd::bench {

workload::workload(const io_area &area, std::uint64_t seed, std::uint64_t run_seed, bool verify)
    : area_{area}, blocks_per_unit_{area.unit_size / area.block_size}, source_{.seed = run_seed,
                                                                               .block_size = area.block_size},
      verify_{verify}, random_state_{seed * 0x9e3779b97f4a7c15U + 1} {
    if (verify_) {
        generations_.resize(area_.units);
        busy_.resize(area_.units);
    }
}

void workload::begin(const phase &what) {
    phase_ = what;
    limit_ = what.limit;
    started_ = 0;
    cursor_ = what.first_unit % area_.units;
    stopped_ = false;
}

// splitmix64: one multiplication chain per word, and any seed will do.
std::uint64_t workload::random_word() noexcept {
    std::uint64_t word = random_state_ += 0x9e3779b97f4a7c15U;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9U;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebU;
    return word ^ (word >> 31);
}

std::uint64_t workload::pick_unit() noexcept {
    if (phase_.random) {
        __extension__ using wide = unsigned __int128;
        return static_cast<std::uint64_t>((static_cast<wide>(random_word()) * area_.units) >> 64);
    }
    const std::uint64_t unit = cursor_;
    cursor_ = unit + 1 == area_.units ? 0 : unit + 1;
    return unit;
}

bool workload::claim_unit(std::uint64_t unit) noexcept {
    if (busy_[unit] != 0)
        return false;
    busy_[unit] = 1;
    return true;
}

bool workload::next(io_request &request) noexcept {
    if (exhausted())
        return false;
    request.unit = pick_unit();
    if (verify_) {
        // Some tries, then wait for a command to end: with none in flight the first try succeeds.
        for (int tries = 0; !claim_unit(request.unit); ++tries) {
            if (!phase_.random)
                cursor_ = request.unit; // come back to it
            if (!phase_.random || tries == 16)
                return false;
            request.unit = pick_unit();
        }
    }
    ++started_;
    request.write =
        phase_.read_percent == 0 || (phase_.read_percent != 100 && random_word() % 100 >= phase_.read_percent);
    if (verify_)
        request.generation = generations_[request.unit] + (request.write ? 1U : 0U);
    return true;
}

void workload::finished(const io_request &request, bool good) noexcept {
    if (!verify_)
        return;
    busy_[request.unit] = 0;
    if (request.write)
        generations_[request.unit] = good ? request.generation : 0;
}

void workload::fill(const io_request &request, std::span<std::uint8_t> data) const noexcept {
    fill_pattern(source_, lba_of(request.unit), request.generation, data);
}

pattern_check workload::check(const io_request &request, std::span<const std::uint8_t> data) const noexcept {
    if (request.generation == 0)
        return {};
    return check_pattern(source_, lba_of(request.unit), request.generation, data);
}

} // namespace scstd::bench
