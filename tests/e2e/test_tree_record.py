# SPDX-License-Identifier: Apache-2.0
"""The management tree against the record of a real SCST 3.11: names, modes, texts, and what each management command gives.

tests/data/scst-tree.jsonl is the tree of a configured SCST with a session, tests/data/scst-mgmt.jsonl what some 500 writes
gave. What differs here is listed below with its reason; a difference that is not listed fails.
"""
import json
import pathlib
import re
import socket

from lib.daemon import ROOT, DaemonTest

TARGET = "targets/iscsi/iqn.2006-10.net.vlnb:tgt"
INITIATOR = "iqn.2005-03.org.open-iscsi:cacdcd2520"
PLUGINS = ("nullio", "vdisk_fileio", "vcdrom", "iscsi")
CONFIG = f"""HANDLER vdisk_fileio {{
	DEVICE disk1 {{
		filename @DIR@/disk1
		nv_cache 1
	}}
	DEVICE disk2 {{
		filename @DIR@/disk2
		blocksize 4096
		nv_cache 1
	}}
}}
HANDLER vdisk_nullio {{
	DEVICE nullio
	DEVICE alua1
	DEVICE alua2
}}
HANDLER vcdrom {{
	DEVICE cdrom
}}
TARGET_DRIVER iscsi {{
	enabled 1
	TARGET iqn.2006-10.net.vlnb:tgt {{
		enabled 1
		LUN 0 disk1
		LUN 1 cdrom
	}}
	TARGET iqn.2006-10.net.vlnb:tgt1 {{
		MaxRecvDataSegmentLength 8192
		MaxXmitDataSegmentLength 8192
		MaxBurstLength 131072
		FirstBurstLength 32768
		MaxOutstandingR2T 1
		HeaderDigest CRC32C,None
		DataDigest CRC32C,None
		enabled 1
		LUN 0 disk2
		LUN 26 nullio
		GROUP special_ini {{
			LUN 0 disk1 {{
				read_only 1
			}}
			INITIATOR {INITIATOR}
		}}
	}}
}}
DEVICE_GROUP dg1 {{
	DEVICE alua1
	TARGET_GROUP tgA {{
		group_id 257
		TARGET scst_local_tgt
	}}
	TARGET_GROUP tgB {{
		group_id 258
		state nonoptimized
		preferred 1
		TARGET iqn.2024-01.example:alua
		TARGET other:node:target {{
			rel_tgt_id 99
		}}
	}}
}}
"""

# Names of SCST that are not here.
ABSENT = (
    (r"async_lun_replace", "a replaced LUN never keeps the writer waiting for old commands"),
    (r"cluster_name|devices/.*/cluster_mode", "reservations are not shared by a DLM, which only the kernel has"),
    (r"force_global_sgv_pool", "a reactor's pool is its own by design; there is nothing to switch"),
    (r"max_tasklet_cmd|poll_us", "there are no tasklets, and threads never poll"),
    (r"suspend", "nothing ever stops all devices; a device is suspended by its file `block`"),
    (r"trace_mcmds", "task management ends within ten seconds, so none can be seen waiting"),
    (r"devices/.*/numa_node_id", "memory follows the reactor's thread, where the kernel puts it"),
    (r"targets/copy_manager/.+", "EXTENDED COPY needs no target: it reaches what its session sees"),
    (r".*/(forward_src|forward_dst|forwarding)", "forwarding to another node is not there"),
    (r".*/sg_tablesize", "a property of kernel drivers"),
    (r".*/(IncomingUser|OutgoingUser)\d*", "no user is set here"),
    (r"devices/.*/exported/export1", "there is no export to the copy manager, so numbers begin at the first LUN"),
)

# Names that are here only.
ADDED = (
    (r"devices/.*/command_timeout", "a time limit for hanging back ends"),
    (r"devices/.*/sbc_extensions", "commands beyond SCST's"),
    (r"devices/.*/gen_tp_soft_threshold_reached_UA", "this file system can punch holes: the disk could be thin"),
    (r"devices/(alua1|alua2)(/.*)?|handlers/vdisk_nullio/alua.", "devices of the second record"),
    (r"device_groups/dg1/target_groups/.*/rel_tgt_id", "of names that are local targets in the record"),
    (r"targets/iscsi/suspend_logins", "what the signals USR1 and USR2 do"),
    (r"sgv/sgv-.*", "pools for each CPU, which the record leaves out"),
    (r".*/latency/.*", "one of 44 files is in the record"),
    (rf"{TARGET}/sessions/{INITIATOR}/.*", "what differs with the initiator: connections"),
)

