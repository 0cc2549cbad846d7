// SPDX-License-Identifier: Apache-2.0
// page_builder: appends to a page of bounded size; what does not fit is left out, so no name can run past the end.
#pragma once

#include <scst/bytes.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

namespace scst::vdisk {

inline constexpr std::size_t max_page_size = 1024;

class page_builder {
  public:
    explicit page_builder(std::span<std::uint8_t> page) noexcept : page_{page} {}

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return page_.first(size_); }

    page_builder &u8(std::uint32_t value) noexcept {
        if (size_ < page_.size())
            page_[size_++] = static_cast<std::uint8_t>(value);
        return *this;
    }
    page_builder &be16(std::uint32_t value) noexcept { return u8(value >> 8).u8(value); }
    page_builder &be24(std::uint32_t value) noexcept { return u8(value >> 16).be16(value); }
    page_builder &be32(std::uint64_t value) noexcept {
        return be16(static_cast<std::uint32_t>(value >> 16)).be16(static_cast<std::uint32_t>(value));
    }
    page_builder &be64(std::uint64_t value) noexcept { return be32(value >> 32).be32(value); }
    page_builder &zeros(std::size_t count) noexcept {
        for (; count != 0; --count)
            u8(0);
        return *this;
    }
    page_builder &text(std::string_view value) noexcept {
        for (const char c : value)
            u8(static_cast<std::uint8_t>(c));
        return *this;
    }
    // Padded with blanks or cut to `width` (SPC-4 4.4.1).
    page_builder &padded(std::string_view value, std::size_t width) noexcept {
        for (std::size_t i = 0; i < width; ++i)
            u8(i < value.size() ? static_cast<std::uint8_t>(value[i]) : 0x20u);
        return *this;
    }
    // Zeros up to this size.
    page_builder &up_to(std::size_t size) noexcept { return size > size_ ? zeros(size - size_) : *this; }
    void patch_be16(std::size_t at, std::size_t value) noexcept {
        store_be16(page_.data() + at, static_cast<std::uint16_t>(value));
    }
    void patch_u8(std::size_t at, std::size_t value) noexcept { page_[at] = static_cast<std::uint8_t>(value); }
    void patch_be32(std::size_t at, std::size_t value) noexcept {
        store_be32(page_.data() + at, static_cast<std::uint32_t>(value));
    }

  private:
    std::span<std::uint8_t> page_;
    std::size_t size_ = 0;
};

} // namespace scst::vdisk
