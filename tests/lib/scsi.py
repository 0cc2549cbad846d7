# SPDX-License-Identifier: Apache-2.0
"""CDBs, parameter lists and answers, as the tests need them (SPC-4, SBC-3). Pure functions over bytes."""
import struct

# Status codes.
GOOD, CHECK, CONDITION_MET, BUSY, CONFLICT, TASK_SET_FULL, ACA_ACTIVE, TASK_ABORTED = (
    0x00, 0x02, 0x04, 0x08, 0x18, 0x28, 0x30, 0x40)
# Task attributes on the wire (RFC 7143 11.3.1).
UNTAGGED, SIMPLE, ORDERED, HEAD_OF_QUEUE, ACA = range(5)
# Task management functions (RFC 7143 11.5.1 and RFC 7144).
(ABORT_TASK, ABORT_TASK_SET, CLEAR_ACA, CLEAR_TASK_SET, LUN_RESET, TARGET_WARM_RESET, TARGET_COLD_RESET, TASK_REASSIGN,
 QUERY_TASK, QUERY_TASK_SET, I_T_NEXUS_RESET, QUERY_ASYNC_EVENT) = range(1, 13)

TUR = bytes(6)


def inquiry(page=None, length=255):
    return struct.pack(">BBBHB", 0x12, 0 if page is None else 1, page or 0, length, 0)


def report_luns(select=0, length=4096):
    return struct.pack(">BBBBBBIBB", 0xA0, 0, select, 0, 0, 0, length, 0, 0)


def request_sense(length=252, desc=0):
    return struct.pack(">BBBBBB", 0x03, desc, 0, 0, length, 0)


def read10(lba, blocks, flags=0):
    return struct.pack(">BBIBHB", 0x28, flags, lba, 0, blocks, 0)


def write10(lba, blocks, flags=0):
    return struct.pack(">BBIBHB", 0x2A, flags, lba, 0, blocks, 0)


def read16(lba, blocks, flags=0):
    return struct.pack(">BBQIBB", 0x88, flags, lba, blocks, 0, 0)


def write16(lba, blocks, flags=0):
    return struct.pack(">BBQIBB", 0x8A, flags, lba, blocks, 0, 0)


FUA = 0x08


def synchronize_cache(lba=0, blocks=0):
    return struct.pack(">BBIBHB", 0x35, 0, lba, 0, blocks, 0)


def read_capacity10():
    return struct.pack(">BBIHBB", 0x25, 0, 0, 0, 0, 0)


def read_capacity16(length=32):
    return struct.pack(">BBQIBB", 0x9E, 0x10, 0, length, 0, 0)


def compare_and_write(lba, blocks):
    return struct.pack(">BBQBBBBBB", 0x89, 0, lba, 0, 0, 0, blocks, 0, 0)


def write_same16(lba, blocks, flags=0):
    return struct.pack(">BBQIBB", 0x93, flags, lba, blocks, 0, 0)


def verify10(lba, blocks, flags=0):
    return struct.pack(">BBIBHB", 0x2F, flags, lba, 0, blocks, 0)


def unmap(length):
    return struct.pack(">BBIBHB", 0x42, 0, 0, 0, length, 0)


def unmap_list(*ranges):
    descriptors = b"".join(struct.pack(">QII", lba, blocks, 0) for lba, blocks in ranges)
    return struct.pack(">HHI", len(descriptors) + 6, len(descriptors), 0) + descriptors


def get_lba_status(lba, length=24):
    return struct.pack(">BBQIBB", 0x9E, 0x12, lba, length, 0, 0)


def mode_sense6(page, pc=0, subpage=0, length=255, dbd=0):
    return struct.pack(">BBBBBB", 0x1A, dbd << 3, (pc << 6) | page, subpage, length, 0)


def mode_select6(length, pf=1, sp=0):
    return struct.pack(">BBHBB", 0x15, (pf << 4) | sp, 0, length, 0)


def mode_select_list(page, changes):
    """A MODE SELECT(6) list of one page: a current page with some bytes replaced."""
    page = bytearray(page)
    for offset, value in changes.items():
        page[offset] = value
    page[0] &= 0x3F
    return bytes(4) + bytes(page)


def mode_page(data):
    """The first page in a MODE SENSE(6) answer."""
    start = 4 + data[3]
    return data[start:start + 2 + data[start + 1]]


def reserve6():
    return bytes([0x16, 0, 0, 0, 0, 0])


def release6():
    return bytes([0x17, 0, 0, 0, 0, 0])


def rsoc(options=0, opcode=0, service_action=0, length=8192):
    return struct.pack(">BBBBHIBB", 0xA3, 0x0C, options, opcode, service_action, length, 0, 0)


def rtpg(length=1024, extended=False):
    return struct.pack(">BBIIBB", 0xA3, 0x2A if extended else 0x0A, 0, length, 0, 0)


def stpg(length):
    return struct.pack(">BBIIBB", 0xA4, 0x0A, 0, length, 0, 0)


# ---- persistent reservations (SPC-4 6.15, 6.16) ----

READ_KEYS, READ_RESERVATION, REPORT_CAPABILITIES, READ_FULL_STATUS = range(4)
(REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, REGISTER_AND_IGNORE, REGISTER_AND_MOVE) = range(8)
WRITE_EXCLUSIVE, EXCLUSIVE_ACCESS, WE_REGISTRANTS, EA_REGISTRANTS, WE_ALL, EA_ALL = 1, 3, 5, 6, 7, 8


def pr_in(action, length=8192):
    return struct.pack(">BB5sHB", 0x5E, action, bytes(5), length, 0)


def pr_out(action, type_=0, length=24):
    return struct.pack(">BBBHIB", 0x5F, action, type_, 0, length, 0)


def pr_list(key=0, action_key=0, flags=0):
    return struct.pack(">QQIBBH", key, action_key, 0, flags, 0, 0)


def pr(session, action, key=0, action_key=0, type_=0, flags=0, lun=0):
    """Runs PERSISTENT RESERVE OUT; returns the result."""
    return session.command(pr_out(action, type_), lun, write=pr_list(key, action_key, flags))


def pr_keys(session, lun=0):
    data = session.good(pr_in(READ_KEYS), lun, read=8192)
    length = struct.unpack_from(">I", data, 4)[0]
    return [struct.unpack_from(">Q", data, 8 + i)[0] for i in range(0, length, 8)]


def pr_generation(session, lun=0):
    return struct.unpack_from(">I", session.good(pr_in(READ_KEYS), lun, read=8192))[0]


def pr_reservation(session, lun=0):
    """(key, type) of the reservation, or None."""
    data = session.good(pr_in(READ_RESERVATION), lun, read=8192)
    if struct.unpack_from(">I", data, 4)[0] == 0:
        return None
    return struct.unpack_from(">Q", data, 8)[0], data[21] & 0x0F


def luns_of(data):
    """LUN numbers in a REPORT LUNS answer (peripheral and flat addressing)."""
    length = struct.unpack_from(">I", data)[0]
    return [struct.unpack_from(">H", data, 8 + i)[0] & 0x3FFF for i in range(0, min(length, len(data) - 8), 8)]


def designators(page83):
    """(code set, type, association, body) of each designator of VPD page 83h."""
    result, offset, end = [], 4, 4 + struct.unpack_from(">H", page83, 2)[0]
    while offset + 4 <= end:
        body = page83[offset + 4:offset + 4 + page83[offset + 3]]
        result.append((page83[offset] & 15, page83[offset + 1] & 15, page83[offset + 1] >> 4 & 3, body))
        offset += 4 + len(body)
    return result
