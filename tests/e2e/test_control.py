# SPDX-License-Identifier: Apache-2.0
"""The control socket and scstctl: what is allowed to whom, and what a hostile caller can do (nothing)."""
import json
import os
import pathlib
import random
import socket
import stat
import subprocess
import unittest

from lib import scsi as S
from lib.daemon import IQN, SCSTCTL, CtlError, DaemonTest, no_aslr, one_disk


class Control(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    def raw(self, data, shutdown=True):
        """Sends bytes and returns all that comes back until the daemon closes or is silent for a moment."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(10)
            client.connect(str(self.daemon.socket_path))
            answer = b""
            try:
                client.sendall(data)
                if shutdown:
                    client.shutdown(socket.SHUT_WR)
                while part := client.recv(65536):
                    answer += part
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                pass
            return answer

    def served(self):
        self.assertTrue(self.daemon.alive())
        self.daemon.ctl("status")
        self.session().good(S.TUR)

    def test_the_socket_is_0600(self):
        mode = self.daemon.socket_path.stat().st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_another_user_is_refused_even_when_the_file_mode_would_let_him(self):
        """CVE-2020-10699 of another target: the socket was open to all."""
        self.daemon.directory.chmod(0o755)
        self.daemon.socket_path.chmod(0o666)
        self.addCleanup(self.daemon.socket_path.chmod, 0o600)
        code = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(20)\n"
                f"s.connect({str(self.daemon.socket_path)!r})\n"
                "try:\n    s.sendall(sys.stdin.buffer.read())\n    s.shutdown(socket.SHUT_WR)\n"
                "    print(s.recv(65536).decode())\nexcept OSError as e:\n    print('refused', e)\n")
        request = json.dumps({"id": 1, "command": "status", "op": "status", "cmd": "status"}) + "\n"
        process = subprocess.run(["/usr/bin/python3", "-c", code], input=request, capture_output=True, text=True,
                                 user=65534, group=65534, extra_groups=[], timeout=60, check=False)
        self.assertNotIn('"targets"', process.stdout)
        self.assertNotIn("uptime", process.stdout)
        self.served()

    def test_garbage_is_answered_with_an_error_or_the_end(self):
        source = random.Random(3)
        for data in (b"", b"\n", b"\0" * 100, b"{\n", b"[]\n", b"5\n", b"null\n", b'"x"\n', b"{}\n", b'{"a":' * 50000,
                     b"[" * 100000 + b"\n", b'{"command": 5}\n', b'{"command": "nosuch"}\n', b"\xff\xfe\xfd\n",
                     b'{"command": "get", "path": ["/"]}\n', b'{"x": "' + b"A" * 3000000 + b'"}\n', b"A" * 5000000,
                     source.randbytes(100000)):
            answer = self.raw(data)
            for line in answer.splitlines():
                self.assertIsInstance(json.loads(line), dict, "an error is a JSON object too")
        self.served()

    def test_a_caller_that_says_half_a_request_holds_up_nobody(self):
        clients = []
        for _ in range(20):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            client.connect(str(self.daemon.socket_path))
            client.sendall(b'{"command": "sta')
            clients.append(client)
        self.served()
        for client in clients:
            client.close()
        self.served()

    def test_a_caller_that_never_reads_holds_up_nobody(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(2)
            client.connect(str(self.daemon.socket_path))
            try:
                for _ in range(2000):
                    client.sendall(b'{"command": "tree", "path": "/"}\n')
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                pass
            self.served()

    def test_paths_that_lead_nowhere(self):
        for path in ("/nosuch", "/devices/../devices", "//", "/devices/disk/nosuch", "/devices/" + "x" * 5000,
                     "/../../etc/passwd", "/devices/disk\n", "%n%s", ""):
            with self.subTest(path=path[:40]), self.assertRaises(CtlError) as caught:
                self.daemon.ctl("get", path)
            self.assertTrue(caught.exception.stderr.strip(), "an error has words")
        self.served()

    def test_reading_what_is_write_only_and_writing_what_is_read_only(self):
        for arguments in (("set", "/devices/disk/blocksize", "4096"), ("set", "/devices/disk/type", "5"),
                          ("get", "/devices/disk/resync_size"), ("set", "/devices", "1"), ("get", "/devices"),
                          ("mgmt", "/devices/disk/blocksize", "add x"), ("set", "/version", "1")):
            with self.subTest(arguments=arguments), self.assertRaises(CtlError):
                self.daemon.ctl(*arguments)

    def test_management_commands_that_are_wrong(self):
        luns = f"/targets/iscsi/{IQN}/luns/mgmt"
        for path, command in ((luns, "add"), (luns, "add disk"), (luns, "add disk x"), (luns, "add disk 16384"),
                              (luns, "add disk 0"), (luns, "add nosuch 9"), (luns, "add disk 9 read_only=x"),
                              (luns, "add disk 9 colour=red"), (luns, "del 99"), (luns, "del"), (luns, "frobnicate"),
                              ("/handlers/vdisk_nullio/mgmt", "add_device"),
                              ("/handlers/vdisk_nullio/mgmt", "add_device a/b"),
                              ("/handlers/vdisk_nullio/mgmt", "add_device a.b"),
                              ("/handlers/vdisk_nullio/mgmt", "add_device null"),
                              ("/handlers/vdisk_nullio/mgmt", "add_device n9 size_mb"),
                              ("/handlers/vdisk_nullio/mgmt", "add_device n9 nosuch=1"),
                              ("/handlers/vdisk_nullio/mgmt", "add_device " + "n" * 65),
                              ("/handlers/vdisk_nullio/mgmt", "del_device nosuch"),
                              ("/handlers/vdisk_fileio/mgmt", "add_device n9"),
                              ("/handlers/vdisk_fileio/mgmt", "add_device n9 filename=relative"),
                              ("/handlers/vdisk_fileio/mgmt", "add_device n9 filename=/nosuch/file"),
                              ("/targets/iscsi/mgmt", f"add_target {IQN}"),
                              ("/targets/iscsi/mgmt", "del_target nosuch"),
                              (f"/targets/iscsi/{IQN}/ini_groups/mgmt", "del nosuch")):
            with self.subTest(path=path, command=command[:60]), self.assertRaises(CtlError):
                self.daemon.mgmt(path, command)
        self.assertNotIn("n9", self.daemon.ctl("tree", "/devices"))
        self.served()

    def test_scstctl_says_what_is_wrong_with_its_command_line(self):
        for arguments in ((), ("nosuch",), ("get",), ("plugin",), ("plugin", "nosuch"), ("--nosuch", "status")):
            process = self.daemon.ctl_process(*arguments)
            with self.subTest(arguments=arguments):
                self.assertNotEqual(process.returncode, 0)
                self.assertTrue(process.stderr.strip() or process.stdout.strip())

    def test_scstctl_without_a_daemon_says_so(self):
        process = subprocess.run(no_aslr() + [str(SCSTCTL),
                                  "--socket", "/nowhere/sock", "status"], capture_output=True, text=True, check=False)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("/nowhere/sock", process.stderr)

    def test_everything_has_a_json_form(self):
        for arguments in (("status",), ("plugin", "list"), ("device", "list"), ("target", "list"), ("session", "list"),
                          ("tree",), ("get", "/devices/disk/filename")):
            with self.subTest(arguments=arguments):
                self.assertIsNotNone(self.daemon.ctl_json(*arguments))

    def test_the_socket_is_found_by_the_environment_too(self):
        environment = dict(os.environ, SCST_SOCKET=str(self.daemon.socket_path))
        subprocess.run(no_aslr() + [str(SCSTCTL), "status"], env=environment, check=True,
                       capture_output=True, timeout=60)

    def test_sessions_and_devices_are_listed(self):
        session = self.session(initiator="iqn.2026-11.org.scstd.test:listed")
        self.assertIn("iqn.2026-11.org.scstd.test:listed", self.daemon.ctl("session", "list"))
        self.assertIn("disk", self.daemon.ctl("device", "list"))
        self.assertIn("vdisk_fileio", self.daemon.ctl("device", "show", "disk"))
        self.assertIn(IQN, self.daemon.ctl("target", "list"))
        self.assertIn("disk", self.daemon.ctl("target", "show", IQN))
        session.ping()

    def test_force_close_ends_a_session(self):
        session = self.session(initiator="iqn.2026-11.org.scstd.test:forced")
        self.daemon.set(f"/targets/iscsi/{IQN}/sessions/iqn.2026-11.org.scstd.test:forced/force_close", "1")
        session.expect_closed()

    def test_files_of_the_daemon_are_nobody_elses(self):
        session = self.session()
        S.pr(session, S.REGISTER, 0, 9, flags=1)
        for path in pathlib.Path(self.daemon.state).rglob("*"):
            if path.is_file():
                self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)
        S.pr(session, S.REGISTER, 9, 0, flags=0)
