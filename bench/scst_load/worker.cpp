// SPDX-License-Identifier: Apache-2.0
// worker: see the header.
#include "worker.hpp"

#include "clock.hpp"
#include "raw_session.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>

namespace scstd::bench {
namespace {

constexpr std::uint64_t verify_default_size = std::uint64_t{1} << 30;
constexpr std::uint64_t raw_default_size = std::uint64_t{1} << 40;
constexpr int poll_slice_ms = 200;
constexpr std::uint64_t spin_slice_ns = 200'000'000;
constexpr std::uint64_t preempted_ns = 20'000; // a turn of spin() takes less than a microsecond

std::uint64_t to_ns(double seconds) noexcept {
    return static_cast<std::uint64_t>(seconds * 1e9);
}

} // namespace

worker::worker(const load_options &options, unsigned first_session, unsigned sessions)
    : options_{options}, first_session_{first_session}, session_count_{sessions} {}

// The whole LUN or its first part; with verification each session has a piece of its own.
io_area worker::area_of(const disk_geometry &disk, unsigned number) const {
    if (disk.block_size == 0 || options_.block_size % disk.block_size != 0)
        throw std::runtime_error("--block-size is no multiple of the disk's block size, " +
                                 std::to_string(disk.block_size));
    std::uint64_t blocks = disk.blocks;
    std::uint64_t wanted = options_.size;
    if (wanted == 0 && options_.verify)
        wanted = verify_default_size;
    if (wanted != 0)
        blocks = std::min(blocks, wanted / disk.block_size);
    io_area area{.units = blocks / (options_.block_size / disk.block_size),
                 .unit_size = options_.block_size,
                 .block_size = disk.block_size};
    if (options_.verify) {
        area.units /= options_.sessions;
        area.first_lba = number * area.units * (options_.block_size / disk.block_size);
    }
    if (area.units == 0)
        throw std::runtime_error("the disk, or --size, is too small for one block of each session");
    return area;
}

void worker::add_session(unsigned number) {
    const std::uint64_t seed = options_.seed + number * 7919U;
    if (options_.raw) {
        const io_area area{
            .units = raw_default_size / options_.block_size, .unit_size = options_.block_size, .block_size = 512};
        works_.push_back(std::make_unique<workload>(area, seed, options_.seed, false));
        sessions_.push_back(std::make_unique<raw_session>(options_, *works_.back(), *counts_));
        return;
    }
    control_channel control{options_, number};
    const auto area = area_of(control.prepare_disk(), number);
    works_.push_back(std::make_unique<workload>(area, seed, options_.seed, options_.verify));
    sessions_.push_back(std::make_unique<iscsi_session>(std::move(control), options_, *works_.back(), *counts_));
}

void worker::connect() {
    for (unsigned i = 0; i < session_count_; ++i) {
        add_session(first_session_ + i);
        polls_.push_back({.fd = sessions_.back()->fd(), .events = POLLIN, .revents = 0});
    }
}

void worker::run(std::barrier<> &start_line) {
    if (options_.cpu >= 0)
        pin_to_cpu(static_cast<unsigned>(options_.cpu));
    if (options_.verify)
        drive({.read_percent = 0, .whole_area = true});
    start_line.arrive_and_wait();
    drive({.read_percent = options_.read_percent,
           .random = options_.random,
           .measured = true,
           .warmup_ns = options_.count != 0 ? 0 : to_ns(options_.warmup),
           .duration_ns = options_.count != 0 ? 0 : to_ns(options_.duration)});
    if (options_.verify && options_.read_percent != 100)
        drive({.read_percent = 100, .whole_area = true});
    for (auto &s : sessions_)
        s->close();
}

std::uint64_t worker::limit_of(const plan &what, std::size_t index) const noexcept {
    if (what.whole_area)
        return works_[index]->area().units;
    if (what.duration_ns != 0)
        return 0;
    const std::uint64_t number = first_session_ + index;
    return options_.count / options_.sessions + (number < options_.count % options_.sessions ? 1 : 0);
}

void worker::begin(const plan &what, std::uint64_t now) {
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
        auto &work = *works_[i];
        const std::uint64_t limit = limit_of(what, i);
        const std::uint64_t apart = options_.verify ? 0 : work.area().units / options_.sessions;
        work.begin({.read_percent = what.read_percent,
                    .random = what.random,
                    .limit = limit,
                    .first_unit = (first_session_ + i) * apart});
        if (limit == 0 && what.duration_ns == 0)
            work.stop(); // fewer I/Os than sessions
        sessions_[i]->start(now);
        sessions_[i]->flush();
    }
}

