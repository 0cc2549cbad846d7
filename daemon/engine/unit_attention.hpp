// SPDX-License-Identifier: Apache-2.0
// unit_attention: the unit attentions pending on one I_T_L nexus (SAM-5 5.14, reference/scsi.md 14).
//
// First in, first out; I_T NEXUS LOSS and those whose delivery failed go to the front; one that is pending already is
// not queued twice. Guarded by the device's lock. The queue is bounded: no more than the distinct codes that exist.
#pragma once

#include "engine/sense.hpp"

#include <algorithm>
#include <deque>
#include <optional>

namespace scstd::engine {

class unit_attention_queue {
  public:
    [[nodiscard]] bool empty() const noexcept { return pending_.empty(); }
    [[nodiscard]] bool contains(sense_code code) const noexcept {
        return std::find(pending_.begin(), pending_.end(), code) != pending_.end();
    }

    void push(sense_code code) {
        if (!contains(code))
            pending_.push_back(code);
    }
    void push_front(sense_code code) {
        std::erase(pending_, code);
        pending_.push_front(code);
    }
    // Replaces what a new nexus starts with (iSCSI session reinstatement: NEXUS LOSS instead of POWER ON).
    void replace(sense_code from, sense_code to) { std::replace(pending_.begin(), pending_.end(), from, to); }
    void remove(sense_code code) { std::erase(pending_, code); }

    [[nodiscard]] std::optional<sense_code> front() const noexcept {
        return pending_.empty() ? std::nullopt : std::optional{pending_.front()};
    }
    std::optional<sense_code> take() {
        const auto first = front();
        if (first)
            pending_.pop_front();
        return first;
    }

  private:
    std::deque<sense_code> pending_;
};

} // namespace scstd::engine
