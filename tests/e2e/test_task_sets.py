# SPDX-License-Identifier: Apache-2.0
"""Task attributes, ACA, suspension (SAM-5 8, 5.9): order where order is asked for, and only there."""
import threading

from lib import scsi as S
from lib.daemon import IQN, CtlError, DaemonTest, eventually, one_disk

OPEN = {"InitialR2T": "Yes", "ImmediateData": "No"}


class Order(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    def test_ordered_writes_to_one_block_end_with_the_last(self):
        session = self.session()
        for round_ in range(30):
            itts = [session.submit(S.write10(0, 1), write=bytes([round_, i]) * 256, attribute=S.ORDERED)
                    for i in range(16)]
            for itt in itts:
                self.assertEqual(session.wait(itt).status, 0)
            self.assertEqual(session.good(S.read10(0, 1), read=512), bytes([round_, 15]) * 256)

    def test_a_simple_command_behind_an_ordered_write_sees_it(self):
        session = self.session()
        for value in range(30):
            write = session.submit(S.write10(8, 8), write=bytes([value]) * 4096, attribute=S.ORDERED)
            read = session.submit(S.read10(8, 8), read=4096)
            self.assertEqual(session.wait(write).status, 0)
            self.assertEqual(session.wait(read).data, bytes([value]) * 4096)

    def test_an_ordered_write_behind_simple_ones_is_the_last(self):
        session = self.session()
        for value in range(30):
            itts = [session.submit(S.write10(16, 8), write=b"\xFF" * 4096) for _ in range(8)]
            itts.append(session.submit(S.write10(16, 8), write=bytes([value]) * 4096, attribute=S.ORDERED))
            for itt in itts:
                self.assertEqual(session.wait(itt).status, 0)
            self.assertEqual(session.good(S.read10(16, 8), read=4096), bytes([value]) * 4096)

    def test_every_attribute_is_taken_and_unknown_ones_do_no_harm(self):
        session = self.session()
        for attribute in (S.UNTAGGED, S.SIMPLE, S.ORDERED, S.HEAD_OF_QUEUE):
            session.good(S.read10(0, 1), read=512, attribute=attribute)
        for attribute in (5, 6, 7):
            self.assertIn(session.command(S.read10(0, 1), read=512, attribute=attribute).status, (0, 2))
        session.ping()

    def test_a_mix_of_attributes_and_luns_all_ends(self):
        sessions = [self.session() for _ in range(3)]
        for session in sessions:
            session.clear_attentions(1)
        for round_ in range(20):
            itts = [(session, session.submit(S.read10(i, 8), i % 2, read=4096,
                                             attribute=(S.SIMPLE, S.ORDERED, S.HEAD_OF_QUEUE)[(i + round_) % 3]))
                    for i in range(8) for session in sessions]
            for session, itt in itts:
                self.assertEqual(session.wait(itt).status, 0)


class Aca(DaemonTest):
    """NACA=1 and a CHECK CONDITION: the nexus stands still until CLEAR ACA."""
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}
    NACA_FAIL = S.read10(1 << 30, 1)[:9] + b"\x04"

    def condition(self):
        session = self.session()
        self.assert_sense(session.command(self.NACA_FAIL, read=512), 5, 0x2100)
        return session

    def test_other_commands_of_the_nexus_get_aca_active_until_it_is_cleared(self):
        session = self.condition()
        self.assertEqual(session.command(S.read10(0, 1), read=512).status, S.ACA_ACTIVE)
        self.assertEqual(session.tm(S.CLEAR_ACA), 0)
        session.good(S.read10(0, 1), read=512)

    def test_a_command_with_the_aca_attribute_runs(self):
        session = self.condition()
        session.good(S.read10(0, 1), read=512, attribute=S.ACA)
        self.assertEqual(session.command(S.read10(0, 1), read=512).status, S.ACA_ACTIVE)
        self.assertEqual(session.tm(S.CLEAR_ACA), 0)

    def test_the_aca_attribute_without_a_condition_is_invalid(self):
        session = self.session()
        self.assert_sense(session.command(S.read10(0, 1), read=512, attribute=S.ACA), 5, 0x4900)

    def test_resets_and_the_end_of_the_nexus_clear_it(self):
        session = self.condition()
        self.assertEqual(session.tm(S.LUN_RESET), 0)
        session.clear_attentions()
        session.good(S.read10(0, 1), read=512)
        self.condition().abort()
        self.session().good(S.read10(0, 1), read=512)

    def test_other_nexuses_and_luns_go_on(self):
        other = self.session()
        session = self.condition()
        other.good(S.read10(0, 1), read=512)
        session.clear_attentions(1)
        session.good(S.read10(0, 1), 1, read=512)
        session.tm(S.CLEAR_ACA)


