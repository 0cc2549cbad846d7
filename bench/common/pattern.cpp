// SPDX-License-Identifier: Apache-2.0
// pattern: see the header. A block is: magic, LBA, seed, generation, then words of a counter started from all of them.
#include "pattern.hpp"

#include <cstring>

namespace scstd::bench {
namespace {

constexpr std::uint64_t magic = 0x73637374'62656e63U; // "scstbenc"
constexpr std::uint64_t step = 0x9e3779b97f4a7c15U;
constexpr std::size_t header_words = 4;

// The finalizer of splitmix64: neighbours in, unrelated words out.
constexpr std::uint64_t mix(std::uint64_t value) noexcept {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}

constexpr std::uint64_t start_of(const pattern_source &source, std::uint64_t lba, std::uint32_t generation) noexcept {
    return mix(mix(source.seed ^ lba * step) + generation);
}

void put_word(std::uint8_t *block, std::size_t index, std::uint64_t word) noexcept {
    std::memcpy(block + index * sizeof word, &word, sizeof word);
}

std::uint64_t get_word(const std::uint8_t *block, std::size_t index) noexcept {
    std::uint64_t word;
    std::memcpy(&word, block + index * sizeof word, sizeof word);
    return word;
}

pattern_check check_block(const pattern_source &source, std::uint64_t lba, std::uint32_t generation,
                          const std::uint8_t *block) noexcept {
    pattern_check result;
    result.lba = lba;
    result.found_lba = get_word(block, 1);
    result.found_generation = static_cast<std::uint32_t>(get_word(block, 3));
    if (get_word(block, 0) != magic)
        result.fault = pattern_fault::not_written;
    else if (get_word(block, 2) != source.seed)
        result.fault = pattern_fault::wrong_run;
    else if (result.found_lba != lba)
        result.fault = pattern_fault::wrong_place;
    else if (get_word(block, 3) != generation)
        result.fault = pattern_fault::wrong_generation;
    if (result.fault != pattern_fault::none)
        return result;
    std::uint64_t word = start_of(source, lba, generation);
    const std::size_t words = source.block_size / sizeof word;
    for (std::size_t i = header_words; i < words; ++i, word += step)
        if (get_word(block, i) != word) {
            result.fault = pattern_fault::torn;
            result.offset = i * sizeof word;
            return result;
        }
    return result;
}

} // namespace

void fill_pattern(const pattern_source &source, std::uint64_t lba, std::uint32_t generation,
                  std::span<std::uint8_t> data) noexcept {
    for (std::size_t at = 0; at + source.block_size <= data.size(); at += source.block_size, ++lba) {
        std::uint8_t *block = data.data() + at;
        put_word(block, 0, magic);
        put_word(block, 1, lba);
        put_word(block, 2, source.seed);
        put_word(block, 3, generation);
        std::uint64_t word = start_of(source, lba, generation);
        for (std::size_t i = header_words; i < source.block_size / sizeof word; ++i, word += step)
            put_word(block, i, word);
    }
}

pattern_check check_pattern(const pattern_source &source, std::uint64_t lba, std::uint32_t generation,
                            std::span<const std::uint8_t> data) noexcept {
    for (std::size_t at = 0; at + source.block_size <= data.size(); at += source.block_size, ++lba) {
        const auto result = check_block(source, lba, generation, data.data() + at);
        if (result.fault != pattern_fault::none)
            return result;
    }
    return {};
}

std::string describe(const pattern_check &check, std::uint32_t generation) {
    const std::string block = "block " + std::to_string(check.lba);
    switch (check.fault) {
    case pattern_fault::none:
        return block + " is as written";
    case pattern_fault::not_written:
        return block + " holds nothing that was written by this program";
    case pattern_fault::wrong_run:
        return block + " holds data of another run";
    case pattern_fault::wrong_place:
        return block + " holds the data of block " + std::to_string(check.found_lba);
    case pattern_fault::wrong_generation:
        return block + " holds generation " + std::to_string(check.found_generation) + " in place of " +
               std::to_string(generation);
    case pattern_fault::torn:
        return block + " differs from byte " + std::to_string(check.offset) + " on";
    }
    return block;
}

} // namespace scstd::bench
