# SPDX-License-Identifier: Apache-2.0
"""How data crosses (RFC 7143 11.3, 11.4, 11.7, 11.8): every way of sending a WRITE, residuals, digests."""
import itertools
import struct

from lib import pdu as P
from lib import scsi as S
from lib.daemon import SANITIZED, DaemonTest, one_disk, sequence

DIGESTS = one_disk().replace("enabled 1\n\t\tLUN", "enabled 1\n\t\tHeaderDigest CRC32C,None\n"
                             "\t\tDataDigest CRC32C,None\n\t\tLUN")


class Writes(DaemonTest):
    CONFIG = DIGESTS
    FILES = {"disk.img": 64 << 20}

    def check(self, session, data, lba, **options):
        session.good(S.write16(lba, len(data) // 512), write=data, **options)
        self.assertEqual(session.good(S.read16(lba, len(data) // 512), read=len(data)), data)

    def test_every_mix_of_immediate_unsolicited_and_solicited_data(self):
        lba = itertools.count(0, 2048)
        for initial_r2t, immediate, digest in itertools.product(("Yes", "No"), ("Yes", "No"), ("None", "CRC32C")):
            keys = {"InitialR2T": initial_r2t, "ImmediateData": immediate, "FirstBurstLength": "8192",
                    "MaxBurstLength": "16384", "MaxOutstandingR2T": "3", "HeaderDigest": digest, "DataDigest": digest}
            with self.subTest(keys=keys):
                session = self.session(keys=keys)
                self.assertEqual(session.keys["DataDigest"], digest)
                for blocks in (1, 15, 16, 17, 33, 100):
                    self.check(session, sequence(blocks * 512, blocks), next(lba))
                self.check(session, sequence(40 * 512, 99), next(lba), immediate_limit=512)
                self.check(session, sequence(40 * 512, 98), next(lba), unsolicited=False)
                session.logout()
                session.close()

    def test_r2ts_obey_burst_length_and_their_number(self):
        session = self.session(keys={"InitialR2T": "Yes", "ImmediateData": "No", "MaxBurstLength": "4096",
                                     "MaxOutstandingR2T": "2"})
        data = sequence(20 * 512)
        itt = session.submit(S.write10(0, 20), write=data, hold_data=True)
        task = session.pending[itt]
        while len(task.r2ts) < 2:
            session.dispatch(session.receive())
        session.nop_out(b"in between")
        self.assertEqual(session.receive().opcode, P.NOP_IN, "no third R2T while two are open")
        self.assertEqual([(r.offset, r.desired_length) for r in task.r2ts], [(0, 4096), (4096, 4096)])
        session.data_out(itt, 0, task.r2ts[0].ttt, data, 0, 4096)
        session.dispatch(session.receive())
        self.assertEqual((task.r2ts[2].offset, task.r2ts[2].desired_length), (8192, 2048))
        session.data_out(itt, 0, task.r2ts[1].ttt, data, 4096, 4096)
        session.data_out(itt, 0, task.r2ts[2].ttt, data, 8192, 2048)
        self.assertEqual(session.wait(itt).status, 0)
        self.assertEqual(session.good(S.read10(0, 20), read=len(data)), data)

    def test_commands_go_on_while_a_write_waits_for_its_data(self):
        session = self.session(keys={"InitialR2T": "Yes", "ImmediateData": "No"})
        itt = session.submit(S.write10(0, 8), write=sequence(4096), hold_data=True)
        for _ in range(5):
            session.good(S.read10(100, 1), read=512)
        task = session.pending[itt]
        session.data_out(itt, 0, task.r2ts[0].ttt, task.write, 0, 4096)
        self.assertEqual(session.wait(itt).status, 0)

    def test_data_in_keeps_to_our_segment_length_and_counts(self):
        for segment in (512, 4096, 65536):
            session = self.session(keys={"MaxRecvDataSegmentLength": str(segment)})
            data = sequence(256 * 512, segment)
            self.check(session, data, 4096)
            session.close()

    def test_large_transfers_of_a_megabyte_and_more(self):
        session = self.session(keys={"MaxBurstLength": "1048576"})
        for blocks in (2048, 4096, 8192) if not SANITIZED else (2048,):
            self.check(session, sequence(blocks * 512, blocks), 0)

    def test_underflow_of_a_read_is_told(self):
        session = self.session()
        result = session.command(S.inquiry(), read=4096)
        self.assertTrue(result.underflow)
        self.assertEqual(result.residual, 4096 - len(result.data))
        result = session.command(S.read10(0, 1), read=1024)
        self.assertEqual((result.status, result.underflow, result.residual, len(result.data)), (0, True, 512, 512))

    def test_overflow_of_a_read_is_told(self):
        session = self.session()
        result = session.command(S.read10(0, 4), read=1024)
        self.assertEqual((result.status, result.overflow, result.residual, len(result.data)), (0, True, 1024, 1024))

    def test_residuals_of_writes_are_told(self):
        session = self.session()
        session.good(S.write10(0, 4), write=bytes(2048))
        result = session.command(S.write10(0, 2), write=b"\xAA" * 2048)
        self.assertEqual((result.status, result.underflow, result.residual), (0, True, 1024))
        self.assertEqual(session.good(S.read10(0, 4), read=2048), b"\xAA" * 1024 + bytes(1024))
        result = session.command(S.write10(0, 4), write=b"\xBB" * 1024)
        self.assertEqual((result.overflow, result.residual), (True, 1024))

    def test_a_command_flagged_for_the_other_direction_moves_nothing(self):
        session = self.session()
        session.good(S.write10(0, 1), write=b"\x11" * 512)
        # A READ whose initiator takes no data: all of it is residual, as libiscsi's suite wants it.
        result = session.command(S.read10(0, 1), write=b"\x22" * 512)
        self.assertEqual(result.data, b"")
        self.assert_sense(session.command(S.write10(0, 1), read=512), 5, 0x4900)
        self.assertEqual(session.good(S.read10(0, 1), read=512), b"\x11" * 512)
        session.ping()

    def test_zero_blocks_are_good_and_move_nothing(self):
        session = self.session()
        for cdb in (S.read10(0, 0), S.write10(0, 0), S.read16(0, 0), S.write16(0, 0), S.verify10(0, 0)):
            self.assertEqual(session.command(cdb).status, 0)

    def test_extended_cdb_header_segments_are_read_or_refused_never_misread(self):
        session = self.session()
        cdb = struct.pack(">BB5sBHBBQIHHI", 0x7F, 0, bytes(5), 24, 9, 0, 0, 0, 0, 0, 0, 1)
        self.assertEqual(len(cdb), 32)
        self.assert_sense(session.command(cdb, read=512), 5, 0x2000)
        session.ping()


class Digests(DaemonTest):
    CONFIG = DIGESTS
    FILES = {"disk.img": 8 << 20}
    BOTH = {"HeaderDigest": "CRC32C", "DataDigest": "CRC32C"}

    def test_everything_works_under_both_digests(self):
        session = self.session(keys=self.BOTH)
        data = sequence(64 * 512)
        session.good(S.write10(0, 64), write=data)
        self.assertEqual(session.good(S.read10(0, 64), read=len(data)), data)
        self.assertEqual(session.command(S.read10(1 << 30, 1), read=512).asc, 0x2100)
        session.ping(b"odd length")
        self.assertEqual(session.tm(S.LUN_RESET), 0)

    def test_one_digest_without_the_other(self):
        for keys in ({"HeaderDigest": "CRC32C"}, {"DataDigest": "CRC32C"}):
            session = self.session(keys=keys)
            data = sequence(33 * 512)
            session.good(S.write10(0, 33), write=data)
            self.assertEqual(session.good(S.read10(0, 33), read=len(data)), data)

    def test_a_wrong_header_digest_closes_the_connection_and_nothing_else(self):
        other, session = self.session(), self.session(keys=self.BOTH)
        session.send(session.command_header(S.TUR, 0, 77, session.take_cmd_sn(), 0x80, 0, 0), bad_header_digest=True)
        self.assertEqual(session.expect_closed(), [])
        other.ping()

    def test_a_wrong_data_digest_ends_the_command_and_leaves_the_medium_as_it_was(self):
        session = self.session(keys=self.BOTH)
        for size in (512, 64 * 1024):
            session.good(S.write10(0, size // 512), write=b"\x33" * size)
            data = b"\x44" * size
            itt = session.new_itt()
            session.send(session.command_header(S.write10(0, size // 512), 0, itt, session.take_cmd_sn(), 0xA1,
                                                size, size), data, bad_data_digest=True)
            answer = session.receive_for(itt)
            self.assertEqual((answer.opcode, answer.status), (P.SCSI_RESPONSE, 2), answer)
            sense = answer.data[2:]
            self.assertEqual((sense[2] & 15, sense[12], sense[13]), (0x0B, 0x47, 0x05))
            self.assertEqual(session.good(S.read10(0, size // 512), read=size), b"\x33" * size)

    def test_a_wrong_digest_of_a_data_out_ends_the_command(self):
        session = self.session(keys=dict(self.BOTH, InitialR2T="Yes", ImmediateData="No"))
        session.good(S.write10(0, 8), write=b"\x33" * 4096)
        itt = session.submit(S.write10(0, 8), write=b"\x44" * 4096, hold_data=True)
        task = session.pending[itt]
        while not task.r2ts:
            session.dispatch(session.receive())
        session.send(P.header(P.DATA_OUT, 0x80, data_length=4096, itt=itt,
                              words=(task.r2ts[0].ttt, 0, 0, 0, 0, 0, 0)), task.write, bad_data_digest=True)
        result = session.wait(itt)
        self.assert_sense(result, 0x0B, 0x4705)
        self.assertEqual(session.good(S.read10(0, 8), read=4096), b"\x33" * 4096)

    def test_a_ping_with_a_wrong_data_digest_is_dropped_silently(self):
        session = self.session(keys=self.BOTH)
        session.send(P.header(P.NOP_OUT | 0x40, data_length=4, itt=55,
                              words=(P.NO_TAG, session.cmd_sn, session.exp_stat_sn, 0, 0, 0, 0)), b"ping",
                     bad_data_digest=True)
        session.ping(b"after")
