// SPDX-License-Identifier: Apache-2.0
#include "reservation/pr_text.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <iterator>
#include <utility>

namespace scstd::reservation {

namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view next_word(std::string_view &line) noexcept {
    const auto start = line.find_first_not_of(blanks);
    if (start == std::string_view::npos)
        return line = {};
    const auto end = std::min(line.find_first_of(blanks, start), line.size());
    const std::string_view word = line.substr(start, end - start);
    line.remove_prefix(end);
    return word;
}

template <class Number>
bool read_number(std::string_view word, int base, Number &value) noexcept {
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    return !word.empty() && problem == std::errc{} && end == word.data() + word.size();
}

bool read_bytes(std::string_view digits, std::vector<std::uint8_t> &bytes) {
    for (; digits.size() >= 2; digits.remove_prefix(2)) {
        std::uint8_t byte = 0;
        if (!read_number(digits.substr(0, 2), 16, byte))
            return false;
        bytes.push_back(byte);
    }
    return digits.empty();
}

result<> read_reservation(std::string_view rest, pr_state &state) {
    std::uint8_t type = 0;
    std::uint8_t scope = 0;
    if (!read_number(next_word(rest), 16, type) || !read_number(next_word(rest), 16, scope) || !next_word(rest).empty())
        return fail(EINVAL, "\"reservation\" is not followed by a type and a scope");
    if (state.reservation)
        return fail(EINVAL, "there is a second reservation");
    state.reservation = pr_type_from(type);
    if (!state.reservation || scope != 0)
        return fail(EINVAL, "no reservation has type {:x} and scope {:x}", type, scope);
    return ok();
}

result<> read_registrant(std::string_view rest, pr_state &state) {
    registrant one;
    std::uint8_t holder = 0;
    std::size_t length = 0;
    const bool numbers = read_number(next_word(rest), 10, one.target_port) &&
                         read_number(next_word(rest), 16, one.key) && read_number(next_word(rest), 10, holder) &&
                         holder <= 1 && read_number(next_word(rest), 10, length);
    if (!numbers)
        return fail(EINVAL, "\"registrant\" is not followed by port, key, 0 or 1, and a length");
    one.holder = holder == 1;
    std::vector<std::uint8_t> bytes;
    if (length > transport_id::max_size || !read_bytes(next_word(rest), bytes) || bytes.size() != length ||
        !next_word(rest).empty())
        return fail(EINVAL, "the TransportID is not {} bytes in hexadecimal", length);
    one.initiator = transport_id::parse(bytes);
    if (!one.initiator)
        return fail(EINVAL, "these bytes are no TransportID");
    if (state.registrants.size() >= max_registrants)
        return fail(EINVAL, "there are more than {} registrants", max_registrants);
    state.registrants.push_back(std::move(one));
    return ok();
}

result<> read_line(std::string_view line, pr_state &state) {
    const std::string_view word = next_word(line);
    if (word == "reservation")
        return read_reservation(line, state);
    if (word == "registrant")
        return read_registrant(line, state);
    if (word != "generation")
        return ok();
    if (!read_number(next_word(line), 10, state.generation) || !next_word(line).empty())
        return fail(EINVAL, "\"generation\" is not followed by a number");
    return ok();
}

} // namespace

std::string to_text(const pr_state &state) {
    fmt::memory_buffer text;
    const auto out = std::back_inserter(text);
    fmt::format_to(out, "version 1\ngeneration {}\n", state.generation);
    if (state.reservation)
        fmt::format_to(out, "reservation {:x} 0\n", static_cast<unsigned>(*state.reservation));
    for (const registrant &one : state.registrants) {
        const auto id = one.initiator->bytes();
        fmt::format_to(out, "registrant {} {:016x} {} {} ", one.target_port, one.key, state.is_holder(one) ? 1 : 0,
                       id.size());
        for (const std::uint8_t byte : id)
            fmt::format_to(out, "{:02x}", byte);
        fmt::format_to(out, "\n");
    }
    return fmt::to_string(text);
}

result<pr_state> from_text(std::string_view text) {
    pr_state state;
    for (unsigned number = 1; number == 1 || !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (number == 1) {
            if (next_word(line) != "version" || next_word(line) != "1" || !next_word(line).empty())
                return fail(EINVAL, "line 1: it is not \"version 1\"");
            continue;
        }
        if (auto done = read_line(line, state); !done)
            return fail(EINVAL, "line {}: {}", number, done.error().message);
    }
    if (auto checked = check_and_normalise(state); !checked)
        return checked.error();
    return state;
}

} // namespace scstd::reservation
