// SPDX-License-Identifier: Apache-2.0
// pr_model: the reference model of pr_model_test.cpp: persistent reservations said once more, as naively as possible.
//
// It knows initiators by letters and reads no bytes. Speed and memory do not matter here; being obviously what
// SPC-4 5.13 says does.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace scstd::reservation::test {

struct model_nexus {
    char who = 0;
    std::uint16_t port = 0;
    friend auto operator<=>(const model_nexus &, const model_nexus &) = default;
};

struct model_request {
    model_nexus from;
    int action = 0;
    int scope = 0;
    int type = 0;
    std::uint64_t key = 0;
    std::uint64_t action_key = 0;
    bool aptpl = false;
    bool all_ports = false;
    std::optional<std::vector<char>> listed; // SPEC_I_PT
    model_nexus move_to;
    bool unregister = false;
};

enum class verdict { good, conflict, bad_cdb, bad_list, bad_release };

struct model_answer {
    verdict status = verdict::good;
    std::set<std::pair<model_nexus, int>> attentions; // qualifier of 2Ah
    std::set<model_nexus> aborts;
};

struct pr_model {
    struct entry {
        model_nexus nexus;
        std::uint64_t key = 0;
    };
    std::vector<entry> entries;
    int type = 0; // 0: no reservation
    model_nexus holder;
    std::uint32_t generation = 0;
    bool aptpl = false;
    std::vector<std::uint16_t> ports;

    [[nodiscard]] entry *find(model_nexus nexus) {
        for (entry &one : entries)
            if (one.nexus == nexus)
                return &one;
        return nullptr;
    }
    [[nodiscard]] bool everybody_holds() const { return type == 7 || type == 8; }
    [[nodiscard]] bool holds(model_nexus nexus) {
        return type != 0 && find(nexus) && (everybody_holds() || holder == nexus);
    }
    // 0: everything, 1: WX only, 2: XA only
    [[nodiscard]] int rule(model_nexus nexus) {
        const bool registrants_too = type >= 5;
        if (type == 0 || holds(nexus) || (registrants_too && find(nexus)))
            return 0;
        return type == 3 || type == 6 || type == 8 ? 2 : 1;
    }

    model_answer run(const model_request &request) {
        pr_model saved = *this;
        model_answer answer;
        answer.status = attempt(request, answer);
        if (answer.status != verdict::good) {
            *this = saved;
            return {answer.status, {}, {}};
        }
        if (request.action != 1 && request.action != 2)
            ++generation;
        return answer;
    }

  private:
    static bool is_type(int number) { return number == 1 || number == 3 || (number >= 5 && number <= 8); }

    verdict attempt(const model_request &r, model_answer &answer) {
        const entry *self = find(r.from);
        const bool registers = r.action == 0 || r.action == 6;
        if (r.action > 7)
            return verdict::bad_cdb;
        if (!self && !registers)
            return verdict::conflict;
        if (!registers && r.action != 3 && r.scope != 0)
            return verdict::bad_cdb;
        if (r.action != 7 && r.listed && r.action != 0)
            return verdict::bad_list;
        if (r.action != 7 && r.all_ports && !registers)
            return verdict::bad_list;
        if (r.action != 6 && r.key != (self ? self->key : 0))
            return verdict::conflict;
        switch (r.action) {
        case 0:
        case 6:
            return self ? change_registration(r, answer) : new_registration(r);
        case 1:
            return reserve(r);
        case 2:
            return release(r, answer);
        case 3:
            for (const entry &one : entries)
                tell(answer, r, one.nexus, 3);
            entries.clear();
            type = 0;
            return verdict::good;
        case 4:
        case 5:
            return preempt(r, answer);
        default:
            return move(r);
        }
    }

    static void tell(model_answer &answer, const model_request &r, model_nexus whom, int qualifier) {
        if (whom != r.from)
            answer.attentions.emplace(whom, qualifier);
    }

    void put(model_nexus nexus, std::uint64_t key, bool overwrite = true) {
        if (entry *old = find(nexus)) {
            if (overwrite)
                old->key = key;
        } else {
            entries.push_back({nexus, key});
        }
    }

