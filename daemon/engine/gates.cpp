// SPDX-License-Identifier: Apache-2.0
#include "engine/gates.hpp"

#include "device/device.hpp"
#include "device/handler.hpp"
#include "engine/engine.hpp"
#include "session/session.hpp"
#include "session/target.hpp"

#include <scst/bytes.hpp>

#include <memory>
#include <utility>

namespace scstd::engine {

using session::nexus;
namespace gate = session::gate;

void set_gate(nexus &nex, std::uint32_t bit, bool on) noexcept {
    const std::uint32_t now = nex.gate.load(std::memory_order_relaxed);
    nex.gate.store(on ? now | bit : now & ~bit, std::memory_order_release);
}

void set_gate_all(device::device &dev, std::uint32_t bit, bool on) noexcept {
    for (nexus *nex : dev.nexuses)
        set_gate(*nex, bit, on);
}

void update_reservation_gate(device::device &dev, nexus &nex) {
    set_gate(nex, gate::reserved, dev.reservation.excludes(nex.number));
    const auto rule = dev.pr.rule_for(nex.number);
    set_gate(nex, gate::pr_write_exclusive, rule == reservation::access_rule::write_exclusive);
    set_gate(nex, gate::pr_exclusive, rule == reservation::access_rule::exclusive);
}

void update_reservation_gates(device::device &dev) {
    for (nexus *nex : dev.nexuses)
        update_reservation_gate(dev, *nex);
}

void update_mode_gates(device::device &dev) noexcept {
    const bool protected_device = dev.read_only.load(std::memory_order_relaxed) || dev.control.swp != 0;
    for (nexus *nex : dev.nexuses) {
        set_gate(*nex, gate::read_only, protected_device || nex->read_only);
        set_gate(*nex, gate::shared_task_set, dev.control.tst == 0);
        set_gate(*nex, gate::alua, nex->alua_state.load(std::memory_order_relaxed) > 1);
    }
}

void block(device::device &dev) noexcept {
    if (dev.block_total++ == 0)
        set_gate_all(dev, gate::blocked, true);
}

void unblock(device::device &dev) {
    if (--dev.block_total != 0)
        return;
    set_gate_all(dev, gate::blocked, false);
    wake(dev);
}

void wake(device::device &dev) {
    for (nexus *nex : dev.nexuses)
        nex->sess.reactor().post([nex] { resume(*nex); });
}

void queue_attention(nexus &nex, sense_code code) {
    nex.attentions.push(code);
    set_gate(nex, gate::unit_attention, true);
}

void queue_attention_front(nexus &nex, sense_code code) {
    nex.attentions.push_front(code);
    set_gate(nex, gate::unit_attention, true);
}

namespace {

// Conditions that an initiator wants to hear of at once; the others wait for its next command.
bool worth_an_event(sense_code code) noexcept {
    return code == codes::capacity_changed || code == codes::inquiry_data_changed ||
           code == codes::reported_luns_changed || code == codes::alua_state_changed;
}

void send_event(nexus &nex, sense_code code) {
    const auto &table = nex.sess.tgt().driver().table();
    std::array<std::uint8_t, 32> sense{};
    scst_event event{};
    event.struct_size = sizeof event;
    event.lun = nex.lun;
    const std::uint32_t method = nex.lun == 0 ? 0u : nex.sess.method.load(std::memory_order_relaxed);
    scst::store_be16(event.lun_bytes, static_cast<std::uint16_t>((method << 14u) | nex.lun));
    event.sense_length = build_sense(sense.data(), false, code);
    event.sense = sense.data();
    static_cast<void>(table.report_event(nex.sess.driver_data(), &event));
}

} // namespace

void report_event(nexus &nex, sense_code code) {
    if (!worth_an_event(code) || !nex.sess.identity().supports_events ||
        nex.sess.tgt().driver().table().report_event == nullptr ||
        nex.sess.events_disabled.load(std::memory_order_relaxed))
        return;
    // The nexus outlives what was posted before its removal (session::core removes with a round trip to the reactor).
    nex.sess.reactor().post([&nex, code] {
        if (!nex.removed && !nex.sess.ending)
            send_event(nex, code);
    });
}

void attention_to_all(device::device &dev, sense_code code, const nexus *except) {
    for (nexus *nex : dev.nexuses) {
        if (nex == except)
            continue;
        queue_attention(*nex, code);
        report_event(*nex, code);
    }
}

} // namespace scstd::engine
