#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plugins and a real daemon: what must be refused is, in one clear line; the fossil and the examples work.

The daemon knows nothing of these plugins but what the ABI says.
"""
import contextlib
import pathlib
import random
import shutil
import socket
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from build_under_test import BUILD, EXAMPLES, FOSSILS, REFUSED  # noqa: E402
from lib import scsi as S  # noqa: E402
from lib.daemon import IQN, CtlError, DaemonTest, disk_config, eventually  # noqa: E402

EMPTY_TARGET = disk_config({"vdisk_nullio": {"null": {"size_mb": "16"}}}, {0: "null"})
LUNS = f"/targets/iscsi/{IQN}/luns/mgmt"

# What the one line must say, besides which plugin it is about.
REFUSALS = {
    "abi_version_99": "version 99",
    "driver_without_close": "add_target",
    "entry_null": "NULL",
    "handler_taken": "vdisk_nullio",
    "handler_too_small": "struct_size 24",
    "handler_without_exec": "exec",
    "illegal_name": "name",
    "init_fails": "the moon is in the wrong phase",
    "no_entry": "scst_plugin_entry",
    "no_init": "init",
    "no_name": "name",
    "other_name": "nullio",
    "struct_too_large": "struct_size",
    "struct_too_small": "struct_size 16",
    "undefined_symbol": "scst_function_of_the_daemon",
    "wrong_magic": "magic",
}


class PluginTest(DaemonTest):
    def load(self, daemon, folder, name):
        """Loads a copy: the build's folders may be writable by others, which the daemon minds."""
        place = daemon.directory / "more"
        place.mkdir(mode=0o755, exist_ok=True)
        copy = place / f"{name}.so"
        # Renamed into its place, as install(1) does: writing over a file that is mapped changes the code of who has it.
        fresh = place / f"{name}.new"
        shutil.copy(folder / f"{name}.so", fresh)
        fresh.chmod(0o644)
        fresh.replace(copy)
        daemon.ctl("plugin", "load", copy)


@unittest.skipUnless((BUILD / "bin" / "scstd").exists(), "scstd is not built")
class Refusals(PluginTest):
    CONFIG = EMPTY_TARGET

    def refusal(self, name):
        with self.assertRaises(CtlError) as caught:
            self.load(self.daemon, REFUSED, name)
        return caught.exception.stderr.strip()

    def test_every_bad_plugin_that_is_built_is_expected(self):
        self.assertEqual({path.stem for path in REFUSED.glob("*.so")}, set(REFUSALS))

    def test_each_is_refused_with_one_line_that_names_it_and_the_reason(self):
        before = self.daemon.ctl("plugin", "list"), self.daemon.ctl("tree", "/handlers")
        for name, reason in REFUSALS.items():
            with self.subTest(plugin=name):
                line = self.refusal(name)
                self.assertEqual(line.count("\n"), 0, line)
                self.assertIn(name, line)
                self.assertIn(reason, line)
        self.assertEqual((self.daemon.ctl("plugin", "list"), self.daemon.ctl("tree", "/handlers")), before,
                         "a refused plugin leaves nothing")
        self.session().good(S.TUR)

    def test_a_refused_plugin_can_be_tried_again(self):
        first = self.refusal("init_fails")
        for _ in range(20):
            self.assertEqual(self.refusal("init_fails"), first)

    def test_a_file_that_everybody_may_write_is_refused(self):
        path = self.daemon.directory / "fossil_v1.so"
        shutil.copy(FOSSILS / "fossil_v1.so", path)
        path.chmod(0o666)
        with self.assertRaises(CtlError) as caught:
            self.daemon.ctl("plugin", "load", path)
        self.assertIn("everybody", caught.exception.stderr)


