#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the end-to-end and conformance tests of one build in parallel processes.

Each test class is a job in a process of its own, so that a crash, a hang or a leaked thread stays there. A test that
takes too long is killed with all it started. The last line is `N passed, N failed, N skipped`.

    tests/run.py [--preset release] [--jobs 2] [--repeat N] [NAME...]     NAME: part of MODULE.Class.method
"""
import argparse
import faulthandler
import importlib
import io
import json
import os
import pathlib
import queue
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

FOLDERS = ("e2e", "conformance")
SECONDS_PER_TEST = {"release": 180, "asan": 360, "tsan": 480}


def discover():
    """All test cases as {(module, class): [methods]}."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((HERE / folder).glob("test_*.py")):
            module = importlib.import_module(f"{folder}.{path.stem}")
            for name, value in vars(module).items():
                if isinstance(value, type) and issubclass(value, unittest.TestCase) and (
                        value.__module__ == module.__name__ and not name.startswith("_")):
                    methods = unittest.defaultTestLoader.getTestCaseNames(value)
                    if methods:
                        found[(module.__name__, name)] = (methods, getattr(value, "WEIGHT", 1))
    return found


# ---- the process of one class ----

class Reporter(unittest.TestResult):
    """Tells each event as a line of JSON on the pipe that the parent reads."""

    def __init__(self, out):
        super().__init__()
        self._out = out

    def _tell(self, kind, test, text=""):
        print(json.dumps({"kind": kind, "test": str(test.id()) if hasattr(test, "id") else str(test), "text": text}),
              file=self._out, flush=True)

    def startTest(self, test):
        super().startTest(test)
        self._tell("start", test)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._tell("passed", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._tell("failed", test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._tell("failed", test, self.errors[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._tell("skipped", test, reason)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._tell("failed", subtest, "".join(traceback_lines(err)))


def traceback_lines(err):
    import traceback
    return traceback.format_exception(*err)


def work(module, class_name, methods):
    """Runs the methods of one class; events go to descriptor 3."""
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    case = getattr(importlib.import_module(module), class_name)
    suite = unittest.TestSuite(case(method) for method in methods)
    with os.fdopen(3, "w") as out:
        suite.run(Reporter(out))
    return 0


# ---- the parent ----

class Job:
    """One class in a process; collects events and output."""

    def __init__(self, key, methods, preset):
        self.module, self.class_name = key
        self.methods = methods
        self.limit = SECONDS_PER_TEST.get(preset, 180)
        self.results = {}
        self.texts = []
        self.output = io.BytesIO()
        self.seconds = 0.0
        self.killed = False

    def name(self, method):
        return f"{self.module}.{self.class_name}.{method}"

    def run(self, environment):
        started = time.monotonic()
        # What the class makes is in one folder, so that a killed one leaves nothing, and its daemons' logs are found.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="scst-"))
        folder.chmod(0o755)
        environment = dict(environment, TMPDIR=str(folder))
        read_end, write_end = os.pipe()
        os.set_inheritable(write_end, True)
        # A small Python moves the pipe to descriptor 3, which the worker writes to.
        process = subprocess.Popen(
            [sys.executable, "-c", "import os,sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.executable, "
             "[sys.executable] + sys.argv[2:])", str(write_end), str(HERE / "run.py"), "--work", self.module,
             self.class_name] + self.methods,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
            pass_fds=(write_end,), start_new_session=True)
        os.close(write_end)
        current = self._follow(process, read_end)
        with_group(process.pid, signal.SIGKILL)
        with process.stdout:
            self.output.write(process.stdout.read())
        self._finish(process.wait(), current)
        if self.count("not run") or self.killed:
            for log in sorted(folder.glob("*/log")):
                self.output.write(f"---- {log.parent.name}\n".encode() + log.read_bytes()[-20000:] + b"\n")
        shutil.rmtree(folder, ignore_errors=True)
        self.seconds = time.monotonic() - started

    def _follow(self, process, read_end):
        """Reads events until the worker ends or a test takes too long; returns the test that was running then."""
        current, since, pending = None, time.monotonic(), b""
        with selectors.DefaultSelector() as selector:
            selector.register(read_end, selectors.EVENT_READ)
            selector.register(process.stdout, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(1.0)
                for entry, _ in ready:
                    part = os.read(entry.fd, 1 << 16)
                    if not part:
                        selector.unregister(entry.fileobj)
                    elif entry.fd == read_end:
                        pending += part
                        *lines, pending = pending.split(b"\n")
                        for line in lines:
                            current, since = self._event(json.loads(line), current), time.monotonic()
                    else:
                        self.output.write(part)
                if process.poll() is not None and not ready:
                    break
                if time.monotonic() - since > self.limit:
                    self.texts.append((current or "start", f"took longer than {self.limit} s"))
                    self.killed = True
                    # The worker prints where it stands before it is killed with all that it started.
                    with_group(process.pid, signal.SIGUSR1, only_leader=True)
                    time.sleep(1)
                    with_group(process.pid, signal.SIGKILL)
                    break
        os.close(read_end)
        return current

    def _event(self, event, current):
        method = event["test"].split(" ", 1)[0].rsplit(".", 1)[-1]
        if event["kind"] == "start":
            return method
        if method in self.methods:
            if event["kind"] == "failed" or self.results.get(method) != "failed":
                self.results[method] = event["kind"]
            if event["kind"] != "passed":
                self.texts.append((event["test"], event["text"]))
        else:
            # setUpClass, tearDownClass or a class cleanup: all that has no result yet, or the class as a whole.
            self.texts.append((event["test"], event["text"]))
            if event["kind"] == "skipped":
                for name in self.methods:
                    self.results.setdefault(name, "skipped")
            else:
                self.results["(class)"] = "failed"
        return current

    def _finish(self, code, current):
        missing = [method for method in self.methods if method not in self.results]
        if code != 0 and not missing and "(class)" not in self.results:
            self.results["(process)"] = "failed"
            self.texts.append(("process", f"ended with {code}"))
        if missing and "(class)" not in self.results:
            self.results[current if current in missing else missing[0]] = "failed"
            self.texts.append((current or missing[0], f"the process ended with {code} before the test did"))
        for method in missing:
            self.results.setdefault(method, "failed" if "(class)" in self.results else "not run")

    def count(self, kind):
        return sum(1 for value in self.results.values() if value == kind)


def with_group(pid, signal_number, only_leader=False):
    try:
        (os.kill if only_leader else os.killpg)(pid, signal_number)
    except ProcessLookupError:
        pass


def print_job(job, lock):
    with lock:
        bad = job.count("failed") + job.count("not run")
        skipped = job.count("skipped")
        extra = f", {skipped} skipped" if skipped else ""
        print(f"{'FAILED' if bad else 'ok'}  {job.module}.{job.class_name}: {job.count('passed')} passed"
              f"{f', {bad} failed' if bad else ''}{extra}  ({job.seconds:.1f} s)", flush=True)
        for test, text in job.texts:
            if bad or text:
                print(f"    {test}: {text}" if "\n" not in text else f"---- {test}\n{text}", flush=True)
        if bad:
            print(job.output.getvalue().decode("utf-8", "replace"), flush=True)


def select_jobs(names, preset):
    jobs = []
    for key, (methods, weight) in discover().items():
        chosen = [m for m in methods if not names or any(n in f"{key[0]}.{key[1]}.{m}" for n in names)]
        if chosen:
            jobs.append((weight * len(chosen), Job(key, chosen, preset)))
    jobs.sort(key=lambda entry: -entry[0])
    return [job for _, job in jobs]


def run_again(job, environment, preset, lock):
    """A class that failed gets a second chance without neighbours; what passes only then is a race to be looked at."""
    if job.count("failed") + job.count("not run") == 0:
        return job
    second = Job((job.module, job.class_name), job.methods, preset)
    second.run(environment)
    if second.count("failed") + second.count("not run") == 0:
        print(f"UNSTABLE  {job.module}.{job.class_name} passed only the second time: look at it", flush=True)
    print_job(second, lock)
    return second


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="release")
    parser.add_argument("--jobs", type=int, default=max(2, os.cpu_count() or 2))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--again", action="store_true",
                        help="run classes that failed once more, alone; a pass then counts, and is told")
    parser.add_argument("--summary", help="a file for the counts, as JSON")
    parser.add_argument("--work", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.work:
        return work(options.work[0], options.work[1], options.work[2:])

    environment = dict(os.environ, SCST_PRESET=options.preset, PYTHONUNBUFFERED="1", PYTHONDONTWRITEBYTECODE="1")
    os.environ["SCST_PRESET"] = options.preset
    waiting, done, lock = queue.SimpleQueue(), [], threading.Lock()
    for _ in range(options.repeat):
        for job in select_jobs(options.names, options.preset):
            waiting.put(job)

    def serve():
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            job.run(environment)
            done.append(job)
            print_job(job, lock)

    threads = [threading.Thread(target=serve) for _ in range(options.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if options.again:
        done = [run_again(job, environment, options.preset, lock) for job in done]
    passed = sum(job.count("passed") for job in done)
    failed = sum(job.count("failed") + job.count("not run") for job in done)
    skipped = sum(job.count("skipped") for job in done)
    if options.summary:
        pathlib.Path(options.summary).write_text(json.dumps({"passed": passed, "failed": failed, "skipped": skipped}))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not done else 0


if __name__ == "__main__":
    sys.exit(main())
