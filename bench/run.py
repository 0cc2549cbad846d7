#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scstd side by side with tgt, istgt and the bare socket, in one run. See bench/README.md; ./dev bench builds first."""

import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import goals, measure, profile, report, servers, workloads  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="only workloads whose name contains one of these")
    parser.add_argument("--quick", action="store_true", help="one short turn each: a smoke test, not a measurement")
    parser.add_argument("--profile", action="store_true", help="instructions per I/O by function, by callgrind")
    parser.add_argument("--json", metavar="FILE", help="write everything measured there ('-': standard output)")
    parser.add_argument("--repeat", type=int, default=3, help="turns of each server for each workload (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each turn (2)")
    parser.add_argument("--targets", default="scstd,tgt,istgt,ceiling", help="comma list (scstd,tgt,istgt,ceiling)")
    parser.add_argument("--dir", help="folder for the disks' files, 1 GiB each (default: the temporary folder)")
    parser.add_argument("--build", default=str(ROOT / "build" / "release"), help="build folder (build/release)")
    parser.add_argument("--one-cpu", action="store_true",
                        help="target and load on one CPU: CPU per I/O is right on a busy machine too, IOPS are not")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    return parser.parse_args()


def wanted_servers(args, folder, disks):
    """The servers asked for, not started; disks are made for those that need one."""
    def disk(name):
        path = disks / f"{name}.img"
        servers.make_cached_file(path)
        return path

    makers = {
        "scstd": lambda: servers.Scstd(folder / "scstd", args.build, disk("scstd")),
        "tgt": lambda: servers.Tgt(folder / "tgt", disk("tgt")),
        "istgt": lambda: servers.Istgt(folder / "istgt", disk("istgt")),
        "ceiling": lambda: servers.Ceiling(folder / "ceiling", args.build),
    }
    names = args.targets.split(",")
    for name in names:
        if name not in makers:
            raise SystemExit(f"bench: no target '{name}'; there are: {', '.join(makers)}")
    return [makers[name]() for name in names]


def start_servers(args, folder, disks, chosen, stack):
    """Starts what starts; a server that does not is told and left out, except scstd itself."""
    started = {}
    wanted = wanted_servers(args, folder, disks)
    if any(w.placement == workloads.BOTH for w in chosen) and wanted and wanted[0].name == "scstd":
        wanted.insert(1, servers.Scstd(folder / "scstd-2", args.build, disks / "scstd.img", reactors=2, name="scstd-2"))
    for server in wanted:
        stack.callback(server.stop)
        try:
            server.start()
        except (servers.ServerError, OSError) as error:
            if server.name.startswith("scstd"):
                raise SystemExit(f"bench: {error}") from error
            print(f"bench: {server.name} is left out: {error}", file=sys.stderr)
            server.stop()
            continue
        server.freeze()
        started[server.name] = server
    return started


def compare(args, folder, disks):
    chosen = workloads.select(args.names)
    if args.one_cpu:
        chosen = [replace(w, placement=workloads.TOGETHER) for w in chosen if w.placement != workloads.BOTH]
    repeat, seconds, warmup = (1, 1.0, 0.3) if args.quick else (args.repeat, args.seconds, 0.5)
    with contextlib.ExitStack() as stack:
        started = start_servers(args, folder, disks, chosen, stack)
        if not started:
            raise SystemExit("bench: no server runs")
        bench = measure.Bench(Path(args.build) / "bin" / "scst-load", started, repeat, seconds, warmup)
        idle = None
        if "scstd" in started and not args.names:
            idle = measure.measure_idle(started["scstd"], 2 if args.quick else 10)
        table = bench.run(chosen)
    verdicts = [v for v in goals.judge_all(table, idle, args.one_cpu) if v["passed"] is not None or not args.names]
    load_cpu = bench.target_cpu if args.one_cpu else bench.load_cpu
    print(f"{os.cpu_count()} CPUs, Linux {platform.release()}; target on CPU {bench.target_cpu}, load on {load_cpu}; "
          f"{repeat} turns of {seconds:g} s each; (x): ratio to scstd's")
    print(report.table_text(table, chosen))
    print()
    print(report.verdict_text(verdicts))
    return {"table": table, "idle": idle, "goals": verdicts}


def count_instructions(args, folder, disks):
    names = args.names or ["null-512-qd32", "file-512-qd32"]
    file = disks / "profile.img"
    servers.make_cached_file(file)
    found = {}
    for workload in workloads.select(names):
        functions = profile.profile(folder, args.build, file, workload)
        print(profile.profile_text(workload, functions))
        found[workload.name] = dict(functions)
    return {"instructions_per_io": found}


def end_in_order(number, _frame):
    """A signal ends the run as an exception does: servers are stopped and folders removed."""
    sys.exit(128 + number)


def main():
    args = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_in_order)
    with tempfile.TemporaryDirectory(prefix="scst-bench-") as folder, \
            tempfile.TemporaryDirectory(prefix="scst-bench-", dir=args.dir) as disks:
        work = count_instructions if args.profile else compare
        results = work(args, Path(folder), Path(disks))
    if args.json:
        text = json.dumps(results, indent=1)
        if args.json == "-":
            print(text)
        else:
            Path(args.json).write_text(text + "\n", encoding="utf-8")
    if args.strict and any(goal["passed"] is False for goal in results.get("goals", [])):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
