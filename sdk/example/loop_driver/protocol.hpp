// SPDX-License-Identifier: Apache-2.0
// protocol: the text that travels over the socket: one request per line, one reply per line. Pure functions, any
// thread.
//
// The grammar is in README.md. Whatever a peer sends ends as a request or as a refusal in words, never as anything
// else.
#pragma once

#include <scst/target.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace loop {

inline constexpr std::size_t max_data = 256 * 1024;          // bytes of one command
inline constexpr std::size_t max_line = 2 * max_data + 1024; // hex digits and the words before them

// What is wrong with a line; the text goes to the peer.
class bad_line : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

enum class request_kind { hello, command, abort, reset, bye };

struct request {
    request_kind kind = request_kind::bye;
    std::string initiator{};         // hello
    std::uint64_t tag = 0;           // abort: of the command
    std::uint32_t lun = 0;           // command, reset
    std::vector<std::uint8_t> cdb{}; // command
    std::uint8_t direction = SCST_DATA_NONE;
    std::uint64_t expected_length = 0;    // bytes
    std::vector<std::uint8_t> data_out{}; // SCST_DATA_WRITE
};

// Throws bad_line.
request parse_request(std::string_view line);

// "good 512 00ff…", "check 5/20/00", "status 18", with " under N" or " over N" when there is a residual.
std::string describe_response(const scst_cmd &cmd);
std::string describe_sense(const std::uint8_t *sense, std::size_t length);
const char *describe_tm_status(std::int32_t status) noexcept;

// SAM-5 4.7.7: peripheral addressing up to 255, flat space above.
void encode_lun(std::uint32_t lun, std::uint8_t *bytes) noexcept;

} // namespace loop
