// SPDX-License-Identifier: Apache-2.0
#include "protocol.hpp"

#include <scst/bytes.hpp>
#include <scst/text.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

namespace loop {
namespace {

constexpr std::uint64_t max_blocks = 64;        // of one read
constexpr std::uint64_t largest_block = 4096;   // bytes: the driver doesn't know the device's block size
constexpr std::size_t max_initiator_name = 223; // bytes, as in iSCSI (RFC 7143 4.2.7.2)

// Takes the words of a line one after another.
class words {
  public:
    explicit words(std::string_view line) noexcept : rest_{line} {}

    std::string_view next(const char *what) {
        rest_ = scst::trim(rest_);
        if (rest_.empty())
            throw bad_line{std::string{what} + " is missing"};
        const auto word = rest_.substr(0, rest_.find(' '));
        rest_.remove_prefix(word.size());
        return word;
    }
    std::uint64_t number(const char *what, std::uint64_t maximum) {
        std::uint64_t value = 0;
        if (scst::parse_unsigned_in(next(what), 0, maximum, value) != 0)
            throw bad_line{std::string{what} + " must be a number up to " + std::to_string(maximum)};
        return value;
    }
    std::uint32_t lun() { return static_cast<std::uint32_t>(number("LUN", SCST_MAX_LUN)); }
    std::vector<std::uint8_t> hex(const char *what, std::size_t maximum);
    bool at_end() noexcept { return scst::trim(rest_).empty(); }

