# SPDX-License-Identifier: Apache-2.0
"""The programs that are compared: scstd, tgt, istgt and the bare-socket ceiling, each with the same limits.

A server is started once, keeps its ports and files in the run's own folder, and is stopped (SIGSTOP) while another
one is measured, so that not even its timers disturb.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import workloads

IQN = "iqn.2026-11.org.scstd:bench"
FILE_SIZE = 1 << 30

# SCST's defaults for a target, which the others are raised or lowered to.
FIRST_BURST = 65536
MAX_BURST = 1048576
MAX_SEGMENT = 1048576
MAX_R2T = 32
QUEUED_COMMANDS = 256


class ServerError(Exception):
    """The server can't be used; the reason is for the user."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_cached_file(path):
    """A file of FILE_SIZE bytes that are written, on disk, and in the page cache."""
    piece = os.urandom(1 << 20)
    with open(path, "wb") as file:
        for _ in range(FILE_SIZE // len(piece)):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def find_program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise ServerError(f"{name} is not installed")
    return path


class Server:
    """One program under test. Subclasses say how it is started and which devices it has."""

    name = ""
    luns = {}

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None
        self.log = None

    @property
    def pid(self):
        return self.process.pid

    def serves(self, workload):
        return workload.device in self.luns

    def load_options(self, workload):
        options = ["--portal", f"127.0.0.1:{self.port}", "--target", IQN, "--lun", str(self.luns[workload.device])]
        return options + ["--first-burst", str(FIRST_BURST), "--max-burst", str(MAX_BURST)]

    def start(self):
        raise NotImplementedError

    def spawn(self, arguments):
        self.log = self.folder / f"{self.name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_for_port(self, seconds=20.0):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ServerError(f"{self.name} ended with {self.process.returncode}: {self.log_tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise ServerError(f"{self.name} does not listen: {self.log_tail()}")

    def log_tail(self):
        return self.log.read_text(errors="replace").strip()[-400:] or "it said nothing"

    def threads(self):
        return [int(task.name) for task in Path(f"/proc/{self.pid}/task").iterdir()]

    def pin(self, cpus):
        """Binds every thread; new ones inherit from the thread that makes them."""
        for thread in self.threads():
            try:
                os.sched_setaffinity(thread, cpus)
            except ProcessLookupError:
                pass

    def freeze(self):
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    stop_seconds = 15.0  # after which it is killed

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.thaw()
        self.process.terminate()
        try:
            self.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


SCST_CONF = """HANDLER vdisk_nullio {{
	DEVICE null512 {{
		blocksize 512
		size_mb 1048576
	}}
	DEVICE null4k {{
		blocksize 4096
		size_mb 1048576
	}}
}}

HANDLER vdisk_fileio {{
	DEVICE disk {{
		filename {file}
		blocksize 512
	}}
}}

TARGET_DRIVER iscsi {{
	enabled 1
	TARGET {iqn} {{
		QueuedCommands {queued}
		enabled 1
		LUN 0 null512
		LUN 1 null4k
		LUN 2 disk
	}}
}}
"""

SCSTD_CONF = """plugin_dir = "{plugins}";
plugins = [ "nullio", "vdisk_fileio", "iscsi" ];
reactors = {reactors};
state_dir = "{folder}/state";
socket = "{folder}/scstd.sock";
log = {{ level = "info"; }};
iscsi = {{ portals = [ "127.0.0.1:{port}" ]; }};
"""


class Scstd(Server):
    luns = {workloads.NULL_512: 0, workloads.NULL_4K: 1, workloads.FILE: 2}

    def __init__(self, folder, build, file, reactors=1, name="scstd", wrapper=()):
        super().__init__(folder)
        self.name = name
        self.build = Path(build)
        self.file = file
        self.reactors = reactors
        self.wrapper = list(wrapper)

    def start(self):
        program = self.build / "bin" / "scstd"
        if not program.exists():
            raise ServerError(f"{program} is not built")
        (self.folder / "state").mkdir(mode=0o700, exist_ok=True)
        (self.folder / "scst.conf").write_text(SCST_CONF.format(file=self.file, iqn=IQN, queued=QUEUED_COMMANDS))
        (self.folder / "scstd.conf").write_text(
            SCSTD_CONF.format(plugins=self.build / "lib" / "scst", reactors=self.reactors, folder=self.folder,
                              port=self.port))
        self.spawn(self.wrapper + [str(program), "-c", str(self.folder / "scstd.conf"), "-f",
                                   str(self.folder / "scst.conf")])
        self.wait_for_port(120 if self.wrapper else 20)
        self.wait_for_target(120 if self.wrapper else 20)

    def wait_for_target(self, seconds):
        """The portal may listen before scst.conf is applied: asks until a command is answered."""
        probe = [str(self.build / "bin" / "scst-load"), "--portal", f"127.0.0.1:{self.port}", "--target", IQN,
                 "--lun", str(self.luns[workloads.FILE]), "--count", "1"]
        deadline = time.monotonic() + seconds
        while (result := subprocess.run(probe, capture_output=True, text=True, check=False)).returncode != 0:
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} is not ready: {result.stderr.strip()}")
            time.sleep(0.1)


class Tgt(Server):
    name = "tgt"
    luns = {workloads.NULL_512: 1, workloads.NULL_4K: 2, workloads.FILE: 3}
    stop_seconds = 0.5  # tgtd does not end by SIGTERM while it has a target
    limits = {
        "MaxRecvDataSegmentLength": MAX_SEGMENT,
        "MaxXmitDataSegmentLength": MAX_SEGMENT,
        "MaxBurstLength": MAX_BURST,
        "FirstBurstLength": FIRST_BURST,
        "MaxOutstandingR2T": MAX_R2T,
        "MaxQueueCmd": QUEUED_COMMANDS,
        "ImmediateData": "Yes",
        "InitialR2T": "No",
    }

    def __init__(self, folder, file):
        super().__init__(folder)
        self.file = file
        # tgtd's control port is a number in the name of a local socket, not a TCP port.
        self.control = str(os.getpid() % 30000 + 1)

    def admin(self, *arguments):
        command = [find_program("tgtadm"), "-C", self.control, "--lld", "iscsi", *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if result.returncode != 0:
            raise ServerError(f"tgtadm {' '.join(arguments)}: {result.stderr.strip()}")

    def add_unit(self, lun, *arguments):
        self.admin("--mode", "logicalunit", "--op", "new", "--tid", "1", "--lun", str(lun), *arguments)

    def start(self):
        self.spawn([find_program("tgtd"), "-f", "-C", self.control, "--iscsi", f"portal=127.0.0.1:{self.port}"])
        self.wait_for_port()
        self.admin("--mode", "target", "--op", "new", "--tid", "1", "-T", IQN)
        self.admin("--mode", "target", "--op", "bind", "--tid", "1", "-I", "ALL")
        self.add_unit(1, "--bstype", "null", "-b", "/dev/null")
        self.add_unit(2, "--bstype", "null", "-b", "/dev/null", "--blocksize", "4096")
        self.add_unit(3, "--bstype", "rdwr", "-b", str(self.file))
        for key, value in self.limits.items():
            self.admin("--mode", "target", "--op", "update", "--tid", "1", "-n", key, "-v", str(value))


ISTGT_CONF = """[Global]
  NodeBase "{base}"
  PidFile {folder}/istgt.pid
  AuthFile {folder}/auth.conf
  MediaDirectory {folder}
  LogFacility "local7"
  Timeout 30
  NopInInterval 0
  DiscoveryAuthMethod Auto
  MaxSessions 16
  MaxConnections 4
  MaxR2T 32
  MaxOutstandingR2T {r2t}
  DefaultTime2Wait 2
  DefaultTime2Retain 60
  FirstBurstLength {first_burst}
  MaxBurstLength {max_burst}
  MaxRecvDataSegmentLength {segment}
  InitialR2T Yes
  ImmediateData Yes
  DataPDUInOrder Yes
  DataSequenceInOrder Yes
  ErrorRecoveryLevel 0

[UnitControl]
  AuthMethod None
  Portal UC1 127.0.0.1:{control}
  Netmask 127.0.0.1

[PortalGroup1]
  Portal DA1 127.0.0.1:{port}

[InitiatorGroup1]
  InitiatorName "ALL"
  Netmask 127.0.0.1

[LogicalUnit1]
  TargetName {name}
  Mapping PortalGroup1 InitiatorGroup1
  AuthMethod None
  UseDigest Auto
  UnitType Disk
  QueueDepth 255
  LUN0 Storage {file} 1GB
"""


class Istgt(Server):
    """Has no null device, and refuses InitialR2T=No in its configuration."""

    name = "istgt"
    luns = {workloads.FILE: 0}

    def __init__(self, folder, file):
        super().__init__(folder)
        self.file = file

    def start(self):
        base, name = IQN.split(":")
        config = self.folder / "istgt.conf"
        config.write_text(ISTGT_CONF.format(base=base, name=name, folder=self.folder, control=free_port(),
                                            port=self.port, file=self.file, first_burst=FIRST_BURST,
                                            max_burst=MAX_BURST, segment=MAX_SEGMENT, r2t=MAX_R2T))
        auth = self.folder / "auth.conf"
        auth.touch(mode=0o600)
        self.spawn([find_program("istgt"), "-D", "-c", str(config), "-p", str(self.folder / "istgt.pid")])
        self.wait_for_port()


class Ceiling(Server):
    """Answers the same bytes without looking at them: no target can be faster on these sockets."""

    name = "ceiling"
    luns = {workloads.NULL_512: 0, workloads.NULL_4K: 0, workloads.FILE: 0}

    def __init__(self, folder, build):
        super().__init__(folder)
        self.build = Path(build)

    def load_options(self, workload):
        return ["--portal", f"127.0.0.1:{self.port}", "--raw"]

    def start(self):
        program = self.build / "bin" / "scst-ceiling"
        if not program.exists():
            raise ServerError(f"{program} is not built")
        self.spawn([str(program), "--portal", f"127.0.0.1:{self.port}"])
        self.wait_for_port()
