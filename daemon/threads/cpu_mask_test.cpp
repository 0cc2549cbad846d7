// SPDX-License-Identifier: Apache-2.0
// Tests of cpu_mask: the texts that the kernel takes and prints.
#include "threads/cpu_mask.hpp"

#include <doctest/doctest.h>

#include <sched.h>

#include <cerrno>
#include <thread>

using scstd::result;
using scstd::threads::cpu_mask;

namespace {

// What a text becomes, or the errno.
std::string through(std::string_view text, unsigned width) {
    const result<cpu_mask> parsed = cpu_mask::parse(text, width);
    if (parsed)
        return parsed.value().format(width);
    return parsed.error().code == EINVAL ? "EINVAL" : parsed.error().code == EOVERFLOW ? "EOVERFLOW" : "?";
}

} // namespace

TEST_CASE("CPU masks are read as the kernel reads them on two CPUs") {
    for (const char *empty : {"", "\n", "0", "00000000"})
        CHECK(through(empty, 2) == "0");
    CHECK(through("1\n", 2) == "1");
    CHECK(through(" 1\n", 2) == "1");
    CHECK(through("3", 2) == "3");
    for (const char *wrong : {"-1\n", "0x10\n", "1k\n", "Yes\n", "None,CRC32C\n", "all", "bogus", "300*x\n"})
        CHECK(through(wrong, 2) == "EINVAL");
    for (const char *wide : {"010", "64", "4", "4294967296", "abc", "1 2", "ff", "0,3"})
        CHECK(through(wide, 2) == "EOVERFLOW");
}

TEST_CASE("CPU masks of many CPUs have groups of 32 bits, highest first") {
    CHECK(through("0000000f,ffffffff", 36) == "f,ffffffff");
    CHECK(through("f,ffffffff", 64) == "0000000f,ffffffff");
    CHECK(through("FF", 64) == "00000000,000000ff");
    CHECK(through("1,0,0", 96) == "00000001,00000000,00000000");
    CHECK(through("10,ffffffff", 36) == "EOVERFLOW");
    CHECK(through("123456789", 64) == "EOVERFLOW");
    CHECK(through(std::string(5000, '0'), 1024) == "EOVERFLOW");
    CHECK(through(std::string(5000, ','), 8) == "00");
}

TEST_CASE("CPU masks can be compared, counted and intersected") {
    cpu_mask mask;
    CHECK(mask.empty());
    CHECK_FALSE(mask.test(0));
    mask.set(3);
    mask.set(40);
    mask.set(5000); // there is no such CPU
    CHECK(mask.test(3));
    CHECK(mask.test(40));
    CHECK_FALSE(mask.test(5000));
    CHECK(mask.count() == 2);
    cpu_mask other;
    other.set(4);
    CHECK_FALSE(mask.intersects(other));
    other.set(40);
    CHECK(mask.intersects(other));
    CHECK(mask != other);
    CHECK(cpu_mask::all().count() == cpu_mask::machine_width());
}

TEST_CASE("a mask binds a thread, and one without usable CPUs is an error") {
    std::thread bound{[] {
        cpu_set_t before;
        CPU_ZERO(&before);
        REQUIRE(::sched_getaffinity(0, sizeof(before), &before) == 0);
        unsigned usable = 0;
        while (!CPU_ISSET(usable, &before))
            usable++;
        cpu_mask one;
        one.set(usable);
        const result<> done = one.apply_to_current_thread();
        CHECK(done);
        cpu_set_t after;
        CPU_ZERO(&after);
        REQUIRE(::sched_getaffinity(0, sizeof(after), &after) == 0);
        CHECK(CPU_COUNT(&after) == 1);
        CHECK(CPU_ISSET(usable, &after));
        const result<> nothing = cpu_mask{}.apply_to_current_thread();
        CHECK(nothing);
        cpu_mask impossible;
        impossible.set(cpu_mask::max_cpus - 1);
        const result<> failed = impossible.apply_to_current_thread();
        CHECK_FALSE(failed);
    }};
    bound.join();
}
