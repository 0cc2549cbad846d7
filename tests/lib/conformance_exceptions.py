# SPDX-License-Identifier: Apache-2.0
"""Tests of iscsi-test-cu 1.19 that may fail by the tool's own fault, each with the proof."""
import typing


class Fault(typing.NamedTuple):
    """`places`: the only assertions that may fail. `repeat`: a race of the tool, passed when one of so many runs is.
    `block_size`: only on such disks."""
    proof: str
    places: tuple = ()
    repeat: int = 0
    block_size: int = 0


EXCEPTIONS = {
    "iSCSITMF.LUNResetSimpleAsync": Fault(
        "The test sends a WRITE and then a LUN RESET by iscsi_task_mgmt_lun_reset_async(), and asserts on what its own "
        "library has queued: libiscsi cancels tasks by itself when it queues the reset, so which of the two callbacks "
        "comes first is decided in the initiator before a byte leaves it.",
        repeat=5),
    "GetLBAStatus.UnmapSingle": Fault(
        "Its second loop asks for the status of LBA i + 1 and wants the first descriptor to start at LBA i + lbppb. "
        "SBC-3 5.6.2 has the first descriptor start at the LBA that was asked for; the two are equal only with one "
        "logical block per physical block, as on the disk of 4096 bytes, where the test passes.",
        places=("test_get_lba_status_unmap_single.c:135",), block_size=512),
    "Sanitize.Reset": Fault(
        "It sleeps for three seconds and then wants SANITIZE still to be in progress. A small file is overwritten in a "
        "tenth of that. That SANITIZE outlives resets is shown in tests/e2e/test_background.py without a clock.",
        places=("test_sanitize_reset.c:97", "test_sanitize_reset.c:102", "test_sanitize_reset.c:107",
                "test_sanitize_reset.c:165")),
    **{f"ProutReserve.Access{kind}": Fault(
        "It writes one block from a buffer of 512 bytes, whatever the disk's block is: SBC-3 has no such WRITE on a "
        "disk of 4096, and the target says so (5/0E/03).",
        places=("test_prout_reserve_access.c:77", "test_prout_reserve_access.c:91"), block_size=4096)
       for kind in ("EA", "WE", "EARO", "WERO", "EAAR", "WEAR")},
}
