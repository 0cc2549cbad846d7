#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What plugins export and what they need: one symbol out, nothing in from the daemon."""
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from build_under_test import BUILD, EXAMPLES, FOSSILS, PLUGINS, shared_objects, symbols  # noqa: E402

# Brought in by the sanitizers' own start-up code in the executable.
SANITIZER = re.compile(r"^_*(asan|ubsan|tsan|lsan|sanitizer|msan|sancov|interceptor)_|^__interceptor|^___(asan|tsan)")


def needed_libraries(path):
    """Files of the shared libraries that the object names, and of those that they name."""
    printed = subprocess.run(["ldd", str(path)], check=True, capture_output=True, text=True).stdout
    return [line.split("=>")[1].split()[0] for line in printed.splitlines() if "=> /" in line] + [
        line.split()[0] for line in printed.splitlines() if re.match(r"\s*/", line)]


class Symbols(unittest.TestCase):
    def setUp(self):
        self.objects = shared_objects(PLUGINS, EXAMPLES, FOSSILS)
        self.assertTrue(self.objects, f"no plugins in {BUILD}")

    def test_the_entry_is_the_only_symbol_exported(self):
        for path in self.objects:
            with self.subTest(plugin=path.name):
                exported = {name for _, name in symbols(path, "--defined-only") if not SANITIZER.match(name)}
                self.assertEqual(exported, {"scst_plugin_entry"})

    def test_nothing_is_needed_but_from_libraries_that_the_plugin_names(self):
        known = {}
        for path in self.objects:
            with self.subTest(plugin=path.name):
                offered = set()
                for library in needed_libraries(path):
                    if library not in known:
                        known[library] = {name for _, name in symbols(library, "--defined-only")}
                    offered |= known[library]
                needed = {name for kind, name in symbols(path, "--undefined-only") if kind == "U"}
                foreign = {name for name in needed - offered if not SANITIZER.match(name)}
                self.assertEqual(foreign, set())

    def test_no_symbol_of_the_daemon_is_needed(self):
        """Though a plugin could not see them anyway: the daemon is linked without exporting any of its own."""
        daemon = BUILD / "bin" / "scstd"
        if not daemon.exists():
            self.skipTest("scstd is not built")
        own = {name for _, name in symbols(daemon, "--defined-only") if "scst" in name}
        self.assertEqual({name for name in own if name.startswith("scst_")}, set())
        for path in self.objects:
            with self.subTest(plugin=path.name):
                needed = {name for _, name in symbols(path, "--undefined-only")}
                self.assertEqual({name for name in needed & own if "scst" in name}, set())


if __name__ == "__main__":
    unittest.main()
