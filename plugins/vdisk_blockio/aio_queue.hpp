// SPDX-License-Identifier: Apache-2.0
// aio_queue: Linux native asynchronous I/O (io_submit) on an O_DIRECT descriptor, with one thread that hands back what
// has ended. The thread sleeps in poll() while nothing is under way.
//
// submit() may be called by any thread; the ends come on the queue's own thread.
#pragma once

#include <scst/block.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

namespace scstd::blockio {

class aio_queue {
  public:
    // NULL when the kernel has none to give.
    static std::unique_ptr<aio_queue> make(int fd);
    ~aio_queue(); // nothing may be under way
    aio_queue(const aio_queue &) = delete;
    aio_queue &operator=(const aio_queue &) = delete;

    // True: scst_block_done(&io, …) follows. False: nothing was done.
    bool submit(scst_block_io &io, bool writing) noexcept;

  private:
    explicit aio_queue(int fd) noexcept : fd_{fd} {}
    bool start();
    void run() noexcept;
    void reap() noexcept;

    int fd_;
    int ended_fd_ = -1; // eventfd: something has ended
    int stop_fd_ = -1;  // eventfd: the thread is to end
    unsigned long context_ = 0;
    // What a submitter wrote before it counted is seen by who reads the count: the language knows nothing of the
    // kernel handing the transfer over.
    std::atomic<std::uint64_t> submitted_ = 0;
    std::thread thread_;
};

} // namespace scstd::blockio
