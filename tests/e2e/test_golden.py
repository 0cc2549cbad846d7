# SPDX-License-Identifier: Apache-2.0
"""Identity, capacity and mode pages byte for byte as SCST 3.11 answers for the same settings.

tests/data/scst-answers.jsonl was recorded from the original: one answer a line. The variants were recorded through its
local transport, so the transport's version descriptor and the port number are exchanged for iSCSI's.
"""
import json

from lib.daemon import ROOT, DaemonTest, disk_config

DEVICES = {
    "vdisk_fileio": {
        "disk1": {"nv_cache": 1}, "disk2": {"blocksize": 4096, "nv_cache": 1}, "thin": {"thin_provisioned": 1},
        "plain": {}, "wthrough": {"write_through": 1}, "ronly": {"read_only": 1}, "removable": {"removable": 1},
        "ssd": {"rotational": 0}, "big4k": {"blocksize": 4096, "thin_provisioned": 1, "rotational": 0},
        "b1024": {"blocksize": 1024}, "tst0": {"tst": 0}, "t10id": {"t10_dev_id": "my-own-id"},
    },
    "vdisk_nullio": {"nullio": {}, "null1m": {"size_mb": 1}, "null4k": {"blocksize": 4096, "rotational": 0},
                     "nullro": {"read_only": 1}},
}
LOCAL_TRANSPORT, ISCSI = "0be0", "0960"

# Answers that differ from SCST's on purpose, with the reason.
DIFFERENCES = {}


def config():
    devices = {handler: {name: dict(attributes) for name, attributes in entries.items()}
               for handler, entries in DEVICES.items()}
    for name, attributes in devices["vdisk_fileio"].items():
        attributes["filename"] = f"@DIR@/{name}"
    names = [name for entries in devices.values() for name in entries]
    return names, disk_config(devices, dict(enumerate(names)), "rel_tgt_id 1")


NAMES, CONFIG = config()


class Golden(DaemonTest):
    CONFIG = CONFIG
    FILES = {name: 64 << 20 for name in DEVICES["vdisk_fileio"]}

    def expected(self, row):
        data = row["data"]
        if row["device"] in ("disk1", "disk2", "nullio"):
            if row["name"].startswith("INQUIRY VPD 83") and row["device"] != "disk1":
                data = data.replace("0114000400000002", "0114000400000001")
            return data
        if row["name"] == "INQUIRY":
            return data.replace(f"008b{LOCAL_TRANSPORT}", f"008b{ISCSI}")
        return data.replace("0114000400000000", "0114000400000001")

    def check(self, device):
        lun = NAMES.index(device)
        session = self.session()
        session.clear_attentions(lun)
        rows = [json.loads(line) for line in (ROOT / "tests/data/scst-answers.jsonl").read_text().splitlines()]
        rows = [row for row in rows if row["device"] == device]
        self.assertGreater(len(rows), 50)
        for row in rows:
            if row["name"] in DIFFERENCES:
                continue
            with self.subTest(name=row["name"], cdb=row["cdb"]):
                result = session.command(bytes.fromhex(row["cdb"]), lun, read=row["alloc"])
                self.assertEqual(result.status, row["status"], result)
                if row["status"] == 0:
                    self.assertEqual(result.data.hex(), self.expected(row))
                else:
                    self.assertEqual(result.sense.hex(), row["sense"])


for _name in NAMES:
    setattr(Golden, f"test_{_name}_answers_as_scst_does", lambda self, name=_name: self.check(name))
