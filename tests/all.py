#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything that CI runs: builds each preset, runs its unit tests and its end-to-end tests, and counts.

Called by `./dev test`. Goes on after a failure, so that one run tells all; a build that fails counts as one failure.
The last line is `N passed, N failed`.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]


def say(text):
    print(f"\n== {text}", flush=True)


def build(preset):
    folder = ROOT / "build" / preset
    if not (folder / "build.ninja").exists():
        process = subprocess.run(["cmake", "--preset", preset], cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        if process.returncode != 0:
            return False
    # -k 0: all errors at once. Ninja's own progress line is for a terminal.
    return subprocess.run(["ninja", "-C", str(folder), "-k", "0", "--quiet"], cwd=ROOT, check=False).returncode == 0


def unit(preset):
    """CTest's tests: (passed, failed, skipped)."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "unit.xml"
        environment = dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1", SCST_PRESET=preset,
                           TSAN_OPTIONS="second_deadlock_stack=1", ASAN_OPTIONS="detect_leaks=1")
        prefix = ["setarch", os.uname().machine, "-R"]
        if preset not in ("asan", "tsan") or subprocess.run(
                prefix + ["true"], stderr=subprocess.DEVNULL, check=False).returncode:
            prefix = []
        code = subprocess.run(prefix + ["ctest", "--test-dir", str(ROOT / "build" / preset), "-j", str(os.cpu_count()),
                                        "--output-on-failure", "--repeat", "until-pass:2", "--output-junit", str(report)],
                              env=environment, check=False).returncode
        if not report.exists():
            return 0, 1, 0
        suite = xml.etree.ElementTree.parse(report).getroot()
        total, failed = int(suite.get("tests", 0)), int(suite.get("failures", 0))
        skipped = int(suite.get("skipped", 0)) + int(suite.get("disabled", 0))
        if code == 0:
            failed = 0  # one that passed the second time is in the report as failed, too
        elif not failed:
            failed = 1
        return max(0, total - failed - skipped), failed, skipped


def end_to_end(preset):
    with tempfile.TemporaryDirectory() as folder:
        summary = pathlib.Path(folder) / "summary.json"
        subprocess.run([sys.executable, str(ROOT / "tests" / "run.py"), "--preset", preset, "--again",
                        "--summary", str(summary)],
                       cwd=ROOT, check=False)
        if not summary.exists():
            return 0, 1, 0
        counts = json.loads(summary.read_text())
        return counts["passed"], counts["failed"] + (counts["passed"] == 0), counts["skipped"]


def main():
    presets = sys.argv[1:] or ["release", "asan", "tsan"]
    started = time.monotonic()
    lines, total = [], [0, 0, 0]

    def stage(name, counts):
        for index, count in enumerate(counts):
            total[index] += count
        minutes = (time.monotonic() - started) / 60
        lines.append(f"{name:24} {counts[0]:5} passed {counts[1]:4} failed {counts[2]:4} skipped  at {minutes:.1f} min")
        print(lines[-1], flush=True)

    for preset in presets:
        say(f"{preset}: build")
        built = build(preset)
        stage(f"{preset}: build", (0, 0 if built else 1, 0))
        if not built:
            continue
        say(f"{preset}: unit")
        stage(f"{preset}: unit", unit(preset))
        say(f"{preset}: end to end")
        stage(f"{preset}: end to end", end_to_end(preset))
    say("summary")
    print("\n".join(lines))
    print(f"{total[0]} passed, {total[1]} failed", flush=True)
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
