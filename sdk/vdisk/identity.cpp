// SPDX-License-Identifier: Apache-2.0
// See identity.hpp.
#include "identity.hpp"

#include <array>
#include <cstdio>

namespace scst::vdisk {
namespace {

std::uint32_t crc32c_byte(std::uint32_t crc, std::uint8_t byte) noexcept {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit)
        crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0x82f63b78u : 0u);
    return crc;
}

int digit_of(char c) noexcept {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

} // namespace

std::uint64_t device_number(std::uint32_t setup_id, std::string_view name) noexcept {
    std::uint32_t crc = 0;
    for (const char c : name)
        crc = crc32c_byte(crc, static_cast<std::uint8_t>(c));
    crc = crc32c_byte(crc, 0);
    return (std::uint64_t{setup_id} << 32) | crc;
}

identity default_identity(std::uint32_t setup_id, std::string_view name, std::string_view vendor) {
    std::array<char, 20> hex{};
    std::snprintf(hex.data(), hex.size(), "%llx", static_cast<unsigned long long>(device_number(setup_id, name)));
    identity id;
    id.t10_vend_id.value = vendor;
    id.prod_id.value = name.substr(0, max_prod_id);
    id.prod_rev_lvl.value = "3110";
    id.usn.value = hex.data();
    id.t10_dev_id.value = (id.usn.value + "-" + std::string{name}).substr(0, max_t10_dev_id);
    id.vend_specific_id.value = id.t10_dev_id.value;
    return id;
}

bool parse_hex(std::string_view text, std::string &bytes) {
    if (text.size() >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text.remove_prefix(2);
    if (text.size() % 2 != 0)
        return false;
    std::string parsed;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = digit_of(text[i]);
        const int low = digit_of(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        parsed.push_back(static_cast<char>(high * 16 + low));
    }
    bytes = std::move(parsed);
    return true;
}

std::string to_hex(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<std::uint8_t>(c);
        text.push_back(digits[byte >> 4]);
        text.push_back(digits[byte & 15]);
    }
    return text;
}

// SPC-4 7.8.6.6: NAA 2, 3 and 5 have 8 bytes, NAA 6 has 16.
bool valid_naa(std::string_view bytes) noexcept {
    if (bytes.empty())
        return true;
    const int naa = static_cast<std::uint8_t>(bytes[0]) >> 4;
    if (bytes.size() == 8)
        return naa == 2 || naa == 3 || naa == 5;
    return bytes.size() == 16 && naa == 6;
}

bool valid_eui64(std::string_view bytes) noexcept {
    return bytes.empty() || bytes.size() == 8 || bytes.size() == 12 || bytes.size() == 16;
}

} // namespace scst::vdisk
