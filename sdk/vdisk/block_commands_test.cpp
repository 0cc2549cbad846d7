// SPDX-License-Identifier: Apache-2.0
#include "memory_backend.hpp"

#include <doctest/doctest.h>

using namespace scst::testing;

TEST_CASE("what is written is read, by every length of CDB") {
    memory_device d;
    CHECK(d.send("0a 00 00 01 01 00", filled(512, 0x11)).good());
    CHECK(d.send("2a 00 00 00 00 02 00 00 01 00", filled(512, 0x22)).good());
    CHECK(d.send("aa 00 00 00 00 03 00 00 00 01 00 00", filled(512, 0x33)).good());
    CHECK(d.send("8a 00 00 00 00 00 00 00 00 04 00 00 00 01 00 00", filled(512, 0x44)).good());
    CHECK(d.run("08 00 00 01 01 00").data == filled(512, 0x11));
    CHECK(d.run("28 00 00 00 00 02 00 00 01 00").data == filled(512, 0x22));
    CHECK(d.run("a8 00 00 00 00 03 00 00 00 01 00 00").data == filled(512, 0x33));
    CHECK(d.run("88 00 00 00 00 00 00 00 00 04 00 00 00 01 00 00").data == filled(512, 0x44));
    CHECK(d.disk.content[512] == 0x11);
}

TEST_CASE("4096-byte blocks are addressed as such") {
    memory_device d{{{"blocksize", "4096"}}};
    CHECK(d.send("2a 00 00 00 00 02 00 00 01 00", filled(4096, 0x22)).good());
    CHECK(d.disk.content[8192] == 0x22);
    CHECK(d.run("28 00 00 00 00 02 00 00 01 00").data == filled(4096, 0x22));
    CHECK(d.state().block_count == 256);
}

TEST_CASE("ranges past the end are refused before anything moves") {
    memory_device d;
    for (const char *cdb :
         {"28 00 00 00 08 00 00 00 01 00", "28 00 00 00 07 ff 00 00 02 00",
          "88 00 ff ff ff ff ff ff ff ff 00 00 00 01 00 00", "08 00 08 00 01 00", "34 00 00 00 08 00 00 00 01 00",
          "35 00 00 00 08 00 00 00 01 00", "2f 00 00 00 08 00 00 00 01 00"}) {
        CAPTURE(cdb);
        CHECK(d.run(cdb).code() == 0x052100);
    }
    CHECK(d.send("2a 00 00 00 08 00 00 00 01 00", filled(512, 1)).code() == 0x052100);
    CHECK(d.send("8b 00 00 00 00 00 00 00 08 00 00 00 00 01 00 00", filled(512, 1)).code() == 0x052100);
    CHECK(d.disk.reads == 0);
    CHECK(d.disk.writes == 0);
}

TEST_CASE("zero blocks are no error within the device") {
    memory_device d;
    CHECK(d.run("28 00 00 00 00 00 00 00 00 00").good());
    CHECK(d.run("28 00 00 00 08 00 00 00 00 00").good()); // at the end (SBC-3 4.3: no transfer, LBA within reach)
    CHECK(d.run("28 00 00 00 08 01 00 00 00 00").code() == 0x052100);
}

TEST_CASE("protection fields are refused with their place") {
    memory_device d;
    for (const char *cdb : {"28 20 00 00 00 00 00 00 01 00", "88 e0 00 00 00 00 00 00 00 00 00 00 00 01 00 00",
                            "2f 40 00 00 00 00 00 00 01 00"}) {
        const outcome got = d.run(cdb);
        CHECK(got.code() == 0x052400);
        CHECK(got.field_byte() == 1);
        CHECK(got.field_bit() == 5);
    }
    CHECK(d.send("2a 20 00 00 00 00 00 00 01 00", filled(512, 1)).code() == 0x052400);
    CHECK(d.send("41 20 00 00 00 00 00 00 01 00", filled(512, 1)).code() == 0x052400);
}

TEST_CASE("a truncated transfer moves what there is room for") {
    memory_device d;
    d.disk.content.assign(d.disk.content.size(), 0x55);
    run_options how;
    how.expected_length = 512;
    CHECK(d.run("28 00 00 00 00 00 00 00 04 00", how).data.size() == 512);
    how.data_out = filled(512, 0x66);
    CHECK(d.run("2a 00 00 00 00 00 00 00 04 00", how).good());
    CHECK(d.disk.content[511] == 0x66);
    CHECK(d.disk.content[512] == 0x55);
}

