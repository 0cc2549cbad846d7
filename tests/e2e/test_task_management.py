# SPDX-License-Identifier: Apache-2.0
"""Task management by what an initiator can see (RFC 7143 11.5, SAM-5 7): answered always, in bounded time."""
from lib import pdu as P
from lib import scsi as S
from lib.daemon import DaemonTest, eventually, one_disk

OPEN = {"InitialR2T": "Yes", "ImmediateData": "No"}


class TaskManagement(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    def waiting_write(self, session, lba=0, byte=0x55, lun=0):
        """A WRITE that has its R2T and waits for data."""
        itt = session.submit(S.write10(lba, 1), lun, write=bytes([byte]) * 512, hold_data=True)
        while not session.pending[itt].r2ts:
            session.dispatch(session.receive())
        return itt

    def finish(self, session, itt):
        task = session.pending[itt]
        session.data_out(itt, task.lun, task.r2ts[0].ttt, task.write, 0, len(task.write))

    def cleared(self):
        """A session that has seen what earlier tests' resets left."""
        session = self.session(keys=OPEN)
        session.clear_attentions(0)
        session.clear_attentions(1)
        return session

    def test_abort_task_of_a_waiting_write_keeps_its_data_off_the_medium(self):
        session = self.cleared()
        session.good(S.write10(0, 1), write=bytes(512))
        itt = self.waiting_write(session)
        task = session.pending[itt]
        tm = session.tm_send(S.ABORT_TASK, rtt=itt, ref_cmd_sn=task.cmd_sn)
        self.finish(session, itt)
        self.assertEqual(session.receive_for(tm).response, 0)
        session.forget(itt)
        self.assertEqual(session.good(S.read10(0, 1), read=512), bytes(512))

    def test_abort_task_is_answered_though_the_data_never_comes(self):
        session = self.cleared()
        itt = self.waiting_write(session)
        self.assertEqual(session.tm(S.ABORT_TASK, rtt=itt, ref_cmd_sn=session.pending[itt].cmd_sn), 0)
        session.forget(itt)
        session.good(S.TUR)

    def test_abort_task_of_a_task_that_is_not_there(self):
        session = self.cleared()
        session.good(S.TUR)
        # Below the window: was answered. Not before the request itself: can't be. Neither exists (RFC 7143 11.6.1).
        self.assertEqual(session.tm(S.ABORT_TASK, rtt=0x1234, ref_cmd_sn=session.cmd_sn - 1), 1)
        self.assertEqual(session.tm(S.ABORT_TASK, rtt=0x1234, ref_cmd_sn=session.cmd_sn + 5), 1)
        session.good(S.TUR)

    def test_abort_task_with_another_lun_is_rejected(self):
        session = self.cleared()
        itt = self.waiting_write(session)
        self.assertEqual(session.tm(S.ABORT_TASK, lun=1, rtt=itt, ref_cmd_sn=session.pending[itt].cmd_sn), 255)
        self.finish(session, itt)
        self.assertEqual(session.wait(itt).status, 0)

    def test_abort_task_set_takes_the_nexus_own_commands_on_that_lun_only(self):
        one, two = self.cleared(), self.cleared()
        own, others = self.waiting_write(one, 0), self.waiting_write(two, 1)
        elsewhere = self.waiting_write(one, 2, lun=1)
        self.assertEqual(one.tm(S.ABORT_TASK_SET), 0)
        one.forget(own)
        self.finish(two, others)
        self.assertEqual(two.wait(others).status, 0)
        self.finish(one, elsewhere)
        self.assertEqual(one.wait(elsewhere).status, 0)
        one.good(S.TUR)

    def test_lun_reset_aborts_all_and_tells_every_nexus(self):
        one, two = self.cleared(), self.cleared()
        own, others = self.waiting_write(one, 0), self.waiting_write(two, 1)
        elsewhere = self.waiting_write(two, 2, lun=1)
        self.assertEqual(one.tm(S.LUN_RESET), 0)
        one.forget(own)
        two.forget(others)
        self.assert_sense(one.command(S.TUR), 6, 0x2900)
        self.assert_sense(two.command(S.TUR), 6, 0x2900)
        self.finish(two, elsewhere)
        self.assertEqual(two.wait(elsewhere).status, 0, "another LUN notices nothing")
        one.good(S.TUR)

    def test_lun_reset_releases_an_spc2_reservation(self):
        one, two = self.cleared(), self.cleared()
        one.good(S.reserve6())
        self.assertEqual(two.command(S.TUR).status, 0, "TEST UNIT READY is allowed")
        self.assertEqual(two.command(S.read10(0, 1), read=512).status, S.CONFLICT)
        self.assertEqual(two.tm(S.LUN_RESET), 0)
        two.clear_attentions()
        two.good(S.read10(0, 1), read=512)

    def test_target_warm_reset_resets_every_lun(self):
        session = self.cleared()
        self.assertEqual(session.tm(S.TARGET_WARM_RESET), 0)
        self.assert_sense(session.command(S.TUR, 0), 6, 0x2900)
        self.assert_sense(session.command(S.TUR, 1), 6, 0x2900)

    def test_target_cold_reset_answers_and_then_closes_every_session(self):
        one, two = self.cleared(), self.cleared()
        self.assertEqual(one.tm(S.TARGET_COLD_RESET), 0)
        one.expect_closed()
        two.expect_closed()
        self.cleared().good(S.TUR)

    def test_a_lun_that_is_not_there(self):
        session = self.cleared()
        self.assertEqual(session.tm(S.LUN_RESET, lun=77), 2)
        self.assertEqual(session.tm(S.ABORT_TASK_SET, lun=77), 2)

    def test_reassign_is_not_supported_and_unknown_functions_are_rejected(self):
        session = self.cleared()
        self.assertEqual(session.tm(S.TASK_REASSIGN), 4)
        for function in (0, 13, 77, 127):
            self.assertIn(session.tm(function), (5, 255))

    def test_a_referenced_tag_where_none_belongs_is_rejected(self):
        session = self.cleared()
        self.assertEqual(session.tm(S.LUN_RESET, rtt=5), 255)
        session.good(S.TUR)

    def test_query_task_tells_whether_it_lives(self):
        session = self.cleared()
        itt = self.waiting_write(session)
        answer = session.tm(S.QUERY_TASK, rtt=itt, ref_cmd_sn=session.pending[itt].cmd_sn)
        self.assertIn(answer, (0, 5, 6, 7))
        self.assertNotEqual(answer, 0, "function succeeded with the task in the set")
        self.finish(session, itt)
        self.assertEqual(session.wait(itt).status, 0)

    def test_the_answer_waits_for_commands_sent_before_it(self):
        session = self.cleared()
        base = session.cmd_sn
        session.cmd_sn = base + 1
        tm = session.tm_send(S.ABORT_TASK_SET, immediate=False)
        ping = session.nop_out(b"now", immediate=True)
        self.assertEqual(session.receive().itt, ping, "the response waits for the gap")
        session.cmd_sn = base
        early = session.submit(S.TUR)
        session.cmd_sn = base + 2
        got = session.receive_for(tm)
        self.assertEqual((got.opcode, got.response), (P.TM_RESPONSE, 0))
        session.forget(early)
        session.ping()

    def test_clear_aca_without_a_condition(self):
        session = self.cleared()
        self.assertIn(session.tm(S.CLEAR_ACA), (0, 255))
        session.good(S.TUR)

    def test_hundred_aborts_of_running_commands_leave_a_working_lun(self):
        session = self.cleared()
        for _ in range(100):
            itts = [session.submit(S.read10(0, 64), read=64 * 512) for _ in range(8)]
            self.assertEqual(session.tm(S.ABORT_TASK_SET), 0)
            for itt in itts:
                session.forget(itt)
            session.good(S.TUR)

    def test_a_session_that_goes_with_commands_open_frees_them(self):
        for _ in range(20):
            session = self.cleared()
            for lba in range(8):
                self.waiting_write(session, lba)
            session.abort()
        survivor = self.cleared()
        survivor.good(S.write10(0, 1), write=bytes(512))
        eventually(lambda: survivor.command(S.TUR).status == 0, "ready")
