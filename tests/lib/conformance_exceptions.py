# SPDX-License-Identifier: Apache-2.0
"""Tests of iscsi-test-cu 1.19 that may fail by the tool's own fault, each with the proof."""
import typing


class Exception_(typing.NamedTuple):
    """`places`: the only assertions that may fail. `repeat`: a race of the tool, passed when one of so many runs is."""
    proof: str
    places: tuple = ()
    repeat: int = 0


EXCEPTIONS = {
    "iSCSITMF.LUNResetSimpleAsync": Exception_(
        "The test sends a WRITE, then a LUN RESET with iscsi_task_mgmt_lun_reset_async(), and asserts on what its own "
        "library has queued: libiscsi cancels tasks by itself when it queues the reset, so which of the two callbacks "
        "comes first is decided in the initiator before a byte leaves it.",
        repeat=5),
}
