// SPDX-License-Identifier: Apache-2.0
// this_thread: see the header.
#include "this_thread.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace scstd::threads {

int enter_thread(const std::string &name) noexcept {
    constexpr std::size_t longest = 15; // TASK_COMM_LEN without the NUL
    char shown[longest + 1] = {};
    name.copy(shown, longest);
    pthread_setname_np(pthread_self(), shown);

    // Faults belong to the thread that made them, SIGPROF to whoever is measured.
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF})
        sigdelset(&blocked, fault);
    pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
    return gettid();
}

} // namespace scstd::threads
