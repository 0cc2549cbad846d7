// SPDX-License-Identifier: Apache-2.0
#include "reservation/aptpl_format.hpp"

#include <scst/bytes.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <type_traits>

namespace scstd::reservation {

namespace {

template <class Number>
void append(std::vector<std::uint8_t> &bytes, Number value) {
    static_assert(std::is_unsigned_v<Number>);
    const std::size_t at = bytes.size();
    bytes.resize(at + sizeof value);
    std::memcpy(&bytes[at], &value, sizeof value);
}

template <class Number>
Number take(scst::byte_reader &reader) noexcept {
    Number value{};
    const auto piece = reader.bytes(sizeof value);
    if (!piece.empty())
        std::memcpy(&value, piece.data(), sizeof value);
    return value;
}

result<> read_header(scst::byte_reader &reader, pr_state &state) {
    const auto signature = take<std::uint64_t>(reader);
    const auto version = take<std::uint64_t>(reader);
    const std::uint8_t aptpl = reader.u8();
    const std::uint8_t reserved = reader.u8();
    const std::uint8_t type = reader.u8();
    const std::uint8_t scope = reader.u8();
    if (!reader.ok())
        return fail(EINVAL, "it is shorter than a header");
    if (signature != aptpl_signature)
        return signature == 0 ? fail(EINVAL, "it was never completed") : fail(EINVAL, "it has another signature");
    if (version != aptpl_version)
        return fail(EINVAL, "it has version {}, not {}", version, aptpl_version);
    if (aptpl > 1 || reserved > 1)
        return fail(EINVAL, "a flag is neither 0 nor 1");
    state.aptpl = aptpl == 1;
    if (reserved == 0)
        return ok();
    state.reservation = pr_type_from(type);
    if (!state.reservation || scope != 0)
        return fail(EINVAL, "no reservation has type {} and scope {}", type, scope);
    return ok();
}

result<> read_registrant(scst::byte_reader &reader, std::span<const std::uint8_t> rest, pr_state &state) {
    registrant one;
    const std::uint8_t holder = reader.u8();
    const auto size = transport_id::size_at(rest.subspan(1));
    const auto id = reader.bytes(size.value_or(rest.size() + 1)); // no size: more than there is
    one.key = reader.u64();
    one.target_port = take<std::uint16_t>(reader);
    if (!reader.ok())
        return fail(EINVAL, "registrant {} is cut off", state.registrants.size() + 1);
    one.initiator = transport_id::parse(id);
    if (!one.initiator || holder > 1)
        return fail(EINVAL, "registrant {} makes no sense", state.registrants.size() + 1);
    one.holder = holder == 1;
    if (state.registrants.size() >= max_registrants)
        return fail(EINVAL, "it has more than {} registrants", max_registrants);
    state.registrants.push_back(std::move(one));
    return ok();
}

} // namespace

std::vector<std::uint8_t> encode_aptpl(const pr_state &state) {
    std::vector<std::uint8_t> bytes;
    append(bytes, aptpl_signature);
    append(bytes, aptpl_version);
    append(bytes, static_cast<std::uint8_t>(state.aptpl ? 1 : 0));
    append(bytes, static_cast<std::uint8_t>(state.reservation ? 1 : 0));
    append(bytes, static_cast<std::uint8_t>(state.reservation ? *state.reservation : pr_type{}));
    append(bytes, std::uint8_t{0}); // the scope: logical unit
    for (const registrant &one : state.registrants) {
        append(bytes, static_cast<std::uint8_t>(state.is_holder(one) ? 1 : 0));
        const auto id = one.initiator->bytes();
        bytes.insert(bytes.end(), id.begin(), id.end());
        std::array<std::uint8_t, 8> key{};
        scst::store_be64(key.data(), one.key);
        bytes.insert(bytes.end(), key.begin(), key.end());
        append(bytes, one.target_port);
    }
    return bytes;
}

result<pr_state> decode_aptpl(std::span<const std::uint8_t> bytes) {
    if (bytes.empty())
        return fail(EINVAL, "it is empty");
    if (bytes.size() >= aptpl_size_limit)
        return fail(EINVAL, "it is not smaller than {} bytes", aptpl_size_limit);
    pr_state state;
    scst::byte_reader reader{bytes};
    if (auto header = read_header(reader, state); !header)
        return header.error();
    while (reader.remaining() > 0)
        if (auto read = read_registrant(reader, bytes.last(reader.remaining()), state); !read)
            return read.error();
    if (auto checked = check_and_normalise(state); !checked)
        return checked.error();
    return state;
}

} // namespace scstd::reservation