void worker::drive(const plan &what) {
    started_ = last_received_ = now_ns();
    if (what.measured && what.warmup_ns == 0)
        open_window(started_);
    begin(what, started_);
    while (!idle()) {
        if (sessions_.size() == 1)
            turn_single();
        else
            turn_many();
        if (cancelled_)
            throw std::runtime_error("cancelled");
        follow_clock(what, last_received_);
    }
    if (what.measured && window_.closed == 0)
        close_window(last_received_);
}

// One batch of the only session: sleep in the receive, so that a batch costs two system calls.
void worker::turn_single() {
    auto &s = *sessions_.front();
    if (s.wants_send())
        wait_to_send(s);
    if (options_.poll && !s.wants_send() ? !spin(s) : !s.receive(!s.wants_send())) {
        s.flush();
        return check_progress(now_ns());
    }
    last_received_ = s.last_received();
    s.start(last_received_);
    s.flush();
}

// Asks again and again for a slice of time. The turns that found nothing are no cost of the load; one that took long
// was not on the CPU meanwhile, and is in no account of CPU time either.
bool worker::spin(session &s) {
    const std::uint64_t from = now_ns();
    for (std::uint64_t before = from; before - from < spin_slice_ns;) {
        if (s.receive(false))
            return true;
        const std::uint64_t now = now_ns();
        if (now - before < preempted_ns)
            spun_ns_ += now - before;
        before = now;
    }
    return false;
}

void worker::wait_to_send(session &s) {
    pollfd both{.fd = s.fd(), .events = POLLIN | POLLOUT, .revents = 0};
    if (poll(&both, 1, poll_slice_ms) < 0 && errno != EINTR)
        fail_with_errno("poll");
}

void worker::turn_many() {
    for (std::size_t i = 0; i < polls_.size(); ++i)
        polls_[i].events = static_cast<short>(sessions_[i]->wants_send() ? POLLIN | POLLOUT : POLLIN);
    const int ready = poll(polls_.data(), polls_.size(), poll_slice_ms);
    if (ready < 0 && errno != EINTR)
        fail_with_errno("poll");
    if (ready <= 0)
        return check_progress(now_ns());
    for (std::size_t i = 0; i < polls_.size(); ++i) {
        if (polls_[i].revents == 0)
            continue;
        auto &s = *sessions_[i];
        if (s.receive(false)) {
            last_received_ = s.last_received();
            s.start(last_received_);
        }
        s.flush();
    }
}

void worker::follow_clock(const plan &what, std::uint64_t now) {
    if (!what.measured || what.duration_ns == 0 || window_.closed != 0)
        return;
    const std::uint64_t passed = now - started_;
    if (window_.opened == 0 && passed >= what.warmup_ns)
        open_window(now);
    if (window_.opened != 0 && now - window_.opened >= what.duration_ns) {
        close_window(now);
        for (auto &work : works_)
            work->stop();
    }
}

void worker::open_window(std::uint64_t now) {
    if (options_.watch_pid != 0 && first_session_ == 0)
        window_.target = read_usage(options_.watch_pid);
    window_.own = read_own_usage();
    window_.own_cpu_ns = thread_cpu_ns();
    spun_ns_ = 0;
    window_.opened = now;
    counts_->open = true;
}

void worker::close_window(std::uint64_t now) {
    counts_->open = false;
    window_.closed = now;
    window_.own_cpu_ns = thread_cpu_ns() - window_.own_cpu_ns;
    window_.own_cpu_ns -= std::min(window_.own_cpu_ns, spun_ns_);
    window_.own = used_between(window_.own, read_own_usage());
    if (options_.watch_pid != 0 && first_session_ == 0)
        window_.target = used_between(window_.target, read_usage(options_.watch_pid));
}

void worker::check_progress(std::uint64_t now) const {
    if (now - std::min(now, last_received_) > to_ns(options_.timeout))
        throw std::runtime_error("no answer for " + std::to_string(static_cast<unsigned>(options_.timeout)) + " s");
}

bool worker::idle() const noexcept {
    for (std::size_t i = 0; i < sessions_.size(); ++i)
        if (sessions_[i]->in_flight() != 0 || !works_[i]->exhausted())
            return false;
    return true;
}

} // namespace scstd::bench
