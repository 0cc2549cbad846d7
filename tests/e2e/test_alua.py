# SPDX-License-Identifier: Apache-2.0
"""ALUA: device groups, target groups, states, the preferred bit, explicit changes (SPC-4 5.15, SCST's tree)."""
import struct

from lib import scsi as S
from lib.daemon import IQN, CtlError, DaemonTest, disk_config, eventually

SECOND = "iqn.2026-11.org.scstd:second"
GROUP = "/device_groups/dg/target_groups"

CONFIG = disk_config(
    {"vdisk_fileio": {"disk": {"filename": "@DIR@/disk.img"}}, "vdisk_nullio": {"lone": {"size_mb": 16}}},
    {0: "disk", 1: "lone"}, tail=f"""TARGET_DRIVER iscsi {{
}}
DEVICE_GROUP dg {{
	DEVICE disk
	TARGET_GROUP left {{
		group_id 257
		state active
		TARGET {IQN}
	}}
	TARGET_GROUP right {{
		group_id 258
		state nonoptimized
		preferred 1
		TARGET {SECOND}
		TARGET far:away:target {{
			rel_tgt_id 99
		}}
	}}
}}""").replace("TARGET_DRIVER iscsi {\n}\n", "").replace("\t}\n}\nDEVICE_GROUP", f"""\t}}
	TARGET {SECOND} {{
		enabled 1
		LUN 0 disk
	}}
}}
DEVICE_GROUP""")


def groups(data):
    """{group id: (state, preferred, [ports])} of an RTPG answer."""
    result, offset, end = {}, 4, 4 + struct.unpack_from(">I", data)[0]
    while offset < end:
        state, group, count = data[offset], struct.unpack_from(">H", data, offset + 2)[0], data[offset + 7]
        ports = [struct.unpack_from(">H", data, offset + 8 + 4 * i + 2)[0] for i in range(count)]
        result[group] = (state & 15, bool(state & 0x80), ports)
        offset += 8 + 4 * count
    return result


class Alua(DaemonTest):
    CONFIG = CONFIG
    FILES = {"disk.img": 8 << 20}

    def setUp(self):
        for group, state in (("left", "active"), ("right", "nonoptimized")):
            self.daemon.set(f"{GROUP}/{group}/state", state)
        self.one, self.two = self.session(), self.session(iqn=SECOND)

    def state(self, name, group="left"):
        self.daemon.set(f"{GROUP}/{group}/state", name)

    def test_inquiry_tells_implicit_alua_and_the_group(self):
        self.assertEqual(self.one.good(S.inquiry(), read=255)[5] & 0x30, 0x10)
        kinds = {kind: body for _, kind, _, body in S.designators(self.one.good(S.inquiry(0x83), read=255))}
        self.assertEqual(kinds[5], struct.pack(">HH", 0, 257))
        kinds = {kind: body for _, kind, _, body in S.designators(self.two.good(S.inquiry(0x83), read=255))}
        self.assertEqual(kinds[5], struct.pack(">HH", 0, 258))
        self.one.clear_attentions(1)
        self.assertEqual(self.one.good(S.inquiry(), 1, read=255)[5] & 0x30, 0)

    def test_report_target_port_groups(self):
        found = groups(self.one.good(S.rtpg(), read=1024))
        self.assertEqual(found[257][:2], (0, False))
        self.assertEqual(found[258][:2], (1, True))
        self.assertIn(99, found[258][2])
        extended = self.one.good(S.rtpg(extended=True), read=1024)
        self.assertEqual(extended[4] & 0x70, 0x10)
        self.one.clear_attentions(1)
        self.assertEqual(self.one.good(S.rtpg(), 1, read=1024)[:4], bytes(4), "no group, empty list")

    def test_a_change_of_state_is_told_on_the_ports_it_concerns(self):
        self.one.clear_attentions()
        self.state("nonoptimized")

        def told():
            result = self.one.command(S.TUR)
            return (result.status == 2 and result.asc == 0x2A06) or self.one.events
        eventually(told, "ASYMMETRIC ACCESS STATE CHANGED")
        self.assertEqual(groups(self.two.good(S.rtpg(), read=1024))[257][0], 1)

    def test_standby_admits_little_and_unavailable_less(self):
        for state, asc in (("standby", 0x040B), ("unavailable", 0x040C), ("offline", 0x040C)):
            with self.subTest(state=state):
                self.state(state)
                self.one.command(S.read_capacity10(), read=8)  # takes up what was told of the change
                for cdb, read, write in ((S.TUR, 0, b""), (S.read10(0, 1), 512, b""),
                                         (S.write10(0, 1), 0, bytes(512))):
                    result = self.one.command(cdb, read=read, write=write)
                    self.assert_sense(result, 2, asc)
                for cdb, read in ((S.inquiry(), 255), (S.report_luns(), 4096), (S.request_sense(), 252),
                                  (S.rtpg(), 1024), (S.read_capacity10(), 8)):
                    self.assertEqual(self.one.command(cdb, read=read).status, 0)
                self.assertEqual(self.one.command(S.mode_sense6(0x0A), read=255).status, 0 if state == "standby" else 2)
                qualifier = self.one.good(S.inquiry(), read=255)[0] >> 5
                self.assertEqual(qualifier, 0 if state == "standby" else 1)
                self.two.clear_attentions()
                self.two.good(S.read10(0, 1), read=512)
                self.state("active")
                self.one.clear_attentions()
                self.one.good(S.read10(0, 1), read=512)

    def test_transitioning_holds_and_then_says_not_ready(self):
        self.state("transitioning")
        self.one.command(S.TUR)
        self.assert_sense(self.one.command(S.read10(0, 1), read=512), 2, 0x040A)

    def test_explicit_changes_need_permission_and_then_work(self):
        data = bytes(4) + struct.pack(">BBH", 2, 0, 257)
        self.assertEqual(self.one.command(S.stpg(len(data)), write=data).key, 5)
        self.daemon.set("/devices/disk/expl_alua", "1")
        try:
            self.one.clear_attentions()
            self.assertEqual(self.one.good(S.inquiry(), read=255)[5] & 0x30, 0x30)
            self.assertEqual(self.one.command(S.stpg(len(data)), write=data).status, 0)
            self.assertEqual(self.daemon.get(f"{GROUP}/left/state"), "standby")
            self.assertEqual(groups(self.two.good(S.rtpg(), read=1024))[257][0], 2)
            for wrong in (struct.pack(">BBH", 9, 0, 257), struct.pack(">BBH", 0, 0, 999)):
                self.assertEqual(self.one.command(S.stpg(8), write=bytes(4) + wrong).status, 2)
        finally:
            self.daemon.set("/devices/disk/expl_alua", "0")

    def test_wrong_values_are_refused(self):
        for path, value in ((f"{GROUP}/left/state", "sleepy"), (f"{GROUP}/left/state", "ACTIVE"),
                            (f"{GROUP}/left/group_id", "0"), (f"{GROUP}/left/group_id", "65536"),
                            (f"{GROUP}/left/preferred", "2")):
            with self.subTest(path=path, value=value), self.assertRaises(CtlError):
                self.daemon.set(path, value)
        for path, command in (("/device_groups/dg/devices/mgmt", "add nosuch"), ("/device_groups/mgmt", "create dg"),
                              (f"{GROUP}/mgmt", "create left"), ("/device_groups/mgmt", "del nosuch")):
            with self.subTest(path=path, command=command), self.assertRaises(CtlError):
                self.daemon.mgmt(path, command)
