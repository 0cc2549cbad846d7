# SPDX-License-Identifier: Apache-2.0
"""Starts scstd for a test, in a folder of its own on a port of its own, and holds it to its promises when it stops.

A Daemon that is not told otherwise must stop in order: exit code 0, no report of a sanitizer, its socket gone. The log
is printed when a test fails.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from lib.initiator import Session

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRESET = os.environ.get("SCST_PRESET", "release")
BUILD = pathlib.Path(os.environ.get("SCST_BUILD", ROOT / "build" / PRESET))
SANITIZED = PRESET in ("asan", "tsan")
# The sanitizers' builds have no scstctl of their own.
SCSTCTL = pathlib.Path(os.environ.get("SCST_CTL", BUILD / "bin" / "scstctl"))
if not SCSTCTL.exists():
    SCSTCTL = ROOT / "build" / "release" / "bin" / "scstctl"
IQN = "iqn.2026-11.org.scstd:test"
START_TIMEOUT = 60
STOP_TIMEOUT = 60

SANITIZER_MARKS = ("ERROR: AddressSanitizer", "WARNING: ThreadSanitizer", "ERROR: LeakSanitizer",
                   "ERROR: ThreadSanitizer", ": runtime error:", "UndefinedBehaviorSanitizer", "DEADLYSIGNAL")

SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=66:second_deadlock_stack=1:history_size=4",
}


def no_aslr():
    """A prefix that switches address randomisation off: gcc 12's and clang 14's shadow memory does not fit beside
    what newer kernels randomise."""
    if not SANITIZED:
        return []
    prefix = ["setarch", os.uname().machine, "-R"]
    if subprocess.run(prefix + ["true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return prefix
    return []


def eventually(condition, what, timeout=60.0, step=0.01):
    """Polls until condition() is true and returns its value: for what the other side does by itself."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {timeout} s: {what}")
        time.sleep(step)


def listening_ports(pid):
    """Ports that the process listens on, by (address family, port): the kernel's word, whatever the log says."""
    inodes = set()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            link = os.readlink(fd)
            if link.startswith("socket:["):
                inodes.add(link[8:-1])
    ports = []
    for family, table in ((4, "tcp"), (6, "tcp6")):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    ports.append((family, int(fields[1].rsplit(":", 1)[1], 16)))
    return ports


class CtlError(Exception):
    """scstctl ended with an error."""

    def __init__(self, arguments, process):
        self.code = process.returncode
        self.stdout = process.stdout
        self.stderr = process.stderr
        super().__init__(f"scstctl {' '.join(arguments)}: exit code {self.code}: {self.stderr.strip()}")


