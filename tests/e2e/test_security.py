# SPDX-License-Identifier: Apache-2.0
"""What has hit other targets (each with its number), tried on this one. Rows that have a file of their own are there:
EXTENDED COPY in test_copy, READ FULL STATUS in test_reservations, logins in test_login and test_hostile, the control
socket in test_control."""
import random
import struct

from lib import pdu as P
from lib import scsi as S
from lib.daemon import SANITIZED, DaemonTest, one_disk
from lib.initiator import Closed, Connection, Timeout


class Security(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    def login_answers(self, data, flags=0x81):
        """Sends a login whose data is not text that we would make; returns what came back."""
        with self.daemon.session(login=False) as session:
            bhs = bytearray(session.login_header(0, 1, True, len(data)))
            bhs[1] = flags
            try:
                session.send(bytes(bhs), data)
                return [session.receive(20)]
            except (Closed, Timeout):
                return []

    def served(self):
        self.assertTrue(self.daemon.alive())
        with self.daemon.session() as session:
            session.good(S.TUR)

    def test_cve_2013_2850_keys_of_every_length_do_no_harm(self):
        identity = P.text([("InitiatorName", "iqn.2026-11.org.scstd.test:one"), ("SessionType", "Normal"),
                           ("TargetName", "iqn.2026-11.org.scstd:test"), ("AuthMethod", "None")])
        for length in (1, 62, 63, 64, 65, 255, 256, 257, 1000, 4095, 4096, 7000, 8192, 8193, 70000):
            for tail in (b"=1\0", b"\0", b"=\0", b"=" + b"v" * 300 + b"\0", b""):
                answers = self.login_answers(identity + b"K" * length + tail)
                for answer in answers:
                    self.assertIn(answer.opcode, (P.LOGIN_RESPONSE, P.REJECT))
        self.served()

    def test_keys_without_equals_with_nul_and_with_control_bytes(self):
        identity = P.text([("InitiatorName", "iqn.2026-11.org.scstd.test:one"), ("SessionType", "Discovery"),
                           ("AuthMethod", "None")])
        for extra in (b"NoEquals\0", b"=\0", b"=value\0", b"\0\0\0\0", b"A=\x01\x02\xff\0",
                      b"HeaderDigest=" + b"," * 3000 + b"\0",
                      b"MaxBurstLength=0x\0", b"MaxBurstLength=99999999999999999999999\0", b"MaxBurstLength=-1\0",
                      b"InitialR2T=\0", b"AuthMethod=" + b"CHAP," * 1000 + b"\0", b"X%n%s=%n%s\0"):
            for answer in self.login_answers(identity + extra):
                self.assertIn(answer.opcode, (P.LOGIN_RESPONSE, P.REJECT))
        self.served()

    def test_cve_2018_14633_chap_answers_of_every_shape_before_any_login(self):
        for value in (b"0x", b"0x1", b"0xzz", b"0b", b"0bA", b"0b====", b"", b"0x" + b"41" * 17, b"0x" + b"41" * 4000,
                      b"0b" + b"QUFB" * 2000, b"4" * 100):
            data = P.text([("InitiatorName", "iqn.2026-11.org.scstd.test:one"), ("AuthMethod", "CHAP"), ("CHAP_A", "5"),
                           ("CHAP_N", "joe")]) + b"CHAP_R=" + value + b"\0CHAP_C=" + value + b"\0CHAP_I=999\0"
            self.login_answers(data)
        self.served()

    def test_cve_2011_0001_a_login_whose_length_lies(self):
        for declared, real in ((0xFFFFFF, 100), (8192, 100), (100, 8000), (0, 500)):
            with Connection(self.daemon.portal) as connection:
                with self.daemon.session(login=False) as template:
                    bhs = template.login_header(0, 1, True, declared)
                try:
                    connection.send_raw(bhs + b"A" * real)
                    connection.socket.shutdown(1)
                    connection.expect_closed(20)
                except (Closed, OSError, Timeout):
                    pass
        self.served()

    def test_s3_all_operation_codes_with_every_length_of_cdb(self):
        source = random.Random(5)
        session = self.session()
        lengths = (6, 16, 17, 20, 32, 33, 64, 128, 256, 260)
        for opcode in range(0, 256, 1 if not SANITIZED else 3):
            if opcode in (0x04, 0x48):
                continue  # FORMAT UNIT and SANITIZE would do what they are asked
            for length in lengths if opcode in (0x7F, 0x12, 0x28, 0xC0, 0xE7) else (16, 32):
                cdb = bytes([opcode]) + source.randbytes(length - 1)
                result = session.command(cdb, read=512)
                self.assertIn(result.status, (0, 2, 4, 8, 0x18, 0x28, 0x30), f"{cdb.hex()} {result!r}")
                if result.status == 2 and cdb[-1] & 4:
                    session.tm(S.CLEAR_ACA)
        session.tm(S.CLEAR_ACA)
        session.tm(S.LUN_RESET)
        session.clear_attentions()
        self.served()

    def test_cve_2024_42416_rsoc_with_every_option_operation_and_length(self):
        session = self.session()
        for options in (0, 1, 2, 3, 4, 7, 0x80, 0x81, 0x82, 0x83):
            for opcode in range(0, 256, 5):
                for action in (0, 1, 0x10, 0xFFFF):
                    result = session.command(S.rsoc(options, opcode, action, 512), read=512)
                    self.assertIn(result.status, (0, 2))
        whole = session.good(S.rsoc(0x80, length=65535), read=65535)
        for length in list(range(0, 64)) + [len(whole) - 1, len(whole), len(whole) + 1]:
            data = session.good(S.rsoc(0x80, length=length), read=length)
            self.assertEqual(data, whole[:length])

    def test_cve_2024_8178_read_buffer_before_any_write_buffer_is_zero(self):
        session = self.session()
        cdb = struct.pack(">BBB3s3sB", 0x3C, 2, 0, bytes(3), (4096).to_bytes(3, "big"), 0)
        result = session.command(cdb, read=4096)
        if result.status == 0:
            self.assertEqual(result.data.strip(b"\0"), b"")
        else:
            self.assertEqual(result.key, 5)

    def test_cve_2024_45063_buffers_with_offsets_and_aborts(self):
        session = self.session(keys={"InitialR2T": "Yes", "ImmediateData": "No"})
        for mode in range(32):
            for offset in (0, 1, 511, 4096, 0xFFFFFF):
                for length in (0, 1, 512, 70000):
                    cdb = struct.pack(">BBB3s3sB", 0x3C, mode, 0, offset.to_bytes(3, "big"),
                                      length.to_bytes(3, "big"), 0)
                    self.assertIn(session.command(cdb, read=length).status, (0, 2))
        for mode in (0, 1, 2, 4, 5, 6, 7, 10, 13, 14):
            cdb = struct.pack(">BBB3s3sB", 0x3B, mode, 0, bytes(3), (512).to_bytes(3, "big"), 0)
            itt = session.submit(cdb, write=b"x" * 512, hold_data=True)
            got = session.receive_for(itt)
            if got.opcode == P.R2T:
                self.assertEqual(session.tm(S.ABORT_TASK, rtt=itt, ref_cmd_sn=session.pending[itt].cmd_sn), 0)
            session.forget(itt)
        session.good(S.TUR)

    def test_parameter_lists_of_every_length(self):
        session = self.session()
        source = random.Random(6)
        for make in (lambda n: struct.pack(">BBHBB", 0x15, 0x10, 0, n, 0), S.unmap,
                     lambda n: S.pr_out(0, length=n), S.stpg, lambda n: struct.pack(">BB5xHB", 0x55, 0x10, n, 0)):
            for length in list(range(0, 40)) + [200]:
                for fill in (bytes(length), b"\xFF" * length, source.randbytes(length)):
                    self.assertIn(session.command(make(length), write=fill).status, (0, 2, 0x18))
        session.tm(S.LUN_RESET)
        session.clear_attentions()
        S.pr(session, S.REGISTER_AND_IGNORE, 0, 1)
        S.pr(session, S.CLEAR, 1)
        self.served()

    def test_allocation_lengths_cut_and_never_overrun(self):
        session = self.session()
        for make, most in ((lambda n: S.inquiry(None, n), 255), (lambda n: S.inquiry(0x83, n), 255),
                           (lambda n: S.inquiry(0xB0, n), 255),
                           (lambda n: S.mode_sense6(0x3F, length=min(n, 255)), 255),
                           (lambda n: S.read_capacity16(n), 64)):
            whole = session.good(make(most), read=most)
            for length in range(0, most, 3):
                data = session.good(make(length), read=length)
                self.assertEqual(data[1 if make(1)[0] == 0x1A else 0:], whole[1 if make(1)[0] == 0x1A else 0:len(data)])
                self.assertLessEqual(len(data), length)

    def test_arithmetic_at_the_edges_of_64_bits(self):
        session = self.session()
        for lba in (1 << 32, (1 << 55) - 1, 1 << 55, (1 << 63) - 1, (1 << 64) - 1, (1 << 64) - 8):
            for cdb, data in ((S.read16(lba, 8), 0), (S.write16(lba, 8), 4096), (S.write_same16(lba, 8), 512),
                              (S.read16(lba, 0xFFFFFFFF), 0), (S.get_lba_status(lba), 0)):
                result = session.command(cdb, read=0 if data else 4096, write=bytes(data))
                self.assertEqual(result.status, 2, cdb.hex())
                self.assertEqual(result.key, 5, result)
        data = S.unmap_list((0, 0xFFFFFFFF), ((1 << 64) - 1, 2))
        self.assertEqual(session.command(S.unmap(len(data)), write=data).status, 2)
        self.served()
