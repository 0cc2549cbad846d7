# SPDX-License-Identifier: Apache-2.0
"""Which initiator sees which LUN: groups, patterns, read-only LUNs, no LUN 0, addressing, black holes."""
import struct

from lib import scsi as S
from lib.daemon import IQN, DaemonTest, disk_config
from lib.initiator import LoginFailed, Timeout

NULLS = {"vdisk_nullio": {f"n{i}": {"size_mb": str(i + 1)} for i in range(4)}}


def luns(session):
    return S.luns_of(session.good(S.report_luns(), read=65536))


class Groups(DaemonTest):
    CONFIG = disk_config(NULLS, {0: "n0"}, groups="""GROUP special {
	INITIATOR iqn.2026-11.org.scstd.test:special?
	INITIATOR !iqn.*
	LUN 0 n1
	LUN 5 n2
}
GROUP wild {
	INITIATOR iqn.2026-11.org.scstd.test:wild*
	LUN 3 n3 {
		read_only 1
	}
}""")

    def seen(self, name):
        session = self.session(initiator=f"iqn.2026-11.org.scstd.test:{name}", clear=False)
        return luns(session), session

    def test_names_find_their_group(self):
        self.assertEqual(self.seen("nobody")[0], [0])
        self.assertEqual(self.seen("special1")[0], [0, 5])
        self.assertEqual(self.seen("special12")[0], [0], "a ? is one character")
        self.assertEqual(self.seen("wild")[0], [3])
        self.assertEqual(self.seen("wild-and-more")[0], [3])

    def test_names_match_without_case(self):
        luns_seen, _ = self.seen("special1")
        self.assertEqual(luns_seen, [0, 5])

    def test_lun_0_that_is_not_mapped_answers_what_scst_answers(self):
        _, session = self.seen("wild")
        data = session.good(S.inquiry(), 0, read=255)
        self.assertEqual(data[0], 0x7F)
        self.assertEqual(luns(session), [3])
        sense = session.good(S.request_sense(), 0, read=252)
        self.assertEqual((sense[2] & 15, sense[12]), (5, 0x25))
        self.assert_sense(session.command(S.TUR, 0), 5, 0x2500)
        self.assert_sense(session.command(S.inquiry(0x83), 0, read=255), 5, 0x2500)

    def test_a_read_only_lun_refuses_writes_and_says_so(self):
        _, session = self.seen("wild")
        session.clear_attentions(3)
        for cdb, data in ((S.write10(0, 1), bytes(512)), (S.write16(0, 1), bytes(512)),
                          (S.write_same16(0, 1), bytes(512)), (S.compare_and_write(0, 1), bytes(1024))):
            self.assert_sense(session.command(cdb, 3, write=data), 7, 0x2700)
        self.assertEqual(session.good(S.mode_sense6(0x3F), 3, read=255)[2] & 0x80, 0x80)
        session.good(S.read10(0, 1), 3, read=512)

    def test_select_report_values(self):
        _, session = self.seen("special1")
        self.assertEqual(S.luns_of(session.good(S.report_luns(2), read=4096)), [0, 5])
        self.assertEqual(S.luns_of(session.good(S.report_luns(0), read=4096)), [0, 5])
        self.assertIn(session.command(S.report_luns(1), read=4096).status, (0, 2), "well known units: none")
        self.assert_sense(session.command(S.report_luns(0x77), read=4096), 5, 0x2400)

    def test_report_luns_tells_the_whole_length_when_cut(self):
        _, session = self.seen("special1")
        data = session.good(S.report_luns(length=16), read=16)
        self.assertEqual(struct.unpack_from(">I", data)[0], 16)
        self.assertEqual(len(data), 16)

    def test_every_addressing_method_reaches_the_lun_and_nothing_else_does(self):
        _, session = self.seen("special1")
        for wire in (b"\x00\x05", b"\x40\x05", b"\x80\x05"):
            session.clear_attentions(wire + bytes(6))
        for wire in (b"\x00\x05\x00\x01" + bytes(4), b"\xC0\x05" + bytes(6), b"\x00\x06" + bytes(6), b"\xFF" * 8,
                     b"\x00\x05" + bytes(5) + b"\x01"):
            self.assert_sense(session.command(S.TUR, wire), 5, 0x2500)

    def test_initiators_move_live_between_groups(self):
        _, session = self.seen("mover")
        base = f"/targets/iscsi/{IQN}/ini_groups"
        self.daemon.mgmt(f"{base}/wild/initiators/mgmt", f"add {session.initiator}")
        session.clear_attentions(3)
        self.assertEqual(luns(session), [3])
        self.daemon.mgmt(f"{base}/wild/initiators/mgmt", f"del {session.initiator}")
        session.clear_attentions(0)
        self.assertEqual(luns(session), [0])


