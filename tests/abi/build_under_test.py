# SPDX-License-Identifier: Apache-2.0
"""Where the build is that the ABI's tests look at, and what it was built with."""
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRESET = os.environ.get("SCST_PRESET", "release")
BUILD = pathlib.Path(os.environ.get("SCST_BUILD") or os.environ.get("SCST_BUILD_DIR") or ROOT / "build" / PRESET)

PLUGINS = BUILD / "lib" / "scst"
EXAMPLES = BUILD / "lib" / "scst-examples"
FOSSILS = BUILD / "tests" / "abi" / "plugins"
REFUSED = BUILD / "tests" / "abi" / "bad"


def cache(name):
    """A variable of the build's CMakeCache.txt, or ''."""
    found = re.search(rf"^{name}:\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), flags=re.MULTILINE)
    return found.group(1) if found else ""


def shared_objects(*folders):
    return sorted(path for folder in folders if folder.is_dir() for path in folder.glob("*.so"))


def symbols(path, *options):
    """Names that nm prints, without versions: (type letter, name)."""
    printed = subprocess.run(["nm", "-D", *options, str(path)], check=True, capture_output=True, text=True).stdout
    rows = (line.split()[-2:] for line in printed.splitlines())
    return [(kind, name.split("@", 1)[0]) for kind, name in rows]