    verdict new_registration(const model_request &r) {
        if (r.action_key == 0)
            return verdict::good;
        aptpl = r.aptpl;
        put(r.from, r.action_key);
        if (r.all_ports)
            for (const std::uint16_t port : ports)
                put({r.from.who, port}, r.action_key);
        if (r.listed)
            for (const char who : *r.listed) {
                put({who, r.from.port}, r.action_key, false);
                if (r.all_ports)
                    for (const std::uint16_t port : ports)
                        put({who, port}, r.action_key, false);
            }
        return verdict::good;
    }

    void erase(model_nexus nexus) {
        std::erase_if(entries, [&](const entry &one) { return one.nexus == nexus; });
        if (entries.empty() || (type != 0 && !everybody_holds() && holder == nexus))
            type = 0;
    }

    verdict change_registration(const model_request &r, model_answer &answer) {
        if (r.listed)
            return verdict::bad_list;
        aptpl = r.aptpl;
        if (r.action_key == 0) {
            const int old_type = type;
            for (const entry &one : std::vector<entry>{entries})
                if (one.nexus == r.from || (r.all_ports && one.nexus.who == r.from.who))
                    erase(one.nexus);
            if (old_type >= 5 && type == 0)
                for (const entry &one : entries)
                    tell(answer, r, one.nexus, 4);
            return verdict::good;
        }
        put(r.from, r.action_key);
        if (r.all_ports)
            for (const std::uint16_t port : ports)
                if (r.action == 6 || find({r.from.who, port}))
                    put({r.from.who, port}, r.action_key);
        return verdict::good;
    }

    verdict reserve(const model_request &r) {
        if (!is_type(r.type))
            return verdict::bad_cdb;
        if (type != 0)
            return holds(r.from) && type == r.type ? verdict::good : verdict::conflict;
        type = r.type;
        holder = r.from;
        return verdict::good;
    }

    verdict release(const model_request &r, model_answer &answer) {
        if (!holds(r.from))
            return verdict::good;
        if (type != r.type)
            return verdict::bad_release;
        if (type >= 5)
            for (const entry &one : entries)
                tell(answer, r, one.nexus, 4);
        type = 0;
        return verdict::good;
    }

    verdict preempt(const model_request &r, model_answer &answer) {
        if (!is_type(r.type))
            return verdict::bad_cdb;
        const bool everyone = everybody_holds() && r.action_key == 0;
        if (type != 0 && r.action_key == 0 && !everyone)
            return verdict::bad_list;
        bool found = everyone;
        bool take = everyone;
        for (const entry &one : std::vector<entry>{entries}) {
            if (!everyone && one.key != r.action_key)
                continue;
            found = true;
            if (type != 0 && !everybody_holds() && one.nexus == holder)
                take = true;
        }
        if (!found)
            return verdict::conflict;
        const int old_type = type;
        for (const entry &one : std::vector<entry>{entries}) {
            if (one.nexus == r.from || (!everyone && one.key != r.action_key))
                continue;
            tell(answer, r, one.nexus, 5);
            if (r.action == 5)
                answer.aborts.insert(one.nexus);
            erase(one.nexus);
        }
        if (!take)
            return verdict::good;
        if (old_type != r.type)
            for (const entry &one : entries)
                tell(answer, r, one.nexus, 4);
        type = r.type;
        holder = r.from;
        return verdict::good;
    }

    verdict move(const model_request &r) {
        if (type == 0)
            return verdict::bad_cdb;
        if (!holds(r.from) || everybody_holds())
            return verdict::conflict;
        if (r.action_key == 0 || r.move_to == r.from)
            return verdict::bad_list;
        put(r.move_to, r.action_key);
        holder = r.move_to;
        if (r.unregister)
            std::erase_if(entries, [&](const entry &one) { return one.nexus == r.from; });
        aptpl = r.aptpl;
        return verdict::good;
    }
};

} // namespace scstd::reservation::test
