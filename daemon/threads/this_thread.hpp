// SPDX-License-Identifier: Apache-2.0
// this_thread: what every thread of the daemon does first. Internal to threads/.
#pragma once

#include <string>

namespace scstd::threads {

// Names the calling thread (15 characters count), blocks the signals that are main()'s to handle, and returns the
// thread's kernel id.
int enter_thread(const std::string &name) noexcept;

} // namespace scstd::threads
