// SPDX-License-Identifier: Apache-2.0
#include "device/device.hpp"

#include "device/handler.hpp"

#include <cassert>
#include <utility>

namespace scstd::device {

device::device(handler &of, std::string name, std::uint32_t number)
    : handler_{of}, name_{std::move(name)}, number_{number} {
    control.struct_size = sizeof control;
    control.tst = 1;
    control.queue_algorithm = 1;
    workers_ = std::make_unique<threads::worker_pool>(name_);
    const auto &table = of.table();
    threads_num = table.threads_num > 0 ? table.threads_num : 1;
    max_commands_per_nexus = table.max_commands_per_nexus != 0 ? table.max_commands_per_nexus : 64;
}

device::~device() {
    assert(nexuses.empty());
}

} // namespace scstd::device