TEST_CASE("a backend that would block is called again on a worker") {
    memory_device d;
    CHECK_FALSE(d.run("28 00 00 00 00 00 00 00 01 00").on_worker);
    d.disk.blocks = true;
    const outcome got = d.run("28 00 00 00 00 00 00 00 01 00");
    CHECK(got.good());
    CHECK(got.on_worker);
    CHECK(d.send("2a 00 00 00 00 00 00 00 01 00", filled(512, 1)).on_worker);
}

TEST_CASE("a backend that only blocks is never called on a reactor") {
    memory_device d{{}, usual_flags & ~SCST_BLOCK_NONBLOCKING};
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").on_worker);
    CHECK(d.send("2a 00 00 00 00 00 00 00 01 00", filled(512, 1)).on_worker);
}

TEST_CASE("an asynchronous backend ends commands from its own threads") {
    memory_device d{{}, usual_flags | SCST_BLOCK_ASYNC};
    d.disk.late = true;
    const outcome write = d.send("2a 00 00 00 00 00 00 00 01 00", filled(512, 0x77));
    CHECK(write.good());
    CHECK(write.answer == SCST_EXEC_PENDING);
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").data == filled(512, 0x77));
    d.disk.read_result = -EIO;
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").code() == 0x031100);
    d.disk.read_result = 0;
    CHECK(d.send("2f 02 00 00 00 00 00 00 01 00", filled(512, 0x77)).good()); // several steps, waited for
    d.disk.join();
}

TEST_CASE("data in several segments is written whole") {
    memory_device d;
    run_options how;
    how.data_out = filled(1024, 0);
    for (std::size_t i = 0; i < how.data_out.size(); ++i)
        how.data_out[i] = static_cast<std::uint8_t>(i * 7);
    how.segment_size = 300;
    CHECK(d.run("2a 00 00 00 00 00 00 00 02 00", how).good());
    CHECK(bytes(d.disk.content.begin(), d.disk.content.begin() + 1024) == how.data_out);
    CHECK(d.run("2f 02 00 00 00 00 00 00 02 00", how).good());
}

TEST_CASE("write cache: FUA, write through and a non-volatile cache decide what must be stable") {
    memory_device cached;
    CHECK(cached.send("2a 00 00 00 00 00 00 00 01 00", filled(512, 1)).good());
    CHECK(cached.disk.fua_writes == 0);
    CHECK(cached.send("2a 08 00 00 00 00 00 00 01 00", filled(512, 1)).good());
    CHECK(cached.disk.fua_writes == 1);
}

TEST_CASE("write_through makes every write stable") {
    memory_device d{{{"write_through", "1"}}};
    CHECK(d.send("2a 00 00 00 00 00 00 00 01 00", filled(512, 1)).good());
    CHECK(d.disk.fua_writes == 1);
}

TEST_CASE("nv_cache makes flushes and FUA unnecessary") {
    memory_device d{{{"nv_cache", "1"}}};
    CHECK(d.send("2a 08 00 00 00 00 00 00 01 00", filled(512, 1)).good());
    CHECK(d.run("35 00 00 00 00 00 00 00 00 00").good());
    CHECK(d.disk.fua_writes == 0);
    CHECK(d.disk.flushes == 0);
}

TEST_CASE("a READ with FUA reads what is on the medium: the cache is written first") {
    memory_device d;
    CHECK(d.run("28 08 00 00 00 00 00 00 01 00").good());
    CHECK(d.disk.flushes == 1);
}

TEST_CASE("SYNCHRONIZE CACHE flushes on a worker and tells errors") {
    memory_device d;
    const outcome got = d.run("35 00 00 00 00 00 00 00 00 00");
    CHECK(got.good());
    CHECK(got.on_worker);
    CHECK(d.disk.flushes == 1);
    CHECK(d.run("91 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00").good());
    CHECK(d.run("35 02 00 00 00 00 00 00 00 00").good()); // IMMED
    CHECK(d.disk.flushes == 3);
    d.disk.flush_result = -EIO;
    CHECK(d.run("35 00 00 00 00 00 00 00 00 00").code() == 0x030300);
}

