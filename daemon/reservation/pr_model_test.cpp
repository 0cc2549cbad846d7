// SPDX-License-Identifier: Apache-2.0
// Random commands from several nexuses that come and go, compared with a small independent model: status, unit
// attentions, aborts, READ KEYS, READ RESERVATION, READ FULL STATUS and who has access. SCST_TEST_SEED repeats a run,
// SCST_TEST_STEPS makes it longer.
#include "reservation/aptpl_format.hpp"
#include "reservation/pr_model.hpp"
#include "reservation/pr_text.hpp"
#include "reservation/test_support.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <random>

using namespace scstd::reservation;
using namespace scstd::reservation::test;

namespace {

constexpr std::uint16_t port_numbers[] = {1, 2, 9}; // 9: a port of another node, never a nexus here

std::uint64_t number_from(const char *variable, std::uint64_t otherwise) {
    const char *text = std::getenv(variable);
    return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

class simulation {
  public:
    // Few initiators meet the ends of things (the last registrant, the only holder) more often, many the middle.
    simulation(std::uint64_t seed, std::size_t initiators) : random_{seed}, initiators_{initiators} {
        model_.ports.assign(std::begin(port_numbers), std::end(port_numbers));
        for (std::size_t i = 0; i < initiators; ++i)
            for (const std::uint16_t port : {std::uint16_t{1}, std::uint16_t{2}})
                log_in({static_cast<char>('a' + i), port});
    }

    void step() {
        switch (below(20)) {
        case 0:
            log_in_or_out();
            break;
        case 1:
            through_text_or_file();
            break;
        default:
            command();
        }
        compare();
    }

  private:
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random_); }
    bool chance(std::size_t one_in) { return below(one_in) == 0; }

    char any_initiator() { return static_cast<char>('a' + below(initiators_)); }

    static bytes id(char who) { return logical_unit::id(who); }

    void log_in(model_nexus nexus) {
        live_[nexus] = ++last_number_;
        REQUIRE(pr_.bind(last_number_, id(nexus.who), nexus.port));
    }

    void log_in_or_out() {
        const model_nexus nexus{any_initiator(), static_cast<std::uint16_t>(1 + below(2))};
        const auto found = live_.find(nexus);
        if (found == live_.end()) {
            log_in(nexus);
        } else if (live_.size() > 1) {
            pr_.unbind(found->second);
            live_.erase(found);
        }
    }

    // The state survives both of its written forms.
    void through_text_or_file() {
        if (chance(2)) {
            auto outcome = pr_.prepare_restore(pr_.to_text());
            REQUIRE(outcome);
            CHECK(pr_.commit(outcome.take()));
        } else {
            auto loaded = decode_aptpl(encode_aptpl(pr_.state()));
            REQUIRE(loaded);
            CHECK(loaded.value().aptpl == model_.aptpl);
            pr_.load(loaded.take());
            model_.generation = 0; // lost with power
        }
    }

    model_request any_request() {
        model_request r;
        auto from = live_.begin();
        std::advance(from, static_cast<std::ptrdiff_t>(below(live_.size())));
        r.from = from->first;
        r.action = chance(60) ? static_cast<int>(below(32)) : static_cast<int>(below(8));
        r.scope = chance(40) ? static_cast<int>(below(16)) : 0;
        constexpr int types[] = {1, 3, 5, 6, 7, 8};
        r.type = chance(20) ? static_cast<int>(below(16)) : types[below(6)];
        if (model_.type != 0 && chance(2))
            r.type = model_.type;
        const auto *self = model_.find(r.from);
        r.key = chance(8) ? below(4) : (self ? self->key : 0);
        r.action_key = below(4);
        r.aptpl = chance(2);
        r.all_ports = chance(r.action == 0 || r.action == 6 ? 4 : 40);
        if (chance(r.action == 0 ? 4 : 40)) {
            r.listed.emplace();
            while (!chance(3))
                r.listed->push_back(any_initiator());
        }
        r.move_to = {any_initiator(), port_numbers[below(3)]};
        r.unregister = chance(2);
        return r;
    }

    static bytes list_for(const model_request &r) {
        if (r.action == 7)
            return move_list(r.key, r.action_key, r.move_to.port, id(r.move_to.who),
                             static_cast<std::uint8_t>((r.unregister ? 2 : 0) | (r.aptpl ? 1 : 0)));
        const bytes list =
            parameter_list(r.key, r.action_key,
                           static_cast<std::uint8_t>((r.aptpl ? aptpl : 0) | (r.all_ports ? all_tg_pt : 0) |
                                                     (r.listed ? spec_i_pt : 0)));
        if (!r.listed)
            return list;
        std::vector<bytes> ids;
        for (const char who : *r.listed)
            ids.push_back(id(who));
        return with_ids(list, ids);
    }

    void command() {
        const model_request r = any_request();
        const bytes list = list_for(r);
        CAPTURE(r.action);
        pr_outcome outcome = pr_.prepare_out(live_.at(r.from),
                                             {static_cast<std::uint8_t>(r.action), static_cast<std::uint8_t>(r.scope),
                                              static_cast<std::uint8_t>(r.type), list},
                                             port_numbers);
        if (chance(10))
            return; // it could not be saved: as if it had never been
        const bool had_file = model_.aptpl && !model_.entries.empty();
        const model_answer expected = model_.run(r);
        check_answer(outcome, expected);
        const bool has_file = model_.aptpl && !model_.entries.empty();
        if (outcome.answer.good()) {
            CHECK((outcome.persist == pr_persist::remove) == (had_file && !has_file));
            CHECK((outcome.persist != pr_persist::save || has_file));
            CHECK((outcome.persist == pr_persist::save || had_file || !has_file));
            CHECK(pr_.commit(std::move(outcome)));
        }
    }

