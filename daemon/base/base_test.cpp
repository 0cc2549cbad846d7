// SPDX-License-Identifier: Apache-2.0
// Tests of result, intrusive_list, unique_fd and the handles.
#include "base/handles.hpp"
#include "base/intrusive_list.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <vector>

using scstd::fail;
using scstd::intrusive_list;
using scstd::list_hook;
using scstd::result;
using scstd::unique_fd;

namespace {

result<int> half(int number) {
    if (number % 2 != 0)
        return fail(EINVAL, "{} is odd", number);
    return number / 2;
}

result<> check(bool good) {
    if (!good)
        return fail(EPERM, "no");
    return scstd::ok();
}

struct element {
    explicit element(int wanted) : number{wanted} {}
    int number;
    list_hook first_hook;
    list_hook second_hook;
};
using first_list = intrusive_list<element, &element::first_hook>;
using second_list = intrusive_list<element, &element::second_hook>;

std::vector<int> numbers(first_list &list) {
    std::vector<int> found;
    for (element &each : list)
        found.push_back(each.number);
    return found;
}

} // namespace

TEST_CASE("a result holds a value or an error with errno and sentence") {
    const result<int> good = half(8);
    REQUIRE(good);
    CHECK(good.value() == 4);
    const result<int> bad = half(7);
    REQUIRE_FALSE(bad);
    CHECK(bad.error().code == EINVAL);
    CHECK(bad.error().message == "7 is odd");
}

TEST_CASE("a result without a value tells success from failure") {
    CHECK(check(true));
    const result<> bad = check(false);
    REQUIRE_FALSE(bad);
    CHECK(bad.error().code == EPERM);
    CHECK(bad.error().message == "no");
}

TEST_CASE("a move-only value can be taken out of a result") {
    result<std::unique_ptr<int>> made{std::make_unique<int>(5)};
    const std::unique_ptr<int> taken = made.take();
    CHECK(*taken == 5);
}

TEST_CASE("list elements keep their order and can be on several lists") {
    element a{1};
    element b{2};
    element c{3};
    first_list first;
    second_list second;
    first.push_back(b);
    first.push_back(c);
    first.push_front(a);
    second.push_back(c);
    CHECK(numbers(first) == std::vector{1, 2, 3});
    CHECK(second.front() == &c);
    CHECK(first.back() == &c);
    CHECK(first.next(a) == &b);
    CHECK(first.next(c) == nullptr);
    first.remove(b);
    CHECK_FALSE(first_list::is_linked(b));
    first.remove(b); // no effect
    first.insert_before(c, b);
    CHECK(numbers(first) == std::vector{1, 2, 3});
    CHECK(first.size() == 3);
}

TEST_CASE("the current element may be removed and destroyed while iterating") {
    std::vector<std::unique_ptr<element>> owned;
    first_list list;
    for (int i = 0; i < 6; i++) {
        owned.push_back(std::make_unique<element>(i));
        list.push_back(*owned.back());
    }
    for (element &each : list) {
        if (each.number % 2 == 0) {
            list.remove(each);
            owned[static_cast<std::size_t>(each.number)].reset();
        }
    }
    CHECK(numbers(list) == std::vector{1, 3, 5});
}

TEST_CASE("splicing moves all elements behind the others") {
    element a{1};
    element b{2};
    element c{3};
    first_list list;
    first_list other;
    list.push_back(a);
    other.push_back(b);
    other.push_back(c);
    list.splice_back(other);
    CHECK(other.empty());
    CHECK(numbers(list) == std::vector{1, 2, 3});
    list.splice_back(other);
    CHECK(list.pop_front() == &a);
    list.clear();
    CHECK(list.pop_front() == nullptr);
    CHECK_FALSE(b.first_hook.is_linked());
}

TEST_CASE("a unique_fd closes its descriptor once") {
    unique_fd fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    REQUIRE(fd);
    const int number = fd.get();
    unique_fd moved{std::move(fd)};
    CHECK_FALSE(fd);
    CHECK(moved.get() == number);
    moved.reset();
    CHECK(::fcntl(number, F_GETFD) == -1);
    CHECK(errno == EBADF);
}

TEST_CASE("a handle becomes the daemon's object again") {
    struct daemon_device : scst_device {
        int number = 7;
    } object;
    scst_device *const handle = &object;
    CHECK(static_cast<daemon_device *>(handle)->number == 7);
    CHECK(sizeof(daemon_device) == sizeof(int));
}
