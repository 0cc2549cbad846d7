// SPDX-License-Identifier: Apache-2.0
#include "session/session.hpp"

#include "engine/engine.hpp"

#include <cassert>

namespace scstd::session {

namespace {

constexpr std::size_t commands_per_chunk = 64;
constexpr std::size_t most_commands = 8192; // live at once; the driver's own window is far below

} // namespace

nexus::nexus(session &of, device::device &on, std::uint32_t lun_number, bool lun_read_only, std::uint64_t unique_number)
    : sess{of}, dev{on}, lun{lun_number}, number{unique_number}, read_only{lun_read_only} {}

nexus::~nexus() {
    assert(live == 0);
}

session::session(target &tgt, threads::reactor &on, session_identity identity, std::uint64_t id)
    : target_{tgt}, reactor_{on}, identity_{std::move(identity)}, id_{id} {}

session::~session() {
    assert(live == 0 && nexuses.empty());
}

void session::publish(std::uint32_t lun, nexus *entry) {
    if (lun >= table_.size())
        table_.resize(lun + 1u, nullptr);
    table_[lun] = entry;
}

engine::command *session::allocate_command() {
    if (free_ == nullptr) {
        if (chunks_.size() * commands_per_chunk >= most_commands)
            return nullptr;
        chunks_.push_back(std::make_unique<engine::command[]>(commands_per_chunk));
        for (std::size_t i = commands_per_chunk; i-- > 0;)
            free_command(chunks_.back()[i]);
    }
    engine::command *const cmd = free_;
    free_ = cmd->next_free;
    cmd->renew(*this);
    return cmd;
}

void session::free_command(engine::command &cmd) noexcept {
    cmd.next_free = free_;
    free_ = &cmd;
}

void session::wake_later(std::uint64_t milliseconds) {
    if (!wake_timer_)
        wake_timer_ = std::make_unique<threads::timer>(
            reactor_,
            [](void *argument) {
                for (nexus *nex : static_cast<session *>(argument)->table_) {
                    if (nex != nullptr)
                        engine::resume(*nex);
                }
            },
            this);
    wake_timer_->start(milliseconds);
}

void session::retire() noexcept {
    wake_timer_.reset();
    timeout_watch.reset();
}

} // namespace scstd::session
