// SPDX-License-Identifier: Apache-2.0
#include "attributes.hpp"

#include "memory_backend.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace scst::testing;

TEST_CASE("a device has the attributes of its backend's flags, each once") {
    memory_device d;
    auto names = d.core.attributes("d");
    std::sort(names.begin(), names.end());
    CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
    const auto has = [&](const char *name) { return std::find(names.begin(), names.end(), name) != names.end(); };
    CHECK(has("nv_cache"));
    CHECK(has("thin_provisioned"));
    CHECK(has("usn"));
    CHECK_FALSE(has("filename"));
    CHECK_FALSE(has("active"));
}

TEST_CASE("values that are not the default bear the mark for saving") {
    memory_device d{{{"blocksize", "4096"}, {"nv_cache", "1"}, {"thin_provisioned", "1"}}};
    CHECK(d.core.show("d", "blocksize") == "4096\n[key]\n");
    CHECK(d.core.show("d", "nv_cache") == "1\n[key]\n");
    CHECK(d.core.show("d", "thin_provisioned") == "1\n[key]\n");
    CHECK(d.core.show("d", "rotational") == "1\n");
    CHECK(d.core.show("d", "tst") == "1\n");
    CHECK(d.core.show("d", "size") == "1048576\n");
    CHECK(d.core.show("d", "size_mb") == "1\n");
    CHECK(d.core.show("d", "opt_trans_len") == "524288\n");
    CHECK(d.core.show("d", "cluster_mode") == "0\n");
    CHECK(d.core.show("d", "usn").find("[key]") == std::string::npos);
}

TEST_CASE("opt_trans_len takes multiples of the block size and shows in VPD page B0h") {
    memory_device d;
    CHECK(d.core.store("d", "opt_trans_len", "65536") == 0);
    CHECK(d.core.show("d", "opt_trans_len") == "65536\n[key]\n");
    const outcome page = d.run("12 01 b0 00 ff 00");
    CHECK(to_hex({page.data.data() + 12, 4}) == "00000080");
    for (const char *bad : {"1", "513", "abc", "", "1k", "-1"})
        CHECK(d.core.store("d", "opt_trans_len", bad) == -EINVAL);
}

TEST_CASE("cluster_mode can't be switched on") {
    memory_device d;
    CHECK(d.core.store("d", "cluster_mode", "0") == 0);
    CHECK(d.core.store("d", "cluster_mode", "1") == -EOPNOTSUPP);
    CHECK(d.core.store("d", "cluster_mode", "2") == -EINVAL);
}

TEST_CASE("read_zero is 0 or 1") {
    memory_device d;
    CHECK(d.core.store("d", "read_zero", "1") == 0);
    CHECK(d.core.show("d", "read_zero") == "1\n[key]\n");
    CHECK(d.core.store("d", "read_zero", "2") == -EINVAL);
}

namespace {
// A memory disk that behaves as if it had a file.
constexpr std::uint32_t with_file = usual_flags | SCST_BLOCK_HAS_FILENAME;
} // namespace

TEST_CASE("active 0 closes the backing store and 1 opens it again") {
    memory_device d{{{"filename", "/x"}}, with_file};
    REQUIRE(d.result == 0);
    CHECK(d.disk.opened == 1);
    CHECK(d.core.store("d", "filename", "/y") == -EINVAL); // only while inactive
    CHECK(d.core.store("d", "active", "0") == 0);
    CHECK(d.disk.opened == 0);
    CHECK(d.disk.flushes == 1);
    CHECK(d.core.show("d", "active") == "0\n[key]\n");
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").code() == 0x023a00);
    CHECK(d.run("00 00 00 00 00 00").good());
    CHECK(d.run("12 00 00 00 ff 00").good());
    CHECK(d.core.store("d", "resync_size", "1") == -EMEDIUMTYPE);
    CHECK(d.core.store("d", "sync", "1") == -EMEDIUMTYPE);
    CHECK(d.core.store("d", "filename", "y") == -EINVAL);
    CHECK(d.core.store("d", "filename", "/y") == 0);
    CHECK(d.core.show("d", "filename") == "/y\n[key]\n\n");
    d.disk.open_result = -ENOENT;
    CHECK(d.core.store("d", "active", "1") == -ENOENT);
    CHECK(d.core.show("d", "active") == "0\n[key]\n");
    d.disk.open_result = 0;
    CHECK(d.core.store("d", "active", "1") == 0);
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").good());
    CHECK(d.core.store("d", "active", "2") == -EINVAL);
    CHECK(d.state().suspensions == 0);
}