# Files whose mode or text differs.
DIFFERENT = (
    (r"version|.*/version", "it says what it is"),
    (r"(.*/)?trace_level", "our levels instead of SCST's tokens"),
    (r"threads", "the number of reactors, which scstd.conf sets; can't be written"),
    (r"(.*/)?mgmt", "usage and parameters are compared on their own"),
    (r"devices/.*/(pr_file_name|filename)", "folders of the test"),
    (r".*/(read|none|write)_.*", "counters depend on what the initiator did"),
    (r"devices/.*/exported/export\d+", "numbers begin without the copy manager"),
    (rf"{TARGET}/sessions/{INITIATOR}/(MaxBurstLength|MaxOutstandingR2T)", "negotiated by another initiator"),
    (r".*/lun\d+/thread_index", "threads of a device serve all initiators, as SCST shows by -1 for shared ones"),
    (r"targets/.*/special_ini/luns/0/device", "another device stands in for the block device"),
    (r"device_groups/dg1/target_groups/tg./[^/]*", "the record has local targets of these names"),
)

# Commands with another result. A pattern of "PATH TEXT".
OTHER_RESULTS = (
    (r".*filename=\S*/somedir.*", "the reason is named: EISDIR"),
    (r".*;\s+\n.*|.* +\n", "blanks at the end do no harm"),
    (r".* del_device p0|.* del 40", "follows from the one before"),
    (r".*blocksize=513.*", "a wrong size is refused instead of rounded"),
    (r".*(read_only|nv_cache|rotational|thin_provisioned)=2.*", "flags are 0 or 1"),
    (r".* del_device p[12]", "follows from the one before"),
    (r".*o_direct=1.*", "needs no `async` here: all I/O may be asynchronous"),
    (r"handlers/vdisk_fileio/mgmt (del|add)_device nullio.*", "a device belongs to its handler alone"),
    (r".*with/slash.*|.*a/b.*", "a '/' can't be part of a name of the tree"),
    (r".*add_target iqn\.x:y+.*|.*del_target iqn\.x:y+.*", "names have at most 223 characters (RFC 7143 4.2.7.1)"),
    (r".*add_target_attribute$", "a missing name is EINVAL everywhere"),
    (r".*create g{200,}", "names have at most 223 characters"),
    (r".*/t1/iqn\.2006-10\.net\.vlnb:tgt/rel_tgt_id 9", "a local target is a link here; links are not followed"),
    (r"devices/disk1/threads_num 0", "a device always has a thread"),
    (r"devices/disk1/resync_size .*", "the record's device was inactive"),
    (r".*/cpu_mask 0", "no CPU at all can't serve"),
    (r".*/alias x+", "an alias has at most 255 bytes (RFC 7143 13.6)"),
    (r".*/rel_tgt_id (0|65536)", "out of range is EINVAL, whatever else is wrong"),
)


def reason(table, text):
    for pattern, why in table:
        if re.fullmatch(pattern, text, re.DOTALL):
            return why
    return None


