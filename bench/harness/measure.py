# SPDX-License-Identifier: Apache-2.0
"""Running the load against a server, many times over, and taking medians.

The machine is never quiet: for each workload the servers take turns (A B C, A B C, ...) so that a bad moment hits all
of them, and what is reported is the median of the turns. A turn in which other processes used the CPUs was disturbed:
it is taken again, some times, and counts only where there is no better one.
"""

import json
import os
import statistics
import subprocess
import sys
import time

from .workloads import APART, BOTH, TOGETHER

METRICS = ("iops", "mb_s", "target_cpu_us", "p50", "p99", "load_cpu_us", "switches_per_io", "others")
MORE_TURNS = 4  # times as many turns as asked for, until enough were quiet
QUIET = 5.0  # percent of one CPU that others may use during a turn
TICKS = os.sysconf("SC_CLK_TCK")


class Bench:
    """The servers, the load program, and how long each measurement takes."""

    def __init__(self, load, servers, repeat, seconds, warmup):
        self.load = load
        self.servers = servers
        self.repeat = repeat
        self.seconds = seconds
        self.warmup = warmup
        cpus = sorted(os.sched_getaffinity(0))
        self.all_cpus = set(cpus)
        self.target_cpu = cpus[0]
        self.load_cpu = cpus[-1]

    def command(self, server, workload):
        command = [str(self.load), "--json", "--watch-pid", str(server.pid), "--duration", str(self.seconds),
                   "--warmup", str(self.warmup)]
        if workload.placement == TOGETHER:
            command += ["--cpu", str(self.target_cpu)]
        if workload.placement == APART:
            command += ["--cpu", str(self.load_cpu)]
            # On a CPU of its own the load spins: waking a sleeping CPU of a virtual machine costs more than an I/O,
            # and would be charged to the target.
            if self.load_cpu != self.target_cpu:
                command += ["--poll"]
        return command + server.load_options(workload) + workload.load_options()

    def once(self, server, workload):
        """One measurement: a dict of numbers, or {"error": text}."""
        if server.process.poll() is not None:
            return {"error": f"{server.name} ended with {server.process.returncode}: {server.log_tail()}"}
        server.thaw()
        try:
            before = others_of(server.pid)
            server.pin(self.all_cpus if workload.placement == BOTH else {self.target_cpu})
            limit = self.seconds + self.warmup + 60
            result = subprocess.run(self.command(server, workload), capture_output=True, text=True, timeout=limit,
                                    check=False)
        except subprocess.TimeoutExpired:
            return {"error": "the load did not end"}
        finally:
            server.freeze()
        others = others_between(before, others_of(server.pid))
        if not result.stdout.strip():
            return {"error": result.stderr.strip() or f"the load ended with {result.returncode}"}
        numbers = json.loads(result.stdout)
        if numbers["errors"] or not numbers["ios"]:
            return {"error": f"{numbers['errors']} errors, {numbers['first_error'] or 'no I/O'}"}
        switches = numbers["target_voluntary_switches"] + numbers["target_involuntary_switches"]
        return {
            "iops": numbers["iops"],
            "mb_s": numbers["mb_s"],
            "target_cpu_us": numbers["target_cpu_us"],
            "load_cpu_us": numbers["load_cpu_us"],
            "p50": numbers["latency_us"]["p50"],
            "p99": numbers["latency_us"]["p99"],
            "switches_per_io": switches / numbers["ios"],
            "others": others,
        }

    def servers_for(self, workload):
        """Which server stands in which column; the two-reactor scstd stands in where both CPUs serve."""
        columns = {}
        for name, server in self.servers.items():
            if name == "scstd-2" or not server.serves(workload):
                continue
            both = name == "scstd" and workload.placement == BOTH
            columns[name] = self.servers.get("scstd-2", server) if both else server
        return columns

    def row(self, workload):
        columns = self.servers_for(workload)
        turns = {name: [] for name in columns}
        for _ in range(self.repeat * MORE_TURNS):
            for name, server in columns.items():
                if len(quiet_turns(turns[name])) < self.repeat:
                    turns[name].append(self.once(server, workload))
        return {name: median_of(results) for name, results in turns.items()}

    def run(self, workloads):
        table = {}
        for number, workload in enumerate(workloads, 1):
            progress(f"{number}/{len(workloads)} {workload.title}")
            table[workload.name] = self.row(workload)
        progress("")
        return table


def others_of(pid):
    """(now, CPU seconds that this machine spent on anybody, those of ours: the target, this process, its children)."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal = (int(n) for n in file.readline().split()[1:9])
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    target = (int(fields[11]) + int(fields[12])) / TICKS
    own = os.times()
    all_of_it = (user + nice + system + irq + softirq + steal) / TICKS
    return time.monotonic(), all_of_it, target + own.user + own.system + own.children_user + own.children_system


def others_between(before, after):
    """Percent of one CPU that neither target nor load used. Interrupts that the kernel charges to nobody are in it."""
    passed, everybody, ours = (b - a for a, b in zip(before, after))
    return max(0.0, (everybody - ours) / passed * 100)


def quiet_turns(results):
    """Those that count in any case; failures among them, which a quieter machine would not mend."""
    return [r for r in results if "error" in r or r["others"] <= QUIET]


def median_of(results):
    good = [r for r in results if "error" not in r]
    if not good:
        return results[0]
    good = quiet_turns(good) or sorted(good, key=lambda r: r["others"])[:2]
    middle = {metric: statistics.median(r[metric] for r in good) for metric in METRICS}
    middle["spread"] = (max(r["iops"] for r in good) - min(r["iops"] for r in good)) / middle["iops"]
    middle["turns"] = len(good)
    middle["failed_turns"] = len([r for r in results if "error" in r])
    return middle


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def usage_of(pid):
    """CPU nanoseconds and context switches of all threads of a process."""
    cpu = switches = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            cpu += int(file.read().split()[0])
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if "ctxt_switches" in line:
                    switches += int(line.split()[1])
    return cpu, switches


def measure_idle(server, seconds):
    """What a server without sessions costs: share of a CPU, and context switches per second."""
    server.thaw()
    time.sleep(0.5)  # what piled up while it was stopped
    cpu_before, switches_before = usage_of(server.pid)
    start = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - start
    cpu_after, switches_after = usage_of(server.pid)
    server.freeze()
    return {
        "cpu_percent": (cpu_after - cpu_before) / passed / 1e7,
        "switches_per_second": (switches_after - switches_before) / passed,
    }
