# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged as durable is there after kill -9 and a restart; persistent reservations too.

SIGKILL cannot take the page cache away, so what a power cut would lose is shown apart: by the system calls that reach
the kernel before the status leaves (FUA and SYNCHRONIZE CACHE must have synced).
"""
import shutil
import struct
import subprocess
import unittest

from lib import scsi as S
from lib.daemon import DaemonTest, eventually, one_disk, sequence


class KillAndRestart(DaemonTest):
    FILES = {"disk.img": 64 << 20}

    def killed(self, config=None, **attributes):
        return self.start(config or one_disk(**attributes), files=self.FILES)

    def test_acknowledged_fua_writes_are_there_after_kill_9(self):
        daemon = self.killed()
        session = self.session(daemon)
        for index in range(50):
            session.good(S.write16(index * 8, 8, S.FUA), write=sequence(4096, index))
        session.submit(S.write16(4096, 512), write=bytes(512 * 512))
        daemon.kill()
        daemon.start()
        again = self.session(daemon)
        for index in range(50):
            self.assertEqual(again.good(S.read16(index * 8, 8), read=4096), sequence(4096, index))

    def test_synchronized_writes_are_there_after_kill_9(self):
        for attributes in ({}, {"write_through": 1}, {"nv_cache": 1}, {"blocksize": 4096}):
            with self.subTest(attributes):
                daemon = self.killed(**attributes)
                session = self.session(daemon)
                size = attributes.get("blocksize", 512)
                for index in range(16):
                    session.good(S.write10(index, 1), write=sequence(size, index))
                session.good(S.synchronize_cache())
                daemon.kill()
                daemon.start()
                again = self.session(daemon)
                for index in range(16):
                    self.assertEqual(again.good(S.read10(index, 1), read=size), sequence(size, index))

    def test_kill_9_under_load_leaves_a_disk_that_starts_again_every_time(self):
        daemon = self.killed()
        for round_ in range(5):
            session = self.session(daemon)
            for lba in range(0, 4096, 128):
                session.submit(S.write10(lba, 128), write=sequence(65536, round_), immediate_limit=512)
                if session.cmd_sn > session.max_cmd_sn:
                    session.dispatch(session.receive())
            daemon.kill()
            daemon.start()
        self.session(daemon).good(S.TUR)

    def test_aptpl_reservations_survive_kill_9_and_others_do_not(self):
        daemon = self.killed()
        session = self.session(daemon, isid=1234)
        self.assertEqual(S.pr(session, S.REGISTER, 0, 0xABCD, flags=1).status, 0)
        self.assertEqual(S.pr(session, S.RESERVE, 0xABCD, type_=S.WRITE_EXCLUSIVE).status, 0)
        session.clear_attentions(1)
        self.assertEqual(S.pr(session, S.REGISTER, 0, 0x77, lun=1).status, 0)
        daemon.kill()
        daemon.start()
        again = self.session(daemon, isid=session.isid)
        self.assertEqual(S.pr_keys(again), [0xABCD])
        self.assertEqual(S.pr_reservation(again), (0xABCD, S.WRITE_EXCLUSIVE))
        again.clear_attentions(1)
        self.assertEqual(S.pr_keys(again, 1), [])
        other = self.session(daemon)
        self.assertEqual(other.command(S.write10(0, 1), write=bytes(512)).status, S.CONFLICT)
        again.good(S.write10(0, 1), write=bytes(512))

    def test_without_aptpl_the_files_go_with_the_last_registration(self):
        daemon = self.killed()
        session = self.session(daemon)
        S.pr(session, S.REGISTER, 0, 5, flags=1)
        folder = daemon.state / "pr"
        self.assertTrue((folder / "disk").exists(), list(folder.iterdir()))
        self.assertEqual((folder / "disk").stat().st_mode & 0o777, 0o600)
        S.pr(session, S.REGISTER, 5, 0, flags=1)
        eventually(lambda: not (folder / "disk").exists(), "the file goes with the registrations")

    def test_a_damaged_reservation_file_is_told_and_set_aside(self):
        daemon = self.killed()
        session = self.session(daemon)
        S.pr(session, S.REGISTER, 0, 5, flags=1)
        session.close()
        daemon.stop()
        folder = daemon.state / "pr"
        for name in ("disk", "disk.1"):
            if (folder / name).exists():
                data = bytearray((folder / name).read_bytes())
                data[len(data) // 2:] = b"\xFF" * 7
                (folder / name).write_bytes(bytes(data))
        daemon.start()
        self.assertEqual(S.pr_keys(self.session(daemon)), [])
        self.assertIn("disk", daemon.log())
        kept = [path.name for path in folder.iterdir() if path.name not in ("disk", "disk.1")]
        self.assertTrue(kept, "the damaged file is set aside, not dropped")

    def test_saved_mode_pages_survive_a_restart(self):
        daemon = self.killed()
        session = self.session(daemon)
        page = S.mode_page(session.good(S.mode_sense6(0x0A), read=255))
        data = S.mode_select_list(page, {4: page[4] | 0x08})
        session.good(S.mode_select6(len(data), sp=1), write=data)
        self.assert_sense(session.command(S.write10(0, 1), write=bytes(512)), 7, 0x2700)
        session.close()
        daemon.kill()
        daemon.start()
        again = self.session(daemon)
        self.assert_sense(again.command(S.write10(0, 1), write=bytes(512)), 7, 0x2700)


@unittest.skipUnless(shutil.which("strace"), "needs strace")
class SystemCalls(DaemonTest):
    """The order of system calls: a sync between the write and the status."""
    FILES = {"disk.img": 8 << 20}

    def trace(self, config, use):
        daemon = self.start(config, files=self.FILES)
        session = self.session(daemon)
        out = daemon.directory / "trace"
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-p", str(daemon.pid), "-o", str(out), "-e",
                                   "trace=pwrite64,pwritev,pwritev2,fdatasync,fsync,sync_file_range"],
                                  stderr=subprocess.PIPE)
        self.addCleanup(tracer.stderr.close)

        def attached():
            status = open(f"/proc/{daemon.pid}/status", encoding="ascii").read()
            return "TracerPid:\t0\n" not in status or tracer.poll() is not None
        eventually(attached, "strace attached")
        if tracer.poll() is not None:
            self.skipTest("ptrace is not allowed here")
        use(session)
        tracer.terminate()
        tracer.wait()
        return out.read_text()

    def test_fua_syncs_and_a_plain_write_does_not(self):
        plain = self.trace(one_disk(), lambda s: s.good(S.write10(0, 8), write=bytes(4096)))
        self.assertNotRegex(plain, "sync")
        fua = self.trace(one_disk(), lambda s: s.good(S.write10(0, 8, S.FUA), write=bytes(4096)))
        self.assertRegex(fua, "fdatasync|fsync|RWF_DSYNC|sync_file_range")

    def test_synchronize_cache_syncs(self):
        text = self.trace(one_disk(), lambda s: s.good(S.synchronize_cache()))
        self.assertRegex(text, "fdatasync|fsync")


class Honesty(DaemonTest):
    """The write cache as the mode page tells it."""

    def caching(self, **attributes):
        daemon = self.start(one_disk(**attributes), files={"disk.img": 8 << 20})
        session = self.session(daemon)
        return S.mode_page(session.good(S.mode_sense6(0x08), read=255))[2] & 4, session

    def test_a_volatile_cache_is_told_and_the_others_not(self):
        self.assertEqual(self.caching()[0], 4)
        self.assertEqual(self.caching(write_through=1)[0], 0)
        self.assertEqual(self.caching(nv_cache=1)[0], 0)

    def test_new_blocks_read_as_zeros(self):
        """CVE-2014-4027 of another target: what was never written shows nobody's memory."""
        _, session = self.caching(thin_provisioned=1)
        self.assertEqual(session.good(S.read10(100, 128), read=65536), bytes(65536))

    def test_files_over_two_tib_are_whole(self):
        daemon = self.start(one_disk(), files={"disk.img": 3 << 40})
        session = self.session(daemon)
        blocks = (3 << 40) // 512
        self.assertEqual(session.good(S.read_capacity10(), read=8)[:4], b"\xFF" * 4)
        self.assertEqual(struct.unpack_from(">Q", session.good(S.read_capacity16(), read=32))[0], blocks - 1)
        session.good(S.write16(blocks - 8, 8), write=sequence(4096, 9))
        session.good(S.write16(0, 8), write=sequence(4096, 8))
        self.assertEqual(session.good(S.read16(blocks - 8, 8), read=4096), sequence(4096, 9))
        self.assertEqual(session.good(S.read16(0, 8), read=4096), sequence(4096, 8))
        self.assert_sense(session.command(S.read16(blocks - 7, 8), read=4096), 5, 0x2100)
