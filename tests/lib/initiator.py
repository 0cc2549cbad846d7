# SPDX-License-Identifier: Apache-2.0
"""An iSCSI initiator of our own on a raw socket, for tests that libiscsi is too polite for.

Connection sends and receives single PDUs and knows digests. Session logs in, numbers commands, and runs whole SCSI
commands with immediate, unsolicited and R2T data. Everything blocks with a deadline; nothing retries by itself.
"""
import os
import select
import socket
import struct
import time

from lib import pdu as P
from lib.pdu import Pdu

DEFAULT_TIMEOUT = float(os.environ.get("SCST_TEST_TIMEOUT", "60"))


class Closed(Exception):
    """The target closed the connection."""


class Timeout(Exception):
    """The target did not answer in time."""


class LoginFailed(Exception):
    def __init__(self, response):
        self.status = (response.bhs[36] << 8) | response.bhs[37]
        self.keys = P.parse_text(response.data)
        super().__init__(f"login refused with status {self.status:04x} {self.keys}")


class Connection:
    """One TCP connection: whole PDUs in and out, digests when they are on. One thread."""

    def __init__(self, portal, timeout=DEFAULT_TIMEOUT):
        self.timeout = timeout
        self.socket = socket.create_connection(portal, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.header_digest = False
        self.data_digest = False
        self._buffer = b""

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def abort(self):
        """Closes with a reset instead of an orderly FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def encode(self, bhs, data=b"", ahs=b"", bad_header_digest=False, bad_data_digest=False):
        """The PDU's bytes. The header must name the lengths already (see P.header)."""
        head = bytes(bhs) + bytes(ahs)
        if self.header_digest:
            head += struct.pack("<I", P.crc32c(head) ^ (1 if bad_header_digest else 0))
        if not data:
            return head
        padded = bytes(data) + bytes(P.padding(len(data)))
        if self.data_digest:
            padded += struct.pack("<I", P.crc32c(padded) ^ (1 if bad_data_digest else 0))
        return head + padded

    def send(self, bhs, data=b"", ahs=b"", **wrong):
        self.send_raw(self.encode(bhs, data, ahs, **wrong))

    def send_raw(self, data):
        try:
            self.socket.settimeout(self.timeout)
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed(str(error)) from None

    def _read(self, count, deadline):
        while len(self._buffer) < count:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([self.socket], [], [], remaining)[0]:
                raise Timeout(f"waited for {count} bytes, have {len(self._buffer)}")
            try:
                part = self.socket.recv(1 << 20)
            except ConnectionResetError as error:
                raise Closed(str(error)) from None
            if not part:
                raise Closed(f"end of stream with {len(self._buffer)} bytes of a PDU")
            self._buffer += part
        part, self._buffer = self._buffer[:count], self._buffer[count:]
        return part

    def receive(self, timeout=None):
        """The next PDU. Raises Closed or Timeout."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        bhs = self._read(48, deadline)
        ahs = self._read(bhs[4] * 4, deadline)
        if self.header_digest:
            digest = self._read(4, deadline)
            if struct.unpack("<I", digest)[0] != P.crc32c(bhs + ahs):
                raise AssertionError(f"wrong header digest from the target: {bhs.hex()}")
        length = int.from_bytes(bhs[5:8], "big")
        padded = self._read(length + P.padding(length), deadline)
        if length and self.data_digest:
            digest = self._read(4, deadline)
            if struct.unpack("<I", digest)[0] != P.crc32c(padded):
                raise AssertionError(f"wrong data digest from the target: {bhs.hex()}")
        return Pdu(bhs, ahs, padded[:length])

    def expect_closed(self, timeout=None):
        """Reads until the target closes; returns the PDUs that came before."""
        got = []
        try:
            while True:
                got.append(self.receive(timeout))
        except Closed:
            return got

    def quiet(self, seconds):
        """Asserts that nothing comes for a while: only where silence itself is the protocol's answer."""
        try:
            unexpected = self.receive(seconds)
        except Timeout:
            return
        raise AssertionError(f"unexpected {unexpected}")


class Result:
    """How a SCSI command ended."""

    def __init__(self, status, sense=b"", data=b"", residual=0, flags=0, response=0):
        self.status = status
        self.sense = sense
        self.data = data
        self.residual = residual
        self.underflow = bool(flags & 0x02)
        self.overflow = bool(flags & 0x04)
        self.response = response

    @property
    def key(self):
        if not self.sense:
            return None
        return (self.sense[2] if self.sense[0] & 0x7E == 0x70 else self.sense[1]) & 0x0F

    @property
    def asc(self):
        """ASC and ASCQ as one number: 0x2900."""
        if not self.sense:
            return None
        if self.sense[0] & 0x7E == 0x70:
            return (self.sense[12] << 8) | self.sense[13]
        return (self.sense[2] << 8) | self.sense[3]

    def __repr__(self):
        if self.status == 2:
            return f"CHECK CONDITION {self.key:x}/{self.asc >> 8:02x}/{self.asc & 255:02x}"
        return f"status {self.status:#04x} with {len(self.data)} bytes"


DEFAULT_KEYS = {
    "HeaderDigest": "None", "DataDigest": "None", "InitialR2T": "No", "ImmediateData": "Yes",
    "MaxRecvDataSegmentLength": "262144", "MaxBurstLength": "262144", "FirstBurstLength": "65536",
    "MaxOutstandingR2T": "4", "MaxConnections": "1", "DefaultTime2Wait": "0", "DefaultTime2Retain": "0",
    "ErrorRecoveryLevel": "0", "DataPDUInOrder": "Yes", "DataSequenceInOrder": "Yes",
}


class Session(Connection):
    """A connection that has logged in. `isid` and `initiator` tell I_T nexuses apart."""
    _next_isid = 1

    def __init__(self, portal, target, initiator="iqn.2026-11.org.scstd.test:one", isid=None, keys=None, login=True,
                 discovery=False, timeout=DEFAULT_TIMEOUT, clear=True, tsih=0, cid=0):
        super().__init__(portal, timeout)
        if isid is None:
            isid = Session._next_isid
            Session._next_isid += 1
        self.isid = struct.pack(">BHBH", 0x80, (os.getpid() & 0xFFFF), 0, isid) if isinstance(isid, int) else isid
        self.portal, self.target, self.initiator, self.discovery = portal, target, initiator, discovery
        self.tsih = tsih
        self.cid = cid
        self.cmd_sn = 1
        self.exp_stat_sn = 0
        self.max_cmd_sn = 1
        self._next_itt = 1
        self.pending = {}
        self.wanted = dict(DEFAULT_KEYS)
        self.wanted.update(keys or {})
        self.keys = {}
        self.events = []
        if login:
            try:
                self.login()
                if clear and not discovery:
                    self.clear_attentions(0)
            except BaseException:
                self.close()
                raise

    # ---- login ----

    def login_header(self, csg, nsg, transit, data_length, itt=0, cmd_sn=None):
        flags = (0x80 if transit else 0) | (csg << 2) | nsg
        bhs = bytearray(P.header(P.LOGIN | 0x40, flags, data_length=data_length, itt=itt))
        bhs[8:14] = self.isid
        struct.pack_into(">H", bhs, 14, self.tsih)
        struct.pack_into(">HH", bhs, 20, self.cid, 0)
        struct.pack_into(">II", bhs, 24, self.cmd_sn if cmd_sn is None else cmd_sn, self.exp_stat_sn)
        return bytes(bhs)

    def identity_keys(self):
        pairs = [("InitiatorName", self.initiator)]
        if self.discovery:
            pairs.append(("SessionType", "Discovery"))
        else:
            pairs += [("SessionType", "Normal"), ("TargetName", self.target)]
        return pairs

    def login(self):
        """Security stage with AuthMethod=None, then the operational stage with our keys."""
        self.login_step(0, 1, self.identity_keys() + [("AuthMethod", "None")])
        operational = [(k, v) for k, v in self.wanted.items() if v is not None]
        answer = self.login_step(1, 3, operational)
        if not answer.flags & 0x80:
            answer = self.login_step(1, 3, [])
        self.finish_login(answer)

    def login_step(self, csg, nsg, pairs, transit=True):
        data = P.text(pairs)
        self.send(self.login_header(csg, nsg, transit, len(data)), data)
        answer = self.receive()
        if answer.opcode != P.LOGIN_RESPONSE:
            raise AssertionError(f"no login response: {answer}")
        if answer.bhs[36]:
            raise LoginFailed(answer)
        self.exp_stat_sn = (answer.stat_sn + 1) & P.NO_TAG
        self.keys.update(P.parse_text(answer.data))
        return answer

    def finish_login(self, answer):
        self.tsih = struct.unpack_from(">H", answer.bhs, 14)[0]
        self.max_cmd_sn = answer.max_cmd_sn
        self.header_digest = self.keys.get("HeaderDigest") == "CRC32C"
        self.data_digest = self.keys.get("DataDigest") == "CRC32C"
        if not self.discovery and self.tsih == 0:
            raise AssertionError("TSIH is 0 after a normal login")

    def number(self, key, default):
        return int(self.keys.get(key, self.wanted.get(key, default)), 0)

    @property
    def target_segment(self):
        """MaxRecvDataSegmentLength of the target."""
        return int(self.keys.get("MaxRecvDataSegmentLength", "8192"), 0)

    # ---- single PDUs ----

    def new_itt(self):
        self._next_itt += 1
        return self._next_itt

    def take_cmd_sn(self):
        sn = self.cmd_sn
        self.cmd_sn = (self.cmd_sn + 1) & P.NO_TAG
        return sn

    def receive(self, timeout=None):
        got = super().receive(timeout)
        if got.opcode in (P.SCSI_RESPONSE, P.TM_RESPONSE, P.TEXT_RESPONSE, P.LOGOUT_RESPONSE, P.REJECT, P.ASYNC) or (
                got.opcode == P.DATA_IN and got.flags & 1) or (got.opcode == P.NOP_IN and got.itt != P.NO_TAG):
            if self._logged_in_once():
                self.exp_stat_sn = (got.stat_sn + 1) & P.NO_TAG
        if got.opcode != P.LOGIN_RESPONSE and got.opcode != P.ASYNC:
            self.max_cmd_sn = got.max_cmd_sn
        return got

    def _logged_in_once(self):
        return self.tsih != 0 or self.discovery

    def nop_out(self, data=b"", immediate=True, itt=None, ttt=P.NO_TAG, lun=0, flags=0x80):
        """Sends a ping; returns its ITT."""
        itt = self.new_itt() if itt is None else itt
        sn = self.cmd_sn if immediate else self.take_cmd_sn()
        self.send(P.header(P.NOP_OUT | (0x40 if immediate else 0), flags, data_length=len(data), itt=itt, lun=lun,
                           words=(ttt, sn, self.exp_stat_sn, 0, 0, 0, 0)), data)
        return itt

    def ping(self, data=b"ping"):
        """Asserts that the connection lives and is in step."""
        itt = self.nop_out(data)
        answer = self.receive_for(itt)
        if answer.opcode != P.NOP_IN or answer.data != data:
            raise AssertionError(f"no echo: {answer}")

    def text_request(self, pairs, itt=None, flags=0x80, ttt=P.NO_TAG, immediate=False, data=None):
        itt = self.new_itt() if itt is None else itt
        data = P.text(pairs) if data is None else data
        sn = self.cmd_sn if immediate else self.take_cmd_sn()
        self.send(P.header(P.TEXT | (0x40 if immediate else 0), flags, data_length=len(data), itt=itt,
                           words=(ttt, sn, self.exp_stat_sn, 0, 0, 0, 0)), data)
        return itt

    def send_targets(self, value="All"):
        """The records of a SendTargets answer as (name, [addresses]), following continuations."""
        itt = self.text_request([("SendTargets", value)])
        data = b""
        while True:
            answer = self.receive_for(itt)
            if answer.opcode != P.TEXT_RESPONSE:
                raise AssertionError(f"no text response: {answer}")
            data += answer.data
            if answer.final:
                break
            self.text_request([], itt=itt, ttt=answer.ttt)
        records = []
        for part in data.split(b"\0"):
            key, _, text = part.decode().partition("=")
            if key == "TargetName":
                records.append((text, []))
            elif key == "TargetAddress":
                records[-1][1].append(text)
        return records

    def logout(self, reason=0, immediate=True):
        itt = self.new_itt()
        sn = self.cmd_sn if immediate else self.take_cmd_sn()
        self.send(P.header(P.LOGOUT | (0x40 if immediate else 0), 0x80 | reason, itt=itt,
                           words=(self.cid << 16, sn, self.exp_stat_sn, 0, 0, 0, 0)))
        answer = self.receive_for(itt)
        if answer.opcode != P.LOGOUT_RESPONSE:
            raise AssertionError(f"no logout response: {answer}")
        return answer

    def tm_send(self, function, lun=0, rtt=P.NO_TAG, ref_cmd_sn=0, immediate=True, itt=None):
        itt = self.new_itt() if itt is None else itt
        sn = self.cmd_sn if immediate else self.take_cmd_sn()
        self.send(P.header(P.TM_REQUEST | (0x40 if immediate else 0), 0x80 | function, lun=lun, itt=itt,
                           words=(rtt, sn, self.exp_stat_sn, ref_cmd_sn, 0, 0, 0)))
        return itt

    def tm(self, function, lun=0, rtt=P.NO_TAG, ref_cmd_sn=0, immediate=True):
        """Runs a task management function; returns the response code. Commands' answers meanwhile are kept."""
        answer = self.receive_for(self.tm_send(function, lun, rtt, ref_cmd_sn, immediate))
        if answer.opcode != P.TM_RESPONSE:
            raise AssertionError(f"no TM response: {answer}")
        return answer.response

    def receive_for(self, itt, timeout=None):
        """The next PDU with this ITT (or a Reject); answers to others are handled on the way."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            got = self.receive(max(0.0, deadline - time.monotonic()))
            if got.opcode == P.REJECT or (got.itt == itt and got.itt != P.NO_TAG):
                return got
            self.dispatch(got)

    # ---- commands ----

    def command_header(self, cdb, lun, itt, cmd_sn, flags, expected, data_length, ahs=b"", immediate=False):
        bhs = P.header(P.SCSI_COMMAND | (0x40 if immediate else 0), flags, ahs_length=len(ahs) // 4,
                       data_length=data_length, lun=lun, itt=itt,
                       words=(expected, cmd_sn, self.exp_stat_sn, 0, 0, 0, 0))
        return bhs[:32] + bytes(cdb[:16]).ljust(16, b"\0")

    def submit(self, cdb, lun=0, read=0, write=b"", attribute=1, expected=None, immediate_limit=None, unsolicited=True,
               immediate=False, cmd_sn=None, itt=None, hold_data=False):
        """Sends a command with what may go unasked; returns its ITT. `hold_data`: sends nothing unasked, and R2Ts are
        kept in the task instead of being answered."""
        itt = self.new_itt() if itt is None else itt
        if cmd_sn is None:
            cmd_sn = self.cmd_sn if immediate else self.take_cmd_sn()
        flags = attribute
        if read:
            flags |= 0x40
        if write or hold_data:
            flags |= 0x20
        length = expected if expected is not None else (read or len(write))
        first_burst = min(self.number("FirstBurstLength", 65536), len(write))
        inline = 0
        if write and not hold_data and self.keys.get("ImmediateData", "Yes") == "Yes":
            inline = min(first_burst, self.target_segment, len(write))
            if immediate_limit is not None:
                inline = min(inline, immediate_limit)
        burst = 0
        if write and not hold_data and unsolicited and self.keys.get("InitialR2T", "Yes") == "No":
            burst = first_burst - inline
        ahs = b""
        if len(cdb) > 16:
            extra = bytes(cdb[16:])
            ahs = struct.pack(">HBB", len(extra) + 1, 1, 0) + extra
            ahs += bytes(P.padding(len(ahs)))
        final = 0x80 if burst == 0 else 0
        task = _Task(self, itt, cmd_sn, bytes(write), read, lun, hold_data)
        self.pending[itt] = task
        self.send(self.command_header(cdb, lun, itt, cmd_sn, flags | final, length, inline, ahs, immediate),
                  bytes(write[:inline]), ahs)
        if burst:
            self.data_out(itt, lun, P.NO_TAG, write, inline, burst)
        return itt

    def data_out(self, itt, lun, ttt, write, offset, length):
        """One sequence of Data-Out PDUs, cut to what the target takes."""
        sn, end = 0, offset + length
        while offset < end:
            part = write[offset:min(offset + self.target_segment, end)]
            final = 0x80 if offset + len(part) >= end else 0
            self.send(P.header(P.DATA_OUT, final, data_length=len(part), lun=lun, itt=itt,
                               words=(ttt, 0, self.exp_stat_sn, 0, sn, offset, 0)), part)
            offset += len(part)
            sn += 1

    def dispatch(self, got):
        """Takes one PDU that nobody waits for."""
        if got.opcode == P.NOP_IN and got.itt == P.NO_TAG:
            if got.ttt != P.NO_TAG:
                self.nop_out(itt=P.NO_TAG, ttt=got.ttt)
        elif got.opcode == P.ASYNC:
            self.events.append(got)
        elif got.opcode == P.REJECT:
            raise AssertionError(f"rejected with {got.response:#x}: {got}")
        elif got.itt in self.pending:
            self.pending[got.itt].take(got)
        else:
            raise AssertionError(f"unexpected {got}")

    def wait(self, itt, timeout=None):
        """The result of a submitted command."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        task = self.pending[itt]
        while task.result is None:
            self.dispatch(self.receive(max(0.0, deadline - time.monotonic())))
        del self.pending[itt]
        return task.result

    def forget(self, itt):
        """The command was aborted: no answer is expected any more."""
        self.pending.pop(itt, None)

    def command(self, cdb, lun=0, read=0, write=b"", **options):
        return self.wait(self.submit(cdb, lun, read, write, **options))

    def good(self, cdb, lun=0, read=0, write=b"", **options):
        """As command(), and the status must be GOOD; returns the data."""
        result = self.command(cdb, lun, read, write, **options)
        if result.status != 0:
            raise AssertionError(f"{bytes(cdb).hex()} on LUN {lun}: {result!r}")
        return result.data

    def clear_attentions(self, lun=0):
        """Takes up what unit attentions there are, as every initiator does after a login."""
        for _ in range(16):
            result = self.command(bytes(6), lun)
            if not (result.status == 2 and result.key == 6):
                return result
        raise AssertionError("unit attentions do not end")


class _Task:
    """A command under way."""

    def __init__(self, session, itt, cmd_sn, write, read, lun, hold_data):
        self.session, self.itt, self.cmd_sn, self.write, self.lun = session, itt, cmd_sn, write, lun
        self.read_length, self.hold_data = read, hold_data
        self.data = bytearray()
        self.r2ts = []
        self.data_sn = 0
        self.result = None

    def take(self, got):
        if got.opcode == P.DATA_IN:
            self.take_data(got)
        elif got.opcode == P.R2T:
            if got.u32(36) != len(self.r2ts):
                raise AssertionError(f"R2TSN {got.u32(36)}, expected {len(self.r2ts)}")
            self.r2ts.append(got)
            if not self.hold_data:
                self.session.data_out(self.itt, self.lun, got.ttt, self.write, got.offset, got.desired_length)
        elif got.opcode == P.SCSI_RESPONSE:
            sense = b""
            if len(got.data) >= 2:
                length = struct.unpack_from(">H", got.data)[0]
                sense = got.data[2:2 + length]
            self.result = Result(got.status, sense, bytes(self.data), got.residual, got.flags, got.response)
        else:
            raise AssertionError(f"unexpected {got}")

    def take_data(self, got):
        if got.data_sn != self.data_sn:
            raise AssertionError(f"DataSN {got.data_sn}, expected {self.data_sn}")
        self.data_sn += 1
        if got.offset != len(self.data):
            raise AssertionError(f"Data-In at {got.offset}, expected {len(self.data)}")
        if len(got.data) > int(self.session.wanted.get("MaxRecvDataSegmentLength") or 8192):
            raise AssertionError(f"Data-In of {len(got.data)} bytes is longer than we take")
        self.data += got.data
        if got.flags & 1:
            self.result = Result(got.status, b"", bytes(self.data), got.residual, got.flags)