@unittest.skipUnless((BUILD / "bin" / "scstd").exists(), "scstd is not built")
class Fossil(PluginTest):
    def test_a_plugin_built_with_the_first_headers_loads_and_works(self):
        daemon = self.start(EMPTY_TARGET)
        self.load(daemon, FOSSILS, "fossil_v1")
        self.assertIn("the fossil wakes", daemon.log())
        daemon.mgmt("/handlers/fossil_v1/mgmt", "add_device old")
        daemon.mgmt(LUNS, "add old 1")
        with daemon.session() as session:
            session.clear_attentions(1)
            self.assertEqual(session.good(S.inquiry(length=96), 1, read=96)[8:32], b"FOSSIL  version 1       ")
            self.assertEqual(session.good(S.read_capacity10(), 1, read=8).hex(), "0000003f00000200")
            data = bytes(range(256)) * 4
            session.good(S.write10(5, 2), 1, write=data)
            self.assertEqual(session.good(S.read10(5, 2), 1, read=1024), data)
            self.assertEqual(session.command(S.read10(63, 2), 1, read=1024).asc, 0x2100)
            self.assertEqual(session.command(bytes([0xC0]) + bytes(5), 1).asc, 0x2000)
            eventually(lambda: int(daemon.get("/devices/old/freed")) >= 4, "on_free() comes for each command")
            daemon.mgmt(LUNS, "del 1")
        daemon.mgmt("/handlers/fossil_v1/mgmt", "del_device old")
        daemon.ctl("plugin", "unload", "fossil_v1")
        self.assertNotIn("fossil_v1", daemon.ctl("plugin", "list"))


@unittest.skipUnless((BUILD / "bin" / "scstd").exists(), "scstd is not built")
class EchoHandler(PluginTest):
    def test_the_example_handler_is_a_device_with_attributes(self):
        daemon = self.start(EMPTY_TARGET)
        self.load(daemon, EXAMPLES, "echo_handler")
        with self.assertRaises(CtlError) as caught:
            daemon.mgmt("/handlers/echo_handler/mgmt", "add_device echo blocks=0")
        self.assertIn("from 1 to 65536", caught.exception.stderr)
        with self.assertRaises(CtlError):
            daemon.mgmt("/handlers/echo_handler/mgmt", "add_device echo nosuch=1")
        daemon.mgmt("/handlers/echo_handler/mgmt", "add_device echo blocks=100")
        daemon.mgmt(LUNS, "add echo 1")
        with daemon.session() as session:
            session.clear_attentions(1)
            session.good(S.write10(99, 1), 1, write=b"x" * 512)
            self.assertEqual(session.good(S.read10(99, 1), 1, read=512), b"x" * 512)
            self.assertEqual(session.command(S.read10(100, 1), 1, read=512).asc, 0x2100)
            self.assertEqual(session.good(S.inquiry(length=5), 1, read=5), bytes([0, 0, 6, 0x12, 31]))
            daemon.set("/devices/echo/product", "a new name")
            self.assert_sense(session.command(S.TUR, 1), 6, 0x3F03)
            self.assertEqual(session.good(S.inquiry(length=96), 1, read=96)[16:32], b"a new name      ")
            self.assertEqual(daemon.ctl("get", "/devices/echo/product"), "a new name\n[key]\n")
            with self.assertRaises(CtlError) as caught:
                daemon.set("/devices/echo/product", "longer than sixteen")
            self.assertIn("1 to 16", caught.exception.stderr)
            self.assertGreaterEqual(int(daemon.get("/devices/echo/commands")), 5)
            daemon.mgmt(LUNS, "del 1")
        daemon.mgmt("/handlers/echo_handler/mgmt", "del_device echo")
        daemon.ctl("plugin", "unload", "echo_handler")


