#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The SDK as a stranger gets it: installed alone into a folder, moved, and used to build the examples outside the tree."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from build_under_test import BUILD, ROOT, cache, symbols  # noqa: E402

EXAMPLES = ("echo_handler", "loop_driver", "ram_disk")


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(str(word) for word in command)}\n{done.stdout}{done.stderr}")
    return done.stdout


class InstalledSdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        installed = cls.folder / "installed"
        run("cmake", "--install", BUILD, "--component", "sdk", "--prefix", installed)
        # What works only where it was installed is not relocatable, and a package is built in one place for another.
        cls.prefix = cls.folder / "moved"
        installed.rename(cls.prefix)
        cls.sanitize = cache("SCST_SANITIZE")
        cls.flags = f"-fsanitize={cls.sanitize}" if cls.sanitize else ""

    def configure(self, source, binary):
        options = [f"-D{name}={cache(name)}" for name in ("CMAKE_C_COMPILER", "CMAKE_CXX_COMPILER")]
        flags = f"{self.flags} -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
        run("cmake", "-G", "Ninja", "-S", source, "-B", binary, f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_CXX_FLAGS={flags}", *options)
        run("cmake", "--build", binary)

    def test_each_example_builds_outside_the_tree(self):
        for name in EXAMPLES:
            with self.subTest(example=name):
                # From the installed copy, so that no include path leads back into the tree by chance.
                source = self.folder / "sources" / name
                shutil.copytree(self.prefix / "share" / "doc" / "scst-sdk" / "sdk" / "example" / name, source)
                binary = self.folder / "build" / name
                self.configure(source, binary)
                exported = {symbol for _, symbol in symbols(binary / f"{name}.so", "--defined-only")}
                self.assertIn("scst_plugin_entry", exported)
                if not self.sanitize:
                    self.assertEqual(exported, {"scst_plugin_entry"})

    def test_the_fake_core_tests_a_plugin_outside_the_tree(self):
        source = self.folder / "tested"
        shutil.copytree(self.prefix / "share" / "doc" / "scst-sdk" / "sdk" / "example" / "echo_handler", source)
        (source / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(tested LANGUAGES C CXX)\nset(CMAKE_CXX_STANDARD 20)\n"
            "find_package(scst-sdk REQUIRED)\nadd_executable(tested main.cpp echo_handler.c)\n"
            "target_link_libraries(tested PRIVATE scst::testing)\n")
        (source / "main.cpp").write_text(
            "#include <testing/fake_core.hpp>\n"
            "int main() {\n"
            "    scst::testing::fake_core core;\n"
            "    const bool ready = core.load(scst_plugin_entry()) == 0 && core.add_device(\"echo_handler\", \"e\", {}) == 0;\n"
            "    return ready && core.run(\"e\", \"25 00 00000000 0000 00 00\").data.size() == 8 ? 0 : 1;\n"
            "}\n")
        self.configure(source, self.folder / "tested_build")
        run(self.folder / "tested_build" / "tested")

    def pkg_config(self, *arguments):
        found = list(self.prefix.rglob("scst-sdk.pc"))
        self.assertEqual(len(found), 1)
        environment = dict(os.environ, PKG_CONFIG_PATH=str(found[0].parent))
        return run("pkg-config", *arguments, env=environment).split()

    @unittest.skipUnless(shutil.which("pkg-config"), "needs pkg-config")
    def test_pkg_config_is_enough_for_a_plugin_in_c(self):
        plugin = self.folder / "echo_handler.so"
        run("gcc", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden",
            ROOT / "sdk" / "example" / "echo_handler" / "echo_handler.c", "-o", plugin,
            *self.pkg_config("--cflags", "--libs", "scst-sdk"))
        self.assertEqual(symbols(plugin, "--defined-only"), [("T", "scst_plugin_entry")])

    @unittest.skipUnless(shutil.which("pkg-config"), "needs pkg-config")
    def test_pkg_config_is_enough_for_a_block_backend(self):
        if self.sanitize:
            self.skipTest("the sanitizers' libraries are not in the .pc file")
        plugin, piece = self.folder / "ram_disk.so", self.folder / "ram_disk.o"
        run("gcc", "-std=c11", "-c", "-fPIC", "-fvisibility=hidden", *self.pkg_config("--cflags", "scst-vdisk"),
            ROOT / "sdk" / "example" / "ram_disk" / "ram_disk.c", "-o", piece)
        run("g++", "-shared", piece, "-o", plugin, *self.pkg_config("--libs", "scst-vdisk"))
        self.assertEqual(symbols(plugin, "--defined-only"), [("T", "scst_plugin_entry")])

    def test_a_plugin_that_needs_a_symbol_of_the_daemon_does_not_link(self):
        if self.sanitize:
            self.skipTest("sanitized objects are linked with undefined symbols")
        source = self.folder / "needs_daemon"
        source.mkdir()
        shutil.copy(ROOT / "tests" / "abi" / "bad" / "undefined_symbol.c", source)
        shutil.copy(ROOT / "tests" / "abi" / "bad" / "common.h", source)
        (source / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(needs_daemon LANGUAGES C)\n"
            "find_package(scst-sdk REQUIRED)\nscst_add_plugin(undefined_symbol undefined_symbol.c)\n")
        with self.assertRaises(AssertionError) as refused:
            self.configure(source, self.folder / "needs_daemon_build")
        self.assertIn("scst_function_of_the_daemon", str(refused.exception))

    def test_only_public_headers_are_installed(self):
        folder = self.prefix / "include" / "scst"
        installed = {path.name for path in folder.iterdir()}
        public = {path.name for path in (ROOT / "sdk" / "include" / "scst").glob("*.h")}
        helpers = {path.name for path in (ROOT / "sdk" / "cxx" / "scst").glob("*.hpp")}
        self.assertEqual(installed, public | helpers)
        self.assertEqual({path.name for path in folder.parent.iterdir()}, {"scst", "scst-testing"})

    def test_package_files_name_no_place_of_the_build(self):
        for path in self.prefix.rglob("*"):
            if path.suffix in (".cmake", ".pc", ".h", ".hpp", ".map"):
                with self.subTest(file=path.name):
                    text = path.read_text()
                    self.assertNotIn(str(ROOT), text)
                    self.assertNotIn(str(BUILD), text)


if __name__ == "__main__":
    unittest.main()
