// SPDX-License-Identifier: Apache-2.0
// authenticator: one way to prove who the initiator is, during the security stage (RFC 7143 12). "None" is the one
// there is; CHAP becomes another class here and a line in choose_authenticator(). Belongs to one login; one thread at a
// time.
#pragma once

#include "pdu/bhs.hpp"
#include "text/key_value.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scstd::iscsi {

class authenticator {
  public:
    virtual ~authenticator() = default;

    struct step {
        bool done;           // the initiator has proved itself: the stage may be left
        login_status status; // anything but success ends the login
    };
    // The value to answer AuthMethod with.
    [[nodiscard]] virtual std::string_view method() const noexcept = 0;
    // Whether the key belongs to this method (else it is answered NotUnderstood).
    [[nodiscard]] virtual bool owns(std::string_view key) const noexcept = 0;
    // Takes the keys of one request and appends the answer's.
    virtual step advance(const std::vector<key_value> &pairs, std::string &answer) = 0;
};

// The first method of the initiator's list that this target takes, or nullptr.
[[nodiscard]] std::unique_ptr<authenticator> choose_authenticator(std::string_view offered);
// What holds when the initiator offers no AuthMethod at all; nullptr when it has to.
[[nodiscard]] std::unique_ptr<authenticator> default_authenticator();

} // namespace scstd::iscsi
