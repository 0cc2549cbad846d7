# SPDX-License-Identifier: Apache-2.0
"""FORMAT UNIT and SANITIZE go on behind the answer: what is refused meanwhile, what ends them and what does not."""
import struct

from lib import scsi as S
from lib.daemon import DaemonTest, eventually, one_disk, sequence

SIZE = 1 << 30


def sanitize(action, length=0, immed=1):
    return struct.pack(">BB5xHB", 0x48, immed << 7 | action, length, 0)


def overwrite_list(pattern):
    return struct.pack(">BBH", 1, 0, len(pattern)) + pattern


class Sanitize(DaemonTest):
    FILES = {"disk.img": SIZE}

    def setUp(self):
        self.daemon = self.start(one_disk(), files=self.FILES)
        self.session_ = self.session()
        self.session_.good(S.write16(2048, 8), write=sequence(4096))

    def ready(self):
        """True once the disk serves again; until then it says why not."""
        result = self.session_.command(S.TUR)
        if result.status == 2 and result.key == 6:
            return False
        if result.status == 2:
            self.assert_sense(result, 2, 0x041B)
            return False
        return True

    def done_with(self, pattern):
        eventually(self.ready, "SANITIZE is done", 300)
        self.assertEqual(self.session_.good(S.read16(2048, 8), read=4096), pattern * 8)
        self.assertEqual(self.session_.good(S.read16(SIZE // 512 - 8, 8), read=4096), pattern * 8)

    def test_an_overwrite_leaves_its_pattern_everywhere(self):
        data = overwrite_list(b"\x5A" * 512)
        self.session_.good(sanitize(1, len(data)), write=data)
        self.done_with(b"\x5A" * 512)

    def test_an_overwrite_outlives_resets_aborts_and_the_session(self):
        data = overwrite_list(b"\xC3" * 512)
        self.session_.good(sanitize(1, len(data)), write=data)
        self.assertEqual(self.session_.tm(S.ABORT_TASK_SET), 0)
        self.assertEqual(self.session_.tm(S.LUN_RESET), 0)
        self.assertEqual(self.session_.tm(S.TARGET_WARM_RESET), 0)
        self.session_.close()
        self.session_ = self.session(clear=False)
        self.done_with(b"\xC3" * 512)

    def test_the_daemon_stops_in_order_in_the_middle(self):
        data = overwrite_list(b"\x11" * 512)
        self.session_.good(sanitize(1, len(data)), write=data)

    def test_other_luns_are_served_meanwhile(self):
        self.session_.clear_attentions(1)
        data = overwrite_list(b"\x22" * 512)
        self.session_.good(sanitize(1, len(data)), write=data)
        for _ in range(20):
            self.session_.good(S.read10(0, 8), 1, read=4096)
        eventually(self.ready, "SANITIZE is done", 300)

    def test_wrong_lists_are_refused(self):
        for data in (b"", bytes(3), struct.pack(">BBH", 1, 0, 4), struct.pack(">BBH", 1, 0, 0),
                     struct.pack(">BBH", 1, 0, 1024) + bytes(1024)):
            result = self.session_.command(sanitize(1, len(data)), write=data)
            self.assertEqual((result.status, result.key), (2, 5), data[:8])
        self.assert_sense(self.session_.command(sanitize(9)), 5, 0x2400)
        self.session_.good(S.TUR)


class Format(DaemonTest):
    FILES = {"disk.img": 64 << 20}

    def test_format_unit_with_and_without_immed(self):
        daemon = self.start(one_disk(thin_provisioned=1), files=self.FILES)
        session = self.session(daemon)
        session.good(S.write16(0, 8), write=sequence(4096))
        session.good(bytes([0x04, 0, 0, 0, 0, 0]))
        session.good(bytes([0x04, 0x10, 0, 0, 0, 0]), write=bytes([0, 2, 0, 0]))

        def ready():
            result = session.command(S.TUR)
            if result.status == 2 and result.key != 6:
                self.assert_sense(result, 2, 0x0404)
            return result.status == 0
        eventually(ready, "FORMAT UNIT is done")
        session.good(S.read16(0, 8), read=4096)