  private:
    std::string_view rest_;
};

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::vector<std::uint8_t> words::hex(const char *what, std::size_t maximum) {
    const auto text = next(what);
    if (text.size() % 2 != 0 || text.size() / 2 > maximum)
        throw bad_line{std::string{what} + " must be pairs of hex digits, at most " + std::to_string(maximum)};
    std::vector<std::uint8_t> bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            throw bad_line{std::string{what} + " must be pairs of hex digits"};
        bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
    }
    return bytes;
}

request data_in(std::uint32_t lun, std::vector<std::uint8_t> cdb, std::uint64_t expected_length) {
    request made{.kind = request_kind::command, .lun = lun, .cdb = std::move(cdb)};
    made.direction = SCST_DATA_READ;
    made.expected_length = expected_length;
    return made;
}

// READ(16) and WRITE(16) (SBC-3 5.13, 5.34).
std::vector<std::uint8_t> cdb_16(std::uint8_t opcode, std::uint64_t lba, std::uint64_t count) {
    std::vector<std::uint8_t> cdb(16);
    cdb[0] = opcode;
    scst::store_be64(&cdb[2], lba);
    scst::store_be32(&cdb[10], static_cast<std::uint32_t>(count));
    return cdb;
}

request parse_hello(words &line) {
    const auto name = line.next("initiator name");
    const auto printable = [](char c) { return c > ' ' && c <= '~'; };
    if (name.size() > max_initiator_name || !std::ranges::all_of(name, printable))
        throw bad_line{"initiator name must be at most 223 printable characters"};
    return {.kind = request_kind::hello, .initiator = std::string{name}};
}

request parse_read(words &line) {
    const auto lun = line.lun();
    const auto lba = line.number("LBA", UINT64_MAX);
    const auto count = line.number("COUNT", max_blocks);
    return data_in(lun, cdb_16(0x88, lba, count), count * largest_block);
}

request parse_write(words &line) {
    request made{.kind = request_kind::command, .lun = line.lun()};
    const auto lba = line.number("LBA", UINT64_MAX);
    const auto count = line.number("COUNT", max_blocks);
    made.cdb = cdb_16(0x8A, lba, count);
    made.data_out = line.hex("data", max_data);
    made.direction = SCST_DATA_WRITE;
    made.expected_length = made.data_out.size();
    return made;
}

request parse_cdb(words &line) {
    request made{.kind = request_kind::command, .lun = line.lun()};
    made.cdb = line.hex("CDB", SCST_MAX_CDB_SIZE);
    if (made.cdb.size() < 6)
        throw bad_line{"CDB must have at least 6 bytes"};
    if (line.at_end())
        return made;
    const auto direction = line.next("direction");
    if (direction == "in") {
        made.direction = SCST_DATA_READ;
        made.expected_length = line.number("length", max_data);
    } else if (direction == "out") {
        made.direction = SCST_DATA_WRITE;
        made.data_out = line.hex("data", max_data);
        made.expected_length = made.data_out.size();
    } else {
        throw bad_line{"direction must be \"in\" or \"out\""};
    }
    return made;
}

request parse_verb(std::string_view verb, words &line) {
    if (verb == "hello")
        return parse_hello(line);
    if (verb == "ready")
        return {.kind = request_kind::command, .lun = line.lun(), .cdb = {0, 0, 0, 0, 0, 0}};
    if (verb == "inquiry")
        return data_in(line.lun(), {0x12, 0, 0, 0, 96, 0}, 96);
    if (verb == "capacity")
        return data_in(line.lun(), {0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8);
    if (verb == "luns")
        return data_in(0, {0xA0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0}, 1024);
    if (verb == "read")
        return parse_read(line);
    if (verb == "write")
        return parse_write(line);
    if (verb == "cdb")
        return parse_cdb(line);
    if (verb == "abort")
        return {.kind = request_kind::abort, .tag = line.number("TAG", UINT64_MAX)};
    if (verb == "reset")
        return {.kind = request_kind::reset, .lun = line.lun()};
    if (verb == "bye")
        return {.kind = request_kind::bye};
    throw bad_line{
        "unknown request; one of hello, ready, inquiry, capacity, luns, read, write, cdb, abort, reset, bye"};
}

void append_hex(std::string &text, const std::uint8_t *bytes, std::size_t length) {
    static constexpr char digits[] = "0123456789abcdef";
    for (std::size_t i = 0; i < length; ++i) {
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
    }
}

// All segments are memory: the driver doesn't say SCST_CMD_FILE_RANGES_OK.
std::string describe_good(const scst_cmd &cmd) {
    if (cmd.data_direction != SCST_DATA_READ)
        return "good";
    std::string text = "good " + std::to_string(cmd.response_length) + ' ';
    text.reserve(text.size() + 2 * cmd.response_length);
    std::uint64_t left = cmd.response_length;
    for (std::uint32_t i = 0; i < cmd.segment_count && left > 0; ++i) {
        const auto piece = std::min(left, cmd.segments[i].length);
        append_hex(text, cmd.segments[i].address, piece);
        left -= piece;
    }
    return text;
}

} // namespace

request parse_request(std::string_view line) {
    words rest{line};
    request made = parse_verb(rest.next("request"), rest);
    if (!rest.at_end())
        throw bad_line{"too many words"};
    return made;
}

std::string describe_sense(const std::uint8_t *sense, std::size_t length) {
    if (length < 4)
        return "none";
    const bool descriptor_format = (sense[0] & 0x7E) == 0x72; // SPC-4 4.5.2, 4.5.3
    if (!descriptor_format && length < 14)
        return "none";
    const std::array<unsigned, 3> codes = descriptor_format
                                              ? std::array<unsigned, 3>{sense[1] & 0xFu, sense[2], sense[3]}
                                              : std::array<unsigned, 3>{sense[2] & 0xFu, sense[12], sense[13]};
    char text[16];
    std::snprintf(text, sizeof text, "%X/%02X/%02X", codes[0], codes[1], codes[2]);
    return text;
}

std::string describe_response(const scst_cmd &cmd) {
    std::string text;
    if (cmd.status == SCST_STATUS_GOOD) {
        text = describe_good(cmd);
    } else if (cmd.status == SCST_STATUS_CHECK_CONDITION) {
        text = "check " + describe_sense(cmd.sense, cmd.sense_length);
    } else {
        char number[16];
        std::snprintf(number, sizeof number, "status %02X", cmd.status);
        text = number;
    }
    if (cmd.residual_kind != 0)
        text += (cmd.residual_kind == 1 ? " under " : " over ") + std::to_string(cmd.residual_count);
    return text;
}

const char *describe_tm_status(std::int32_t status) noexcept {
    switch (status) {
    case SCST_TM_STATUS_COMPLETE:
        return "complete";
    case SCST_TM_STATUS_SUCCEEDED:
        return "succeeded";
    case SCST_TM_STATUS_TASK_NOT_EXIST:
        return "no such task";
    case SCST_TM_STATUS_LUN_NOT_EXIST:
        return "no such LUN";
    case SCST_TM_STATUS_NOT_SUPPORTED:
        return "not supported";
    case SCST_TM_STATUS_REJECTED:
        return "rejected";
    default:
        return "failed";
    }
}

void encode_lun(std::uint32_t lun, std::uint8_t *bytes) noexcept {
    std::fill_n(bytes, 8, std::uint8_t{0});
    bytes[0] = static_cast<std::uint8_t>(lun > 255 ? 0x40 | (lun >> 8) : 0);
    bytes[1] = static_cast<std::uint8_t>(lun);
}

} // namespace loop
