// SPDX-License-Identifier: Apache-2.0
#include "login/name.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace scstd::iscsi {
namespace {

struct range {
    std::uint32_t first;
    std::uint32_t last;
};

// RFC 3722 6 (RFC 3454 C.1.2, C.2.2, C.3 to C.9) beyond ASCII, and the ideographic full stop that 6.2 adds.
constexpr std::array<range, 25> prohibited{{
    {0x0080, 0x00a0},   {0x0340, 0x0341},   {0x06dd, 0x06dd},   {0x070f, 0x070f},   {0x1680, 0x1680},
    {0x180e, 0x180e},   {0x2000, 0x200f},   {0x2028, 0x202f},   {0x205f, 0x2063},   {0x206a, 0x206f},
    {0x2ff0, 0x2ffb},   {0x3000, 0x3002},   {0xd800, 0xdfff},   {0xe000, 0xf8ff},   {0xfdd0, 0xfdef},
    {0xfeff, 0xfeff},   {0xfff9, 0xffff},   {0x1d173, 0x1d17a}, {0x1fffe, 0x1ffff}, {0x2fffe, 0x2ffff},
    {0x3fffe, 0x3ffff}, {0xe0001, 0xe0001}, {0xe0020, 0xe007f}, {0xefffe, 0xeffff}, {0xf0000, 0x10ffff},
}};

constexpr bool allowed_ascii(unsigned char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':';
}

// Takes one UTF-8 sequence of two to four bytes off `rest`; false when it is malformed or prohibited.
bool take_sequence(std::string_view &rest) noexcept {
    const auto lead = static_cast<unsigned char>(rest[0]);
    const std::size_t length = lead >= 0xf0 && lead <= 0xf4  ? 4
                               : lead >= 0xe0 && lead < 0xf0 ? 3
                               : lead >= 0xc2 && lead < 0xe0 ? 2
                                                             : 0;
    if (length == 0 || rest.size() < length)
        return false;
    std::uint32_t code = lead & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        const auto next = static_cast<unsigned char>(rest[i]);
        if ((next & 0xc0) != 0x80)
            return false;
        code = (code << 6) | (next & 0x3f);
    }
    constexpr std::array<std::uint32_t, 5> shortest{0, 0, 0x80, 0x800, 0x10000};
    if (code < shortest[length] || code > 0x10ffff)
        return false;
    rest.remove_prefix(length);
    return std::none_of(prohibited.begin(), prohibited.end(),
                        [&](const range &one) { return code >= one.first && code <= one.last; });
}

} // namespace

bool valid_initiator_name(std::string_view name) noexcept {
    if (name.size() > max_name_length || name.empty())
        return false;
    while (!name.empty()) {
        const auto c = static_cast<unsigned char>(name[0]);
        if (c >= 0x80) {
            if (!take_sequence(name))
                return false;
        } else if (allowed_ascii(c)) {
            name.remove_prefix(1);
        } else {
            return false;
        }
    }
    return true;
}

} // namespace scstd::iscsi