    void check_answer(const pr_outcome &outcome, const model_answer &expected) {
        verdict seen = verdict::good;
        if (outcome.answer.status == SCST_STATUS_RESERVATION_CONFLICT)
            seen = verdict::conflict;
        else if (outcome.answer.asc == 0x24)
            seen = verdict::bad_cdb;
        else if (outcome.answer.asc == 0x26)
            seen = outcome.answer.ascq == 4 ? verdict::bad_release : verdict::bad_list;
        CHECK(seen == expected.status);
        // Those who are away are told when they come: `missed`.
        std::set<std::pair<model_nexus, int>> told;
        for (const pr_attention &one : outcome.attentions)
            told.emplace(nexus_numbered(one.nexus), one.ascq);
        std::size_t there = 0;
        for (const auto &one : expected.attentions) {
            const bool is_there = live_.contains(one.first);
            there += is_there ? 1 : 0;
            CHECK(told.contains(one) == is_there);
        }
        CHECK(told.size() == there);
        CHECK(outcome.attentions.size() == there);
        CHECK(outcome.missed.size() == expected.attentions.size() - there);
        std::set<model_nexus> aborted;
        for (const nexus_number number : outcome.aborts)
            aborted.insert(nexus_numbered(number));
        std::set<model_nexus> to_abort = expected.aborts;
        std::erase_if(to_abort, [&](const model_nexus &one) { return !live_.contains(one); });
        CHECK(aborted == to_abort);
    }

    model_nexus nexus_numbered(nexus_number number) const {
        for (const auto &[nexus, of] : live_)
            if (of == number)
                return nexus;
        FAIL("a nexus is named that is not there");
        return {};
    }

    [[nodiscard]] bytes header(std::size_t length) const {
        bytes out(8);
        scst::store_be32(&out[0], model_.generation);
        scst::store_be32(&out[4], static_cast<std::uint32_t>(length));
        return out;
    }

    void compare() {
        bytes keys = header(8 * model_.entries.size());
        bytes descriptors;
        for (const auto &one : model_.entries) {
            bytes key(8);
            scst::store_be64(key.data(), one.key);
            keys.insert(keys.end(), key.begin(), key.end());
            bytes descriptor(24);
            std::copy(key.begin(), key.end(), descriptor.begin());
            if (model_.holds(one.nexus)) {
                descriptor[12] = 1;
                descriptor[13] = static_cast<std::uint8_t>(model_.type);
            }
            const bytes who = id(one.nexus.who);
            descriptor[19] = static_cast<std::uint8_t>(one.nexus.port);
            descriptor[23] = static_cast<std::uint8_t>(who.size());
            descriptor.insert(descriptor.end(), who.begin(), who.end());
            descriptors.insert(descriptors.end(), descriptor.begin(), descriptor.end());
        }
        bytes status = header(descriptors.size());
        status.insert(status.end(), descriptors.begin(), descriptors.end());
        bytes reservation = header(model_.type == 0 ? 0 : 16);
        if (model_.type != 0) {
            reservation.resize(24);
            if (!model_.everybody_holds())
                scst::store_be64(&reservation[8], model_.find(model_.holder)->key);
            reservation[21] = static_cast<std::uint8_t>(model_.type);
        }
        const nexus_number any = live_.begin()->second;
        CHECK(pr_.pr_in(any, 0, 65535).data == keys);
        CHECK(pr_.pr_in(any, 1, 65535).data == reservation);
        CHECK(pr_.pr_in(any, 3, 65535).data == status);
        CHECK((pr_.pr_in(any, 2, 65535).data[3] & 1) == (model_.aptpl ? 1 : 0));
        for (const auto &[nexus, number] : live_) {
            CHECK(static_cast<int>(pr_.rule_for(number)) == model_.rule(nexus));
            CHECK(pr_.is_holder(number) == model_.holds(nexus));
            CHECK(pr_.is_registered(number) == (model_.find(nexus) != nullptr));
        }
    }

    std::mt19937_64 random_;
    std::size_t initiators_;
    persistent_reservations pr_;
    pr_model model_;
    std::map<model_nexus, nexus_number> live_;
    nexus_number last_number_ = 0;
};

} // namespace

TEST_CASE("random commands of several nexuses do what the model says") {
    const std::uint64_t seed = number_from("SCST_TEST_SEED", std::random_device{}());
    const std::uint64_t steps = number_from("SCST_TEST_STEPS", 3000);
    MESSAGE("SCST_TEST_SEED=" << seed);
    for (const std::size_t initiators : {1u, 2u, 3u, 5u}) {
        simulation all{seed + initiators, initiators};
        for (std::uint64_t i = 0; i < steps; ++i) {
            CAPTURE(seed);
            CAPTURE(initiators);
            CAPTURE(i);
            all.step();
        }
    }
}
