# SPDX-License-Identifier: Apache-2.0
"""What an attacker on the port can do: at most lose his own connection. After each attack a well-behaved session that
was there before must still be served, and the daemon must be in order."""
import os
import random
import socket
import struct

from lib import pdu as P
from lib import scsi as S
from lib.daemon import SANITIZED, DaemonTest, eventually, one_disk, sequence
from lib.initiator import Closed, Connection, Timeout


class _Hostile(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.witness = cls.daemon.session(initiator="iqn.2026-11.org.scstd.test:witness")
        cls.addClassCleanup(cls.witness.close)
        cls.tell_of_aborts(cls.witness)

    @staticmethod
    def tell_of_aborts(session):
        """TAS = 1 (SPC-4, Control mode page), saved: what a reset of others aborts is answered, not dropped."""
        page = S.mode_page(session.good(S.mode_sense6(0x0A), read=255))
        data = S.mode_select_list(page, {5: page[5] | 0x40})
        session.good(S.mode_select6(len(data), sp=1), write=data)

    def setUp(self):
        self.addCleanup(self.witness_is_served)

    def witness_is_served(self):
        self.assertTrue(self.daemon.alive(), self.daemon.log()[-4000:])
        data = sequence(4096, random.random())
        self.settled(S.write10(100, 8), write=data)
        self.assertEqual(self.settled(S.read10(100, 8), read=4096).data, data)
        self.assertEqual(self.daemon.session(initiator="iqn.2026-11.org.scstd.test:new").close(), None)

    def settled(self, cdb, **transfer):
        """A command of the witness; resets that others sent before they went may abort it or announce themselves."""
        for _ in range(32):
            result = self.witness.command(cdb, **transfer)
            if result.status != S.TASK_ABORTED and (result.status != 2 or result.key != 6):
                break
        self.assertEqual(result.status, 0, result)
        return result

    def closed_or_rejected(self, connection, timeout=20):
        """The offender hears a Reject, a SCSI status, or the end of the connection; silence only as a drop."""
        try:
            return connection.expect_closed(timeout)
        except Timeout:
            return None


class Disconnects(_Hostile):
    """The peer goes away in the middle of every kind of PDU, with FIN and with RST."""

    def pdus(self, session):
        """(name, bytes) of each kind of PDU that an initiator sends in full-feature phase."""
        sn, exp = session.cmd_sn, session.exp_stat_sn
        words = (P.NO_TAG, sn, exp, 0, 0, 0, 0)
        data = sequence(4096)
        login = P.text(session.identity_keys())
        long_cdb = struct.pack(">HBB", 17, 1, 0) + bytes(16)
        return {
            "NOP-Out": P.header(P.NOP_OUT | 0x40, data_length=4096, itt=9, words=words) + data,
            "SCSI command": session.command_header(S.TUR, 0, 9, sn, 0x81, 0, 0),
            "SCSI write": session.command_header(S.write10(0, 8), 0, 9, sn, 0xA1, 4096, 4096) + data,
            "SCSI write unsolicited": session.command_header(S.write10(0, 16), 0, 9, sn, 0x21, 8192, 4096) + data,
            "SCSI command with AHS": session.command_header(S.TUR, 0, 9, sn, 0x81, 0, 0, ahs=long_cdb) + long_cdb,
            "Task management": P.header(P.TM_REQUEST | 0x40, 0x85, itt=9, words=words),
            "Text": P.header(P.TEXT, 0x80, data_length=16, itt=9, words=words) + b"SendTargets=All\0",
            "Data-Out": P.header(P.DATA_OUT, 0x80, data_length=4096, itt=9,
                                 words=(P.NO_TAG, 0, exp, 0, 0, 0, 0)) + data,
            "Logout": P.header(P.LOGOUT | 0x40, 0x80, itt=9, words=(0, sn, exp, 0, 0, 0, 0)),
            "SNACK": P.header(P.SNACK, 0x80, words=(P.NO_TAG, 0, exp, 0, 0, 0, 0)),
            "Login": session.login_header(0, 1, True, len(login)) + login,
        }

    def cuts(self, raw):
        interesting = {1, 4, 8, 20, 47, 48, 49, len(raw) // 2, len(raw) - 1, len(raw)}
        return sorted(cut for cut in interesting if 0 < cut <= len(raw))

    def test_in_the_middle_of_every_kind_of_pdu(self):
        names = list(self.pdus(self.witness))
        for name in names:
            for index, cut in enumerate(self.cuts(self.pdus(self.witness)[name])):
                with self.subTest(pdu=name, cut=cut):
                    session = self.daemon.session(clear=False)
                    session.send_raw(self.pdus(session)[name][:cut])
                    if index % 2:
                        session.abort()
                    else:
                        session.close()
            self.witness_is_served()

    def test_in_the_middle_of_the_login(self):
        session = self.daemon.session(login=False)
        data = P.text(session.identity_keys() + [("AuthMethod", "None")])
        raw = session.login_header(0, 1, True, len(data)) + data
        session.close()
        for cut in self.cuts(raw):
            with Connection(self.daemon.portal) as connection:
                connection.send_raw(raw[:cut])
        with self.daemon.session(login=False) as half:
            half.login_step(0, 1, half.identity_keys() + [("AuthMethod", "None")])

    def test_while_the_target_sends_a_long_read(self):
        for _ in range(10):
            session = self.daemon.session()
            for lba in range(0, 16 * 512, 512):
                session.submit(S.read10(lba, 512), read=512 * 512)
            session.receive()
            session.abort()

    def test_while_r2ts_are_open(self):
        for _ in range(10):
            session = self.daemon.session(keys={"InitialR2T": "Yes", "ImmediateData": "No"})
            itt = session.submit(S.write10(0, 512), write=bytes(512 * 512), hold_data=True)
            while not session.pending[itt].r2ts:
                session.dispatch(session.receive())
            session.data_out(itt, 0, session.pending[itt].r2ts[0].ttt, bytes(65536), 0, 30000)
            session.abort()

    def test_a_peer_that_stops_reading_holds_up_nobody(self):
        session = self.daemon.session()
        session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for lba in range(0, 30 * 512, 512):
            session.submit(S.read10(lba % 8192, 512), read=512 * 512)
        for _ in range(20):
            self.witness_is_served()
        session.abort()

    def test_connections_that_say_nothing_do_not_lock_others_out(self):
        silent = [Connection(self.daemon.portal) for _ in range(300)]
        try:
            self.witness_is_served()
        finally:
            for connection in silent:
                connection.close()


class Garbage(_Hostile):
    def test_random_bytes_on_the_port(self):
        source = random.Random(1)
        for size in (1, 47, 48, 49, 512, 4096, 100000):
            for _ in range(5):
                with Connection(self.daemon.portal) as connection:
                    try:
                        connection.send_raw(source.randbytes(size))
                        connection.socket.shutdown(socket.SHUT_WR)
                    except (Closed, OSError):
                        pass
                    self.closed_or_rejected(connection)

    def test_other_protocols_on_the_port(self):
        for greeting in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
                         b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 48, b"\xff" * 4096):
            with Connection(self.daemon.portal) as connection:
                try:
                    connection.send_raw(greeting)
                    connection.socket.shutdown(socket.SHUT_WR)
                except (Closed, OSError):
                    pass
                self.closed_or_rejected(connection)

    def test_random_headers_after_a_good_login(self):
        source = random.Random(int(os.environ.get("SCST_SEED", "2")))
        for _ in range(60 if SANITIZED else 200):
            session = self.daemon.session(clear=False)
            try:
                for _ in range(8):
                    bhs = bytearray(source.randbytes(48))
                    bhs[0] = source.choice((0, 1, 2, 3, 4, 5, 6, 0x10, 0x1C, 0x3F)) | (source.randrange(2) << 6)
                    bhs[4] = source.choice((0, 0, 0, 1, 2))
                    length = source.choice((0, 0, 1, 4, 512, 5000))
                    bhs[5:8] = length.to_bytes(3, "big")
                    struct.pack_into(">I", bhs, 24, session.cmd_sn + source.randrange(3))
                    session.send(bytes(bhs), source.randbytes(length), source.randbytes(bhs[4] * 4))
            except Closed:
                pass
            session.close()

    def test_a_good_command_with_each_single_bit_flipped(self):
        for bit in range(48 * 8):
            session = self.daemon.session(clear=False)
            bhs = bytearray(session.command_header(S.read10(0, 1), 0, 9, session.cmd_sn, 0xC1, 512, 0))
            bhs[bit // 8] ^= 0x80 >> (bit % 8)
            try:
                session.send_raw(bytes(bhs))
            except Closed:
                pass
            session.close()


class Lengths(_Hostile):
    def test_a_data_segment_longer_than_declared_closes(self):
        for length in (1048577, 0xFFFFFF):
            session = self.daemon.session()
            session.send_raw(P.header(P.NOP_OUT | 0x40, data_length=length, itt=9,
                                      words=(P.NO_TAG, session.cmd_sn, 0, 0, 0, 0, 0)))
            self.assertIsNotNone(self.closed_or_rejected(session))

    def test_immediate_data_beyond_the_first_burst_closes(self):
        session = self.daemon.session(keys={"FirstBurstLength": "512"})
        session.send(session.command_header(S.write10(0, 8), 0, 9, session.cmd_sn, 0xA1, 4096, 4096), bytes(4096))
        self.closed_or_rejected(session, 5)

    def test_immediate_data_where_none_was_agreed_closes(self):
        session = self.daemon.session(keys={"ImmediateData": "No"})
        session.send(session.command_header(S.write10(0, 1), 0, 9, session.cmd_sn, 0xA1, 512, 512), bytes(512))
        self.closed_or_rejected(session, 5)

    def test_unsolicited_data_where_none_was_agreed_closes(self):
        session = self.daemon.session(keys={"InitialR2T": "Yes"})
        session.send(session.command_header(S.write10(0, 8), 0, 9, session.cmd_sn, 0x21, 4096, 512), bytes(512))
        self.closed_or_rejected(session, 5)

    def test_more_immediate_data_than_the_command_expects(self):
        session = self.daemon.session()
        session.send(session.command_header(S.write10(0, 1), 0, 9, session.cmd_sn, 0xA1, 512, 4096), b"\x99" * 4096)
        self.closed_or_rejected(session, 2)
        self.assertNotIn(b"\x99", self.witness.good(S.read10(1, 1), read=512))

    def test_data_out_of_nobody(self):
        session = self.daemon.session()
        for ttt in (P.NO_TAG, 0, 1, 77):
            session.send(P.header(P.DATA_OUT, 0x80, data_length=512, itt=0x4444, words=(ttt, 0, 0, 0, 0, 0, 0)),
                         bytes(512))
        session.ping()

    def test_data_out_beyond_the_buffer_writes_nothing_beyond_it(self):
        for offset in (4096, 4095, 0x7FFFFFFF, 0xFFFFFE00, 0xFFFFFFFF):
            session = self.daemon.session(keys={"InitialR2T": "Yes", "ImmediateData": "No"})
            itt = session.submit(S.write10(0, 8), write=bytes(4096), hold_data=True)
            while not session.pending[itt].r2ts:
                session.dispatch(session.receive())
            ttt = session.pending[itt].r2ts[0].ttt
            session.send(P.header(P.DATA_OUT, 0x80, data_length=4096, itt=itt, words=(ttt, 0, 0, 0, 0, offset, 0)),
                         b"\xEE" * 4096)
            self.closed_or_rejected(session, 1)
            session.close()
        self.assertNotIn(b"\xEE", self.witness.good(S.read10(8, 8), read=4096))

    def test_more_data_out_than_asked_for(self):
        session = self.daemon.session(keys={"InitialR2T": "Yes", "ImmediateData": "No"})
        itt = session.submit(S.write10(0, 1), write=bytes(512), hold_data=True)
        while not session.pending[itt].r2ts:
            session.dispatch(session.receive())
        ttt = session.pending[itt].r2ts[0].ttt
        session.send(P.header(P.DATA_OUT, 0x80, data_length=65536, itt=itt, words=(ttt, 0, 0, 0, 0, 0, 0)),
                     bytes(65536))
        self.closed_or_rejected(session, 2)

    def test_ahs_of_every_length_and_type(self):
        for length in (1, 2, 3, 63, 255):
            for declared in (0, 1, 2, 15, 16, 255, 0xFFFF):
                for kind in (0, 1, 2, 3, 255):
                    session = self.daemon.session(clear=False)
                    ahs = struct.pack(">HBB", declared, kind, 0).ljust(length * 4, b"\xA5")[:length * 4]
                    try:
                        session.send(session.command_header(S.TUR, 0, 9, session.cmd_sn, 0x81, 0, 0, ahs=ahs), ahs=ahs)
                        session.nop_out()
                        session.receive(10)
                    except Closed:
                        pass
                    session.close()

    def test_a_text_request_of_every_kind_that_is_too_long_or_never_ends(self):
        discovery = self.daemon.session(iqn=None, discovery=True)
        try:
            ttt = P.NO_TAG
            for _ in range(200):
                itt = discovery.text_request([], flags=0x40, itt=5, ttt=ttt, data=b"A" * 8000)
                answer = discovery.receive_for(itt)
                if answer.opcode == P.REJECT:
                    break
                ttt = answer.ttt
            else:
                self.fail("1.6 MB of one key were kept")
        except Closed:
            pass
        discovery.close()

    def test_text_in_a_normal_session_is_answered_or_rejected(self):
        session = self.daemon.session()
        itt = session.text_request([("SendTargets", "")])
        self.assertIn(session.receive_for(itt).opcode, (P.REJECT, P.TEXT_RESPONSE))
        session.ping()

    def test_snack_is_refused(self):
        session = self.daemon.session()
        for kind in range(4):
            session.send(P.header(P.SNACK | 0x40, 0x80 | kind, itt=9,
                                  words=(P.NO_TAG, 0, session.exp_stat_sn, 0, 0, 0, 0)))
            answer = session.receive()
            self.assertEqual((answer.opcode, answer.response), (P.REJECT, 0x05))
            self.assertEqual(len(answer.data), 48)
        session.ping()

    def test_opcodes_that_do_not_exist_are_rejected(self):
        session = self.daemon.session()
        for opcode in (0x07, 0x0F, 0x11, 0x1C, 0x1E, 0x20, 0x21, 0x25, 0x31, 0x3F):
            session.send(P.header(opcode | 0x40, 0x80, itt=9, words=(P.NO_TAG, session.cmd_sn, 0, 0, 0, 0, 0)))
            answer = session.receive()
            self.assertEqual((answer.opcode, answer.response), (P.REJECT, 0x05), answer)
        session.ping()

    def test_zero_length_data_out_and_commands_that_need_data(self):
        """CVE-2021-28361 of another target: an empty PDU where data belongs."""
        for cdb, length in ((S.write10(0, 1), 512), (S.unmap(24), 24), (S.mode_select6(16), 16), (S.pr_out(0), 24),
                            (S.compare_and_write(0, 1), 1024), (S.stpg(8), 8)):
            session = self.daemon.session(keys={"InitialR2T": "Yes", "ImmediateData": "No"})
            itt = session.submit(cdb, write=bytes(length), hold_data=True)
            got = session.receive_for(itt)
            if got.opcode == P.R2T:
                session.send(P.header(P.DATA_OUT, 0x80, data_length=0, itt=itt, words=(got.ttt, 0, 0, 0, 0, 0, 0)))
                self.closed_or_rejected(session, 1)
            session.close()


class Storm(_Hostile):
    def test_connects_and_disconnects_from_many_sides(self):
        """CVE-2026-23216 of another target: a use after free between connection ends."""
        for _ in range(30 if SANITIZED else 100):
            sessions = [self.daemon.session(clear=False) for _ in range(4)]
            for index, session in enumerate(sessions):
                session.submit(S.read10(0, 8), read=4096)
                if index % 2:
                    session.abort()
                else:
                    session.close()
        eventually(lambda: self.count_sessions() <= 2, "sessions of closed connections are gone")

    def count_sessions(self):
        tree = self.daemon.ctl("tree", "/targets/iscsi/iqn.2026-11.org.scstd:test/sessions")
        return sum(1 for line in tree.splitlines() if line.strip().rstrip("/").split("/")[-1].startswith("iqn."))
