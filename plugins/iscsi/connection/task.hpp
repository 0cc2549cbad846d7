// SPDX-License-Identifier: Apache-2.0
// task: one SCSI command of a connection, from its PDU to its response, and the pool and table that hold them.
// Belongs to the connection's reactor. Tasks are reused, so that a command allocates nothing.
#pragma once

#include "pdu/bhs.hpp"

#include <scst/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace scstd::iscsi {

class connection;

enum class task_state : std::uint8_t {
    submitted, // the core has it
    fetching,  // the core lent its buffer and waits for the data
    answering, // status is known; the rest of its unsolicited data still has to pass, or the response is being sent
};

// A request for data that the initiator has not answered in full (RFC 7143 11.8).
struct r2t {
    std::uint32_t ttt = 0;
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
    std::uint32_t received = 0;
    std::uint32_t data_sn = 0; // expected next
};

// Why a transfer failed; the command ends with ABORTED COMMAND and this once its data has passed.
struct transfer_error {
    std::uint8_t asc = 0;
    std::uint8_t ascq = 0;
    [[nodiscard]] bool happened() const noexcept { return asc != 0; }
};

struct task {
    connection *owner = nullptr;
    scst_cmd *command = nullptr; // nullptr: answered by the driver itself with `status` and `sense`
    task *bucket_next = nullptr; // in the table, or in the free list
    task *wait_next = nullptr;   // in the list of those that wait for data
    task *wait_previous = nullptr;
    std::uint64_t waiting_since_ms = 0;
    wire_lun lun;
    std::uint32_t itt = 0;
    std::uint32_t cmd_sn = 0;
    std::uint32_t expected_length = 0;
    task_state state = task_state::submitted;
    bool in_table = false;
    bool waiting = false;          // is in the list of those that wait for data
    bool receiving = false;        // a PDU with its data is coming in just now
    bool unsolicited_open = false; // the F bit of its unsolicited data has not come

    // ---- writes ----
    transfer_error failure;
    std::uint32_t transfer_length = 0;     // what the core wants of it
    std::uint32_t received = 0;            // of transfer_length
    std::uint32_t unsolicited_offset = 0;  // where unsolicited data goes on; immediate data included
    std::uint32_t unsolicited_data_sn = 0; // expected next
    std::uint32_t r2t_offset = 0;          // where the next R2T begins
    std::uint32_t r2t_sn = 0;
    std::vector<r2t> requests;      // unanswered R2Ts
    std::vector<std::uint8_t> held; // unsolicited data that came before the buffer

    // ---- answered by the driver itself ----
    std::uint8_t status = SCST_STATUS_GOOD;
    std::uint8_t sense_length = 0;
    std::array<std::uint8_t, 18> sense{};

    // Back to the state after construction; `requests` keeps its memory. What only writes change is cleaned after
    // writes.
    void reset() noexcept {
        command = nullptr;
        state = task_state::submitted;
        receiving = false;
        sense_length = 0;
        status = SCST_STATUS_GOOD;
        if (is_write)
            reset_write();
    }
    bool is_write = false;

  private:
    void reset_write() noexcept {
        is_write = false;
        unsolicited_open = false;
        failure = {};
        transfer_length = received = 0;
        unsolicited_offset = unsolicited_data_sn = 0;
        r2t_offset = r2t_sn = 0;
        requests.clear();
        if (held.capacity() != 0)
            held = {};
    }
};

class task_pool {
  public:
    // May throw std::bad_alloc.
    task *take() {
        if (free_ == nullptr)
            grow();
        task *one = free_;
        free_ = one->bucket_next;
        one->bucket_next = nullptr;
        return one;
    }
    // `one` must be reset.
    void give(task *one) noexcept {
        one->bucket_next = free_;
        free_ = one;
    }

  private:
    static constexpr std::size_t chunk = 32;
    void grow() {
        chunks_.push_back(std::make_unique<std::array<task, chunk>>());
        for (task &one : *chunks_.back())
            give(&one);
    }
    std::vector<std::unique_ptr<std::array<task, chunk>>> chunks_;
    task *free_ = nullptr;
};

// The tasks of a connection by Initiator Task Tag.
class task_table {
  public:
    [[nodiscard]] task *find(std::uint32_t itt) const noexcept {
        for (task *one = buckets_[bucket_of(itt)]; one != nullptr; one = one->bucket_next)
            if (one->itt == itt)
                return one;
        return nullptr;
    }
    void insert(task *one) noexcept {
        task *&first = buckets_[bucket_of(one->itt)];
        one->bucket_next = first;
        first = one;
        one->in_table = true;
        ++size_;
    }
    void erase(task *one) noexcept {
        task **link = &buckets_[bucket_of(one->itt)];
        while (*link != one)
            link = &(*link)->bucket_next;
        *link = one->bucket_next;
        one->bucket_next = nullptr;
        one->in_table = false;
        --size_;
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    // All tasks, for the way out.
    [[nodiscard]] std::vector<task *> all() const {
        std::vector<task *> list;
        for (task *first : buckets_)
            for (task *one = first; one != nullptr; one = one->bucket_next)
                list.push_back(one);
        return list;
    }

  private:
    static constexpr std::size_t bucket_bits = 8;
    static std::size_t bucket_of(std::uint32_t itt) noexcept { return (itt * 0x9e3779b1u) >> (32 - bucket_bits); }
    std::array<task *, std::size_t{1} << bucket_bits> buckets_{};
    std::size_t size_ = 0;
};

// Tasks that wait for data, oldest first.
class waiting_list {
  public:
    void add(task *one, std::uint64_t now_ms) noexcept {
        one->waiting = true;
        one->waiting_since_ms = now_ms;
        one->wait_previous = last_;
        one->wait_next = nullptr;
        (last_ != nullptr ? last_->wait_next : first_) = one;
        last_ = one;
    }
    void remove(task *one) noexcept {
        (one->wait_previous != nullptr ? one->wait_previous->wait_next : first_) = one->wait_next;
        (one->wait_next != nullptr ? one->wait_next->wait_previous : last_) = one->wait_previous;
        one->waiting = false;
        one->wait_next = one->wait_previous = nullptr;
    }
    [[nodiscard]] const task *oldest() const noexcept { return first_; }

  private:
    task *first_ = nullptr;
    task *last_ = nullptr;
};

} // namespace scstd::iscsi
