#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records the ABI of today's headers: layout.c (offsets, sizes, constants) and scst-abi.xml (abigail).

To be run after members or constants were appended. Look at `git diff` then: lines may only be added, and only sizeof
of a struct that got members may change. A struct that lies in arrays or within another struct must not grow at all.

    tests/abi/record.py
"""
import pathlib
import subprocess
import tempfile

import abi_headers

HERE = pathlib.Path(__file__).resolve().parent

# Rows of tables, and pieces of others: their size is part of the layout of what holds them.
NEVER_GROW = ("scst_parameter", "scst_segment", "scst_opcode", "scst_attribute")

LAYOUT_HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout: sizes, offsets and constants of the plugin ABI on x86-64, pinned. Written by record.py.
 *
 * It fails to compile when something moved. Compiled as C and as C++. Never change a line: members are only appended.
 */
#include <scst/plugin.h>

#include <assert.h>
#include <stddef.h>

"""


def all_structs(include=abi_headers.CURRENT):
    found = {}
    for header in abi_headers.BORDER:
        found.update(abi_headers.structs(include, header))
    return found


def all_constants(include=abi_headers.CURRENT):
    return [name for header in abi_headers.BORDER for name in abi_headers.constants(include, header)]


def run_c(text, include):
    """What a C program prints."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "print.c"
        source.write_text(text)
        program = pathlib.Path(folder) / "print"
        subprocess.run(["gcc", "-std=c11", "-I", str(include), str(source), "-o", str(program)], check=True)
        return subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout


def layout(include=abi_headers.CURRENT):
    lines = ["#include <scst/plugin.h>", "#include <stdio.h>", "int main(void) {"]
    for name in all_constants(include):
        lines.append(f'    printf("static_assert({name} == %lld, \\"\\");\\n", (long long){name});')
    for name, members in all_structs(include).items():
        lines.append(f'    printf("\\nstatic_assert(sizeof(struct {name}) == %zu, \\"\\");\\n", sizeof(struct {name}));')
        for member in members:
            lines.append(f'    printf("static_assert(offsetof(struct {name}, {member}) == %zu, \\"\\");\\n", '
                         f"offsetof(struct {name}, {member}));")
    return LAYOUT_HEAD + run_c("\n".join(lines + ["    return 0;", "}", ""]), include)


def instances(include=abi_headers.CURRENT):
    """The source of an object that uses each struct of the ABI, for abigail to look at."""
    lines = ["#include <scst/plugin.h>"]
    for name in all_structs(include):
        lines.append(f"const struct {name} *use_{name}(const struct {name} *one) {{ return one; }}")
    return "\n".join(lines) + "\n"


def describe_abi(include, folder):
    """abidw's description of the ABI of the headers in `include`; free of this machine's paths."""
    source = pathlib.Path(folder) / "instances.c"
    source.write_text(instances(include))
    shared = pathlib.Path(folder) / "libscst-abi.so"
    subprocess.run(["gcc", "-std=c11", "-g", "-gdwarf-4", "-O0", "-fPIC", "-shared", f"-ffile-prefix-map={include}=.",
                    f"-ffile-prefix-map={folder}=.", "-I", str(include), str(source), "-o", str(shared)], check=True)
    return subprocess.run(["abidw", "--no-comp-dir-path", "--no-corpus-path", "--no-show-locs", "--type-id-style",
                           "hash", str(shared)], check=True, capture_output=True, text=True).stdout


def main():
    (HERE / "layout.c").write_text(layout())
    with tempfile.TemporaryDirectory() as folder:
        (HERE / "scst-abi.xml").write_text(describe_abi(abi_headers.CURRENT, folder))


if __name__ == "__main__":
    main()
