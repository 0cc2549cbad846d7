# SPDX-License-Identifier: Apache-2.0
"""Reads the plugin ABI's headers: their structs with members, their functions and their numeric constants.

Not a C parser: it knows the style of sdk/include/scst (one member per declaration, comments in /* */) and complains
about what it does not understand, so that nothing is left out in silence.
"""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
CURRENT = ROOT / "sdk" / "include"
FROZEN = ROOT / "tests" / "abi" / "fossil" / "include-v1"

# The border between daemon and plugin. block.h is compiled into the plugin with the vdisk library, on both its sides.
BORDER = ("types.h", "plugin.h", "handler.h", "target.h", "core.h")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


def split_members(body):
    """Declarations of a struct body; a ';' within parentheses does not occur."""
    return [" ".join(part.split()) for part in body.split(";") if part.strip()]


def member_name(declaration):
    """The name a declaration declares: of a function pointer the first (*name), else the last word."""
    pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", declaration)
    if pointer:
        return pointer.group(1)
    plain = re.search(r"(\w+)\s*(?:\[[^\]]*\])?$", declaration)
    if not plain:
        raise ValueError(f"not understood: {declaration}")
    return plain.group(1)


def structs(include, header):
    """{struct name: [member names]} of one header, in order."""
    text = without_comments((include / "scst" / header).read_text())
    found = {}
    for match in re.finditer(r"struct (\w+) \{(.*?)\n\};", text, flags=re.DOTALL):
        found[match.group(1)] = [member_name(one) for one in split_members(match.group(2))]
    return found


def functions(include, header):
    """Names of the functions that a header declares outside of structs."""
    text = without_comments((include / "scst" / header).read_text())
    text = re.sub(r"struct \w+ \{.*?\n\};", " ", text, flags=re.DOTALL)
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return re.findall(r"\b(scst_\w+)\(", text)


def constants(include, header):
    """Names of the constants with a numeric value."""
    text = without_comments((include / "scst" / header).read_text())
    return re.findall(r"^#define (SCST_\w+) \(?-?(?:0x)?[0-9A-Fa-f]+u?\)?\s*$", text, flags=re.MULTILINE)


def headers(include):
    return sorted(path.name for path in (include / "scst").glob("*.h"))
