# SPDX-License-Identifier: Apache-2.0
"""Configuration that is wrong: told with file, line and column, and nothing half-applied. Applying at run time."""
import os
import re
import socket
import subprocess

from lib import scsi as S
from lib.daemon import (BUILD, IQN, SANITIZER_ENVIRONMENT, CtlError, Daemon, DaemonTest, disk_config, listening_ports,
                        no_aslr, one_disk)

GOOD = one_disk()


def refused_start(test, config, settings="", options=(), arguments=(), plugins=("nullio", "vdisk_fileio", "iscsi"),
                  files=("disk.img",), prepare=None):
    """Starts scstd, which must end by itself with an error; returns its log."""
    daemon = Daemon(config, options, plugins, settings=settings, arguments=arguments, wait=None)
    test.addCleanup(daemon.remove)
    for name in files:
        with open(daemon.directory / name, "wb") as file:
            file.truncate(8 << 20)
    if prepare:
        prepare(daemon)
    daemon.start(wait=False)
    try:
        code = daemon.process.wait(60)
    except subprocess.TimeoutExpired:
        daemon.kill()
        raise AssertionError(f"it started:\n{daemon.log()}") from None
    text = daemon.log()
    daemon.check_log()
    test.assertGreater(code, 0, text)
    test.assertLess(code, 128, text)
    test.assertFalse(daemon.socket_path.exists(), "the socket is left behind")
    return text


