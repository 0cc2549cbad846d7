# SPDX-License-Identifier: Apache-2.0
"""The management tree has SCST's names and modes: tests/data/scst-tree.json was recorded from the original. What is not
there has its reason here; a new absence or another mode fails."""
import json

from lib import scsi as S
from lib.daemon import IQN, ROOT, DaemonTest, one_disk

KERNEL = "a property of the kernel's threads or memory, which a process does not have"
DLM = "shared reservations over the kernel's lock manager"
FORWARDING = "forwarding between targets is not there"
ABSENT = {
    "root": {
        "async_lun_replace": "a replaced LUN never waits for the old one's commands",
        "cluster_name": DLM, "force_global_sgv_pool": KERNEL, "max_tasklet_cmd": KERNEL, "poll_us": "nothing polls",
        "suspend": "suspends the whole machine; here `block` suspends one device",
        "trace_mcmds": "sessions show their commands",
    },
    "target": {"forward_dst": FORWARDING, "forward_src": FORWARDING, "forwarding": FORWARDING, "sg_tablesize": KERNEL},
    "fileio device": {"numa_node_id": KERNEL},
    "nullio device": {"numa_node_id": KERNEL},
}
MODES_DIFFER = {("root", "threads"): "reactors are made at start"}


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
    PLACES = {
        "root": "/", "driver": "/targets/iscsi", "target": f"/targets/iscsi/{IQN}",
        "luns": f"/targets/iscsi/{IQN}/luns", "lun": f"/targets/iscsi/{IQN}/luns/0",
        "group": f"/targets/iscsi/{IQN}/ini_groups/hosts",
        "session": f"/targets/iscsi/{IQN}/sessions/iqn.2026-11.org.scstd.test:one",
        "session lun": f"/targets/iscsi/{IQN}/sessions/iqn.2026-11.org.scstd.test:one/lun0",
        "connection": f"/targets/iscsi/{IQN}/sessions/iqn.2026-11.org.scstd.test:one/127.0.0.1",
        "fileio device": "/devices/disk", "nullio device": "/devices/null", "handler": "/handlers/vdisk_fileio",
        "device group": "/device_groups/dg", "target group": "/device_groups/dg/target_groups/tg",
    }

    def entries(self, path):
        return {entry["name"]: entry for entry in self.daemon.ctl_json("tree", path)["entries"]}

    def test_every_name_of_scst_is_there_with_its_mode_or_its_reason(self):
        session = self.session()
        self.daemon.mgmt(f"/targets/iscsi/{IQN}/ini_groups/mgmt", "create hosts")
        golden = json.loads((ROOT / "tests/data/scst-tree.json").read_text())
        for kind, path in self.PLACES.items():
            found = self.entries(path)
            for name, mode in golden[kind].items():
                with self.subTest(kind=kind, name=name):
                    reason = ABSENT.get(kind, {}).get(name)
                    if reason:
                        self.assertNotIn(name, found, "it is there: take its reason away")
                        continue
                    self.assertIn(name, found)
                    if mode != "link" and (kind, name) not in MODES_DIFFER:
                        self.assertEqual(found[name]["mode"], mode)
        session.ping()

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
        base = self.PLACES["session"]
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
