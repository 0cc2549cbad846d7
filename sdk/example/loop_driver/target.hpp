// SPDX-License-Identifier: Apache-2.0
// target: a socket in the file system behind which the LUNs of an SCST target are.
//
// Constructor, destructor, enable() and the attributes run on the management thread; everything about connections on
// the target's reactor. What both touch is atomic or handed over by call_on_reactor().
#pragma once

#include "connection.hpp"
#include "reactor_call.hpp"

#include <scst/driver.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace loop {

class target : public scst::target_base {
  public:
    static constexpr std::array parameter_names{"socket", "idle_timeout"};

    explicit target(const scst::target_start &start);
    // All sessions are gone; connections that never became one are closed here.
    ~target();

    void enable(bool on);

    void show_socket(scst_writer *out) const;
    void show_idle_timeout(scst_writer *out) const;
    void store_idle_timeout(std::string_view text);

    [[nodiscard]] scst_reactor *reactor() const noexcept { return reactor_; }
    [[nodiscard]] std::uint64_t idle_timeout_ms() const noexcept { return idle_timeout_s_ * 1000; }
    // Reactor: destroys the connection.
    void forget(connection &gone) noexcept;

  private:
    void listen();
    void stop_listening() noexcept;
    int start_accepting() noexcept;
    void accept() noexcept;
    void pause_accepting() noexcept;

    scst_reactor *reactor_;
    std::string path_;
    std::atomic<std::uint64_t> idle_timeout_s_;
    int listener_ = -1;                  // management, between call_on_reactor() calls
    scst_watch *watch_ = nullptr;        // reactor, as all below
    scst_timer *accept_again_ = nullptr; // runs while there are no descriptors for another connection
    bool leaving_ = false;
    gate empty_;
    std::vector<std::unique_ptr<connection>> connections_{};
};

} // namespace loop
