#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/sdk/*.md documents each member of each C struct, each callback with its thread, and nothing that is not there."""
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import abi_headers  # noqa: E402

DOCS = abi_headers.ROOT / "docs"
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")


def page_of(header):
    return (DOCS / "sdk" / header.replace(".h", ".md")).read_text()


def section(page, title):
    """The text below `## title` to the next heading of that level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, flags=re.MULTILINE | re.DOTALL)
    return found.group(1) if found else None


def entries(text):
    """{member: its text} of a section: rows of tables and headings of callbacks."""
    found = {name: row for row, name in re.findall(r"^(\| `(\w+)` \|.*)$", text, flags=re.MULTILINE)}
    for name, body in re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", text, flags=re.MULTILINE | re.DOTALL):
        found[name] = body
    return found


def callbacks(header, struct):
    """Members of a struct that are pointers to functions."""
    text = abi_headers.without_comments((abi_headers.CURRENT / "scst" / header).read_text())
    body = re.search(rf"struct {struct} \{{(.*?)\n\}};", text, flags=re.DOTALL).group(1)
    return {abi_headers.member_name(one) for one in abi_headers.split_members(body)
            if re.search(r"\(\s*\*\s*\w+\s*\)\s*\(", one)}


class Reference(unittest.TestCase):
    def each_struct(self):
        for header in abi_headers.headers(abi_headers.CURRENT):
            for struct, members in abi_headers.structs(abi_headers.CURRENT, header).items():
                text = section(page_of(header), f"struct {struct}")
                self.assertIsNotNone(text, f"no section '## struct {struct}'")
                yield header, struct, members, entries(text)

    def test_every_member_is_documented(self):
        for _, struct, members, documented in self.each_struct():
            with self.subTest(struct=struct):
                self.assertEqual([name for name in members if name not in documented], [])

    def test_nothing_is_documented_that_is_not_there(self):
        for _, struct, members, documented in self.each_struct():
            with self.subTest(struct=struct):
                self.assertEqual([name for name in documented if name not in members], [])

    def test_every_callback_has_its_signature_and_the_thread_that_calls(self):
        for header, struct, _, documented in self.each_struct():
            for name in callbacks(header, struct):
                with self.subTest(struct=struct, callback=name):
                    self.assertRegex(documented[name], rf"\n    [\w ]+[ *]{name}\(", "no signature")
                    self.assertIn("*Thread:*", documented[name])

    def test_every_function_has_a_section(self):
        for header in abi_headers.headers(abi_headers.CURRENT):
            for name in abi_headers.functions(abi_headers.CURRENT, header):
                with self.subTest(function=name):
                    self.assertIsNotNone(section(page_of(header), f"{name}()"))


class Links(unittest.TestCase):
    def test_links_between_the_pages_lead_somewhere(self):
        for page in [DOCS / "sdk.md", DOCS / "traps.md", *sorted((DOCS / "sdk").glob("*.md")),
                     *sorted((abi_headers.ROOT / "sdk" / "example").rglob("README.md"))]:
            for target, _ in LINK.findall(page.read_text()):
                with self.subTest(page=page.name, link=target):
                    if "://" not in target:
                        self.assertTrue((page.parent / target).exists())

    def test_anchors_of_the_guide_exist(self):
        text = (DOCS / "sdk.md").read_text()
        titles = {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")
                  for title in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)}
        for anchor in re.findall(r"\]\(#([^)]+)\)", text):
            with self.subTest(anchor=anchor):
                self.assertIn(anchor, titles)


class Examples(unittest.TestCase):
    def test_every_example_says_what_it_demonstrates(self):
        for folder in sorted((abi_headers.ROOT / "sdk" / "example").iterdir()):
            if folder.is_dir():
                with self.subTest(example=folder.name):
                    text = (folder / "README.md").read_text()
                    self.assertIn("What it demonstrates", text)
                    self.assertIn("Try it", text)


if __name__ == "__main__":
    unittest.main()
