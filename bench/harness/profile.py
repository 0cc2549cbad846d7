# SPDX-License-Identifier: Apache-2.0
"""Instructions per I/O by function, counted by callgrind.

Two runs with different numbers of I/Os are subtracted, so that start, login and end cancel out. Instructions of the
kernel are not in it. The counts do not depend on how busy the machine is, so that two builds can be compared.
"""

import re
import subprocess
from pathlib import Path

from . import servers

COUNTS = (20000, 60000)
LINE = re.compile(r"^\s*([\d,]+) \(\s*[\d.]+%\)\s+(.+)$")
TOP = 40


def read_counts(path):
    """{function: instructions}, summed over the files that a function's inlined parts come from."""
    command = ["callgrind_annotate", "--threshold=100", "--auto=no", "--tree=none", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counts = {}
    for line in text.splitlines():
        match = LINE.match(line)
        if not match or match.group(2).startswith("PROGRAM TOTALS"):
            continue
        name = function_name(match.group(2))
        counts[name] = counts.get(name, 0) + int(match.group(1).replace(",", ""))
    return counts


def function_name(text):
    """'file:function [object]' without file and object, which inlined parts of the function have others of."""
    text = re.sub(r"^\S*?:(?!:)", "", text, count=1)
    return re.sub(r"\s+\[[^\]]*\]$", "", text)


def count_run(folder, build, file, workload, count):
    out = Path(folder) / f"callgrind.{workload.name}.{count}"
    valgrind = [servers.find_program("valgrind"), "--tool=callgrind", "--keep-debuginfo=yes", "--quiet",
                f"--callgrind-out-file={out}"]
    server = servers.Scstd(Path(folder) / f"profile.{workload.name}.{count}", build, file, wrapper=valgrind)
    server.start()
    try:
        load = [str(Path(build) / "bin" / "scst-load"), "--count", str(count), "--timeout", "120"]
        subprocess.run(load + server.load_options(workload) + workload.load_options(), check=True,
                       stdout=subprocess.DEVNULL, timeout=600)
    finally:
        server.stop()
    return read_counts(out)


def profile(folder, build, file, workload):
    """[(function, instructions per I/O)], most first."""
    few, many = (count_run(folder, build, file, workload, count) for count in COUNTS)
    ios = COUNTS[1] - COUNTS[0]
    per_io = {name: (many[name] - few.get(name, 0)) / ios for name in many}
    return sorted(((name, count) for name, count in per_io.items() if abs(count) >= 0.05), key=lambda item: -item[1])


def profile_text(workload, functions):
    total = sum(count for _, count in functions)
    lines = ["", f"{workload.title}: {total:.0f} instructions per I/O in user mode", ""]
    lines += [f"{count:9.1f} {count / total:6.1%}  {name[:140]}" for name, count in functions[:TOP]]
    rest = sum(count for _, count in functions[TOP:])
    if rest > 0:
        lines.append(f"{rest:9.1f} {rest / total:6.1%}  in {len(functions) - TOP} other functions")
    return "\n".join(lines)
