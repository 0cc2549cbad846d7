# SPDX-License-Identifier: Apache-2.0
"""Small reference models that random tests are compared with: reservations (SPC-4 5.13 as SCST decides it) and the
order of commands in a task set (SAM-5 8). They know nothing of how scstd works."""
from lib import scsi as S

REGISTRANTS_ONLY = (S.WE_REGISTRANTS, S.EA_REGISTRANTS)
ALL_REGISTRANTS = (S.WE_ALL, S.EA_ALL)
EXCLUSIVE = (S.EXCLUSIVE_ACCESS, S.EA_REGISTRANTS, S.EA_ALL)

RELEASED, RES_PREEMPTED, REG_PREEMPTED, RESET, POWER_ON = 0x2A04, 0x2A03, 0x2A05, 0x2900, 0x2900


class Reservations:
    """One logical unit. Nexuses are names; methods return the expected SCSI status (or 'sense' for CHECK CONDITION)."""

    def __init__(self, nexuses):
        self.keys = {}
        self.type = None
        self.holder = None      # for the types that have one
        self.generation = 0
        self.spc2 = None
        self.attentions = {nexus: set() for nexus in nexuses}

    # ---- helpers ----

    def is_holder(self, nexus):
        if self.type is None:
            return False
        return nexus in self.keys if self.type in ALL_REGISTRANTS else nexus == self.holder

    def _tell(self, nexuses, asc, but=None):
        for nexus in nexuses:
            if nexus != but:
                self.attentions[nexus].add(asc)

    def _drop_reservation(self):
        self.type = self.holder = None

    def _unregister(self, nexus):
        """Removes a registration by its own wish."""
        was_holder, type_ = self.is_holder(nexus), self.type
        del self.keys[nexus]
        if was_holder and (type_ not in ALL_REGISTRANTS or not self.keys):
            self._drop_reservation()
            if type_ in REGISTRANTS_ONLY:
                self._tell(self.keys, RELEASED)

    def _registered_with(self, nexus, key):
        return nexus in self.keys and self.keys[nexus] == key

    # ---- PERSISTENT RESERVE OUT ----

    def register(self, nexus, key, action_key, ignore=False):
        if self.spc2:
            return S.CONFLICT
        if nexus not in self.keys:
            if key and not ignore:
                return S.CONFLICT
            if action_key:
                self.keys[nexus] = action_key
        else:
            if not ignore and self.keys[nexus] != key:
                return S.CONFLICT
            if action_key:
                self.keys[nexus] = action_key
            else:
                self._unregister(nexus)
        self.generation += 1
        return S.GOOD

    def reserve(self, nexus, key, type_):
        if self.spc2 or not self._registered_with(nexus, key):
            return S.CONFLICT
        if self.type is None:
            self.type, self.holder = type_, nexus
            return S.GOOD
        return S.GOOD if self.is_holder(nexus) and self.type == type_ else S.CONFLICT

    def release(self, nexus, key, type_):
        if self.spc2 or not self._registered_with(nexus, key):
            return S.CONFLICT
        if not self.is_holder(nexus):
            return S.GOOD
        if self.type != type_:
            return "sense"
        if self.type not in (S.WRITE_EXCLUSIVE, S.EXCLUSIVE_ACCESS):
            self._tell(self.keys, RELEASED, nexus)
        self._drop_reservation()
        return S.GOOD

    def clear(self, nexus, key):
        if self.spc2 or not self._registered_with(nexus, key):
            return S.CONFLICT
        self._tell(self.keys, RES_PREEMPTED, nexus)
        self.keys.clear()
        self._drop_reservation()
        self.generation += 1
        return S.GOOD

    def preempt(self, nexus, key, victim_key, type_):
        if self.spc2 or not self._registered_with(nexus, key):
            return S.CONFLICT
        takes = False
        if self.type is None:
            victims = [n for n, k in self.keys.items() if k == victim_key]
        elif self.type in ALL_REGISTRANTS:
            takes = victim_key == 0
            victims = [n for n, k in self.keys.items() if n != nexus and (takes or k == victim_key)]
        elif self.keys[self.holder] != victim_key:
            if victim_key == 0:
                return "sense"
            victims = [n for n, k in self.keys.items() if k == victim_key]
        else:
            takes = True
            victims = [n for n, k in self.keys.items() if k == victim_key and n != nexus]
        if not victims and not takes:
            return S.CONFLICT
        changed = takes and self.type != type_
        for victim in victims:
            del self.keys[victim]
            self._tell([victim], REG_PREEMPTED, nexus)
        if takes:
            self.type, self.holder = type_, nexus
        if changed:
            self._tell(self.keys, RELEASED, nexus)
        self.generation += 1
        return S.GOOD

    # ---- SPC-2, resets, nexuses ----

    def spc2_allowed(self, nexus):
        if self.type is None:
            return nexus in self.keys
        if self.type in (S.WRITE_EXCLUSIVE, S.EXCLUSIVE_ACCESS):
            return nexus == self.holder
        return nexus in self.keys

    def reserve6(self, nexus):
        if self.keys:
            return S.GOOD if self.spc2_allowed(nexus) else S.CONFLICT
        if self.spc2 not in (None, nexus):
            return S.CONFLICT
        self.spc2 = nexus
        return S.GOOD

    def release6(self, nexus):
        if self.keys:
            return S.GOOD if self.spc2_allowed(nexus) else S.CONFLICT
        if self.spc2 == nexus:
            self.spc2 = None
        return S.GOOD

    def lun_reset(self):
        self.spc2 = None
        self._tell(self.attentions, RESET)

    def reconnect(self, nexus):
        if self.spc2 == nexus:
            self.spc2 = None
        self.attentions[nexus] = {POWER_ON}

    # ---- what others see ----

    def access(self, nexus, write):
        if self.spc2 not in (None, nexus):
            return S.CONFLICT
        if self.type is None or self.is_holder(nexus):
            return S.GOOD
        if nexus in self.keys and self.type not in (S.WRITE_EXCLUSIVE, S.EXCLUSIVE_ACCESS):
            return S.GOOD
        return S.CONFLICT if write or self.type in EXCLUSIVE else S.GOOD

    def reservation(self):
        if self.type is None:
            return None
        return (0 if self.type in ALL_REGISTRANTS else self.keys[self.holder]), self.type


