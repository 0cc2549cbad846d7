# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: what the load does, and on which device."""

from dataclasses import dataclass

# Devices that a server may have; the bare-socket ceiling emulates all of them, since it looks at nothing.
NULL_512 = "null-512"
NULL_4K = "null-4k"
FILE = "file"


# Where target and load run. APART: a CPU for each, the load spins while it waits. TOGETHER: both on one CPU. BOTH: both
# on all CPUs, a thread of the load for each session. In the latter two the load sleeps while it waits. TOGETHER with
# one session and BOTH with two compare one CPU with two: without anything shared, the second doubles the first.
APART, TOGETHER, BOTH = "apart", "together", "both"


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    device: str
    block_size: int
    depth: int
    write: bool = False
    sequential: bool = False
    sessions: int = 1
    placement: str = APART

    def load_options(self):
        options = ["--block-size", str(self.block_size), "--queue-depth", str(self.depth)]
        options += ["--pattern", "write" if self.write else "read"]
        options += ["--sequential" if self.sequential else "--random"]
        options += ["--sessions", str(self.sessions)]
        if self.placement == BOTH:
            options += ["--threads", str(self.sessions)]
        return options


K = 1024

WORKLOADS = [
    Workload("null-512-qd1", "512 B random read, null, qd 1", NULL_512, 512, 1),
    Workload("null-512-qd32", "512 B random read, null, qd 32", NULL_512, 512, 32),
    Workload("null-512-qd128", "512 B random read, null, qd 128", NULL_512, 512, 128),
    Workload("null-4k-qd32", "4 KiB random read, null, qd 32", NULL_4K, 4 * K, 32),
    Workload("null-4k-qd128", "4 KiB random read, null, qd 128", NULL_4K, 4 * K, 128),
    Workload("file-512-qd32", "512 B random read, cached file, qd 32", FILE, 512, 32),
    Workload("file-4k-qd32", "4 KiB random read, cached file, qd 32", FILE, 4 * K, 32),
    Workload("read-128k-qd8", "128 KiB seq. read, cached file, qd 8", FILE, 128 * K, 8, sequential=True),
    Workload("read-128k-qd32", "128 KiB seq. read, cached file, qd 32", FILE, 128 * K, 32, sequential=True),
    Workload("write-128k-qd8", "128 KiB seq. write, cached file, qd 8", FILE, 128 * K, 8, write=True, sequential=True),
    Workload("one-session", "512 B random read, null, qd 32, 1 session, one CPU", NULL_512, 512, 32,
             placement=TOGETHER),
    Workload("two-sessions", "512 B random read, null, qd 32, 2 sessions, two CPUs", NULL_512, 512, 32, sessions=2,
             placement=BOTH),
]


def select(names):
    """The workloads that have one of `names`, or contain it where none has it; all of them without names."""
    exact = {w.name for w in WORKLOADS}

    def fits(name, workload):
        return name == workload.name if name in exact else name in workload.name

    chosen = [w for w in WORKLOADS if not names or any(fits(name, w) for name in names)]
    unknown = [name for name in names if not any(fits(name, w) for w in WORKLOADS)]
    if unknown:
        raise SystemExit(f"bench: no workload {', '.join(unknown)}; there are: {', '.join(w.name for w in WORKLOADS)}")
    return chosen