class Suspension(DaemonTest):
    """The `block` attribute: one device stands still, the others notice nothing."""
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    def test_block_holds_this_device_alone_and_unblock_lets_go(self):
        session = self.session()
        session.clear_attentions(1)
        self.daemon.set("/devices/disk/block", "1")
        self.assertEqual(self.daemon.get("/devices/disk/block").split()[0], "1")
        held = session.submit(S.read10(0, 1), read=512)
        for _ in range(20):
            session.good(S.read10(0, 1), 1, read=512)
        self.assertIsNone(session.pending[held].result)
        self.daemon.set("/devices/disk/block", "0")
        self.assertEqual(session.wait(held).status, 0)
        self.assertEqual(self.daemon.get("/devices/disk/block").split()[0], "0")

    def test_block_nests_and_unblock_at_zero_does_nothing(self):
        session = self.session()
        self.daemon.set("/devices/disk/block", "1")
        self.daemon.set("/devices/disk/block", "1")
        held = session.submit(S.TUR)
        self.daemon.set("/devices/disk/block", "0")
        session.ping()
        self.assertIsNone(session.pending[held].result)
        self.daemon.set("/devices/disk/block", "0")
        self.assertEqual(session.wait(held).status, 0)
        self.daemon.set("/devices/disk/block", "0")
        session.good(S.TUR)

    def test_block_without_waiting(self):
        self.daemon.set("/devices/disk/block", "11 a text of mine")
        self.daemon.set("/devices/disk/block", "0")
        self.session().good(S.TUR)

    def test_wrong_values(self):
        for value in ("2", "x", "-1", ""):
            with self.subTest(value=value), self.assertRaises(CtlError):
                self.daemon.set("/devices/disk/block", value)
        self.session().good(S.TUR)

    def test_a_blocked_device_answers_task_management_and_lets_its_sessions_go(self):
        session = self.session()
        self.daemon.set("/devices/disk/block", "1")
        self.addCleanup(self.daemon.set, "/devices/disk/block", "0")
        held = session.submit(S.read10(0, 1), read=512)
        session.ping()
        self.assertEqual(session.tm(S.ABORT_TASK_SET), 0)
        session.forget(held)
        session.submit(S.read10(0, 1), read=512)
        session.abort()

    def test_management_of_a_device_under_load_waits_for_it_alone(self):
        """Luns come and go while both devices are loaded; neither I/O fails."""
        stop, failures = threading.Event(), []

        def load(lun):
            try:
                with self.daemon.session(initiator=f"iqn.2026-11.org.scstd.test:load{lun}") as session:
                    while not stop.is_set():
                        result = session.command(S.read10(0, 64), lun, read=64 * 512)
                        if result.status and not (result.status == 2 and result.key == 6):
                            raise AssertionError(repr(result))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=load, args=(lun,)) for lun in (0, 1)]
        for thread in threads:
            thread.start()
        luns = f"/targets/iscsi/{IQN}/luns/mgmt"
        try:
            for _ in range(20):
                self.daemon.mgmt(luns, "add disk 5")
                self.daemon.mgmt(luns, "del 5")
                self.daemon.set("/devices/disk/block", "1")
                self.daemon.set("/devices/disk/block", "0")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])

    def test_deleting_a_device_under_load_is_clean(self):
        """Upstream's lifetime bugs around removal, SCST #204 and #99."""
        daemon = self.start(one_disk(), files={"disk.img": 8 << 20})
        session = daemon.session()
        self.addCleanup(session.close)
        itts = [session.submit(S.read10(i * 64, 64), read=64 * 512) for i in range(16)]
        daemon.mgmt("/handlers/vdisk_fileio/mgmt", "del_device disk")
        for itt in itts:
            result = session.wait(itt)
            self.assertTrue(result.status == 0 or result.asc in (0x2500, 0x3F0E, 0x2900), repr(result))
        eventually(lambda: session.command(S.TUR).asc == 0x2500, "the LUN is gone")
        session.ping()
