# SPDX-License-Identifier: Apache-2.0
"""Many sessions at once, each on blocks of its own, each byte verified."""
import random
import threading

from lib import scsi as S
from lib.daemon import SANITIZED, DaemonTest, disk_config, one_disk, sequence

COUNT = 64


class ManySessions(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 128 << 20}
    OPTIONS = ("reactors=4",)

    def test_64_sessions_at_once_with_verified_data(self):
        rounds = 4 if SANITIZED else 20
        failures = []
        gate = threading.Barrier(COUNT)

        def use(index):
            try:
                source = random.Random(index)
                with self.daemon.session(initiator=f"iqn.2026-11.org.scstd.test:host{index}") as session:
                    gate.wait(120)
                    base, span = index * 2048, 2048
                    for _ in range(rounds):
                        blocks = source.choice((1, 8, 64, 256))
                        lba = base + source.randrange(span - blocks)
                        data = source.randbytes(blocks * 512)
                        session.good(S.write16(lba, blocks), write=data)
                        reads = [session.submit(S.read16(lba, blocks), read=len(data)) for _ in range(4)]
                        for itt in reads:
                            result = session.wait(itt)
                            if result.status or result.data != data:
                                raise AssertionError(f"session {index}: {result!r} differs at {lba}")
                    session.logout()
            except BaseException as error:  # reported by the test below
                failures.append(error)
                gate.abort()

        threads = [threading.Thread(target=use, args=(index,)) for index in range(COUNT)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_compare_and_write_is_atomic_between_sessions(self):
        """Each session adds one to a counter on the disk by COMPARE AND WRITE; no addition may be lost."""
        adds, workers = (10, 4) if SANITIZED else (40, 6)
        first = self.daemon.session()
        first.good(S.write10(0, 1), write=bytes(512))
        failures = []

        def add(index):
            try:
                with self.daemon.session(initiator=f"iqn.2026-11.org.scstd.test:adder{index}") as session:
                    done = 0
                    while done < adds:
                        old = session.good(S.read10(0, 1), read=512)
                        new = (int.from_bytes(old[:8], "big") + 1).to_bytes(8, "big") + old[8:]
                        result = session.command(S.compare_and_write(0, 1), write=old + new)
                        if result.status == 0:
                            done += 1
                        elif (result.key, result.asc) != (0x0E, 0x1D00):
                            raise AssertionError(f"{result!r}")
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=add, args=(index,)) for index in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        value = first.good(S.read10(0, 1), read=512)
        self.assertEqual(int.from_bytes(value[:8], "big"), adds * workers)
        first.close()

    def test_a_session_on_each_of_many_targets(self):
        count = 20
        devices = "".join(f"\tDEVICE n{i} {{\n\t\tsize_mb {i + 1}\n\t}}\n" for i in range(count))
        targets = "".join(f"\tTARGET iqn.2026-11.org.scstd:t{i} {{\n\t\tenabled 1\n\t\tLUN 0 n{i}\n\t}}\n"
                          for i in range(count))
        config = f"HANDLER vdisk_nullio {{\n{devices}}}\nTARGET_DRIVER iscsi {{\n\tenabled 1\n{targets}}}\n"
        daemon = self.start(config)
        sessions = [daemon.session(iqn=f"iqn.2026-11.org.scstd:t{i}") for i in range(count)]
        for index, session in enumerate(sessions):
            capacity = session.good(S.read_capacity10(), read=8)
            self.assertEqual(int.from_bytes(capacity[:4], "big") + 1, (index + 1) * 2048)
            session.close()


class Reactors(DaemonTest):
    CONFIG = disk_config({"vdisk_fileio": {"disk": {"filename": "@DIR@/disk.img"}}}, {0: "disk"})
    FILES = {"disk.img": 16 << 20}

    def test_one_reactor_serves_as_well_as_many(self):
        daemon = self.start(self.CONFIG, files=self.FILES, options=("reactors=1",))
        sessions = [daemon.session() for _ in range(8)]
        for index, session in enumerate(sessions):
            data = sequence(4096, index)
            session.good(S.write10(index * 8, 8), write=data)
            self.assertEqual(session.good(S.read10(index * 8, 8), read=4096), data)
            session.close()
