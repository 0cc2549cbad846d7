# SPDX-License-Identifier: Apache-2.0
"""iSCSI PDUs as bytes (RFC 7143 11): a builder that also builds wrong ones, and a parser that believes nothing.

Every field of the 48-byte header can be set by hand through `bhs`; what is computed (lengths, digests) can be replaced,
because the tests need an initiator that breaks the protocol as much as one that keeps it.
"""
import dataclasses
import struct

# Opcodes of the initiator.
NOP_OUT, SCSI_COMMAND, TM_REQUEST, LOGIN, TEXT, DATA_OUT, LOGOUT, SNACK = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10
# Opcodes of the target.
NOP_IN, SCSI_RESPONSE, TM_RESPONSE, LOGIN_RESPONSE, TEXT_RESPONSE, DATA_IN, LOGOUT_RESPONSE = (
    0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26)
R2T, ASYNC, REJECT = 0x31, 0x32, 0x3F

NO_TAG = 0xFFFFFFFF

NAMES = {
    NOP_IN: "NOP-In", SCSI_RESPONSE: "SCSI Response", TM_RESPONSE: "TM Response", LOGIN_RESPONSE: "Login Response",
    TEXT_RESPONSE: "Text Response", DATA_IN: "Data-In", LOGOUT_RESPONSE: "Logout Response", R2T: "R2T",
    ASYNC: "Async Message", REJECT: "Reject",
}


def _crc32c_table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_CRC_TABLE = _crc32c_table()


def crc32c(data, crc=0):
    """CRC-32C as RFC 7143 13.1 wants it: all ones at the start, inverted at the end."""
    crc ^= 0xFFFFFFFF
    table = _CRC_TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def padding(length):
    return -length % 4


@dataclasses.dataclass
class Pdu:
    """A received PDU: the header as bytes, AHS and data, with accessors for the fields that tests look at."""
    bhs: bytes
    ahs: bytes = b""
    data: bytes = b""

    @property
    def opcode(self):
        return self.bhs[0] & 0x3F

    @property
    def flags(self):
        return self.bhs[1]

    @property
    def final(self):
        return bool(self.bhs[1] & 0x80)

    @property
    def response(self):
        return self.bhs[2]

    @property
    def status(self):
        return self.bhs[3]

    def u32(self, offset):
        return struct.unpack_from(">I", self.bhs, offset)[0]

    @property
    def lun(self):
        return self.bhs[8:16]

    @property
    def itt(self):
        return self.u32(16)

    @property
    def ttt(self):
        return self.u32(20)

    @property
    def stat_sn(self):
        return self.u32(24)

    @property
    def exp_cmd_sn(self):
        return self.u32(28)

    @property
    def max_cmd_sn(self):
        return self.u32(32)

    @property
    def data_sn(self):
        return self.u32(36)

    @property
    def offset(self):
        return self.u32(40)

    @property
    def desired_length(self):
        return self.u32(44)

    @property
    def residual(self):
        return self.u32(44)

    def __str__(self):
        return f"{NAMES.get(self.opcode, hex(self.opcode))} {self.bhs.hex()} data {self.data[:64].hex()}"


def lun_bytes(lun):
    """The wire form of a LUN number: peripheral addressing below 256, flat above."""
    if isinstance(lun, bytes):
        return lun
    return struct.pack(">HHHH", lun if lun < 256 else 0x4000 | lun, 0, 0, 0)


def header(opcode, flags=0x80, byte2=0, byte3=0, ahs_length=0, data_length=0, lun=0, itt=NO_TAG,
           words=(0, 0, 0, 0, 0, 0, 0)):
    """The 48 bytes; `words` are the seven 32-bit fields from byte 20 on."""
    return (struct.pack(">BBBBB", opcode & 0xFF, flags, byte2, byte3, ahs_length) + data_length.to_bytes(3, "big") +
            lun_bytes(lun) + struct.pack(">I7I", itt, *words))


def text(pairs):
    """Key=value pairs as the data segment of a login or text PDU."""
    return b"".join(f"{key}={value}".encode() + b"\0" for key, value in pairs)


def parse_text(data):
    """The pairs of a text data segment, in order; a repeated key keeps its last value."""
    result = {}
    for part in data.split(b"\0"):
        if part:
            key, _, value = part.decode("utf-8", "replace").partition("=")
            result[key] = value
    return result
