// SPDX-License-Identifier: Apache-2.0
// intrusive_list: a doubly linked list whose links live in the elements, so that linking never allocates or fails.
//
// An element has a list_hook member per list it can be on. The list owns nothing and has no lock: whoever owns the
// elements decides which thread may touch it. Removal is O(1) and needs no search.
//     struct task { list_hook run_hook; };
//     intrusive_list<task, &task::run_hook> running;
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <iterator>

namespace scstd {

class list_hook {
  public:
    list_hook() noexcept = default;
    list_hook(const list_hook &) = delete;
    list_hook &operator=(const list_hook &) = delete;
    ~list_hook() { assert(!is_linked()); }

    [[nodiscard]] bool is_linked() const noexcept { return next_ != nullptr; }

    // Takes the element off the list it is on; no effect when it is on none.
    void unlink() noexcept {
        if (!is_linked())
            return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        previous_ = nullptr;
        next_ = nullptr;
    }

  private:
    template <class T, list_hook T::*Hook>
    friend class intrusive_list;

    void insert_before(list_hook &position) noexcept {
        assert(!is_linked());
        previous_ = position.previous_;
        next_ = &position;
        previous_->next_ = this;
        position.previous_ = this;
    }

    list_hook *previous_ = nullptr;
    list_hook *next_ = nullptr;
};

template <class T, list_hook T::*Hook>
class intrusive_list {
  public:
    // Goes on with the element that followed when this one was reached, so the loop's body may remove (or destroy) the
    // current element, but not the one after it.
    class iterator {
      public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using pointer = T *;
        using reference = T &;
        using iterator_category = std::input_iterator_tag;

        [[nodiscard]] T &operator*() const noexcept { return *owner_of(at_); }
        [[nodiscard]] T *operator->() const noexcept { return owner_of(at_); }
        iterator &operator++() noexcept {
            at_ = following_;
            following_ = at_->next_;
            return *this;
        }
        [[nodiscard]] bool operator==(const iterator &other) const noexcept { return at_ == other.at_; }

      private:
        friend class intrusive_list;
        explicit iterator(list_hook *at) noexcept : at_{at}, following_{at->next_} {}
        list_hook *at_;
        list_hook *following_;
    };

    intrusive_list() noexcept {
        head_.next_ = &head_;
        head_.previous_ = &head_;
    }
    intrusive_list(const intrusive_list &) = delete;
    intrusive_list &operator=(const intrusive_list &) = delete;
    ~intrusive_list() {
        clear();
        head_.next_ = nullptr;
        head_.previous_ = nullptr;
    }

    [[nodiscard]] bool empty() const noexcept { return head_.next_ == &head_; }

    void push_back(T &element) noexcept { (element.*Hook).insert_before(head_); }
    void push_front(T &element) noexcept { (element.*Hook).insert_before(*head_.next_); }
    // Puts `element` before `position`, which must be on this list.
    void insert_before(T &position, T &element) noexcept { (element.*Hook).insert_before(position.*Hook); }

    // No effect when the element is on no list by this hook.
    static void remove(T &element) noexcept { (element.*Hook).unlink(); }
    [[nodiscard]] static bool is_linked(const T &element) noexcept { return (element.*Hook).is_linked(); }

    // First and last element, or nullptr.
    [[nodiscard]] T *front() noexcept { return empty() ? nullptr : owner_of(head_.next_); }
    [[nodiscard]] T *back() noexcept { return empty() ? nullptr : owner_of(head_.previous_); }
    T *pop_front() noexcept {
        T *const first = front();
        if (first != nullptr)
            remove(*first);
        return first;
    }

    // The element after `element`, or nullptr.
    [[nodiscard]] T *next(T &element) noexcept {
        list_hook *const following = (element.*Hook).next_;
        return following == &head_ ? nullptr : owner_of(following);
    }

    // Unlinks all; destroys nothing.
    void clear() noexcept {
        while (!empty())
            head_.next_->unlink();
    }

    // Moves all of `other` behind the elements of this list, in order.
    void splice_back(intrusive_list &other) noexcept {
        if (other.empty())
            return;
        list_hook *const first = other.head_.next_;
        list_hook *const last = other.head_.previous_;
        first->previous_ = head_.previous_;
        head_.previous_->next_ = first;
        last->next_ = &head_;
        head_.previous_ = last;
        other.head_.next_ = &other.head_;
        other.head_.previous_ = &other.head_;
    }

    // Counts: O(n).
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t count = 0;
        for (const list_hook *at = head_.next_; at != &head_; at = at->next_)
            count++;
        return count;
    }

    [[nodiscard]] iterator begin() noexcept { return iterator{head_.next_}; }
    [[nodiscard]] iterator end() noexcept { return iterator{&head_}; }

  private:
    // The Itanium C++ ABI (2.3) stores a pointer to a data member as its offset.
    [[nodiscard]] static T *owner_of(list_hook *hook) noexcept {
        return reinterpret_cast<T *>(reinterpret_cast<std::byte *>(hook) - std::bit_cast<std::ptrdiff_t>(Hook));
    }

    list_hook head_;
};

} // namespace scstd
