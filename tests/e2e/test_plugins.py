# SPDX-License-Identifier: Apache-2.0
"""Plugins come and go at run time, refuse to go while in use, and one's life does not touch another's I/O."""
import threading

from lib import scsi as S
from lib.daemon import BUILD, CtlError, DaemonTest, disk_config, sequence

FILE_ONLY = disk_config({"vdisk_fileio": {"disk": {"filename": "@DIR@/disk.img"}}}, {0: "disk"})
LUNS = "/targets/iscsi/iqn.2026-11.org.scstd:test/luns/mgmt"


class Plugins(DaemonTest):
    def daemon_without_nullio(self):
        return self.start(FILE_ONLY, plugins=("vdisk_fileio", "iscsi"), files={"disk.img": 16 << 20})

    def refused(self, daemon, *arguments):
        with self.assertRaises(CtlError) as caught:
            daemon.ctl(*arguments)
        self.assertNotEqual(caught.exception.code, 0)
        return caught.exception.stderr

    def test_load_use_refuse_unload_unload_and_load_again_under_load_of_another_device(self):
        daemon = self.daemon_without_nullio()
        stop, failures, done = threading.Event(), [], [0]

        def load():
            try:
                with daemon.session(initiator="iqn.2026-11.org.scstd.test:load") as session:
                    while not stop.is_set():
                        data = sequence(65536, done[0])
                        # The LUN map changes meanwhile: its unit attentions are not failures.
                        for cdb, read, write in ((S.write10(0, 128), 0, data), (S.read10(0, 128), 65536, b"")):
                            while True:
                                result = session.command(cdb, read=read, write=write)
                                if not (result.status == 2 and result.key == 6):
                                    break
                            if result.status or (read and result.data != data):
                                raise AssertionError(repr(result))
                        done[0] += 1
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for round_ in range(5):
                before = done[0]
                daemon.ctl("plugin", "load", "nullio")
                self.assertIn("nullio", daemon.ctl("plugin", "list"))
                daemon.mgmt("/handlers/vdisk_nullio/mgmt", "add_device null size_mb=64")
                daemon.mgmt(LUNS, "add null 5")
                with daemon.session() as session:
                    session.clear_attentions(5)
                    session.good(S.write10(0, 8), 5, write=bytes(4096))
                    text = self.refused(daemon, "plugin", "unload", "nullio")
                    self.assertIn("null", text, "says what uses it")
                    session.good(S.read10(0, 8), 5, read=4096)
                    daemon.mgmt(LUNS, "del 5")
                daemon.mgmt("/handlers/vdisk_nullio/mgmt", "del_device null")
                daemon.ctl("plugin", "unload", "nullio")
                self.assertNotIn("vdisk_nullio", daemon.ctl("tree", "/handlers"))
                self.assertEqual(failures, [], f"in round {round_} after {done[0] - before} rounds of I/O")
        finally:
            stop.set()
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(done[0], 0)

    def test_unload_of_the_driver_is_refused_while_it_has_targets(self):
        daemon = self.daemon_without_nullio()
        session = self.session(daemon)
        self.assertIn("iqn.2026-11.org.scstd:test", self.refused(daemon, "plugin", "unload", "iscsi"))
        session.good(S.TUR)

    def test_unload_of_a_handler_names_its_device(self):
        daemon = self.daemon_without_nullio()
        self.assertIn("disk", self.refused(daemon, "plugin", "unload", "vdisk_fileio"))

    def test_unknown_and_loaded_plugins_are_refused_in_words(self):
        daemon = self.daemon_without_nullio()
        self.assertIn("nosuch", self.refused(daemon, "plugin", "load", "nosuch"))
        self.assertIn("nosuch", self.refused(daemon, "plugin", "unload", "nosuch"))
        self.assertIn("iscsi", self.refused(daemon, "plugin", "load", "iscsi"))
        self.refused(daemon, "plugin", "load", "../../../lib/x86_64-linux-gnu/libc.so.6")
        self.refused(daemon, "plugin", "load", "")
        self.session(daemon).good(S.TUR)

    def test_files_that_are_no_plugins_are_refused_and_the_daemon_goes_on(self):
        daemon = self.daemon_without_nullio()
        folder = daemon.directory / "plugins"
        folder.mkdir()
        for path in (BUILD / "lib" / "scst").glob("*.so"):
            (folder / path.name).symlink_to(path)
        (folder / "text.so").write_text("not an ELF file\n")
        (folder / "empty.so").write_bytes(b"")
        (folder / "cut.so").write_bytes((BUILD / "lib" / "scst" / "nullio.so").read_bytes()[:5000])
        daemon.stop()
        daemon.options.append(f"plugin_dir={folder}")
        daemon.start()
        for name in ("text", "empty", "cut"):
            self.assertIn(name, self.refused(daemon, "plugin", "load", name))
        daemon.ctl("plugin", "load", "nullio")
        self.session(daemon).good(S.TUR)

    def test_a_plugin_that_is_not_there_is_told_and_missed_only_by_what_needs_it(self):
        daemon = self.start("", plugins=("nosuch", "nullio", "iscsi"))
        self.assertRegex(daemon.log(), r"\[error\].*nosuch")
        self.assertIn("vdisk_nullio", daemon.ctl("tree", "/handlers"))
        with self.assertRaises(AssertionError) as caught:
            self.start(FILE_ONLY, plugins=("iscsi",), files={"disk.img": 1 << 20})
        self.assertRegex(str(caught.exception), r"scst\.conf:1:\d+.*vdisk_fileio")
