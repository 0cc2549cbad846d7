# SPDX-License-Identifier: Apache-2.0
"""The login phase (RFC 7143 6, 13): stages, keys, refusals, discovery, reinstatement."""
from lib import pdu as P
from lib import scsi as S
from lib.daemon import IQN, DaemonTest, disk_config, eventually, one_disk
from lib.initiator import Closed, Connection, LoginFailed


class Login(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    def refused(self, status, **options):
        with self.assertRaises(LoginFailed) as caught:
            self.session(**options)
        self.assertEqual(caught.exception.status, status)

    def raw_session(self, **options):
        return self.session(login=False, **options)

    def test_keys_are_negotiated_to_what_both_sides_can(self):
        session = self.session(keys={"MaxBurstLength": "65536", "FirstBurstLength": "4096", "MaxOutstandingR2T": "3",
                                     "InitialR2T": "Yes", "ImmediateData": "No"})
        self.assertEqual(session.keys["MaxBurstLength"], "65536")
        self.assertEqual(session.keys["FirstBurstLength"], "4096")
        self.assertEqual(session.keys["MaxOutstandingR2T"], "3")
        self.assertEqual(session.keys["InitialR2T"], "Yes")
        self.assertEqual(session.keys["ImmediateData"], "No")
        self.assertEqual(session.keys["TargetPortalGroupTag"], "1")
        self.assertGreaterEqual(int(session.keys["MaxRecvDataSegmentLength"]), 8192)

    def test_defaults_are_scsts(self):
        session = self.session(keys={"MaxBurstLength": "16776192", "FirstBurstLength": "16776192",
                                     "MaxOutstandingR2T": "65535", "InitialR2T": "No", "ImmediateData": "Yes"})
        self.assertEqual(session.keys["MaxRecvDataSegmentLength"], "1048576")
        self.assertEqual(session.keys["MaxBurstLength"], "1048576")
        self.assertEqual(session.keys["FirstBurstLength"], "65536")
        self.assertEqual(session.keys["MaxOutstandingR2T"], "32")
        self.assertEqual(session.keys["InitialR2T"], "No")
        self.assertEqual(session.keys["ImmediateData"], "Yes")
        self.assertEqual(session.keys["ErrorRecoveryLevel"], "0")
        self.assertEqual(session.keys["MaxConnections"], "1")

    def test_unknown_keys_are_not_understood(self):
        session = self.session(keys={"X-org.example.Speed": "warp", "Y" * 63: "1"})
        self.assertEqual(session.keys["X-org.example.Speed"], "NotUnderstood")
        self.assertEqual(session.keys["Y" * 63], "NotUnderstood")

    def test_a_login_in_one_step_from_the_operational_stage_works(self):
        session = self.raw_session()
        answer = session.login_step(1, 3, session.identity_keys() + [("MaxRecvDataSegmentLength", "65536")])
        session.finish_login(answer)
        session.clear_attentions()
        session.ping()

    def test_a_login_straight_from_security_to_full_feature_takes_rfc_defaults(self):
        session = self.raw_session()
        answer = session.login_step(0, 3, session.identity_keys() + [("AuthMethod", "None")])
        session.finish_login(answer)
        session.wanted = {"MaxRecvDataSegmentLength": "8192", "FirstBurstLength": "65536"}
        session.clear_attentions()
        data = bytes(range(256)) * 256
        session.good(S.write10(0, 128), write=data)
        self.assertEqual(session.good(S.read10(0, 128), read=65536), data)

    def test_an_unknown_target_is_not_found(self):
        self.refused(0x0203, iqn="iqn.2026-11.org.scstd:nowhere")

    def test_no_initiator_name_is_missing_parameter(self):
        session = self.raw_session()
        with self.assertRaises(LoginFailed) as caught:
            session.login_step(0, 1, [("SessionType", "Normal"), ("TargetName", IQN), ("AuthMethod", "None")])
        self.assertEqual(caught.exception.status, 0x0207)

    def test_no_target_name_is_missing_parameter(self):
        session = self.raw_session()
        with self.assertRaises(LoginFailed) as caught:
            session.login_step(0, 1, [("InitiatorName", session.initiator), ("AuthMethod", "None")])
        self.assertEqual(caught.exception.status, 0x0207)

    def test_an_unknown_session_type_is_refused(self):
        session = self.raw_session()
        with self.assertRaises(LoginFailed) as caught:
            session.login_step(0, 1, [("InitiatorName", session.initiator), ("SessionType", "Party"),
                                      ("TargetName", IQN)])
        self.assertEqual(caught.exception.status, 0x0209)

    def test_bad_initiator_names_are_refused(self):
        for name in ("IQN.UPPER", "iqn.2026-11.org:under_score", "iqn.2026-11.org:with space", "iqn." + "x" * 230,
                     "iqn.2026-11.org:%n%s%x#"):
            with self.subTest(name=name):
                self.refused(0x0200, initiator=name)

    def test_a_version_that_we_do_not_speak_is_refused(self):
        session = self.raw_session()
        data = P.text(session.identity_keys())
        bhs = bytearray(session.login_header(0, 1, True, len(data)))
        bhs[2], bhs[3] = 2, 1
        session.send(bytes(bhs), data)
        answer = session.receive()
        self.assertEqual((answer.bhs[36], answer.bhs[37]), (2, 5))

    def test_a_method_that_nobody_knows_fails_authentication(self):
        session = self.raw_session()
        with self.assertRaises(LoginFailed) as caught:
            session.login_step(0, 1, session.identity_keys() + [("AuthMethod", "KRB5")])
        self.assertEqual(caught.exception.status, 0x0201)

    def test_the_stage_may_not_go_backwards_or_to_the_reserved_one(self):
        for csg, nsg in ((2, 3), (3, 3), (1, 0), (0, 2), (1, 1)):
            with self.subTest(csg=csg, nsg=nsg):
                session = self.raw_session()
                data = P.text(session.identity_keys())
                session.send(session.login_header(csg, nsg, True, len(data)), data)
                answers = session.expect_closed()
                for answer in answers:
                    self.assertEqual(answer.opcode, P.LOGIN_RESPONSE)
                    self.assertNotEqual(answer.bhs[36], 0)

    def test_the_first_pdu_must_be_a_login(self):
        for opcode in (P.NOP_OUT, P.SCSI_COMMAND, P.TM_REQUEST, P.TEXT, P.DATA_OUT, P.LOGOUT, P.SNACK, 0x1C, 0x3F):
            with self.subTest(opcode=opcode), Connection(self.daemon.portal) as connection:
                connection.send(P.header(opcode | 0x40, itt=7, words=(P.NO_TAG, 1, 0, 0, 0, 0, 0)))
                for answer in connection.expect_closed():
                    self.assertEqual(answer.opcode, P.REJECT)

    def test_keys_split_over_continued_login_pdus_are_put_together(self):
        session = self.raw_session()
        data = P.text(session.identity_keys() + [("AuthMethod", "None")])
        cut = len(data) // 2
        bhs = bytearray(session.login_header(0, 1, False, cut))
        bhs[1] = 0x40
        session.send(bytes(bhs), data[:cut])
        answer = session.receive()
        self.assertEqual(answer.opcode, P.LOGIN_RESPONSE)
        if answer.bhs[36] == 0:
            session.exp_stat_sn = answer.stat_sn + 1
            session.send(session.login_header(0, 1, True, len(data) - cut), data[cut:])
            answer = session.receive()
            self.assertEqual(answer.bhs[36], 0, "the whole of it is a good login")
            session.exp_stat_sn = answer.stat_sn + 1
            session.finish_login(session.login_step(1, 3, [("MaxRecvDataSegmentLength", "8192")]))
            session.clear_attentions()
            session.ping()
        else:
            self.assertEqual(answer.bhs[36], 2, "refused as the initiator's fault")

    def test_login_again_in_full_feature_phase_is_refused(self):
        session = self.session()
        data = P.text(session.identity_keys())
        session.send(session.login_header(0, 1, True, len(data), itt=99), data)
        self.assertEqual(session.receive().opcode, P.REJECT)
        self.session().ping()

    def test_discovery_lists_the_target_with_its_portal(self):
        discovery = self.session(iqn=None, discovery=True)
        records = dict(discovery.send_targets())
        self.assertIn(IQN, records)
        self.assertIn(f"127.0.0.1:{self.daemon.port},1", records[IQN])
        self.assertEqual(dict(discovery.send_targets(IQN)).keys(), {IQN})
        self.assertEqual(discovery.send_targets("iqn.2026-11.org.scstd:nowhere"), [])
        self.assertEqual(discovery.send_targets(""), [])
        discovery.logout()

    def test_a_discovery_session_takes_no_commands(self):
        discovery = self.session(iqn=None, discovery=True)
        discovery.send(discovery.command_header(S.TUR, 0, 5, discovery.cmd_sn, 0x80, 0, 0))
        for answer in discovery.expect_closed():
            self.assertEqual(answer.opcode, P.REJECT)

    def test_digests_are_agreed_only_when_the_target_is_set_to_them(self):
        session = self.session(keys={"HeaderDigest": "CRC32C,None", "DataDigest": "CRC32C,None"})
        self.assertEqual(session.keys["HeaderDigest"], "None")
        self.assertEqual(session.keys["DataDigest"], "None")

    def test_a_logout_is_answered_and_the_connection_closed(self):
        session = self.session()
        self.assertEqual(session.logout().response, 0)
        self.assertEqual(session.expect_closed(), [])

    def test_a_second_connection_of_a_session_is_refused(self):
        first = self.session()
        self.refused(0x0206, isid=first.isid, tsih=first.tsih, cid=1)
        first.ping()

    def test_a_tsih_that_does_not_exist_is_told(self):
        self.refused(0x020A, tsih=0x7777)


class Reinstatement(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}

    def test_the_same_isid_closes_the_old_session_and_the_new_one_hears_of_the_nexus_loss(self):
        old = self.session()
        old.good(S.reserve6())
        new = self.session(isid=old.isid, clear=False)
        self.assert_sense(new.command(S.read10(0, 1), read=512), 6, 0x2907)
        self.assertEqual(old.expect_closed(), [])
        # SCST's rule: an SPC-2 reservation moves with the reinstated session.
        new.good(S.write10(0, 1), write=bytes(512))
        other = self.session()
        self.assertEqual(other.command(S.write10(0, 1), write=bytes(512)).status, S.CONFLICT)

    def test_another_isid_is_another_nexus_and_closes_nothing(self):
        old = self.session()
        new = self.session()
        old.ping()
        new.ping()

    def test_the_same_connection_again_closes_the_old_one_and_keeps_the_session(self):
        old = self.session()
        new = self.session(isid=old.isid, tsih=old.tsih, cid=old.cid, login=False)
        new.cmd_sn = old.cmd_sn
        new.login()
        self.assertEqual(new.tsih, old.tsih)
        old.expect_closed()
        new.clear_attentions()
        new.ping()

    def test_many_reinstatements_in_a_row_end_with_one_session(self):
        last = self.session()
        for _ in range(20):
            last = self.session(isid=last.isid, clear=False)
        last.clear_attentions()
        last.ping()
        eventually(lambda: len(self.daemon.ctl("tree", f"/targets/iscsi/{IQN}/sessions").split()) > 0, "a session")


class Targets(DaemonTest):
    CONFIG = disk_config(
        {"vdisk_nullio": {"null": {"size_mb": "64"}}}, {0: "null"},
        "HeaderDigest CRC32C,None\nDataDigest CRC32C,None\nQueuedCommands 8\nMaxSessions 2\nalias tape")

    def test_max_sessions_refuses_the_third(self):
        one, two = self.session(), self.session()
        with self.assertRaises(LoginFailed) as caught:
            self.session()
        self.assertEqual(caught.exception.status, 0x0302)
        one.ping()
        two.logout()
        two.close()

        def third():
            try:
                return self.session()
            except LoginFailed:
                return None
        eventually(third, "a free place after the logout").ping()

    def test_the_alias_is_told(self):
        session = self.session()
        self.assertEqual(session.keys["TargetAlias"], "tape")
        session.logout()

    def test_queued_commands_is_the_window(self):
        session = self.session()
        session.good(S.TUR)
        self.assertEqual(session.max_cmd_sn - session.cmd_sn + 1, 8)
        session.logout()

    def test_a_disabled_target_admits_nobody_and_comes_back(self):
        path = f"/targets/iscsi/{IQN}/enabled"
        self.daemon.set(path, "0")
        try:
            with self.assertRaises((LoginFailed, Closed)):
                self.session()
            discovery = self.session(iqn=None, discovery=True)
            self.assertNotIn(IQN, dict(discovery.send_targets()))
        finally:
            self.daemon.set(path, "1")

        def admitted():
            try:
                return self.session()
            except LoginFailed:
                return None
        session = eventually(admitted, "admitted again")
        session.logout()
