# SPDX-License-Identifier: Apache-2.0
"""The quickstart as `./dev run` makes it, an ordinary user, and the orderly end."""
import os
import signal
import subprocess
import unittest

from lib import scsi as S
from lib.daemon import BUILD, ROOT, Daemon, DaemonTest, eventually, one_disk

QUICKSTART = "iqn.2026-11.org.scstd:quickstart"


class Quickstart(DaemonTest):
    def quickstart(self, **options):
        """The files of etc/quickstart with their placeholders filled, as ./dev run does."""
        daemon = Daemon(wait=None, **options)
        self.addCleanup(daemon.remove)
        for name, path in (("scst.conf.in", daemon.config_path), ("scstd.conf.in", daemon.settings_path)):
            text = (ROOT / "etc" / "quickstart" / name).read_text()
            text = text.replace("@STATE_DIR@", str(daemon.state)).replace("@PLUGIN_DIR@", str(BUILD / "lib/scst"))
            path.write_text(text)
        for name, size in (("disk1.img", 1 << 30), ("disk2.img", 256 << 20)):
            with open(daemon.state / name, "wb") as file:
                file.truncate(size)
        return daemon

    def test_it_serves_three_disks(self):
        daemon = self.quickstart().start()
        out = subprocess.run(["iscsi-ls", "-s", daemon.url()], capture_output=True, text=True, check=True).stdout
        self.assertIn(QUICKSTART, out)
        with daemon.session(iqn=QUICKSTART) as session:
            self.assertEqual(S.luns_of(session.good(S.report_luns(), read=4096)), [0, 1, 2])
            for lun, blocks, size in ((0, 1 << 21, 512), (1, 1 << 21, 512), (2, 1 << 16, 4096)):
                session.clear_attentions(lun)
                data = session.good(S.read_capacity10(), lun, read=8)
                self.assertEqual((int.from_bytes(data[:4], "big") + 1, int.from_bytes(data[4:], "big")), (blocks, size))
        daemon.stop()

    @unittest.skipUnless(os.geteuid() == 0, "is an ordinary user already")
    def test_it_runs_as_an_ordinary_user(self):
        daemon = self.quickstart()
        for path in [daemon.directory, *daemon.directory.rglob("*")]:
            os.chown(path, 65534, 65534)
        build_is_readable = subprocess.run([str(BUILD / "bin" / "scstd"), "-V"], user=65534, group=65534,
                                           extra_groups=[], check=False, capture_output=True)
        self.assertEqual(build_is_readable.returncode, 0, build_is_readable.stderr)
        with open(daemon.directory / "log", "ab") as log:
            daemon.process = subprocess.Popen(daemon.command_line(), user=65534, group=65534, extra_groups=[],
                                              stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=daemon.directory)
        daemon.wait_ready()
        with daemon.session(iqn=QUICKSTART) as session:
            session.clear_attentions(1)
            session.good(S.write10(0, 8), 1, write=bytes(4096))
        daemon.stop()

    def test_dev_prints_the_three_commands(self):
        text = (ROOT / "dev").read_text()
        for tool in ("iscsi-ls -s", "qemu-img convert", "iscsiadm"):
            self.assertIn(tool, text)


class Stop(DaemonTest):
    FILES = {"disk.img": 8 << 20}

    def test_ctrl_c_and_term_stop_in_order(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            daemon = self.make(one_disk(), files=self.FILES)
            self.addCleanup(daemon.remove)
            session = daemon.session()
            session.good(S.write10(0, 8), write=b"\x77" * 4096)
            self.assertEqual(daemon.stop(signal_number=number), 0)
            session.expect_closed()
            session.close()
            with open(daemon.directory / "disk.img", "rb") as medium:
                self.assertEqual(medium.read(4096), b"\x77" * 4096)

    def test_stop_with_commands_and_sessions_open(self):
        daemon = self.make(one_disk(), files=self.FILES)
        self.addCleanup(daemon.remove)
        sessions = [daemon.session(keys={"InitialR2T": "Yes", "ImmediateData": "No"}) for _ in range(8)]
        for session in sessions:
            session.submit(S.write10(0, 8), write=bytes(4096), hold_data=True)
            for lba in range(8):
                session.submit(S.read10(lba * 64, 64), read=64 * 512)
        daemon.stop()
        for session in sessions:
            session.close()

    def test_stop_while_a_device_is_blocked(self):
        daemon = self.make(one_disk(), files=self.FILES)
        self.addCleanup(daemon.remove)
        session = daemon.session()
        daemon.set("/devices/disk/block", "1")
        session.submit(S.read10(0, 1), read=512)
        session.ping()
        daemon.stop()
        session.close()

    def test_stop_with_half_made_logins(self):
        daemon = self.make(one_disk(), files=self.FILES)
        self.addCleanup(daemon.remove)
        half = daemon.session(login=False)
        half.login_step(0, 1, half.identity_keys() + [("AuthMethod", "None")])
        silent = daemon.session(login=False)
        daemon.stop()
        half.close()
        silent.close()

    def test_the_same_port_is_free_at_once_for_the_next_start(self):
        daemon = self.make(one_disk(), files=self.FILES)
        self.addCleanup(daemon.remove)
        for _ in range(3):
            session = daemon.session()
            session.good(S.TUR)
            port = daemon.port
            daemon.stop()
            session.close()
            daemon.options.append(f"iscsi.portals=127.0.0.1:{port}")
            daemon.start()
            self.assertEqual(daemon.port, port)
        daemon.stop()

    def test_usr1_suspends_logins_and_usr2_resumes(self):
        from lib.initiator import LoginFailed
        daemon = self.start(one_disk(), files=self.FILES)
        session = self.session(daemon)
        os.kill(daemon.pid, signal.SIGUSR1)

        def refused():
            try:
                daemon.session().close()
                return False
            except LoginFailed as error:
                return error.status == 0x0301
        eventually(refused, "logins are refused for now")
        session.ping()
        os.kill(daemon.pid, signal.SIGUSR2)

        def admitted():
            try:
                daemon.session().close()
                return True
            except LoginFailed:
                return False
        eventually(admitted, "logins are admitted")

    def test_an_idle_daemon_hardly_wakes(self):
        """Poll-mode has a bad name for its cost: idle, nothing polls."""
        daemon = self.start(one_disk(), files=self.FILES)
        session = self.session(daemon)

        def switches():
            total = 0
            for task in os.listdir(f"/proc/{daemon.pid}/task"):
                with open(f"/proc/{daemon.pid}/task/{task}/status", encoding="ascii") as status:
                    total += sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
            return total
        session.ping()
        before = switches()
        session.quiet(3)
        self.assertLess(switches() - before, 100, "wakeups in three idle seconds")
