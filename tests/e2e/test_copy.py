# SPDX-License-Identifier: Apache-2.0
"""EXTENDED COPY (LID1) and RECEIVE COPY RESULTS (SPC-4 6.4, 6.18), and whom they may touch (CVE-2020-28374)."""
import struct

from lib import scsi as S
from lib.daemon import DaemonTest, disk_config, sequence


def xcopy_cdb(length):
    return struct.pack(">BB8xIBB", 0x83, 0, length, 0, 0)


def receive_results(action, list_id=0, length=1024):
    return struct.pack(">BBB7xIBB", 0x84, action, list_id, length, 0, 0)


def target_descriptor(designator, block_size=512):
    code_set, kind, association, body = designator
    return (struct.pack(">BBHBBBB", 0xE4, 0, 0, code_set, association << 4 | kind, 0, len(body)) +
            body.ljust(20, b"\0") + block_size.to_bytes(4, "big"))


def segment(source, destination, blocks, source_lba, destination_lba):
    return struct.pack(">BBHHHHHQQ", 2, 0, 24, source, destination, 0, blocks, source_lba, destination_lba)


def parameter_list(targets, segments, list_id=1):
    body = b"".join(targets) + b"".join(segments)
    return struct.pack(">BBHIII", list_id, 0, 32 * len(targets), 0, 28 * len(segments), 0) + body


class Copy(DaemonTest):
    CONFIG = disk_config(
        {"vdisk_fileio": {name: {"filename": f"@DIR@/{name}"} for name in ("a", "b", "secret")}}, {0: "a", 1: "b"},
        groups="GROUP owner {\n\tINITIATOR iqn.2026-11.org.scstd.test:owner\n\tLUN 0 secret\n\tLUN 1 a\n}")
    FILES = {"a": 8 << 20, "b": 8 << 20, "secret": 8 << 20}

    def designators(self, session, lun):
        found = S.designators(session.good(S.inquiry(0x83), lun, read=255))
        return [d for d in found if d[2] == 0 and d[1] in (1, 2, 3) and len(d[3]) <= 20]

    def copy(self, session, source, destination, blocks=8, source_lba=0, destination_lba=0, list_id=1):
        data = parameter_list([target_descriptor(source), target_descriptor(destination)],
                              [segment(0, 1, blocks, source_lba, destination_lba)], list_id)
        return session.command(xcopy_cdb(len(data)), write=data)

    def setUp(self):
        self.user = self.session()
        self.user.clear_attentions(1)
        self.owner = self.session(initiator="iqn.2026-11.org.scstd.test:owner")
        self.a = self.designators(self.user, 0)
        self.b = self.designators(self.user, 1)
        self.secret = self.designators(self.owner, 0)

    def test_blocks_are_copied_between_luns_by_every_kind_of_name(self):
        for index, (source, destination) in enumerate(zip(self.a, self.b)):
            data = sequence(100 * 512, index)
            self.user.good(S.write10(10, 100), write=data)
            result = self.copy(self.user, source, destination, 100, 10, 500)
            self.assertEqual(result.status, 0, (source, result))
            self.assertEqual(self.user.good(S.read10(500, 100), 1, read=len(data)), data)

    def test_a_copy_within_one_disk(self):
        data = sequence(16 * 512)
        self.user.good(S.write10(0, 16), write=data)
        self.assertEqual(self.copy(self.user, self.a[-1], self.a[-1], 16, 0, 1000).status, 0)
        self.assertEqual(self.user.good(S.read10(1000, 16), read=len(data)), data)

    def test_cve_2020_28374_a_lun_of_others_is_neither_read_nor_written(self):
        self.owner.good(S.write10(0, 8), write=b"\x5E" * 4096)
        self.user.good(S.write10(0, 8), 1, write=bytes(4096))
        for secret in self.secret:
            with self.subTest(designator=secret):
                result = self.copy(self.user, secret, self.b[-1])
                self.assertEqual(result.status, 2)
                self.assertNotIn(b"\x5E", self.user.good(S.read10(0, 8), 1, read=4096))
                result = self.copy(self.user, self.b[-1], secret)
                self.assertEqual(result.status, 2)
                self.assertEqual(self.owner.good(S.read10(0, 8), read=4096), b"\x5E" * 4096)
        self.assertEqual(self.copy(self.owner, self.secret[-1], self.a[-1]).status, 0, "its owner may")

    def test_a_read_only_destination_is_refused(self):
        self.daemon.mgmt("/targets/iscsi/iqn.2026-11.org.scstd:test/luns/mgmt", "add secret 4 read_only=1")
        self.addCleanup(self.daemon.mgmt, "/targets/iscsi/iqn.2026-11.org.scstd:test/luns/mgmt", "del 4")
        self.user.clear_attentions(4)
        self.user.clear_attentions(0)
        self.owner.good(S.write10(0, 8), write=b"\x5E" * 4096)
        self.assertEqual(self.copy(self.user, self.a[-1], self.secret[-1]).status, 2)
        self.assertEqual(self.owner.good(S.read10(0, 8), read=4096), b"\x5E" * 4096)

    def test_results_and_parameters_are_received(self):
        data = self.user.good(receive_results(3), read=1024)
        self.assertEqual(struct.unpack_from(">I", data)[0] + 4, len(data))
        self.assertIn(0xE4, data[44:])
        self.assertEqual(self.copy(self.user, self.a[-1], self.b[-1], list_id=7).status, 0)
        status = self.user.good(receive_results(0, 7), read=1024)
        self.assertEqual(status[4] & 0x7F, 1, "completed without errors")
        self.assert_sense(self.user.command(receive_results(0, 99), read=1024), 5, 0x2400)

    def test_lists_that_are_wrong_are_refused_with_the_right_sense(self):
        a, b = target_descriptor(self.a[-1]), target_descriptor(self.b[-1])
        good = segment(0, 1, 8, 0, 0)
        for what, data, asc in (
                ("too many targets", parameter_list([a] * 6, [good]), 0x2606),
                ("unknown target type", parameter_list([b"\xE0" + a[1:], b], [good]), 0x2607),
                ("unknown segment type", parameter_list([a, b], [b"\x05" + good[1:]]), 0x2609),
                ("inline data", struct.pack(">BBHIII", 1, 0, 0, 0, 0, 16) + bytes(16), 0x260B)):
            with self.subTest(what):
                self.assert_sense(self.user.command(xcopy_cdb(len(data)), write=data), 5, asc)
        for what, data in (("index beyond the list", parameter_list([a, b], [segment(0, 5, 8, 0, 0)])),
                           ("beyond the end", parameter_list([a, b], [segment(0, 1, 8, 1 << 40, 0)])),
                           ("cut", parameter_list([a, b], [good])[:-10])):
            with self.subTest(what):
                self.assertEqual(self.user.command(xcopy_cdb(len(data)), write=data).status, 2)

    def test_every_length_of_the_list_is_answered(self):
        whole = parameter_list([target_descriptor(self.a[-1]), target_descriptor(self.b[-1])], [segment(0, 1, 1, 0, 0)])
        for length in range(len(whole)):
            result = self.user.command(xcopy_cdb(length), write=whole[:length]) if length else (
                self.user.command(xcopy_cdb(0)))
            self.assertIn(result.status, (0, 2), length)
            if 0 < length < len(whole):
                self.assertEqual(result.status, 2, length)