TEST_CASE("errors of the backend become the right sense") {
    memory_device d;
    d.disk.read_result = -EIO;
    CHECK(d.run("28 00 00 00 00 00 00 00 01 00").code() == 0x031100);
    const std::vector<std::pair<int, std::uint32_t>> writes{
        {-EIO, 0x030300}, {-ENOSPC, 0x072707}, {-EDQUOT, 0x072707}, {-EROFS, 0x070000}};
    for (const auto &[error, code] : writes) {
        d.disk.write_result = error;
        CHECK(d.send("2a 00 00 00 00 00 00 00 01 00", filled(512, 1)).code() == code);
    }
    d.disk.write_result = -EAGAIN;
    CHECK(d.send("2a 00 00 00 00 00 00 00 01 00", filled(512, 1)).status == SCST_STATUS_BUSY);
}

TEST_CASE("ORWRITE keeps the bits that are set") {
    memory_device d;
    d.disk.content.assign(d.disk.content.size(), 0x0f);
    const outcome got = d.send("8b 00 00 00 00 00 00 00 00 00 00 00 00 02 00 00", filled(1024, 0xa0));
    CHECK(got.good());
    CHECK(got.on_worker);
    CHECK(d.disk.content[1023] == 0xaf);
    CHECK(d.disk.content[1024] == 0x0f);
}

TEST_CASE("ORWRITE over more than one piece") {
    memory_device d;
    CHECK(d.send("8b 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00", filled(131072, 0x81)).good());
    CHECK(d.run("28 00 00 00 00 00 00 01 00 00").data == filled(131072, 0x81));
}

TEST_CASE("PRE-FETCH tells that all fits") {
    memory_device d;
    CHECK(d.run("34 00 00 00 00 00 00 00 01 00").status == SCST_STATUS_CONDITION_MET);
    CHECK(d.run("90 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00").status == SCST_STATUS_CONDITION_MET);
}

TEST_CASE("WRITE ATOMIC is there when it is announced, and bounded") {
    memory_device plain;
    CHECK(plain.send("9c 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", filled(512, 1)).code() == 0x052000);
}

TEST_CASE("WRITE ATOMIC with extensions") {
    memory_device d{{{"sbc_extensions", "1"}}};
    CHECK(d.send("9c 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", filled(512, 9)).good());
    CHECK(d.disk.content[0] == 9);
    CHECK(d.send("9c 00 00 00 00 00 00 00 00 00 00 01 00 01 00 00", filled(512, 9)).field_byte() == 10);
    const outcome page = d.run("12 01 b0 00 ff 00");
    CHECK(to_hex({page.data.data() + 44, 4}) == "00004000");
}

TEST_CASE("READ DEFECT DATA has no defects") {
    memory_device d;
    CHECK(to_hex(d.run("37 00 1d 00 00 00 00 00 20 00").data) == "001d0000");
    CHECK(to_hex(d.run("b7 0d 00 00 00 00 00 00 00 20 00 00").data) == "000d000000000000");
}

TEST_CASE("unknown operation codes and service actions are refused") {
    memory_device d;
    CHECK(d.run("07 00 00 00 00 00").code() == 0x052000);
    CHECK(d.run("43 00 00 00 00 00 00 00 14 00").code() == 0x052000); // READ TOC is for CD-ROMs
    const outcome got = d.run("9e 13 00 00 00 00 00 00 00 00 00 00 00 20 00 00");
    CHECK(got.code() == 0x052400);
    CHECK(got.field_byte() == 1);
}

TEST_CASE("every operation code with every second byte is answered") {
    memory_device d{{{"thin_provisioned", "1"}, {"removable", "1"}}};
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
        for (unsigned second = 0; second < 256; second += 11) {
            bytes cdb(16, static_cast<std::uint8_t>(second * 5));
            cdb[0] = static_cast<std::uint8_t>(opcode);
            cdb[1] = static_cast<std::uint8_t>(second);
            run_options how;
            how.data_out = filled(256, static_cast<std::uint8_t>(opcode ^ second));
            how.expected_length = 256;
            const outcome got = d.core.run("d", cdb, how);
            CHECK(got.data.size() <= 256);
        }
    }
}
