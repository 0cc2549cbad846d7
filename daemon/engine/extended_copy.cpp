// SPDX-License-Identifier: Apache-2.0
#include "engine/extended_copy.hpp"

#include "engine/command.hpp"
#include "engine/status.hpp"

namespace scstd::engine {

bool extended_copy_supported(const device::device &) noexcept {
    return false;
}

void run_extended_copy(command &cmd) {
    set_sense(cmd, codes::invalid_opcode);
}

void run_receive_copy_results(command &cmd) {
    set_sense(cmd, codes::invalid_opcode);
}

} // namespace scstd::engine
