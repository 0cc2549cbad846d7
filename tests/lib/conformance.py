# SPDX-License-Identifier: Apache-2.0
"""Runs libiscsi's conformance suite (iscsi-test-cu 1.19) and judges it harder than it does itself: a test that was
skipped counts as passed there, here only when the reason is one that the device of the run explains.
"""
import functools
import os
import re
import subprocess

from lib import conformance_exceptions
from lib import scsi as S
from lib.daemon import DaemonTest

INITIATORS = ("iqn.2026-11.org.scstd.test:conformance-one", "iqn.2026-11.org.scstd.test:conformance-two")


@functools.lru_cache(maxsize=1)
def families():
    """The suite's own list: {family: [test]}."""
    found = {}
    listing = subprocess.run(["iscsi-test-cu", "--list"], capture_output=True, text=True, check=True).stdout
    for line in listing.split():
        parts = line.split(".")
        if parts[0] == "ALL" and len(parts) == 3:
            found.setdefault(parts[1], []).append(parts[2])
    return found


class Outcome:
    """What one run printed, taken apart."""

    def __init__(self, process):
        self.code = process.returncode
        self.text = process.stdout
        self.tests = {}
        family = None
        test = None
        for line in self.text.splitlines():
            if match := re.match(r"Suite: (\S+)", line):
                family = match[1]
            elif match := re.match(r"  Test: (\S+) \.\.\.(.*)", line):
                test = f"{family}.{match[1]}"
                self.tests[test] = {"failed": False, "skipped": [], "lines": []}
                line = match[2]
            if test and family:
                self._take(self.tests[test], line)
            if line.startswith("Run Summary"):
                break

    @staticmethod
    def _take(entry, line):
        entry["lines"].append(line)
        if match := re.search(r"\[SKIPPED\] (.*)", line):
            entry["skipped"].append(match[1].strip())
        if re.match(r"\s*FAILED", line) or line.strip() == "FAILED":
            entry["failed"] = True


def run(test, *urls, timeout=600):
    """One run of `ALL.FAMILY[.TEST]` against one or two portals."""
    command = ["iscsi-test-cu", "--dataloss", "--allow-sanitize", "-i", INITIATORS[0], "-I", INITIATORS[1],
               "-t", test, *urls]
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
                             check=False, errors="replace", env=dict(os.environ, LC_ALL="C"))
    return Outcome(process)


class ConformanceTest(DaemonTest):
    """A device under the suite: subclasses name the device's reasons to skip and get a method for each family."""
    LUN = 0
    SKIPS = ()          # texts that explain a skipped test on this device
    FAMILIES = None     # None: all
    WITHOUT = ()
    WEIGHT = 1
    BLOCK_SIZE = 512
    # Families whose tests want zeros at the start of the disk although the test before wrote there: each test alone.
    FROM_ZEROS = ("MultipathIO",)

    def check_family(self, family):
        url = self.daemon.url(self.LUN)
        urls = (url, url) if family == "MultipathIO" else (url,)
        names = families()[family]
        if family not in self.FROM_ZEROS:
            self.judge(run(f"ALL.{family}", *urls), [f"{family}.{name}" for name in names], urls)
            return
        for name in names:
            with self.daemon.session() as session:
                session.clear_attentions(self.LUN)
                session.good(S.write16(0, 512), self.LUN, write=bytes(512 * self.BLOCK_SIZE))
            self.judge(run(f"ALL.{family}.{name}", *urls), [f"{family}.{name}"], urls)

    def judge(self, outcome, expected, urls):
        """Fails with all that is wrong in what the suite printed."""
        problems = []
        for name in sorted(expected):
            entry = outcome.tests.get(name)
            if entry is None:
                problems.append(f"{name} did not run")
                continue
            if entry["failed"] and not self._excepted(name, entry, urls):
                problems.append(f"{name} failed:\n" + "\n".join(entry["lines"]))
            for reason in entry["skipped"]:
                if not any(text in reason for text in self.SKIPS):
                    problems.append(f"{name} skipped: {reason}")
        failures = any(entry["failed"] for entry in outcome.tests.values())
        if outcome.code != (1 if failures else 0):
            problems.append(f"iscsi-test-cu ended with {outcome.code}")
        if problems:
            self.fail("\n".join(problems) + f"\n---- all of its output\n{outcome.text[-8000:]}")

    def _excepted(self, name, entry, urls):
        """A failure of the tool itself, by the list that holds the proof of each."""
        exception = conformance_exceptions.EXCEPTIONS.get(name)
        if exception is None or (exception.block_size and exception.block_size != self.BLOCK_SIZE):
            return False
        text = "\n".join(entry["lines"])
        places = set(re.findall(r"\d+\. (\S+\.c:\d+)", text))
        if places and places <= set(exception.places):
            return True
        if exception.repeat:
            again = [run(f"ALL.{name}", *urls) for _ in range(exception.repeat)]
            return any(not other.tests.get(name, {"failed": True})["failed"] for other in again)
        return False


def with_families(cls):
    """Gives the class a test method for each family that it wants."""
    for family in cls.FAMILIES or families():
        if family in cls.WITHOUT:
            continue

        def method(self, family=family):
            self.check_family(family)
        method.__doc__ = None
        setattr(cls, f"test_{family}", method)
    return cls
