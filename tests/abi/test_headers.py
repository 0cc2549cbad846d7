#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ABI's headers: each compiles alone in each language, nothing in them moved, and abigail agrees."""
import difflib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import abi_headers  # noqa: E402
import record  # noqa: E402

LANGUAGES = {"c": ("c99", "c11", "c17"), "c++": ("c++11", "c++17", "c++20")}
COMPILERS = {"c": ("gcc", "clang"), "c++": ("g++", "clang++")}
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-pedantic-errors", "-Wconversion", "-Wshadow", "-Werror")

ABIDIFF_ERROR, ABIDIFF_USAGE = 1, 2  # bits of its exit code; the others tell of changes


def compile_text(compiler, language, standard, text, include):
    command = [compiler, "-x", language, f"-std={standard}", *WARNINGS, "-fsyntax-only", "-I", str(include), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


class HeaderAlone(unittest.TestCase):
    """A header that needs another one first is a trap for whoever includes it first."""

    def check(self, language, include):
        for header in abi_headers.headers(include):
            for compiler in filter(shutil.which, COMPILERS[language]):
                for standard in LANGUAGES[language]:
                    with self.subTest(header=header, compiler=compiler, standard=standard):
                        # Twice: the guard works. A translation unit needs something of its own.
                        line = f"#include <scst/{header}>\n"
                        done = compile_text(compiler, language, standard, line * 2 + "int unused;\n", include)
                        self.assertEqual(done.returncode, 0, done.stderr)

    def test_each_header_compiles_alone_as_c(self):
        self.check("c", abi_headers.CURRENT)

    def test_each_header_compiles_alone_as_cxx(self):
        self.check("c++", abi_headers.CURRENT)

    def test_frozen_headers_compile_alone(self):
        self.check("c", abi_headers.FROZEN)
        self.check("c++", abi_headers.FROZEN)

    def test_cxx_helpers_compile_alone(self):
        helpers = abi_headers.ROOT / "sdk" / "cxx"
        for header in sorted(path.name for path in (helpers / "scst").glob("*.hpp")):
            with self.subTest(header=header):
                command = ["g++", "-x", "c++", "-std=c++20", *WARNINGS, "-fsyntax-only", "-I", str(helpers), "-I",
                           str(abi_headers.CURRENT), "-"]
                done = subprocess.run(command, input=f"#include <scst/{header}>\n", capture_output=True, text=True,
                                      check=False)
                self.assertEqual(done.returncode, 0, done.stderr)


class Layout(unittest.TestCase):
    def test_pins_hold_for_every_compiler_and_language(self):
        text = (HERE / "layout.c").read_text()
        for language, standard in (("c", "c11"), ("c++", "c++11")):
            for compiler in filter(shutil.which, COMPILERS[language]):
                with self.subTest(compiler=compiler):
                    done = compile_text(compiler, language, standard, text, abi_headers.CURRENT)
                    self.assertEqual(done.returncode, 0, done.stderr)

    def test_everything_is_pinned(self):
        """A member that was appended without a pin could move later."""
        recorded = (HERE / "layout.c").read_text()
        difference = "\n".join(difflib.unified_diff(recorded.splitlines(), record.layout().splitlines(), "layout.c",
                                                    "headers", lineterm=""))
        self.assertEqual(difference, "", "run tests/abi/record.py and look at git diff")

    def test_frozen_members_are_where_they_were(self):
        """Each pin of the frozen headers but the sizes of structs, which may have grown, holds today."""
        frozen = set(record.layout(abi_headers.FROZEN).splitlines())
        today = set(record.layout().splitlines())
        moved = {line for line in frozen - today if "sizeof(" not in line}
        self.assertEqual(moved, set())

    def test_structs_only_grow_and_rows_of_tables_do_not(self):
        def sizes(include):
            lines = [f'    printf("{name} %zu\\n", sizeof(struct {name}));' for name in record.all_structs(include)]
            text = record.run_c("\n".join(["#include <scst/plugin.h>", "#include <stdio.h>", "int main(void) {"] + lines +
                                          ["    return 0;", "}", ""]), include)
            return {name: int(size) for name, size in (line.split() for line in text.splitlines())}
        today = sizes(abi_headers.CURRENT)
        for name, size in sizes(abi_headers.FROZEN).items():
            with self.subTest(struct=name):
                self.assertGreaterEqual(today[name], size)
                if name in record.NEVER_GROW:
                    self.assertEqual(today[name], size, "lies in arrays")

    def test_structs_that_cross_the_border_start_with_their_size(self):
        """But for small rows whose size is fixed for ever, and the descriptor, which starts with magic and version."""
        for name, members in record.all_structs().items():
            with self.subTest(struct=name):
                if name == "scst_plugin":
                    self.assertEqual(members[:3], ["magic", "abi_version", "struct_size"])
                elif name not in ("scst_parameter", "scst_segment", "scst_opcode"):
                    self.assertEqual(members[0], "struct_size")


@unittest.skipUnless(shutil.which("abidw") and shutil.which("gcc"), "needs abigail-tools and gcc")
class Abigail(unittest.TestCase):
    def compare(self, include):
        """abidiff of the recorded ABI and the headers' ABI: (exit code, report)."""
        with tempfile.TemporaryDirectory() as folder:
            today = pathlib.Path(folder) / "today.xml"
            today.write_text(record.describe_abi(include, folder))
            done = subprocess.run(["abidiff", str(HERE / "scst-abi.xml"), str(today)], capture_output=True, text=True,
                                  check=False)
            self.assertFalse(done.returncode & (ABIDIFF_ERROR | ABIDIFF_USAGE), done.stdout + done.stderr)
            return done.returncode, done.stdout

    def test_nothing_changed_since_it_was_recorded(self):
        code, report = self.compare(abi_headers.CURRENT)
        self.assertEqual(code, 0, "run tests/abi/record.py and look at git diff\n" + report)

    def test_a_change_would_be_seen(self):
        """The comparison is not blind: one member made wider."""
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "include"
            shutil.copytree(abi_headers.CURRENT, copy)
            header = copy / "scst" / "handler.h"
            text = header.read_text()
            changed = text.replace("int32_t threads_num;", "int64_t threads_num;")
            self.assertNotEqual(text, changed)
            header.write_text(changed)
            code, _ = self.compare(copy)
            self.assertNotEqual(code, 0)

    def test_record_names_no_place_of_this_machine(self):
        text = (HERE / "scst-abi.xml").read_text()
        self.assertNotIn(str(abi_headers.ROOT), text)
        self.assertNotIn("/tmp", text)


if __name__ == "__main__":
    unittest.main()