@unittest.skipUnless((EXAMPLES / "ram_disk.so").exists() and (BUILD / "bin" / "scstd").exists(), "not built")
class RamDisk(PluginTest):
    def test_the_example_backend_is_a_complete_disk(self):
        daemon = self.start(EMPTY_TARGET)
        self.load(daemon, EXAMPLES, "ram_disk")
        daemon.mgmt("/handlers/ram_disk/mgmt", "add_device ram size_mb=8")
        daemon.mgmt(LUNS, "add ram 1")
        with daemon.session() as session:
            session.clear_attentions(1)
            data = bytes(range(256)) * 256
            session.good(S.write10(1000, 128), 1, write=data)
            self.assertEqual(session.good(S.read10(1000, 128), 1, read=65536), data)
            self.assertEqual(session.good(S.read_capacity10(), 1, read=8)[:4], (8 * 2048 - 1).to_bytes(4, "big"))
            self.assertEqual(session.good(S.inquiry(length=96), 1, read=96)[8:16], b"EXAMPLE ")
            self.assertEqual(session.command(S.read10(8 * 2048, 1), 1, read=512).asc, 0x2100)
            daemon.mgmt(LUNS, "del 1")
        daemon.mgmt("/handlers/ram_disk/mgmt", "del_device ram")
        daemon.ctl("plugin", "unload", "ram_disk")


class LoopClient:
    """Types at a loop_driver."""

    def __init__(self, path, name="client"):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.lines = self.socket.makefile("r", encoding="ascii", newline="\n")
        self.tag = -1
        if name is not None:
            self.greeting = self.ask(f"hello {name}")

    def send(self, line):
        """Sends a request; returns its tag."""
        self.socket.sendall(line.encode() + b"\n")
        self.tag += 1
        return self.tag

    def receive(self):
        line = self.lines.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    def ask(self, line):
        """A request and its reply, without the tag. Events that come between are dropped."""
        tag = self.send(line)
        while True:
            first, _, rest = self.receive().partition(" ")
            if first == str(tag):
                return rest

    def clear(self, lun):
        for _ in range(10):
            if self.ask(f"ready {lun}") == "good":
                return
        raise AssertionError("unit attentions do not end")

    def close(self):
        self.lines.close()
        self.socket.close()


