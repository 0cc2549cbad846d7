# SPDX-License-Identifier: Apache-2.0
"""Unit attentions and sense (SAM-5 5.14): who hears of what, in which order, and what clears it."""
import struct

from lib import scsi as S
from lib.daemon import IQN, DaemonTest, eventually, one_disk

LUNS = f"/targets/iscsi/{IQN}/luns/mgmt"


class Attentions(DaemonTest):
    def setUp(self):
        self.daemon = self.start(one_disk(), files={"disk.img": 8 << 20, "other.img": 4 << 20})
        self.a, self.b = self.session(), self.session()
        for session in (self.a, self.b):
            session.clear_attentions(0)
            session.clear_attentions(1)

    def heard(self, session, asc, lun=0):
        """The session was told, by a unit attention or by an asynchronous event."""
        def told():
            result = session.command(S.TUR, lun)
            if result.status == 2 and result.key == 6 and result.asc == asc:
                return True
            return any(len(event.data) > 15 and struct.unpack_from(">H", event.data, 2 + 12)[0] == asc
                       for event in session.events if event.data)
        eventually(told, f"{asc:04x} is told", 30)

    def test_the_first_command_of_a_nexus_hears_of_the_power_on_once_for_each_lun(self):
        session = self.session(clear=False)
        self.assert_sense(session.command(S.read10(0, 1), read=512), 6, 0x2900)
        session.good(S.read10(0, 1), read=512)
        self.assert_sense(session.command(S.TUR, 1), 6, 0x2900)
        session.good(S.TUR, 1)

    def test_inquiry_report_luns_and_request_sense_do_not_take_the_attention(self):
        session = self.session(clear=False)
        session.good(S.inquiry(), read=255)
        session.good(S.report_luns(), read=4096)
        sense = session.good(S.request_sense(), read=252)
        self.assertEqual((sense[2] & 15, sense[12]), (6, 0x29), "REQUEST SENSE returns it as data")
        session.good(S.TUR)

    def test_mode_select_tells_the_others(self):
        page = S.mode_page(self.a.good(S.mode_sense6(0x0A), read=255))
        data = S.mode_select_list(page, {2: page[2] ^ 0x04})
        self.a.good(S.mode_select6(len(data)), write=data)
        self.a.good(S.TUR)
        self.assert_sense(self.b.command(S.TUR), 6, 0x2A01)
        self.b.good(S.TUR)
        # D_SENSE is on now: descriptor sense.
        result = self.b.command(S.read10(1 << 30, 1), read=512)
        self.assertEqual(result.sense[0], 0x72)
        self.assertEqual(result.asc, 0x2100)
        data = S.mode_select_list(page, {})
        self.a.good(S.mode_select6(len(data)), write=data)
        self.b.clear_attentions()
        self.assertEqual(self.b.command(S.read10(1 << 30, 1), read=512).sense[0] & 0x7F, 0x70)

    def test_a_resized_disk_is_told_and_seen_without_a_reconnect(self):
        with open(self.daemon.directory / "disk.img", "r+b") as file:
            file.truncate(16 << 20)
        self.daemon.set("/devices/disk/resync_size", "1")
        for session in (self.a, self.b):
            self.heard(session, 0x2A09)
            session.clear_attentions()
            last = struct.unpack_from(">I", session.good(S.read_capacity10(), read=8))[0]
            self.assertEqual(last + 1, (16 << 20) // 512)
        self.a.good(S.write10((16 << 20) // 512 - 1, 1), write=bytes(512))

    def test_a_shrunken_disk_refuses_what_is_gone(self):
        with open(self.daemon.directory / "disk.img", "r+b") as file:
            file.truncate(4 << 20)
        self.daemon.set("/devices/disk/resync_size", "1")
        self.heard(self.a, 0x2A09)
        self.a.clear_attentions()
        self.assert_sense(self.a.command(S.read10((6 << 20) // 512, 1), read=512), 5, 0x2100)

    def test_a_resized_null_device_is_told(self):
        self.daemon.set("/devices/null/size_mb", "64")
        self.heard(self.a, 0x2A09, 1)
        self.a.clear_attentions(1)
        self.assertEqual(struct.unpack_from(">I", self.a.good(S.read_capacity10(), 1, read=8))[0] + 1, 64 * 2048)

    def test_a_new_lun_is_told_and_report_luns_settles_it(self):
        self.daemon.mgmt(LUNS, "add disk 9")
        self.heard(self.a, 0x3F0E)
        self.assertEqual(S.luns_of(self.b.good(S.report_luns(), read=4096)), [0, 1, 9])
        self.b.clear_attentions(9)
        self.b.good(S.TUR)

    def test_a_removed_lun_is_told_and_refuses(self):
        self.daemon.mgmt(LUNS, "del 1")
        self.heard(self.a, 0x3F0E)
        self.assert_sense(self.a.command(S.TUR, 1), 5, 0x2500)
        data = self.a.good(S.inquiry(), 1, read=255)
        self.assertEqual(data[0], 0x7F)

    def test_a_replaced_lun_tells_inquiry_data_changed(self):
        self.daemon.mgmt("/handlers/vdisk_fileio/mgmt",
                         f"add_device other filename={self.daemon.directory}/other.img")
        self.daemon.mgmt(LUNS, "replace other 0")
        self.heard(self.a, 0x3F03)
        self.a.clear_attentions()
        self.assertIn(b"other", self.a.good(S.inquiry(), read=255)[16:32])

    def test_a_changed_identity_is_told(self):
        self.daemon.set("/devices/disk/usn", "serial42")
        self.heard(self.a, 0x3F03)
        self.assertIn(b"serial42", self.a.good(S.inquiry(0x80), read=255))

    def test_several_attentions_come_one_by_one(self):
        page = S.mode_page(self.a.good(S.mode_sense6(0x0A), read=255))
        for bits in (0x04, 0x00):
            data = S.mode_select_list(page, {2: page[2] ^ bits})
            self.a.good(S.mode_select6(len(data)), write=data)
        self.b.clear_attentions()
        self.assertEqual(S.pr(self.a, S.REGISTER, 0, 1).status, 0)
        self.assertEqual(S.pr(self.b, S.REGISTER, 0, 2).status, 0)
        data = S.mode_select_list(page, {2: page[2] ^ 0x04})
        self.a.good(S.mode_select6(len(data)), write=data)
        S.pr(self.a, S.CLEAR, 1)
        seen = [self.b.command(S.TUR).asc for _ in range(2)]
        self.assertEqual(sorted(seen), [0x2A01, 0x2A03])
        self.b.good(S.TUR)

    def test_equal_attentions_are_told_once(self):
        page = S.mode_page(self.a.good(S.mode_sense6(0x0A), read=255))
        for bits in (0x04, 0x00, 0x04, 0x00):
            data = S.mode_select_list(page, {2: page[2] ^ bits})
            self.a.good(S.mode_select6(len(data)), write=data)
        self.assert_sense(self.b.command(S.TUR), 6, 0x2A01)
        self.b.good(S.TUR)


class Sense(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    def test_invalid_fields_carry_a_pointer(self):
        session = self.session()
        result = session.command(S.inquiry(0xEE), read=255)
        self.assert_sense(result, 5, 0x2400)
        self.assertEqual(result.sense[15] & 0xC0, 0xC0, "SKSV, C/D")
        self.assertEqual(struct.unpack_from(">H", result.sense, 16)[0], 2)

    def test_all_256_operation_codes_are_answered(self):
        session = self.session()
        for opcode in range(256):
            if opcode in (0x04, 0x48):
                continue
            size = (6, 10, 10, 32, 16, 12, 6, 6)[opcode >> 5]
            cdb = bytes([opcode]) + bytes(size - 1)
            if opcode == 0x7F:
                cdb = bytes([opcode]) + bytes(6) + b"\x18" + bytes(24)
            result = session.command(cdb, read=4096)
            self.assertIn(result.status, (0, 2, 4, 0x18), f"{opcode:#x}: {result!r}")
        session.ping()
        session.good(S.TUR)

    def test_request_sense_lengths_and_both_forms(self):
        """CVE-2024-43110 of another target."""
        session = self.session()
        for length in (0, 1, 3, 4, 7, 8, 13, 17, 18, 19, 252, 255):
            for desc in (0, 1):
                data = session.good(S.request_sense(length, desc), read=length)
                self.assertLessEqual(len(data), length)
                if length >= 18:
                    self.assertEqual(data[0] & 0x7F, 0x72 if desc else 0x70)