class Daemon:
    """One scstd. `config` is the text of scst.conf; `@DIR@` in it is the daemon's folder."""

    def __init__(self, config="", options=(), plugins=("nullio", "vdisk_fileio", "iscsi"), portals="127.0.0.1:0",
                 settings="", directory=None, arguments=(), environment=None, wait=True):
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="scst-"))
        self._own_directory = directory is None
        self.state = self.directory / "state"
        self.state.mkdir(mode=0o700, exist_ok=True)
        for folder in ("pr", "vdev_mode_pages"):
            (self.state / folder).mkdir(mode=0o700, exist_ok=True)
        self.socket_path = self.directory / "sock"
        self.log_path = self.directory / "log"
        self.config_path = self.directory / "scst.conf"
        self.settings_path = self.directory / "scstd.conf"
        self.write_config(config)
        names = ", ".join(f'"{name}"' for name in plugins)
        self.settings_path.write_text(f'plugin_dir = "{BUILD}/lib/scst";\nplugins = [ {names} ];\n{settings}\n')
        self.options = [f"state_dir={self.state}", f"socket={self.socket_path}"]
        if portals is not None:
            self.options.append(f"iscsi.portals={portals}")
        self.options += list(options)
        self.arguments = list(arguments)
        self.environment = dict(environment or {})
        self.process = None
        self.has_iscsi = "iscsi" in plugins
        self.port = None
        self.ports = []
        self._log_offset = 0
        self.told = 0   # how much of the log has been printed
        if wait is not None:
            self.start(wait)

    def write_config(self, text):
        self.config_path.write_text(text.replace("@DIR@", str(self.directory)))

    def command_line(self):
        command = no_aslr() + [str(BUILD / "bin" / "scstd"), "-c", str(self.settings_path), "-f",
                               str(self.config_path)]
        for option in self.options:
            command += ["-o", option]
        return command + self.arguments

    def start(self, wait=True):
        environment = dict(os.environ, **SANITIZER_ENVIRONMENT)
        environment.update(self.environment)
        with open(self.log_path, "ab") as log:
            self._log_offset = log.tell()
            self.process = subprocess.Popen(self.command_line(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment, cwd=self.directory)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        """Until it answers on its socket and, with iSCSI, listens."""
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"scstd ended with {self.process.returncode} at start:\n{self.log()}")
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.connect(str(self.socket_path))
                ports = listening_ports(self.process.pid)
                if ports or not self.has_iscsi:
                    self.ports = ports
                    self.port = ports[0][1] if ports else None
                    return True
            return False
        eventually(ready, "scstd is ready", START_TIMEOUT)

    @property
    def portal(self):
        return "127.0.0.1", self.port

    @property
    def pid(self):
        return self.process.pid

    def url(self, lun=None, iqn=IQN):
        text = f"iscsi://127.0.0.1:{self.port}"
        return text if lun is None else f"{text}/{iqn}/{lun}"

    def log(self, whole=False):
        data = self.log_path.read_bytes()
        return (data if whole else data[self._log_offset:]).decode("utf-8", "replace")

    # ---- control ----

    def ctl_process(self, *arguments, timeout=60, **options):
        environment = dict(os.environ, **SANITIZER_ENVIRONMENT)
        return subprocess.run(no_aslr() + [str(SCSTCTL), "--socket", str(self.socket_path)] +
                              [str(a) for a in arguments], capture_output=True, text=True, timeout=timeout,
                              env=environment, check=False, **options)

    def ctl(self, *arguments, **options):
        """Runs scstctl, which must succeed; returns what it printed."""
        process = self.ctl_process(*arguments, **options)
        if process.returncode != 0:
            raise CtlError([str(a) for a in arguments], process)
        return process.stdout

    def ctl_json(self, *arguments):
        return json.loads(self.ctl("--json", *arguments))

    def get(self, path):
        """The first line of an attribute, without the [key] mark."""
        return self.ctl("get", path).split("\n", 1)[0]

    def set(self, path, value):
        self.ctl("set", path, value)

    def mgmt(self, path, command):
        self.ctl("mgmt", path, command)

    # ---- sessions ----

    def session(self, iqn=IQN, **options):
        return Session(self.portal, iqn, **options)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    # ---- stop ----

    def kill(self):
        """As a power cut of the process: SIGKILL, no order."""
        self.process.kill()
        self.process.wait()

    def stop(self, check=True, signal_number=signal.SIGTERM):
        """Stops in order. Returns the exit code; with `check` it must be 0 and the log clean."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        try:
            code = self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(f"scstd did not stop within {STOP_TIMEOUT} s:\n{self.log()}") from None
        self.process = None
        if check:
            self.check_log()
            if code != 0:
                raise AssertionError(f"scstd ended with {code}:\n{self.log()[-20000:]}")
            if self.socket_path.exists():
                raise AssertionError("the control socket is still there after an orderly stop")
        return code

    def check_log(self):
        text = self.log(whole=True)
        for mark in SANITIZER_MARKS:
            if mark in text:
                raise AssertionError(f"a sanitizer reports:\n{text[max(0, text.index(mark) - 500):][:20000]}")

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)


class DaemonTest(unittest.TestCase):
    """A test that has a daemon. One daemon for all methods of the class when CONFIG is set; start() makes more."""
    CONFIG = None
    OPTIONS = ()
    PLUGINS = ("nullio", "vdisk_fileio", "iscsi")
    SETTINGS = ""
    FILES = {}
    maxDiff = None
    longMessage = True

    @classmethod
    def setUpClass(cls):
        cls.daemon = None
        if cls.CONFIG is not None:
            cls.daemon = cls.make(cls.CONFIG, cls.OPTIONS, cls.PLUGINS, cls.SETTINGS, cls.FILES)
            cls.addClassCleanup(cls._end, cls.daemon)

    @classmethod
    def make(cls, config, options=(), plugins=PLUGINS, settings="", files=None, **more):
        """A daemon; `files` are sparse files to make before it starts: name to size."""
        daemon = Daemon(config, options, plugins, settings=settings, wait=None, **more)
        for name, size in (files or {}).items():
            with open(daemon.directory / name, "wb") as file:
                file.truncate(size)
        try:
            daemon.start()
        except BaseException:
            cls._tell(daemon)
            daemon.remove()
            raise
        return daemon

    @classmethod
    def _tell(cls, daemon):
        with contextlib.suppress(OSError):
            text = daemon.log(whole=True)
            print(f"---- log of scstd ({cls.__name__})\n{text[daemon.told:][-30000:]}\n----", file=sys.stderr)
            daemon.told = len(text)

    @classmethod
    def _end(cls, daemon):
        try:
            daemon.stop()
        except AssertionError:
            cls._tell(daemon)
            raise
        finally:
            daemon.remove()

    def start(self, config, **options):
        """A daemon for this test alone, stopped and checked at its end."""
        daemon = self.make(config, **options)
        self.addCleanup(self._end, daemon)
        self.addCleanup(self._keep_log, daemon)
        return daemon

    def _keep_log(self, daemon):
        self._logs.append(daemon.log(whole=True)[-30000:])

    def session(self, daemon=None, **options):
        session = (daemon or self.daemon).session(**options)
        self.addCleanup(session.close)
        return session

    def assert_sense(self, result, key, asc, message=None):
        self.assertEqual(result.status, 2, message or f"CHECK CONDITION expected: {result!r}")
        self.assertEqual((result.key, result.asc), (key, asc),
                         message or f"{result!r}, expected {key:x}/{asc >> 8:02x}/{asc & 255:02x}")

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result is not None else 0
        self._logs = []
        outcome = super().run(result)
        if result is not None and len(result.failures) + len(result.errors) > before:
            for text in self._logs:
                print(f"---- log of scstd ({self.id()})\n{text}\n----", file=sys.stderr)
            if self.daemon is not None:
                self._tell(self.daemon)
        return outcome


def sequence(length, seed=0):
    """Bytes that differ from sector to sector and from seed to seed, quickly made."""
    import random
    return random.Random(seed).randbytes(length)


def disk_config(devices, luns, target_attributes="", handlers_extra="", groups="", iqn=IQN, tail=""):
    """The text of a scst.conf: devices as {handler: {name: {attribute: value}}}, luns as {number: device}."""
    lines = []
    for handler, entries in devices.items():
        lines.append(f"HANDLER {handler} {{")
        for name, attributes in entries.items():
            lines.append(f"\tDEVICE {name} {{")
            lines += [f"\t\t{key} {value}" for key, value in attributes.items()]
            lines.append("\t}")
        lines.append("}")
    lines += [handlers_extra, "TARGET_DRIVER iscsi {", "\tenabled 1", f"\tTARGET {iqn} {{", "\t\tenabled 1"]
    lines += [f"\t\t{line}" for line in target_attributes.splitlines()]
    lines += [f"\t\tLUN {number} {device}" for number, device in luns.items()]
    lines += [f"\t\t{line}" for line in groups.splitlines()]
    lines += ["\t}", "}", tail, ""]
    return "\n".join(lines)


def one_disk(size_name="disk.img", **attributes):
    """LUN 0 a file disk `disk`, LUN 1 a null device `null`."""
    disk = {"filename": f"@DIR@/{size_name}"}
    disk.update(attributes)
    return disk_config({"vdisk_fileio": {"disk": disk}, "vdisk_nullio": {"null": {"size_mb": "1024"}}},
                       {0: "disk", 1: "null"})