class ScstConf(DaemonTest):
    """Each mistake in scst.conf names its place."""

    def place(self, log, line, column=None):
        match = re.search(r"scst\.conf:(\d+):(\d+)", log)
        self.assertIsNotNone(match, log)
        self.assertEqual(int(match[1]), line, log)
        if column is not None:
            self.assertEqual(int(match[2]), column, log)

    def handler(self, body):
        return f"HANDLER vdisk_fileio {{\n\tDEVICE disk {{\n{body}\n\t}}\n}}\n"

    def test_an_unknown_attribute_of_a_device(self):
        log = refused_start(self, self.handler("\t\tfilename @DIR@/disk.img\n\t\tfilenaem x"))
        self.assertIn("filenaem", log)
        self.place(log, 4, 3)

    def test_an_unknown_attribute_of_a_target(self):
        log = refused_start(self, f"TARGET_DRIVER iscsi {{\n\tTARGET {IQN} {{\n\t\tQueudCommands 3\n\t}}\n}}\n")
        self.assertIn("QueudCommands", log)
        self.place(log, 3, 3)

    def test_an_unknown_root_attribute(self):
        log = refused_start(self, "setup_idd 5\n")
        self.assertIn("setup_idd", log)
        self.place(log, 1, 1)

    def test_an_unknown_handler(self):
        log = refused_start(self, "# a comment\nHANDLER vdisk_flieio {\n\tDEVICE d {\n\t}\n}\n")
        self.assertIn("vdisk_flieio", log)
        self.place(log, 2)

    def test_an_unknown_driver(self):
        log = refused_start(self, "\nTARGET_DRIVER iscis {\n}\n")
        self.assertIn("iscis", log)
        self.place(log, 2)

    def test_the_same_device_twice(self):
        log = refused_start(self, self.handler("\t\tfilename @DIR@/disk.img") +
                            "HANDLER vdisk_nullio {\n\tDEVICE disk {\n\t}\n}\n")
        self.assertIn("disk", log)
        self.place(log, 7)

    def test_a_lun_twice(self):
        log = refused_start(self, self.handler("\t\tfilename @DIR@/disk.img") +
                            f"TARGET_DRIVER iscsi {{\n\tTARGET {IQN} {{\n\t\tLUN 0 disk\n\t\tLUN 0 disk\n\t}}\n}}\n")
        self.place(log, 9)

    def test_a_lun_of_a_device_that_is_not_there(self):
        log = refused_start(self, f"TARGET_DRIVER iscsi {{\n\tTARGET {IQN} {{\n\t\tLUN 0 ghost\n\t}}\n}}\n")
        self.assertIn("ghost", log)
        self.place(log, 3)

    def test_a_file_that_is_not_there(self):
        log = refused_start(self, self.handler("\t\tfilename @DIR@/nowhere.img"))
        self.assertIn("nowhere.img", log)
        self.place(log, 3)

    def test_a_relative_file_name(self):
        log = refused_start(self, self.handler("\t\tfilename disk.img"))
        self.assertIn("disk.img", log)
        self.place(log, 3)

    def test_values_out_of_range(self):
        for line in ("blocksize 100", "blocksize abc", "blocksize -512", "threads_num x", "read_only maybe",
                     "t10_dev_id " + "x" * 26, "tst 5"):
            with self.subTest(line=line):
                log = refused_start(self, self.handler(f"\t\tfilename @DIR@/disk.img\n\t\t{line}"))
                self.place(log, 4)
        for line in ("QueuedCommands 0", "QueuedCommands 99999", "MaxBurstLength 5", "HeaderDigest MD5",
                     "InitialR2T maybe", "enabled 7"):
            with self.subTest(line=line):
                log = refused_start(self, f"TARGET_DRIVER iscsi {{\n\tTARGET {IQN} {{\n\t\t{line}\n\t}}\n}}\n")
                self.place(log, 3)

    def test_braces_that_do_not_match(self):
        for text in ("HANDLER vdisk_nullio {\n\tDEVICE d {\n\t}\n", "HANDLER vdisk_nullio {\n}\n}\n", "{\n}\n"):
            with self.subTest(text=text):
                self.assertRegex(refused_start(self, text), r"scst\.conf:\d+:\d+")

    def test_an_unclosed_quote(self):
        self.place(refused_start(self, 'HANDLER vdisk_nullio {\n\tDEVICE "d {\n\t}\n}\n'), 2)

    def test_bytes_that_are_no_text(self):
        log = refused_start(self, "HANDLER vdisk_nullio {\n\tDEVICE d\x01\x02\x7f {\n\t\tbogus\x00 1\n\t}\n}\n")
        self.assertRegex(log, r"scst\.conf:\d+:\d+")

    def test_a_device_name_that_is_too_long(self):
        log = refused_start(self, f"HANDLER vdisk_nullio {{\n\tDEVICE {'n' * 65} {{\n\t}}\n}}\n")
        self.assertIn("64", log, "the error names the limit")
        self.place(log, 2)

    def test_format_strings_are_text(self):
        """CVE-2010-0743 of other targets."""
        log = refused_start(self, "HANDLER %n%s%n%x {\n}\n")
        self.assertIn("%n%s%n%x", log)

    def test_nesting_without_end(self):
        refused_start(self, "A b {\n" * 20000)

    def test_a_missing_scst_conf(self):
        log = refused_start(self, "", prepare=lambda daemon: daemon.config_path.unlink())
        self.assertIn("scst.conf", log)


