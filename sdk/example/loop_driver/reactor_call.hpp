// SPDX-License-Identifier: Apache-2.0
// reactor_call: runs something on a reactor and waits for it. Management thread only: reactors never wait for anyone.
#pragma once

#include <scst/core.h>

#include <condition_variable>
#include <mutex>

namespace loop {

// Closed until someone opens it. May be destroyed as soon as wait() returned.
class gate {
  public:
    void open() noexcept {
        // Notified under the lock: the waiter can't leave, and destroy the gate, before this is done with it.
        const std::lock_guard guard{mutex_};
        open_ = true;
        changed_.notify_all();
    }
    void wait() {
        std::unique_lock guard{mutex_};
        changed_.wait(guard, [this] { return open_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
};

// Returns what `body` returned; it must not throw.
template <class Body>
int call_on_reactor(const scst_core *core, scst_reactor *reactor, Body &&body) {
    struct call {
        Body &body;
        int result = 0;
        gate finished{};
    } one{body};
    const auto run = [](void *argument) noexcept {
        call &self = *static_cast<call *>(argument);
        self.result = self.body();
        self.finished.open();
    };
    core->reactor_post(reactor, run, &one);
    one.finished.wait();
    return one.result;
}

} // namespace loop