class TaskOrder:
    """The commands of one nexus on one block, sent as a batch; tells which values a read may return."""

    def __init__(self, before):
        self.before = before    # value of the block when the batch starts
        self.commands = []      # (attribute, written value or None for a read, certain)

    def add(self, attribute, value=None):
        self.commands.append([attribute, value, True])
        return len(self.commands) - 1

    def doubt(self, index):
        """The command was aborted: it ran or it did not."""
        self.commands[index][2] = False

    def _precedes(self):
        """The order that SAM-5 promises, with what follows from it."""
        count = len(self.commands)
        order = [[False] * count for _ in range(count)]
        for first in range(count):
            for later in range(first + 1, count):
                pair = (self.commands[first][0], self.commands[later][0])
                order[first][later] = S.ORDERED in pair and S.HEAD_OF_QUEUE not in pair
        for middle in range(count):
            for first in range(count):
                if order[first][middle]:
                    for later in range(count):
                        order[first][later] |= order[middle][later]
        return order

    def allowed(self, reader=None):
        """Values that the read with this index (None: one after the batch) may return."""
        order = self._precedes()
        writes = [i for i, (_, value, _) in enumerate(self.commands) if value is not None]

        def before(write, read):
            return True if read is None else order[write][read]
        possible = [w for w in writes if reader is None or not order[reader][w]]
        result = set()
        for write in possible:
            hidden = any(order[write][other] and before(other, reader) and self.commands[other][2]
                         for other in writes if other != write)
            if not hidden:
                result.add(self.commands[write][1])
        if not any(before(write, reader) and self.commands[write][2] for write in writes):
            result.add(self.before)
        return result
