# SPDX-License-Identifier: Apache-2.0
"""Random operations of several nexuses, compared step by step with the small models of lib/models.py. A failure prints
its seed and the steps; SCST_SEED=N repeats it."""
import os
import random

from lib import scsi as S
from lib.daemon import SANITIZED, DaemonTest, one_disk
from lib.models import Reservations, TaskOrder

SEED = int(os.environ.get("SCST_SEED", "20261101"))
TYPES = (S.WRITE_EXCLUSIVE, S.EXCLUSIVE_ACCESS, S.WE_REGISTRANTS, S.EA_REGISTRANTS, S.WE_ALL, S.EA_ALL)


class ReservationModel(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}
    STEPS = 1500 if SANITIZED else 6000
    NAMES = ("a", "b", "c", "d")

    def test_thousands_of_random_reservation_commands(self):
        source = random.Random(SEED)
        self.sessions = {name: self.connect(name, index) for index, name in enumerate(self.NAMES)}
        self.model = Reservations(self.NAMES)
        self.base = S.pr_generation(self.sessions["a"])
        self.steps = []
        try:
            for _ in range(self.STEPS):
                self.step(source)
        except AssertionError as error:
            self.fail(f"seed {SEED}, step {len(self.steps)}: {error}\nlast steps:\n" + "\n".join(self.steps[-25:]) +
                      f"\nmodel: keys {self.model.keys} type {self.model.type} holder {self.model.holder} "
                      f"spc2 {self.model.spc2}")

    def connect(self, name, isid, clear=True):
        return self.session(initiator=f"iqn.2026-11.org.scstd.test:model-{name}", isid=1000 + isid, clear=clear)

    def drain(self, name):
        """Takes up the nexus' unit attentions, which must be those that the model expects."""
        seen = set()
        for _ in range(16):
            result = self.sessions[name].command(S.TUR)
            if result.status == 0:
                break
            self.assertEqual(result.key, 6, result)
            self.assertNotIn(result.asc, seen, "told twice")
            seen.add(result.asc)
        self.assertEqual({hex(x) for x in seen}, {hex(x) for x in self.model.attentions[name]}, f"attentions of {name}")
        self.model.attentions[name] = set()

    def key_of(self, source, name):
        """Mostly the right key, sometimes another."""
        if source.random() < 0.85:
            return self.model.keys.get(name, 0)
        return source.choice((0, 1, 2, 3, 4))

    def step(self, source):
        name = source.choice(self.NAMES)
        self.drain(name)
        session, model = self.sessions[name], self.model
        key, other, type_ = self.key_of(source, name), source.choice((1, 2, 3, 4)), source.choice(TYPES)
        action = source.choices(
            ("register", "ignore", "unregister", "reserve", "release", "clear", "preempt", "abort", "reserve6",
             "release6", "read", "write", "look", "reset", "reconnect"),
            (14, 4, 4, 12, 8, 2, 8, 4, 2, 3, 8, 8, 4, 1, 1))[0]
        self.steps.append(f"{name}: {action} key {key} other {other} type {type_}")
        if action in ("read", "write"):
            write = action == "write"
            result = session.command(S.write10(0, 1) if write else S.read10(0, 1), read=0 if write else 512,
                                     write=bytes(512) if write else b"")
            self.assertEqual(result.status, model.access(name, write), action)
        elif action == "look":
            self.look(session)
        elif action == "reset":
            self.assertEqual(session.tm(S.LUN_RESET), 0)
            model.lun_reset()
        elif action == "reconnect":
            session.logout()
            session.close()
            self.sessions[name] = self.connect(name, self.NAMES.index(name), clear=False)
            model.reconnect(name)
        else:
            self.change(session, name, action, key, other, type_)

    def change(self, session, name, action, key, other, type_):
        model = self.model
        if action in ("preempt", "abort"):
            if other == model.keys.get(name) and (model.type in (None, S.WE_ALL, S.EA_ALL) or
                                                  not model.is_holder(name)):
                return  # preempting oneself without being the one holder: SCST and SPC-4 differ on it
            if model.type in (S.WE_ALL, S.EA_ALL) and type_ % 3 == 0:
                other = 0
        expected, result = {
            "register": lambda: (model.register(name, key, other), S.pr(session, S.REGISTER, key, other)),
            "ignore": lambda: (model.register(name, key, other, True),
                               S.pr(session, S.REGISTER_AND_IGNORE, key, other)),
            "unregister": lambda: (model.register(name, key, 0), S.pr(session, S.REGISTER, key, 0)),
            "reserve": lambda: (model.reserve(name, key, type_), S.pr(session, S.RESERVE, key, 0, type_)),
            "release": lambda: (model.release(name, key, type_), S.pr(session, S.RELEASE, key, 0, type_)),
            "clear": lambda: (model.clear(name, key), S.pr(session, S.CLEAR, key)),
            "preempt": lambda: (model.preempt(name, key, other, type_), S.pr(session, S.PREEMPT, key, other, type_)),
            "abort": lambda: (model.preempt(name, key, other, type_),
                              S.pr(session, S.PREEMPT_AND_ABORT, key, other, type_)),
            "reserve6": lambda: (model.reserve6(name), session.command(S.reserve6())),
            "release6": lambda: (model.release6(name), session.command(S.release6())),
        }[action]()
        if expected == "sense":
            self.assertEqual((result.status, result.key), (2, 5), f"{action}: {result!r}")
        else:
            self.assertEqual(result.status, expected, f"{action}: {result!r}")

    def look(self, session):
        if self.model.spc2:
            self.assertEqual(session.command(S.pr_in(S.READ_KEYS), read=8192).status, S.CONFLICT)
            return
        self.assertEqual(sorted(S.pr_keys(session)), sorted(self.model.keys.values()))
        self.assertEqual(S.pr_reservation(session), self.model.reservation())
        self.assertEqual(S.pr_generation(session) - self.base, self.model.generation)