TEST_CASE("active 0 at creation opens nothing") {
    memory_device d{{{"filename", "/x"}, {"active", "0"}}, with_file};
    CHECK(d.disk.opened == 0);
    CHECK(d.run("25 00 00 00 00 00 00 00 00 00").code() == 0x023a00);
    CHECK(d.core.store("d", "active", "1") == 0);
    CHECK(d.state().block_count == 2048);
    CHECK(d.state().capacity_notices == 1);
}

TEST_CASE("commands that don't end keep the device as it is") {
    memory_device d{{{"filename", "/x"}}, with_file};
    d.core.refuse_suspend = true;
    CHECK(d.core.store("d", "active", "0") == -EBUSY);
    CHECK(d.disk.opened == 1);
    CHECK(d.core.show("d", "active") == "1\n");
}

TEST_CASE("resync_size finds a new size and tells it") {
    memory_device d{{{"filename", "/x"}}, with_file};
    CHECK(d.core.store("d", "resync_size", "1") == 0);
    CHECK(d.state().capacity_notices == 0);
    d.disk.content.resize(4u << 20);
    d.disk.info.size = 4u << 20;
    CHECK(d.core.store("d", "resync_size", "") == 0);
    CHECK(d.state().capacity_notices == 1);
    CHECK(d.state().block_count == 8192);
    CHECK(d.core.show("d", "size") == "4194304\n[key]\n");
}

TEST_CASE("sync flushes and gives the error") {
    memory_device d{{{"filename", "/x"}}, with_file};
    CHECK(d.core.store("d", "sync", "1") == 0);
    CHECK(d.disk.flushes == 1);
    d.disk.flush_result = -EIO;
    CHECK(d.core.store("d", "sync", "1") == -EIO);
}

TEST_CASE("bind_alua_state closes the backing store outside of the active states") {
    memory_device d{{{"filename", "/x"}, {"bind_alua_state", "1"}}, with_file};
    const auto change = [&](const char *to) {
        return d.core.handler("memory")->alua_state_changed(d.core.handler_device("d"), "active", to);
    };
    CHECK(change("standby") == 0);
    CHECK(d.disk.opened == 0);
    CHECK(change("offline") == 0);
    CHECK(change("nonoptimized") == 0);
    CHECK(d.disk.opened == 1);
    CHECK(d.core.show("d", "bind_alua_state") == "1\n[key]\n");
}

TEST_CASE("the soft threshold attention needs a thin device") {
    memory_device thin{{{"thin_provisioned", "1"}}};
    CHECK(thin.core.store("d", "gen_tp_soft_threshold_reached_UA", "1") == 0);
    CHECK(thin.state().attentions == std::vector<attention>{{0x38, 0x07, false}});
}

TEST_CASE("the soft threshold attention is refused on other devices") {
    memory_device thick;
    CHECK(thick.core.store("d", "gen_tp_soft_threshold_reached_UA", "1") == -EINVAL);
}

TEST_CASE("expl_alua and lb_per_pb_exp reach the core and READ CAPACITY") {
    memory_device d{{{"filename", "/x"}}, with_file};
    CHECK(d.core.store("d", "expl_alua", "1") == 0);
    CHECK(d.state().explicit_alua);
    CHECK(d.run("9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00").data[13] == 3);
    CHECK(d.core.store("d", "lb_per_pb_exp", "0") == 0);
    CHECK(d.run("9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00").data[13] == 0);
    CHECK(d.core.show("d", "lb_per_pb_exp") == "0\n[key]\n");
}

TEST_CASE("thin provisioning that the backing store can't do stays off") {
    memory_disk disk{usual_flags};
    disk.info.size = 0;
    fake_core core;
    scst_block_handler *handler = nullptr;
    REQUIRE(scst_block_register(core.table(), nullptr, &disk.table, &disk, &handler, nullptr) == 0);
    REQUIRE(core.add_device("memory", "d", {{"thin_provisioned", "1"}}) == 0);
    CHECK(core.show("d", "thin_provisioned") == "0\n[key]\n");
    core.del_device("d");
    scst_block_unregister(handler);
}