class Start(DaemonTest):
    """What else can be wrong at start."""

    def test_the_port_is_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            log = refused_start(self, GOOD, options=(f"iscsi.portals=127.0.0.1:{port}",))
            self.assertIn(str(port), log)

    def test_portals_that_are_no_addresses(self):
        for portal in ("nonsense", "127.0.0.1:99999", "127.0.0.1:x", "[::1", "300.1.1.1", ":"):
            with self.subTest(portal=portal):
                self.assertIn(portal, refused_start(self, GOOD, options=(f"iscsi.portals={portal}",)))

    def test_a_state_folder_that_cannot_be_made_or_written(self):
        log = refused_start(self, GOOD, options=("state_dir=/proc/scst",))
        self.assertIn("/proc/scst", log)

    def test_a_state_folder_that_is_a_file(self):
        def prepare(daemon):
            (daemon.directory / "plain").write_text("")
            daemon.options.append(f"state_dir={daemon.directory}/plain")
        self.assertIn("plain", refused_start(self, GOOD, prepare=prepare))

    def test_a_state_folder_that_others_may_write(self):
        def prepare(daemon):
            daemon.state.chmod(0o777)
        self.assertIn("state", refused_start(self, GOOD, prepare=prepare))

    def test_an_unknown_setting_is_refused(self):
        log = refused_start(self, GOOD, settings="reactrs = 2;")
        self.assertIn("reactrs", log)
        self.assertRegex(log, r"scstd\.conf:\d+")
        self.assertIn("reactrs", refused_start(self, GOOD, options=("reactrs=2",)))

    def test_settings_of_the_wrong_kind_are_refused(self):
        for setting in ('reactors = "many";', "reactors = -1;", "plugins = 5;", 'log = { level = "loud"; };',
                        'max_cmd_mem = "x";'):
            with self.subTest(setting=setting):
                refused_start(self, GOOD, settings=setting)

    def test_scstd_conf_that_does_not_parse_names_the_line(self):
        log = refused_start(self, GOOD, settings="reactors = = 3;")
        self.assertRegex(log, r"scstd\.conf:3")

    def test_options_that_are_no_options(self):
        for arguments in (["--nonsense"], ["-o"], ["-o", "novalue"], ["-o", "=x"], ["extra"]):
            with self.subTest(arguments=arguments):
                refused_start(self, GOOD, arguments=arguments)

    def test_help_and_version(self):
        for option, text in (("-h", "-o"), ("-V", "scstd")):
            process = subprocess.run(no_aslr() + [str(BUILD / "bin" / "scstd"), option], capture_output=True,
                                     text=True, timeout=60, check=True, env=dict(os.environ, **SANITIZER_ENVIRONMENT))
            self.assertIn(text, process.stdout)

    def test_a_second_daemon_on_the_same_socket_is_refused_and_the_first_unharmed(self):
        first = self.start(GOOD, files={"disk.img": 8 << 20})
        second = Daemon(GOOD, options=(f"socket={first.socket_path}",), wait=None)
        self.addCleanup(second.remove)
        with open(second.directory / "disk.img", "wb") as file:
            file.truncate(8 << 20)
        second.start(wait=False)
        self.assertGreater(second.process.wait(60), 0, second.log())
        first.ctl("status")
        self.session(first).good(S.TUR)

    def test_a_socket_left_by_a_killed_daemon_is_taken_over(self):
        daemon = self.start(GOOD, files={"disk.img": 8 << 20})
        daemon.kill()
        self.assertTrue(daemon.socket_path.exists())
        daemon.start()
        daemon.ctl("status")

    def test_several_portals_and_ipv6(self):
        daemon = self.start(GOOD, files={"disk.img": 8 << 20}, portals="127.0.0.1:0,[::1]:0")
        ports = listening_ports(daemon.pid)
        self.assertEqual({family for family, _ in ports}, {4, 6})
        from lib.initiator import Session
        for family, port in ports:
            with Session(("127.0.0.1" if family == 4 else "::1", port), IQN) as session:
                session.good(S.TUR)


