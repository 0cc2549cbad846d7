# SPDX-License-Identifier: Apache-2.0
"""Sequence numbers and the command window (RFC 7143 4.2.2)."""
from lib import pdu as P
from lib import scsi as S
from lib.daemon import DaemonTest, eventually, one_disk

U32 = 0xFFFFFFFF


class Window(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    def session(self, *arguments, **options):
        session = super().session(*arguments, **options)
        if options.get("login", True):
            session.clear_attentions(1)
        return session

    def send_tur(self, session, sn, itt=None, immediate=False):
        itt = itt or session.new_itt()
        session.send(session.command_header(S.TUR, 1, itt, sn & U32, 0x81, 0, 0, immediate=immediate))
        return itt

    def test_the_window_is_never_more_than_queued_commands(self):
        session = self.session()
        session.good(S.TUR, 1)
        self.assertEqual((session.max_cmd_sn - session.cmd_sn + 1) & U32, 32)

    def test_a_command_below_the_window_is_dropped_silently(self):
        session = self.session()
        session.good(S.TUR, 1)
        self.send_tur(session, session.cmd_sn - 1)
        self.send_tur(session, session.cmd_sn - 100)
        itt = session.nop_out(b"after")
        self.assertEqual(session.receive().itt, itt, "no answer to the ones before")
        session.good(S.TUR, 1)

    def test_commands_that_arrive_in_reverse_run_in_their_order(self):
        session = self.session()
        session.good(S.TUR, 1)
        base = session.cmd_sn
        itts = {}
        for offset in reversed(range(8)):
            itts[offset] = self.send_tur(session, base + offset)
        session.cmd_sn = (base + 8) & U32
        answers = [session.receive().itt for _ in range(8)]
        self.assertEqual(sorted(answers), sorted(itts.values()))
        session.good(S.TUR, 1)

    def test_ordered_writes_sent_in_reverse_end_with_the_last_number(self):
        session = self.session()
        base = session.cmd_sn
        itts = []
        for offset in reversed(range(6)):
            itt = session.new_itt()
            data = bytes([offset]) * 512
            session.send(session.command_header(S.write10(0, 1), 0, itt, base + offset, 0xA0 | S.ORDERED, 512, 512),
                         data)
            itts.append(itt)
        session.cmd_sn = base + 6
        for _ in itts:
            self.assertEqual(session.receive().status, 0)
        self.assertEqual(session.good(S.read10(0, 1), read=512), bytes([5]) * 512)

    def test_a_gap_holds_commands_until_it_is_filled(self):
        session = self.session()
        base = session.cmd_sn
        late = self.send_tur(session, base + 1)
        ping = session.nop_out(b"now", immediate=True)
        self.assertEqual(session.receive().itt, ping, "the command behind the gap waits")
        first = self.send_tur(session, base)
        self.assertEqual({session.receive().itt, session.receive().itt}, {first, late})
        session.cmd_sn = base + 2
        session.ping()

    def test_an_immediate_command_does_not_advance_the_number(self):
        session = self.session()
        session.good(S.TUR, 1)
        before = session.cmd_sn
        self.assertEqual(session.command(S.TUR, 1, immediate=True).status, 0)
        self.assertEqual(session.cmd_sn, before)
        session.good(S.TUR, 1)

    def test_numbers_wrap_around(self):
        session = self.session(login=False)
        session.cmd_sn = U32 - 2
        session.login()
        session.clear_attentions(1)
        for _ in range(10):
            session.good(S.TUR, 1)
        self.assertLess(session.cmd_sn, 100)

    def test_the_window_closes_with_commands_waiting_for_data_and_opens_again(self):
        session = self.session(keys={"InitialR2T": "Yes", "ImmediateData": "No"})
        session.good(S.TUR)
        itts = [session.submit(S.write10(i, 1), write=bytes([i]) * 512, hold_data=True) for i in range(32)]
        tasks = [session.pending[itt] for itt in itts]
        while not all(task.r2ts for task in tasks):
            session.dispatch(session.receive())
        session.ping()
        self.assertEqual((session.max_cmd_sn - session.cmd_sn + 1) & U32, 0, "closed")
        for task in tasks:
            session.data_out(task.itt, 0, task.r2ts[0].ttt, task.write, 0, 512)
        for itt in itts:
            self.assertEqual(session.wait(itt).status, 0)
        session.ping()
        self.assertEqual((session.max_cmd_sn - session.cmd_sn + 1) & U32, 32, "open")

    def test_far_beyond_the_window_nothing_is_kept_for_ever(self):
        session = self.session()
        session.good(S.TUR, 1)
        for offset in range(3000):
            try:
                self.send_tur(session, session.cmd_sn + 40 + offset)
            except Exception:  # closing the connection is an answer too
                break
        other = self.session()
        other.ping()
        other.good(S.TUR, 1)

    def test_a_tag_in_use_twice_closes_at_most_this_connection(self):
        session = self.session(keys={"InitialR2T": "Yes", "ImmediateData": "No"})
        itt = session.submit(S.write10(0, 1), write=bytes(512), hold_data=True)
        while not session.pending[itt].r2ts:
            session.dispatch(session.receive())
        self.send_tur(session, session.take_cmd_sn(), itt=itt)
        for answer in session.expect_closed():
            self.assertIn(answer.opcode, (P.REJECT, P.SCSI_RESPONSE, P.ASYNC))
        self.session().ping()

    def test_changed_queued_commands_show_on_live_sessions(self):
        session = self.session()
        path = "/targets/iscsi/iqn.2026-11.org.scstd:test/QueuedCommands"
        self.daemon.set(path, "4")
        self.addCleanup(self.daemon.set, path, "32")

        def narrowed():
            session.good(S.TUR)  # MaxCmdSN never goes down: the window narrows as it moves
            return (session.max_cmd_sn - session.cmd_sn + 1) & U32 == 4
        eventually(narrowed, "the window is 4")