@unittest.skipUnless((BUILD / "bin" / "scstd").exists(), "scstd is not built")
class LoopDriver(PluginTest):
    def loop(self, parameters="", name="loop1"):
        daemon = self.start("HANDLER vdisk_nullio {\n\tDEVICE null {\n\t\tsize_mb 16\n\t}\n}\n", plugins=("nullio",),
                            portals=None) # no other driver: this one is enough
        self.load(daemon, EXAMPLES, "loop_driver")
        self.path = daemon.directory / "loop"
        daemon.mgmt("/targets/loop/mgmt", f"add_target {name} socket={self.path};{parameters}".rstrip(";"))
        daemon.mgmt(f"/targets/loop/{name}/luns/mgmt", "add null 0")
        daemon.set(f"/targets/loop/{name}/enabled", "1")
        return daemon

    def client(self, name="client"):
        client = LoopClient(self.path, name)
        self.addCleanup(client.close)
        return client

    def del_target(self, daemon):
        """Its sessions may be on their way out: the daemon refuses until they are."""
        def gone():
            with contextlib.suppress(CtlError):
                daemon.mgmt("/targets/loop/mgmt", "del_target loop1")
                return True
            return False
        eventually(gone, "the target goes")

    def unload(self, daemon):
        self.del_target(daemon)
        daemon.ctl("plugin", "unload", "loop_driver")
        self.assertFalse(self.path.exists(), "the socket file goes with its target")

    def test_commands_with_and_without_data(self):
        daemon = self.loop()
        client = self.client()
        self.assertTrue(client.greeting.startswith("hello client"), client.greeting)
        self.assertEqual(client.ask("ready 0"), "check 6/29/00")
        self.assertEqual(client.ask("ready 0"), "good")
        self.assertTrue(client.ask("capacity 0").startswith("good 8 00007fff00000200"))
        self.assertTrue(client.ask("inquiry 0").startswith("good "))
        self.assertEqual(client.ask(f"write 0 7 1 {'5a' * 512}"), "good")
        word, length, data, *rest = client.ask("read 0 7 1").split()
        self.assertEqual((word, length, len(data), rest), ("good", "512", 1024, ["under", "3584"]))
        self.assertEqual(client.ask("read 0 32767 2").split()[:2], ["check", "5/21/00"])
        self.assertEqual(client.ask("ready 3"), "check 5/25/00")
        self.assertEqual(client.ask("cdb 0 c00000000000"), "check 5/20/00")
        client.close()
        self.unload(daemon)

    def test_a_short_write_has_a_residual_and_no_overrun(self):
        self.loop()
        client = self.client()
        client.clear(0)
        self.assertIn(" over 512", " " + client.ask(f"write 0 0 2 {'11' * 512}"))
        self.assertIn(" under 512", " " + client.ask(f"write 0 0 1 {'22' * 1024}"))

    def test_lines_that_make_no_sense_are_refused_in_words(self):
        daemon = self.loop()
        client = self.client()
        client.clear(0)
        for line in ("", "nosuch", "read", "read 0", "read 0 0", "read 0 0 1 1", "read 99999 0 1", "read 0 -1 1",
                     "read 0 0 65", "write 0 0 1 abc", "write 0 0 1 zz", "cdb 0 00", "cdb 0 " + "00" * 261,
                     "cdb 0 000000000000 sideways", "cdb 0 000000000000 in 262145", "abort x", "hello again",
                     "\xff".encode("latin-1").decode("latin-1"), "ready 0 0"):
            with self.subTest(line=line):
                self.assertTrue(client.ask(line).startswith("error "), line)
        self.assertEqual(client.ask("ready 0"), "good")
        other = self.client(name=None)
        self.assertEqual(other.ask("ready 0"), "error say hello first")
        other.socket.sendall(b"x" * 600000)
        with self.assertRaises((EOFError, ConnectionError)):
            while True:
                other.receive()
        self.assertEqual(client.ask("ready 0"), "good")
        client.close()
        self.unload(daemon)

    def test_many_requests_in_one_write_are_answered_each(self):
        self.loop()
        client = self.client()
        client.clear(0)
        count = 300
        client.socket.sendall(b"read 0 0 1\n" * count)
        tags = {int(client.receive().split()[0]) for _ in range(count)}
        self.assertEqual(tags, set(range(client.tag + 1, client.tag + 1 + count)))

    def test_replies_that_nobody_reads_stop_the_reading_of_requests(self):
        daemon = self.loop()
        client = self.client()
        client.clear(0)
        client.socket.settimeout(5)
        request = b"read 0 0 64\n" * 100 # 64 KiB of hex digits and more each
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 200_000_000:
                sent += client.socket.send(request)
        self.assertLess(sent, 200_000_000, "requests without end were taken")
        other = self.client()
        other.clear(0) # it is served
        other.close()
        client.close()
        self.unload(daemon)

    def test_bye_and_end_of_file_wait_for_the_answers(self):
        self.loop()
        client = self.client(name=None)
        client.socket.sendall(b"hello me\ninquiry 0\nready 0\nbye\n")
        tags = []
        with contextlib.suppress(EOFError):
            while True:
                tags.append(client.receive().split()[0])
        self.assertEqual(sorted(tags), ["0", "1", "2"])

    def test_task_management(self):
        self.loop()
        client = self.client()
        client.clear(0)
        self.assertEqual(client.ask("abort 12345"), "no such task")
        self.assertEqual(client.ask("reset 0"), "complete")
        self.assertEqual(client.ask("reset 9"), "no such LUN")

    def test_sessions_and_their_attributes_are_in_the_tree(self):
        daemon = self.loop()
        clients = [self.client("same") for _ in range(3)]
        self.assertEqual(len({client.greeting for client in clients}), 3)
        tree = daemon.ctl("tree", "/targets/loop/loop1/sessions")
        self.assertEqual(tree.count("peer_uid"), 3)
        for client in clients:
            client.close()
        eventually(lambda: "peer_uid" not in daemon.ctl("tree", "/targets/loop/loop1/sessions"), "sessions end")

    def test_groups_decide_who_gets_in(self):
        daemon = self.loop()
        daemon.mgmt("/targets/loop/loop1/luns/mgmt", "clear")
        client = self.client(name=None)
        self.assertEqual(client.ask("hello stranger"), "error no LUN for this initiator")
        with self.assertRaises(EOFError):
            client.receive()

    def test_sessions_and_target_go_while_clients_are_connected(self):
        daemon = self.loop()
        clients = [self.client("one"), self.client("two"), self.client(name=None)]
        clients[0].send("ready 0")
        daemon.set("/targets/loop/loop1/enabled", "0")
        for name in ("one", "two"):
            daemon.set(f"/targets/loop/loop1/sessions/{name}/force_close", "1")
        self.unload(daemon)
        for client in clients:
            with self.assertRaises((EOFError, ConnectionError)):
                while True:
                    client.receive()

    def test_target_and_plugin_go_while_clients_come(self):
        """Registrations are under way at each moment of the target's and the plugin's end."""
        daemon = self.loop()
        stop = threading.Event()

        def come_and_go():
            while not stop.is_set():
                with contextlib.suppress(OSError, EOFError):
                    with contextlib.closing(LoopClient(self.path, name=None)) as client:
                        client.socket.sendall(b"hello x\ninquiry 0\nready 0\n")
                        if random.random() < 0.5:
                            client.receive()
                time.sleep(0.001)

        threads = [threading.Thread(target=come_and_go) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(15):
                daemon.set("/targets/loop/loop1/enabled", "0")
                self.unload(daemon)
                daemon.ctl("plugin", "load", daemon.directory / "more" / "loop_driver.so")
                daemon.mgmt("/targets/loop/mgmt", f"add_target loop1 socket={self.path}")
                daemon.mgmt("/targets/loop/loop1/luns/mgmt", "add null 0")
                daemon.set("/targets/loop/loop1/enabled", "1")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.client().clear(0)

    def test_disabled_and_enabled_again(self):
        daemon = self.loop()
        client = self.client()
        daemon.set("/targets/loop/loop1/enabled", "0")
        client.clear(0) # sessions go on
        with self.assertRaises(OSError):
            LoopClient(self.path)
        for _ in range(5):
            daemon.set("/targets/loop/loop1/enabled", "1")
            daemon.set("/targets/loop/loop1/enabled", "1")
            self.client().clear(0)
            daemon.set("/targets/loop/loop1/enabled", "0")

    def test_parameters_and_attributes_are_checked(self):
        daemon = self.loop("idle_timeout=60")
        self.assertEqual(daemon.get("/targets/loop/loop1/idle_timeout"), "60")
        for bad in ("-1", "x", "86401"):
            with self.assertRaises(CtlError):
                daemon.set("/targets/loop/loop1/idle_timeout", bad)
        self.assertEqual(daemon.get("/targets/loop/loop1/idle_timeout"), "60")
        for bad in ("", "socket=relative", f"socket=/{'x' * 200}", f"socket={self.path}2;idle_timeout=x"):
            with self.assertRaises(CtlError):
                daemon.mgmt("/targets/loop/mgmt", f"add_target loop2 {bad}".rstrip())

    def test_an_idle_client_is_dropped(self):
        daemon = self.loop("idle_timeout=1")
        client = self.client()
        client.clear(0)
        with self.assertRaises(EOFError):
            client.receive()
        self.unload(daemon)

    def test_a_socket_in_use_is_not_taken_and_a_stale_one_is(self):
        daemon = self.loop()
        daemon.mgmt("/targets/loop/mgmt", f"add_target loop2 socket={self.path}")
        with self.assertRaises(CtlError) as caught:
            daemon.set("/targets/loop/loop2/enabled", "1")
        self.assertIn("in use", caught.exception.stderr)
        stale = daemon.directory / "stale"
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(stale))
        daemon.mgmt("/targets/loop/mgmt", f"add_target loop3 socket={stale}")
        daemon.set("/targets/loop/loop3/enabled", "1")


if __name__ == "__main__":
    unittest.main()
