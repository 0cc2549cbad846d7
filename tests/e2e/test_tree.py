# SPDX-License-Identifier: Apache-2.0
"""What the files of the tree say of living sessions. Names, modes and texts as SCST has them: test_tree_record."""
from lib import scsi as S
from lib.daemon import IQN, DaemonTest, one_disk


class Tree(DaemonTest):
    CONFIG = one_disk() + f"""
DEVICE_GROUP dg {{
	DEVICE disk
	TARGET_GROUP tg {{
		group_id 1
		TARGET {IQN}
	}}
}}
"""
    FILES = {"disk.img": 8 << 20}
    SESSION = f"/targets/iscsi/{IQN}/sessions/iqn.2026-11.org.scstd.test:one"

    def test_every_file_can_be_read_or_says_that_it_can_not(self):
        session = self.session()

        def walk(path, entries):
            for entry in entries:
                where = f"{path}/{entry['name']}"
                if entry["type"] == "dir":
                    walk(where, entry.get("entries", []))
                elif entry["type"] == "file":
                    code = self.daemon.ctl_process("get", where).returncode
                    self.assertEqual(code == 0, entry["mode"] != "0200", where)
        tree = self.daemon.ctl_json("tree", "/")["entries"]
        walk("", [entry for entry in tree if entry["name"] in ("devices", "handlers", "version", "threads", "sgv")])
        session.ping()

    def test_counters_of_a_session_count(self):
        session = self.session()
        base = self.SESSION
        before = {name: int(self.daemon.get(f"{base}/{name}")) for name in (
            "read_cmd_count", "write_cmd_count", "read_io_count_kb", "write_io_count_kb", "none_cmd_count")}
        for _ in range(10):
            session.good(S.read10(0, 8), read=4096)
            session.good(S.write10(0, 8), write=bytes(4096))
            session.good(S.TUR)
        after = {name: int(self.daemon.get(f"{base}/{name}")) for name in before}
        self.assertEqual({name: after[name] - before[name] for name in before}, {
            "read_cmd_count": 10, "write_cmd_count": 10, "read_io_count_kb": 40, "write_io_count_kb": 40,
            "none_cmd_count": 10})

    def test_negotiated_values_of_a_session_are_shown(self):
        session = self.session(initiator="iqn.2026-11.org.scstd.test:shown", keys={
            "MaxBurstLength": "65536", "InitialR2T": "Yes", "MaxRecvDataSegmentLength": "32768"})
        base = f"/targets/iscsi/{IQN}/sessions/iqn.2026-11.org.scstd.test:shown"
        for name, value in (("MaxBurstLength", "65536"), ("InitialR2T", "Yes"), ("ImmediateData", "Yes"),
                            ("MaxXmitDataSegmentLength", "32768"), ("HeaderDigest", "None")):
            self.assertEqual(self.daemon.get(f"{base}/{name}"), value)
        session.ping()