class Access(DaemonTest):
    def test_an_initiator_without_luns_is_not_let_in(self):
        daemon = self.start(disk_config(NULLS, {}, groups="GROUP one {\n\tINITIATOR iqn.only\n\tLUN 0 n0\n}"))
        with self.assertRaises(LoginFailed) as caught:
            self.session(daemon)
        self.assertEqual(caught.exception.status, 0x0203)
        discovery = self.session(daemon, iqn=None, discovery=True)
        self.assertEqual(discovery.send_targets(), [], "nor does he see the target")
        self.session(daemon, initiator="iqn.only").good(S.TUR)

    def test_allowed_portal_hides_the_target_elsewhere(self):
        daemon = self.start(disk_config(NULLS, {0: "n0"}, "allowed_portal 10.9.8.7"))
        with self.assertRaises(LoginFailed) as caught:
            self.session(daemon)
        self.assertEqual(caught.exception.status, 0x0203)
        self.assertEqual(self.session(daemon, iqn=None, discovery=True).send_targets(), [])
        daemon.mgmt("/targets/iscsi/mgmt", f"add_target_attribute {IQN} allowed_portal 127.0.0.*")
        self.session(daemon).good(S.TUR)

    def test_per_portal_acl_puts_the_portal_into_the_name(self):
        daemon = self.start(disk_config(NULLS, {}, "per_portal_acl 1",
                                        groups="GROUP one {\n\tINITIATOR *\\#127.0.0.1\n\tLUN 0 n0\n}"))
        self.session(daemon).good(S.TUR)

    def test_many_luns(self):
        count = 300
        devices = {"vdisk_nullio": {f"n{i}": {"size_mb": "1"} for i in range(count)}}
        daemon = self.start(disk_config(devices, {i: f"n{i}" for i in range(count)}))
        session = self.session(daemon)
        self.assertEqual(luns(session), list(range(count)))
        session.clear_attentions(count - 1)
        session.good(S.read10(0, 1), count - 1, read=512)

    def test_the_largest_lun_number(self):
        daemon = self.start(disk_config(NULLS, {0: "n0", 16383: "n1"}))
        session = self.session(daemon)
        wire = struct.pack(">H6x", 0x4000 | 16383)
        session.clear_attentions(wire)
        session.good(S.read10(0, 1), wire, read=512)

    def test_addr_method_shows_in_report_luns(self):
        daemon = self.start(disk_config(NULLS, {0: "n0", 5: "n1"}, "addr_method FLAT"))
        data = self.session(daemon).good(S.report_luns(), read=4096)
        self.assertIn(b"\x40\x05" + bytes(6), data)
        self.assertIn(bytes(8), data[8:])

    def test_black_hole_1_drops_commands_and_the_rest_lives(self):
        daemon = self.start(disk_config(NULLS, {0: "n0"}, groups="GROUP hole {\n\tINITIATOR *:hole\n\tLUN 0 n1\n}"))
        victim = self.session(daemon, initiator="iqn.2026-11.org.scstd.test:hole")
        other = self.session(daemon)
        daemon.set(f"/targets/iscsi/{IQN}/ini_groups/hole/black_hole", "1")
        itt = victim.submit(S.read10(0, 1), read=512)
        other.good(S.read10(0, 1), read=512)
        with self.assertRaises(Timeout):
            victim.receive_for(itt, 0.5)
        daemon.set(f"/targets/iscsi/{IQN}/ini_groups/hole/black_hole", "0")
        again = self.session(daemon, initiator="iqn.2026-11.org.scstd.test:hole", isid=victim.isid)
        again.good(S.read10(0, 1), read=512)

    def test_rel_tgt_id_is_in_the_designators(self):
        daemon = self.start(disk_config(NULLS, {0: "n0"}, "rel_tgt_id 42"))
        page = self.session(daemon).good(S.inquiry(0x83), read=255)
        ports = [body for _, kind, _, body in S.designators(page) if kind == 4]
        self.assertEqual(ports, [struct.pack(">HH", 0, 42)])
