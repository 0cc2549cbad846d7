// SPDX-License-Identifier: Apache-2.0
// text_exchange: one text negotiation in full-feature phase over as many PDUs as it needs, both ways (RFC 7143 11.10,
// 11.11): gathers the request, hands out the answer in pieces. Belongs to one connection; one thread at a time.
#pragma once

#include "pdu/bhs.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace scstd::iscsi {

class text_exchange {
  public:
    enum class step : std::uint8_t {
        ask,       // answer with ask(): the initiator has more to say
        request,   // the request is whole: take_request(), then set_answer()
        piece,     // the initiator fetches the next piece: next_piece()
        bad_field, // Reject: invalid PDU field (a TTT that is not ours)
        violation, // Reject: protocol error
    };

    step receive(const text_request_pdu &pdu, std::string_view data) {
        if (pdu.final && pdu.more)
            return step::violation; // RFC 7143 11.10.1
        if (pdu.ttt == reserved_tag) {
            request_.clear(); // a new one drops what was under way
            answer_.clear();
            answering_ = false;
        } else if (pdu.ttt != ttt_ || ttt_ == reserved_tag) {
            return step::bad_field;
        }
        ttt_ = reserved_tag;
        if (answering_)
            return data.empty() ? step::piece : step::violation;
        if (request_.size() + data.size() > max_request)
            return step::violation;
        request_.append(data);
        if (pdu.final && !pdu.more)
            return step::request;
        return step::ask;
    }

    [[nodiscard]] std::string take_request() { return std::exchange(request_, {}); }
    void set_answer(std::string answer) {
        answer_ = std::move(answer);
        answering_ = true;
    }
    // The response that asks for the rest of the request.
    [[nodiscard]] text_response_pdu ask(std::uint32_t itt) {
        return {.final = false, .more = false, .lun = {}, .itt = itt, .ttt = new_ttt(), .data_length = 0};
    }
    // The next piece of the answer, at most `most` bytes, and its header.
    [[nodiscard]] std::pair<text_response_pdu, std::string> next_piece(std::uint32_t itt, std::size_t most) {
        std::string piece = answer_.substr(0, most);
        answer_.erase(0, piece.size());
        const bool last = answer_.empty();
        answering_ = !last;
        const text_response_pdu header{.final = last,
                                       .more = !last,
                                       .lun = {},
                                       .itt = itt,
                                       .ttt = last ? reserved_tag : new_ttt(),
                                       .data_length = static_cast<std::uint32_t>(piece.size())};
        return {header, std::move(piece)};
    }

    static constexpr std::size_t max_request = 65536;

  private:
    std::uint32_t new_ttt() noexcept {
        if (++last_ttt_ == reserved_tag)
            last_ttt_ = 1;
        ttt_ = last_ttt_;
        return ttt_;
    }

    std::string request_;
    std::string answer_;
    bool answering_ = false;
    std::uint32_t ttt_ = reserved_tag; // that the next request has to carry, or reserved_tag
    std::uint32_t last_ttt_ = 0;
};

} // namespace scstd::iscsi
