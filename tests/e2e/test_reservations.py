# SPDX-License-Identifier: Apache-2.0
"""Reservations of two and three initiators (SPC-4 5.13, SPC-2 5.5): who may what, who hears of what."""
import struct

from lib import scsi as S
from lib.daemon import SANITIZED, DaemonTest, one_disk

TYPES = (S.WRITE_EXCLUSIVE, S.EXCLUSIVE_ACCESS, S.WE_REGISTRANTS, S.EA_REGISTRANTS, S.WE_ALL, S.EA_ALL)


class _Reservations(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    def setUp(self):
        """Three nexuses A, B, C; no registrations."""
        self.a = self.session(initiator="iqn.2026-11.org.scstd.test:a")
        self.b = self.session(initiator="iqn.2026-11.org.scstd.test:b")
        self.c = self.session(initiator="iqn.2026-11.org.scstd.test:c")
        S.pr(self.a, S.REGISTER_AND_IGNORE, 0, 0xA)
        self.assertEqual(S.pr(self.a, S.CLEAR, 0xA).status, 0)
        for session in (self.a, self.b, self.c):
            session.command(S.release6())
            session.clear_attentions()

    def register(self, *pairs):
        for session, key in pairs:
            self.assertEqual(S.pr(session, S.REGISTER, 0, key).status, 0)

    def attention(self, session):
        """ASC/ASCQ of the pending unit attention, or None."""
        result = session.command(S.TUR)
        return result.asc if result.status == 2 and result.key == 6 else None

    def may(self, session):
        """(read, write) as the nexus is served now."""
        return (session.command(S.read10(0, 1), read=512).status == 0,
                session.command(S.write10(0, 1), write=bytes(512)).status == 0)


class Persistent(_Reservations):
    def test_register_replace_and_unregister(self):
        self.assertEqual(S.pr(self.a, S.REGISTER, 0x99, 0xA).status, S.CONFLICT, "not registered, with a key")
        self.register((self.a, 0xA), (self.b, 0xB))
        self.assertEqual(sorted(S.pr_keys(self.c)), [0xA, 0xB])
        self.assertEqual(S.pr(self.a, S.REGISTER, 0x99, 0xAA).status, S.CONFLICT, "wrong key")
        self.assertEqual(S.pr(self.a, S.REGISTER, 0xA, 0xAA).status, 0)
        self.assertEqual(sorted(S.pr_keys(self.c)), [0xB, 0xAA])
        self.assertEqual(S.pr(self.a, S.REGISTER, 0xAA, 0).status, 0)
        self.assertEqual(S.pr_keys(self.c), [0xB])
        self.assertEqual(S.pr(self.b, S.REGISTER_AND_IGNORE, 0, 0xBB).status, 0)
        self.assertEqual(S.pr_keys(self.c), [0xBB])

    def test_generation_counts_registrations_not_reservations(self):
        start = S.pr_generation(self.a)
        self.register((self.a, 0xA))
        self.assertEqual(S.pr_generation(self.a), start + 1)
        S.pr(self.a, S.RESERVE, 0xA, type_=1)
        S.pr(self.a, S.RELEASE, 0xA, type_=1)
        self.assertEqual(S.pr_generation(self.a), start + 1)
        S.pr(self.a, S.CLEAR, 0xA)
        self.assertEqual(S.pr_generation(self.a), start + 2)

    def test_who_may_read_and_write_under_each_type(self):
        for type_ in TYPES:
            with self.subTest(type=type_):
                self.register((self.a, 0xA), (self.b, 0xB))
                self.assertEqual(S.pr(self.a, S.RESERVE, 0xA, type_=type_).status, 0)
                exclusive = type_ in (S.EXCLUSIVE_ACCESS, S.EA_REGISTRANTS, S.EA_ALL)
                outsider = (not exclusive, False)
                registrant = outsider if type_ in (S.WRITE_EXCLUSIVE, S.EXCLUSIVE_ACCESS) else (True, True)
                self.assertEqual(self.may(self.a), (True, True))
                self.assertEqual(self.may(self.b), registrant)
                self.assertEqual(self.may(self.c), outsider)
                self.assertEqual(S.pr(self.a, S.CLEAR, 0xA).status, 0)
                self.b.clear_attentions()

    def test_a_reservation_is_read_back(self):
        self.register((self.a, 0xA))
        self.assertIsNone(S.pr_reservation(self.b))
        for type_ in TYPES:
            S.pr(self.a, S.RESERVE, 0xA, type_=type_)
            key = 0 if type_ in (S.WE_ALL, S.EA_ALL) else 0xA
            self.assertEqual(S.pr_reservation(self.b), (key, type_))
            S.pr(self.a, S.RELEASE, 0xA, type_=type_)
        self.assertIsNone(S.pr_reservation(self.b))

    def test_only_the_holder_reserves_again_and_only_with_the_same_type(self):
        self.register((self.a, 0xA), (self.b, 0xB))
        self.assertEqual(S.pr(self.a, S.RESERVE, 0xA, type_=1).status, 0)
        self.assertEqual(S.pr(self.a, S.RESERVE, 0xA, type_=1).status, 0)
        self.assertEqual(S.pr(self.a, S.RESERVE, 0xA, type_=3).status, S.CONFLICT)
        self.assertEqual(S.pr(self.b, S.RESERVE, 0xB, type_=1).status, S.CONFLICT)
        self.assertEqual(S.pr(self.c, S.RESERVE, 0, type_=1).status, S.CONFLICT, "not registered")

    def test_release_by_others_does_nothing_and_with_another_type_is_an_error(self):
        self.register((self.a, 0xA), (self.b, 0xB))
        S.pr(self.a, S.RESERVE, 0xA, type_=S.WE_REGISTRANTS)
        self.assertEqual(S.pr(self.b, S.RELEASE, 0xB, type_=S.WE_REGISTRANTS).status, 0)
        self.assertIsNotNone(S.pr_reservation(self.c))
        self.assert_sense(S.pr(self.a, S.RELEASE, 0xA, type_=S.EA_REGISTRANTS), 5, 0x2604)
        self.assertEqual(S.pr(self.a, S.RELEASE, 0xA, type_=S.WE_REGISTRANTS).status, 0)
        self.assertEqual(self.attention(self.b), 0x2A04, "RESERVATIONS RELEASED")
        self.assertIsNone(self.attention(self.a))

    def test_unregistering_a_registrants_only_holder_releases_and_tells(self):
        self.register((self.a, 0xA), (self.b, 0xB))
        S.pr(self.a, S.RESERVE, 0xA, type_=S.WE_REGISTRANTS)
        S.pr(self.a, S.REGISTER, 0xA, 0)
        self.assertIsNone(S.pr_reservation(self.c))
        self.assertEqual(self.attention(self.b), 0x2A04)

    def test_all_registrants_holds_until_the_last_goes(self):
        self.register((self.a, 0xA), (self.b, 0xB))
        S.pr(self.a, S.RESERVE, 0xA, type_=S.WE_ALL)
        S.pr(self.a, S.REGISTER, 0xA, 0)
        self.assertEqual(S.pr_reservation(self.c), (0, S.WE_ALL))
        S.pr(self.b, S.REGISTER, 0xB, 0)
        self.assertIsNone(S.pr_reservation(self.c))

    def test_clear_removes_everything_and_tells_the_others(self):
        self.register((self.a, 0xA), (self.b, 0xB))
        S.pr(self.a, S.RESERVE, 0xA, type_=1)
        self.assertEqual(S.pr(self.b, S.CLEAR, 0xB).status, 0)
        self.assertEqual(S.pr_keys(self.c), [])
        self.assertEqual(self.attention(self.a), 0x2A03, "RESERVATIONS PREEMPTED")
        self.assertIsNone(self.attention(self.b))

    def test_preempt_takes_the_reservation_and_removes_the_holder(self):
        self.register((self.a, 0xA), (self.b, 0xB))
        S.pr(self.a, S.RESERVE, 0xA, type_=S.WRITE_EXCLUSIVE)
        self.assertEqual(S.pr(self.b, S.PREEMPT, 0xB, 0xA, type_=S.EXCLUSIVE_ACCESS).status, 0)
        self.assertEqual(S.pr_keys(self.c), [0xB])
        self.assertEqual(S.pr_reservation(self.c), (0xB, S.EXCLUSIVE_ACCESS))
        self.assertEqual(self.attention(self.a), 0x2A05, "REGISTRATIONS PREEMPTED")
        self.assertEqual(self.may(self.a), (False, False))

    def test_preempt_of_a_key_that_nobody_has_conflicts(self):
        self.register((self.a, 0xA))
        self.assertEqual(S.pr(self.a, S.PREEMPT, 0xA, 0x77, type_=1).status, S.CONFLICT)

    def test_preempt_of_a_non_holder_removes_it_and_leaves_the_reservation(self):
        self.register((self.a, 0xA), (self.b, 0xB), (self.c, 0xC))
        S.pr(self.a, S.RESERVE, 0xA, type_=S.WE_REGISTRANTS)
        self.assertEqual(S.pr(self.b, S.PREEMPT, 0xB, 0xC, type_=S.WE_REGISTRANTS).status, 0)
        self.assertEqual(sorted(S.pr_keys(self.a)), [0xA, 0xB])
        self.assertEqual(S.pr_reservation(self.a), (0xA, S.WE_REGISTRANTS))
        self.assertEqual(self.attention(self.c), 0x2A05)

    def test_preempt_and_abort_ends_the_preempted_commands(self):
        other = self.session(initiator="iqn.2026-11.org.scstd.test:slow",
                             keys={"InitialR2T": "Yes", "ImmediateData": "No"})
        self.register((self.a, 0xA), (other, 0xB))
        S.pr(other, S.RESERVE, 0xB, type_=S.WRITE_EXCLUSIVE)
        self.a.clear_attentions()
        other.good(S.write10(5, 1), write=bytes(512))
        itt = other.submit(S.write10(5, 1), write=b"\xEE" * 512, hold_data=True)
        while not other.pending[itt].r2ts:
            other.dispatch(other.receive())
        pending = self.a.submit(S.pr_out(S.PREEMPT_AND_ABORT, S.WRITE_EXCLUSIVE), write=S.pr_list(0xA, 0xB))
        while 0xB in S.pr_keys(self.b):  # the two connections have no order: the data must not overtake the preempt
            pass
        task = other.pending[itt]
        other.data_out(itt, 0, task.r2ts[0].ttt, task.write, 0, 512)
        self.assertEqual(self.a.wait(pending).status, 0)
        self.assertEqual(S.pr_reservation(self.a), (0xA, S.WRITE_EXCLUSIVE))
        self.assertEqual(self.a.good(S.read10(5, 1), read=512), bytes(512), "the aborted write changed nothing")
        self.assertIn(self.attention(other), (0x2A05, 0x2F00))
        if task.result is not None:
            self.assertEqual(task.result.status, S.CONFLICT, "it ran between the preempt and the abort")
        other.forget(itt)

    def test_register_and_move_hands_the_reservation_over(self):
        self.register((self.a, 0xA))
        S.pr(self.a, S.RESERVE, 0xA, type_=S.WRITE_EXCLUSIVE)
        name = f"{self.b.initiator},i,0x{self.b.isid.hex()}".encode() + b"\0"
        name += bytes(-len(name) % 4)
        transport_id = struct.pack(">BBH", 0x45, 0, len(name)) + name
        port = struct.unpack(">H", next(d[3][2:4] for d in S.designators(
            self.a.good(S.inquiry(0x83), read=255)) if d[1] == 4))[0]
        data = struct.pack(">QQBBHI", 0xA, 0xB, 0, 2, port, len(transport_id)) + transport_id
        self.assertEqual(self.a.command(S.pr_out(S.REGISTER_AND_MOVE, length=len(data)), write=data).status, 0)
        self.assertEqual(S.pr_keys(self.c), [0xB])
        self.assertEqual(S.pr_reservation(self.c), (0xB, S.WRITE_EXCLUSIVE))
        self.b.clear_attentions()
        self.assertEqual(self.may(self.b), (True, True))
        self.assertEqual(self.may(self.a), (True, False))

    def test_spec_i_pt_registers_others(self):
        name = f"{self.b.initiator},i,0x{self.b.isid.hex()}".encode() + b"\0"
        name += bytes(-len(name) % 4)
        transport_id = struct.pack(">BBH", 0x45, 0, len(name)) + name
        data = S.pr_list(0, 0xAB, 0x08) + struct.pack(">I", len(transport_id)) + transport_id
        self.assertEqual(self.a.command(S.pr_out(S.REGISTER, length=len(data)), write=data).status, 0)
        self.assertEqual(S.pr_keys(self.c), [0xAB, 0xAB])
        self.assertEqual(S.pr(self.b, S.RESERVE, 0xAB, type_=1).status, 0)

    def test_spec_i_pt_lists_of_every_wrong_length_are_refused(self):
        for claimed, real in ((0xFFFFFFFF, 0), (24, 0), (24, 4), (3, 3), (0x7FFFFFFF, 24), (28, 28)):
            data = S.pr_list(0, 0xAB, 0x08) + struct.pack(">I", claimed) + b"\x05" + bytes(max(0, real - 1))
            result = self.a.command(S.pr_out(S.REGISTER, length=len(data)), write=data)
            self.assertNotEqual(result.status, 0, (claimed, real))
            self.assertEqual(S.pr_keys(self.c), [])

    def test_capabilities_and_bad_actions(self):
        data = self.a.good(S.pr_in(S.REPORT_CAPABILITIES), read=8192)
        self.assertEqual(data[:2], b"\0\x08")
        self.assertEqual(data[4:6], b"\xEA\x01", "all six types")
        self.assert_sense(self.a.command(S.pr_in(9), read=512), 5, 0x2400)
        self.assert_sense(S.pr(self.a, 31), 5, 0x2400)
        self.register((self.a, 0xA))
        self.assert_sense(S.pr(self.a, S.RESERVE, 0xA, type_=2), 5, 0x2400)
        self.assert_sense(self.a.command(S.pr_out(S.REGISTER, length=20), write=bytes(20)), 5, 0x1A00)

    def test_registrations_survive_reconnects_and_resets(self):
        self.register((self.a, 0xA))
        S.pr(self.a, S.RESERVE, 0xA, type_=1)
        self.b.tm(S.LUN_RESET)
        self.b.clear_attentions()
        self.assertEqual(S.pr_reservation(self.b), (0xA, 1))
        self.a.close()
        again = self.session(initiator=self.a.initiator, isid=self.a.isid)
        again.good(S.write10(0, 1), write=bytes(512))
        self.a = again

    def test_full_status_and_keys_at_every_allocation_length(self):
        """S-1: SCST writes past its buffer when the list is longer than the allocation length."""
        count = 60 if SANITIZED else 200
        sessions = []
        for index in range(count):
            session = self.session(initiator=f"iqn.2026-11.org.scstd.test:registrant{index}")
            self.assertEqual(S.pr(session, S.REGISTER, 0, 0x1000 + index).status, 0)
            sessions.append(session)
            if index % 20 == 19:
                self.check_lengths(index + 1)
        whole = self.a.good(S.pr_in(S.READ_FULL_STATUS, 65535), read=65535)
        self.assertEqual(len(S.pr_keys(self.a)), count)
        length = struct.unpack_from(">I", whole, 4)[0]
        seen, offset = set(), 8
        while offset < 8 + length:
            seen.add(struct.unpack_from(">Q", whole, offset)[0])
            offset += 24 + struct.unpack_from(">I", whole, offset + 20)[0]
        self.assertEqual(seen, {0x1000 + index for index in range(count)})
        S.pr(sessions[0], S.CLEAR, 0x1000)

    def check_lengths(self, registrants):
        for action in (S.READ_KEYS, S.READ_FULL_STATUS):
            whole = self.a.good(S.pr_in(action, 65535), read=65535)
            total = struct.unpack_from(">I", whole, 4)[0]
            self.assertEqual(len(whole), 8 + total)
            if action == S.READ_KEYS:
                self.assertEqual(total, 8 * registrants)
            lengths = list(range(0, 300)) + [4095, 4096, 4097, len(whole) - 1, len(whole), len(whole) + 1]
            for length in lengths[::7] if SANITIZED else lengths:
                part = self.a.good(S.pr_in(action, length), read=length)
                self.assertLessEqual(len(part), length)
                self.assertEqual(part[:8], whole[:8][:len(part)], "the length field tells the whole")
                self.assertEqual(part, whole[:len(part)])

    def test_pr_state_is_read_and_restored(self):
        self.register((self.a, 0xA), (self.b, 0xB))
        S.pr(self.a, S.RESERVE, 0xA, type_=S.WE_REGISTRANTS)
        text = self.daemon.ctl("get", "/devices/disk/pr_state")
        self.assertTrue(text.startswith("version 1\n"), text)
        self.assertRegex(text, r"generation \d+")
        self.assertRegex(text, r"registrant \d+ 000000000000000a 1 \d+ [0-9a-f]+")


class Spc2(_Reservations):
    def test_reserve_shuts_others_out_and_release_lets_them_in(self):
        self.a.good(S.reserve6())
        self.a.good(S.reserve6())
        self.assertEqual(self.b.command(S.reserve6()).status, S.CONFLICT)
        self.assertEqual(self.may(self.b), (False, False))
        for cdb, read in ((S.inquiry(), 255), (S.report_luns(), 4096), (S.request_sense(), 252), (S.TUR, 0),
                          (S.read_capacity10(), 8)):
            self.assertEqual(self.b.command(cdb, read=read).status, 0)
        self.b.good(S.release6())
        self.assertEqual(self.may(self.b), (False, False), "a release by another does nothing")
        self.a.good(S.release6())
        self.assertEqual(self.may(self.b), (True, True))

    def test_a_reservation_ends_with_its_session(self):
        self.a.good(S.reserve6())
        self.a.logout()
        self.a.close()
        self.b.clear_attentions()
        self.assertEqual(self.may(self.b), (True, True))

    def test_pr_commands_conflict_with_an_spc2_reservation(self):
        self.a.good(S.reserve6())
        self.assertEqual(self.a.command(S.pr_in(0), read=8192).status, S.CONFLICT)
        self.assertEqual(S.pr(self.b, S.REGISTER, 0, 5).status, S.CONFLICT)
        self.a.good(S.release6())

    def test_reserve_beside_registrations(self):
        self.register((self.a, 0xA))
        self.assertEqual(self.a.command(S.reserve6()).status, 0, "without effect")
        self.assertEqual(self.b.command(S.reserve6()).status, S.CONFLICT)
        S.pr(self.a, S.RESERVE, 0xA, type_=1)
        self.assertEqual(self.a.command(S.reserve6()).status, 0, "compatible reservation handling")
        self.assertEqual(self.b.command(S.reserve6()).status, S.CONFLICT)
