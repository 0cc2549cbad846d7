# SPDX-License-Identifier: Apache-2.0
"""The manuals, the completion and the protocol's description name what the programs have, and nothing else."""
import re
import shutil
import subprocess
import unittest

from lib.daemon import BUILD, ROOT, SCSTCTL, DaemonTest, no_aslr, one_disk

MANUAL = (ROOT / "docs/scstctl.8.md").read_text(encoding="utf-8")
COMPLETION = ROOT / "ctl/scstctl.bash-completion"


def help_of(program, *words):
    return subprocess.run(no_aslr() + [str(program), *words, "--help"], capture_output=True, text=True,
                          check=True).stdout


def section(text, name):
    """The lines of a part of a help text: name and the rest of the line."""
    part = re.search(rf"^{name}:\n((?:  .*\n)+)", text, re.MULTILINE)
    return re.findall(r"^  (\S+)(.*)", part[1], re.MULTILINE) if part else []


def options_of(text):
    return {option for names, _ in section(text, "Options") for option in names.split(",")} - {"-h", "--help"}


def commands():
    """Every command of scstctl: its words, its help text."""
    for name, _ in section(help_of(SCSTCTL), "Subcommands"):
        text = help_of(SCSTCTL, name)
        inner = section(text, "Subcommands")
        if not inner:
            yield (name,), text
        for word, _ in inner:
            yield (name, word), help_of(SCSTCTL, name, word)


class Manuals(unittest.TestCase):
    def test_scstctl_8_has_every_command_with_its_arguments_and_options(self):
        for words, text in commands():
            with self.subTest(command=words):
                entry = re.search(rf"^.*\*\*scstctl {' '.join(words)}\*\*(.*)$", MANUAL, re.MULTILINE)
                self.assertIsNotNone(entry, "not in the manual")
                usage = entry[1].split("**scstctl ")[0]
                for name, _ in section(text, "Positionals"):
                    self.assertIn(f"*{name}*", usage)
                for option in options_of(text) - {"--driver", "-v"}:
                    self.assertIn(f"**{option}**", usage)
                for option in re.findall(r"\*\*(--[a-z-]+)\*\*", usage):
                    self.assertIn(option, options_of(text))

    def test_scstctl_8_has_no_command_that_is_not_there(self):
        known = {" ".join(words) for words, _ in commands()}
        for name in re.findall(r"\*\*scstctl ([a-z ]+)\*\*", MANUAL):
            self.assertIn(name, known)
        for name in re.findall(r"^## (\w+)$", MANUAL, re.MULTILINE):
            self.assertIn(name, {entry.split()[0] for entry in known})

    def test_global_options_are_in_the_manuals(self):
        for program, page in ((SCSTCTL, "scstctl.8.md"), (BUILD / "bin/scstd", "scstd.8.md")):
            text = (ROOT / "docs" / page).read_text(encoding="utf-8")
            for option in options_of(help_of(program)):
                self.assertIn(f"**{option}**", text, page)

    def test_scstd_conf_5_has_every_setting_with_type_and_default(self):
        table = subprocess.run(no_aslr() + [str(BUILD / "bin/scstd"), "--help-config"], capture_output=True, text=True,
                               check=True).stdout
        page = (ROOT / "docs/scstd.conf.5.md").read_text(encoding="utf-8")
        rows = re.findall(r"^([a-z_.]+) = (.+) \(default: (.*)\)$", table, re.MULTILINE)
        self.assertGreater(len(rows), 10)
        for key, kind, default in rows:
            with self.subTest(key=key):
                entry = re.search(rf"^\*\*{re.escape(key)}\*\* \((.*)\)$", page, re.MULTILINE)
                self.assertIsNotNone(entry, "not in the manual")
                self.assertTrue(entry[1].startswith(kind), entry[1])
                if key not in ("plugin_dir", "state_dir", "socket"):
                    self.assertIn(f"default: {default}", entry[1].replace("`", ""))
        keys = [row[0] for row in rows]
        for key in re.findall(r"^\*\*([a-z_.]+)\*\* \(", page, re.MULTILINE):
            self.assertIn(key, keys)

    def test_the_completion_knows_every_command_and_option(self):
        text = COMPLETION.read_text(encoding="utf-8")
        for words, help_text in commands():
            with self.subTest(command=words):
                if len(words) == 2:
                    self.assertRegex(text, rf"(?m)^    {words[0]}\) echo .*\b{words[1]}\b")
                line = subprocess.run(
                    ["bash", "-c", f". {COMPLETION}; _scstctl_options {words[0]} {words[1] if len(words) > 1 else ''}"],
                    capture_output=True, text=True, check=True).stdout.split()
                self.assertEqual(set(line) - {"--help"}, options_of(help_text) - {"-v"})
        top = re.search(r"'\'?\) echo (.*) ;;", text)[1].split()
        self.assertEqual(set(top), {words[0] for words, _ in commands()})


class Protocol(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    def test_every_method_is_described_and_every_described_one_is_there(self):
        source = (ROOT / "daemon/mgmt/control_methods.cpp").read_text(encoding="utf-8")
        page = (ROOT / "docs/control-protocol.md").read_text(encoding="utf-8")
        rows = source[source.index("method_row methods[]"):]
        methods = set(re.findall(r'\{"([a-z]+(?:\.[a-z]+)?)", \w+\}', rows[:rows.index("};")]))
        described = set(re.findall(r"^\| `([a-z]+(?:\.[a-z]+)?)` \|", page, re.MULTILINE)) - {"id", "method", "params",
                                                                                             "result", "error"}
        self.assertGreater(len(methods), 15)
        self.assertEqual(methods, described)

    @unittest.skipUnless(shutil.which("bash"), "needs bash")
    def test_names_are_completed_from_the_daemon(self):
        def complete(*words):
            quoted = " ".join(f"'{word}'" for word in words)
            script = (f"scstctl() {{ {' '.join(no_aslr() + [str(SCSTCTL)])} \"$@\"; }}; . {COMPLETION}; "
                      f"COMP_WORDS=(scstctl --socket '{self.daemon.socket_path}' {quoted}); "
                      f"COMP_CWORD={len(words) + 2}; _scstctl; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
            return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()

        self.assertEqual(complete("dev"), ["device"])
        self.assertEqual(complete("device", "s"), ["show", "set"])
        self.assertEqual(complete("device", "show", ""), ["disk", "null"])
        self.assertEqual(complete("device", "add", "x", "--handler", "vdisk_f"), ["vdisk_fileio"])
        self.assertEqual(complete("lun", "list", "iqn"), ["iqn.2026-11.org.scstd:test"])
        self.assertEqual(complete("plugin", "unload", "i"), ["iscsi"])
