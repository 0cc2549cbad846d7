# SPDX-License-Identifier: Apache-2.0
"""The goals that a run is held against. Each is a ratio within the run, so that they mean the same on any machine."""

from dataclasses import dataclass

CPU = "target_cpu_us"
# "No worse" between two medians of a noisy machine.
SAME = 1.05


@dataclass(frozen=True)
class Goal:
    text: str
    workload: str
    metric: str
    other: str  # the server that scstd is compared with
    limit: float  # scstd's value divided by the other's
    at_least: bool = False

    def judge(self, table):
        """(True, False or None when it was not measured, what was measured)"""
        row = table.get(self.workload, {})
        ours, theirs = row.get("scstd", {}), row.get(self.other, {})
        if self.metric not in ours or not theirs.get(self.metric):
            return None, "not measured"
        ratio = ours[self.metric] / theirs[self.metric]
        passed = ratio >= self.limit if self.at_least else ratio <= self.limit
        sign = ">=" if self.at_least else "<="
        measured = f"{ours[self.metric]:.4g} / {theirs[self.metric]:.4g} = {ratio:.3f}"
        return passed, f"{measured}, wanted {sign} {self.limit:.3f}"


GOALS = [
    Goal("null 512 B: a sixth of tgt's CPU per I/O, qd 32", "null-512-qd32", CPU, "tgt", 1 / 6),
    Goal("null 512 B: half of the ceiling's IOPS, qd 32", "null-512-qd32", "iops", "ceiling", 0.5, True),
    Goal("null 512 B: 40 % of the ceiling's IOPS, qd 128", "null-512-qd128", "iops", "ceiling", 0.4, True),
    Goal("null 4 KiB: a sixth of tgt's CPU per I/O, qd 32", "null-4k-qd32", CPU, "tgt", 1 / 6),
    Goal("null 4 KiB: half of the ceiling's IOPS, qd 32", "null-4k-qd32", "iops", "ceiling", 0.5, True),
    Goal("null 4 KiB: 40 % of the ceiling's IOPS, qd 128", "null-4k-qd128", "iops", "ceiling", 0.4, True),
    Goal("cached file 512 B: a fifth of tgt's CPU per I/O", "file-512-qd32", CPU, "tgt", 1 / 5),
    Goal("cached file 4 KiB: a fifth of tgt's CPU per I/O", "file-4k-qd32", CPU, "tgt", 1 / 5),
    Goal("128 KiB reads: a third of tgt's CPU per I/O, qd 8", "read-128k-qd8", CPU, "tgt", 1 / 3),
    Goal("128 KiB reads: a third of tgt's CPU per I/O, qd 32", "read-128k-qd32", CPU, "tgt", 1 / 3),
    Goal("128 KiB writes: half of tgt's CPU per I/O", "write-128k-qd8", CPU, "tgt", 1 / 2),
    Goal("qd 1: p50 no worse than tgt's", "null-512-qd1", "p50", "tgt", SAME),
]

IDLE_CPU_PERCENT = 0.1
IDLE_SWITCHES_PER_SECOND = 10.0
# Two sessions on two CPUs against one session on one: what they share makes the CPU per I/O grow.
TWO_SESSIONS_CPU = 1.15
TWO_SESSIONS_IOPS = 1.6


def judge_idle(idle):
    if not idle:
        return None, "not measured"
    passed = idle["cpu_percent"] < IDLE_CPU_PERCENT and idle["switches_per_second"] < IDLE_SWITCHES_PER_SECOND
    return passed, f"{idle['cpu_percent']:.4f} % CPU, {idle['switches_per_second']:.1f} context switches per second"


def judge_two_sessions(table):
    one, two = (table.get(name, {}).get("scstd", {}) for name in ("one-session", "two-sessions"))
    if CPU not in one or CPU not in two:
        return None, "not measured"
    cpu, iops = two[CPU] / one[CPU], two["iops"] / one["iops"]
    return cpu <= TWO_SESSIONS_CPU and iops >= TWO_SESSIONS_IOPS, (
        f"IOPS x {iops:.2f}, wanted >= {TWO_SESSIONS_IOPS}; CPU per I/O {one[CPU]:.3f} -> {two[CPU]:.3f} us = "
        f"x {cpu:.2f}, wanted <= {TWO_SESSIONS_CPU}")


def judge_load(table):
    """The generator has to be cheaper than what it measures."""
    worst, where = 0.0, ""
    for workload, row in table.items():
        for server, result in row.items():
            if server == "ceiling" or not result.get(CPU):
                continue
            share = result["load_cpu_us"] / result[CPU]
            if share > worst:
                worst, where = share, f"{workload} against {server}"
    if not where:
        return None, "not measured"
    return worst < 1, f"at most {worst:.2f} of the target's CPU per I/O ({where})"


def judge_all(table, idle, cpu_only=False):
    """What became of each goal; with `cpu_only` of those that a run on one CPU can tell of."""
    verdicts = [(*goal.judge(table), goal.text) for goal in GOALS if goal.metric == CPU or not cpu_only]
    verdicts.append((*judge_idle(idle), f"idle: under {IDLE_CPU_PERCENT} % CPU, few wakeups"))
    if cpu_only:
        return [{"passed": passed, "goal": text, "measured": measured} for passed, measured, text in verdicts]
    verdicts.append((*judge_two_sessions(table), "two sessions on two reactors disturb each other little"))
    verdicts.append((*judge_load(table), "the load costs less per I/O than any target"))
    return [{"passed": passed, "goal": text, "measured": measured} for passed, measured, text in verdicts]