def record(name):
    with open(ROOT / "tests" / "data" / name, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Control:
    """The control socket without scstctl in between."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rwb")

    def call(self, method, **params):
        self.file.write(json.dumps({"id": 1, "method": method, "params": params}).encode() + b"\n")
        self.file.flush()
        return json.loads(self.file.readline())

    def close(self):
        self.file.close()
        self.socket.close()


class Tree(DaemonTest):
    def configured(self):
        return self.start(CONFIG, plugins=PLUGINS, files={"disk1": 64 << 20, "disk2": 64 << 20})

    def flat(self, daemon, path=""):
        found = {}

        def walk(entries, prefix):
            for entry in entries:
                found[prefix + entry["name"]] = entry
                walk(entry.get("entries", ()), prefix + entry["name"] + "/")
        walk(daemon.ctl_json("tree", *([path] if path else []))["entries"], path + "/" if path else "")
        return found

    def test_names_modes_and_texts_are_those_of_scst(self):
        daemon = self.configured()
        session = self.session(daemon, iqn="iqn.2006-10.net.vlnb:tgt", initiator=INITIATOR)
        ours = self.flat(daemon)
        theirs = {row["path"]: row for row in record("scst-tree.jsonl")}
        for path in sorted(theirs.keys() - ours.keys()):
            self.assertIsNotNone(reason(ABSENT, path), f"{path} is not there")
        for path in sorted(ours.keys() - theirs.keys()):
            self.assertIsNotNone(reason(ADDED, path), f"{path} is not of SCST")
        for path in sorted(ours.keys() & theirs.keys()):
            if reason(DIFFERENT, path):
                continue
            want, got = theirs[path], ours[path]
            with self.subTest(path=path):
                self.assertEqual(got["type"], want["type"])
                if want["type"] == "link":
                    self.assertEqual(got["target"], want["target"])
                else:
                    self.assertEqual(got["mode"], want["mode"])
                    if "text" in want:
                        self.assertEqual(got["text"], want["text"])
        session.ping()

    def test_every_reason_is_needed(self):
        daemon = self.configured()
        self.session(daemon, iqn="iqn.2006-10.net.vlnb:tgt", initiator=INITIATOR)
        ours, theirs = self.flat(daemon), {row["path"] for row in record("scst-tree.jsonl")}
        for table, paths in ((ABSENT, theirs - ours.keys()), (ADDED, ours.keys() - theirs)):
            for pattern, why in table:
                if pattern.startswith("devices/.*/gen_tp"):
                    continue    # whether holes can be punched is the file system's
                self.assertTrue(any(re.fullmatch(pattern, path) for path in paths), f"nothing needs: {pattern} ({why})")

    def test_usage_lines_of_mgmt_files_are_those_of_scst(self):
        daemon = self.configured()
        ours = self.flat(daemon)
        for row in record("scst-tree.jsonl"):
            path = row["path"]
            if not path.endswith("mgmt") or path not in ours:
                continue
            with self.subTest(path=path):
                commands = re.findall(r'echo "(.*)" >mgmt', row["text"])
                self.assertEqual(re.findall(r'echo "(.*)" >mgmt', ours[path]["text"]), commands)
                for line in row["text"].splitlines():
                    if line.startswith("The following target"):
                        self.assertIn(line, ours[path]["text"].splitlines())

    def test_management_commands_give_what_scst_gives(self):
        daemon = self.configured()
        (daemon.directory / "empty").touch()
        (daemon.directory / "odd").write_bytes(bytes(1000))
        (daemon.directory / "somedir").mkdir()
        control = Control(daemon.socket_path)
        self.addCleanup(control.close)
        for row in record("scst-mgmt.jsonl"):
            path, text = row["path"], row["text"]
            for name in ("disk1", "disk2", "empty", "odd", "somedir", "nonexistent", "var/prfile"):
                place = str(daemon.directory / pathlib.Path(name).name)
                text = re.sub(rf"(?<==)/{name}\b|^/{name}$", place, text)
            answer = control.call("tree.write", path=path, text=text)
            result = answer["error"]["name"] if "error" in answer else "ok"
            if result != row["result"]:
                with self.subTest(path=path, text=row["text"]):
                    self.assertIsNotNone(reason(OTHER_RESULTS, f"{path} {row['text']}"),
                                         f"{row['result']} at SCST, here {answer}")

    def test_every_file_can_be_read_and_ends_in_a_newline(self):
        daemon = self.configured()
        for path, entry in self.flat(daemon).items():
            if entry["type"] == "file" and entry["mode"] != "0200":
                self.assertIn("text", entry, path)
                if entry["text"]:
                    self.assertTrue(entry["text"].endswith("\n"), path)

    def test_commands_under_way_are_shown(self):
        daemon = self.configured()
        session = self.session(daemon, iqn="iqn.2006-10.net.vlnb:tgt", initiator=INITIATOR)
        session.clear_attentions()
        daemon.set("/devices/disk1/block", "1")
        session.submit(bytes((0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0)), read=512)
        session.ping()
        self.assertRegex(daemon.ctl("get", "trace_cmds"),
                         rf"(?m)^cmd 0x[0-9a-f]+: state \w+; op READ.*session {INITIATOR}.*cdb 28 00 00 00 00 05")
        daemon.set("/devices/disk1/block", "0")