class TaskSetModel(DaemonTest):
    CONFIG = one_disk()
    FILES = {"disk.img": 8 << 20}
    BATCHES = 150 if SANITIZED else 800

    def test_thousands_of_random_commands_keep_the_order_that_was_asked_for(self):
        source = random.Random(SEED)
        sessions = [self.session() for _ in range(3)]
        values = [0, 0, 0]
        for index, session in enumerate(sessions):
            session.good(S.write10(index, 1), write=self.block(0))
        fresh = 1
        for batch in range(self.BATCHES):
            orders, itts = [TaskOrder(value) for value in values], [{}, {}, {}]
            for _ in range(source.randrange(3, 18)):
                index = source.randrange(3)
                attribute = source.choices((S.SIMPLE, S.ORDERED, S.HEAD_OF_QUEUE), (6, 3, 1))[0]
                if len(itts[index]) >= 12:
                    continue
                if source.random() < 0.5:
                    number = orders[index].add(attribute, fresh)
                    itt = sessions[index].submit(S.write10(index, 1), write=self.block(fresh), attribute=attribute)
                    fresh += 1
                else:
                    number = orders[index].add(attribute)
                    itt = sessions[index].submit(S.read10(index, 1), read=512, attribute=attribute)
                itts[index][number] = itt
            with self.subTest(seed=SEED, batch=batch):
                if source.random() < 0.1:
                    self.abort(source, sessions, orders, itts)
                for index in range(3):
                    values[index] = self.finish(sessions[index], index, orders[index], itts[index])

    @staticmethod
    def block(value):
        return value.to_bytes(8, "big") * 64

    def abort(self, source, sessions, orders, itts):
        """Aborts a nexus' commands: those not yet answered ran or did not; none answers afterwards."""
        index = source.randrange(3)
        session = sessions[index]
        self.assertEqual(session.tm(S.ABORT_TASK_SET), 0)
        for number, itt in list(itts[index].items()):
            if session.pending[itt].result is None:
                orders[index].doubt(number)
                session.forget(itt)
                del itts[index][number]

    def finish(self, session, lba, order, itts):
        for number, itt in itts.items():
            result = session.wait(itt)
            self.assertEqual(result.status, 0, result)
            if order.commands[number][1] is None:
                self.value_of(result.data, order.allowed(number), order)
        return self.value_of(session.good(S.read10(lba, 1), read=512), order.allowed(), order)

    def value_of(self, data, allowed, order):
        value = int.from_bytes(data[:8], "big")
        self.assertEqual(data, self.block(value), "a torn block")
        self.assertIn(value, allowed, order.commands)
        return value