class Applying(DaemonTest):
    """scstctl config at run time: a diff; what did not change is not touched; a bad file changes nothing."""
    CONFIG = GOOD
    FILES = {"disk.img": 8 << 20, "disk2.img": 4 << 20}

    def file(self, text):
        path = self.daemon.directory / "new.conf"
        path.write_text(text.replace("@DIR@", str(self.daemon.directory)))
        return path

    def tree(self):
        return self.daemon.ctl("tree", "/devices") + self.daemon.ctl("tree", "/targets")

    def test_a_bad_file_changes_nothing(self):
        before = self.tree()
        bad = GOOD.replace(
            "DEVICE null {", "DEVICE another {\n\t\tsize_mb 5\n\t}\n\tDEVICE null {").replace(
                "LUN 1 null", "LUN 1 ghost")
        with self.assertRaises(CtlError) as caught:
            self.daemon.ctl("config", "apply", self.file(bad))
        self.assertRegex(caught.exception.stderr, r"new\.conf:\d+:\d+.*ghost")
        with self.assertRaises(CtlError):
            self.daemon.ctl("config", "check", self.file(bad))
        self.assertEqual(self.tree(), before)

    def test_applying_what_is_there_changes_nothing(self):
        session = self.session()
        session.clear_attentions(1)
        self.daemon.ctl("config", "apply", self.file(GOOD))
        self.daemon.ctl("config", "apply", self.file(GOOD))
        session.good(S.TUR)
        session.good(S.TUR, 1)
        self.assertEqual(session.events, [])

    def test_diff_and_apply_add_and_remove_a_lun_and_leave_the_rest(self):
        session = self.session()
        more = GOOD.replace("\tDEVICE disk {", "\tDEVICE disk2 {\n\t\tfilename @DIR@/disk2.img\n\t}\n\tDEVICE disk {"
                            ).replace("LUN 1 null", "LUN 1 null\n\t\tLUN 7 disk2")
        self.assertIn("disk2", self.daemon.ctl("config", "diff", self.file(more)))
        self.daemon.ctl("config", "apply", self.file(more))
        session.clear_attentions(7)
        self.assertEqual(S.luns_of(session.good(S.report_luns(), read=4096)), [0, 1, 7])
        session.good(S.write10(0, 1), 7, write=bytes(512))
        # As in SCST, what the file does not name goes only when it is asked for.
        self.daemon.ctl("config", "apply", self.file(GOOD))
        self.assertEqual(S.luns_of(session.good(S.report_luns(), read=4096)), [0, 1, 7])
        self.daemon.ctl("config", "apply", "--force", self.file(GOOD))
        session.clear_attentions(0)
        self.assertEqual(S.luns_of(session.good(S.report_luns(), read=4096)), [0, 1])
        self.assert_sense(session.command(S.TUR, 7), 5, 0x2500)

    def test_what_is_saved_can_be_applied_and_starts_a_daemon(self):
        path = self.daemon.directory / "saved.conf"
        self.daemon.ctl("config", "save", path)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600, "it may hold secrets")
        text = path.read_text()
        self.assertIn("filename", text)
        before = self.tree()
        self.daemon.ctl("config", "apply", path)
        self.assertEqual(self.tree(), before)
        other = self.start(text, files={})
        self.session(other).good(S.TUR)

    def test_a_configuration_of_200_devices_and_luns_is_applied(self):
        count = 200
        devices = {"vdisk_nullio": {f"n{i}": {"size_mb": 1} for i in range(count)}}
        config = disk_config(devices, {i: f"n{i}" for i in range(count)})
        daemon = self.start(config)
        session = self.session(daemon)
        self.assertEqual(S.luns_of(session.good(S.report_luns(), read=4096)), list(range(count)))
        self.assertEqual(session.clear_attentions(count - 1).status, 0)


class Quoting(DaemonTest):
    """SCST's lexical rules, as generated files use them."""

    def test_blanks_comments_quotes_and_empty_blocks(self):
        config = ("# first\n\nsetup_id 0x123 # after\n\nHANDLER vdisk_fileio {\n}\n\nHANDLER vdisk_nullio {\n"
                  "\tDEVICE  n1   {\n\n\t\tprod_id \"two words\"\n\n\t}\n\tDEVICE n2\n}\n"
                  f"TARGET_DRIVER iscsi {{\n\tenabled 1\n\tTARGET {IQN} {{\n\t\tGROUP hosts {{\n"
                  "\t\t\tINITIATOR iqn.2026-11.org.scstd.test:*\\#*\n\t\t\tINITIATOR iqn.2026-11.org.scstd.test:*\n"
                  "\t\t\tLUN 0 n1\n\t\t\tLUN 3 n2 {\n\t\t\t\tread_only 1\n\t\t\t}\n\t\t}\n\t\tenabled 1\n\t}\n}\n")
        daemon = self.start(config)
        session = self.session(daemon)
        self.assertEqual(session.good(S.inquiry(), read=255)[16:32], b"two words       ")
        session.clear_attentions(3)
        self.assert_sense(session.command(S.write10(0, 1), 3, write=bytes(512)), 7, 0x2700)
        self.assertEqual(daemon.get("/setup_id"), "0x123")
