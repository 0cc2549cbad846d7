# SPDX-License-Identifier: Apache-2.0
"""libiscsi's whole conformance suite against each kind of disk. Under sanitizers a cut of it: what differs there is
threads and memory, which fewer families show as well."""
from lib.conformance import ConformanceTest, with_families
from lib.daemon import SANITIZED, disk_config

# What a family needs of the device and a disk does not have at the same time as the rest.
NOT_REMOVABLE = "not removable"
NOT_READ_ONLY = "not write-protected"
NOT_THIN = "fully provisioned"

QUICK = ("CompareAndWrite", "ExtendedCopy", "Inquiry", "ProutReserve", "Read10", "Read16", "Reserve6", "Sanitize",
         "Unmap", "Verify16", "Write10", "WriteAtomic16", "WriteSame16", "iSCSIcmdsn", "iSCSIdatasn",
         "iSCSIResiduals", "iSCSITMF", "MultipathIO")


def file_disk(**attributes):
    return disk_config({"vdisk_fileio": {"disk": {"filename": "@DIR@/disk.img", **attributes}}}, {0: "disk"})


class _Disk(ConformanceTest):
    FILES = {"disk.img": 128 << 20}
    # WSNZ is 1, as SCST's: WRITE SAME of no blocks is refused, which the suite takes for "does not support".
    SKIPS = (NOT_REMOVABLE, "Media is not removable", NOT_READ_ONLY, "does not support 0-blocks")


@with_families
class Thin512(_Disk):
    CONFIG = file_disk(thin_provisioned=1, rotational=0, sbc_extensions=1)
    FAMILIES = QUICK if SANITIZED else None


@with_families
class Thin4096(_Disk):
    CONFIG = file_disk(thin_provisioned=1, blocksize=4096, sbc_extensions=1)
    BLOCK_SIZE = 4096
    SKIPS = _Disk.SKIPS + ("LBPPB < 2",)
    FAMILIES = ("Read16", "Write10", "Unmap", "WriteSame16", "iSCSIResiduals") if SANITIZED else None


if not SANITIZED:
    @with_families
    class Full512(_Disk):
        CONFIG = file_disk(sbc_extensions=1)
        # What unmaps and erases is not there on a disk that is not thin; WRITE SAME that asks for it ends as in SCST.
        SKIPS = _Disk.SKIPS + (NOT_THIN, "UNMAP is not implemented", "BLOCK_ERASE is not", "CRYPTO_ERASE is not",
                               "WRITESAME10 is not", "WRITESAME16 is not")

    @with_families
    class Removable512(_Disk):
        CONFIG = file_disk(removable=1, thin_provisioned=1)
        SKIPS = (NOT_READ_ONLY,)
        FAMILIES = ("PreventAllow", "NoMedia", "StartStopUnit", "TestUnitReady", "Mandatory", "Inquiry")

    @with_families
    class ReadOnly512(_Disk):
        CONFIG = file_disk(read_only=1)
        SKIPS = _Disk.SKIPS[:2] + (NOT_THIN,)
        FAMILIES = ("ReadOnly", "Read10", "ReadCapacity16", "Inquiry", "TestUnitReady", "Mandatory")


@with_families
class Null(ConformanceTest):
    """A device without a medium: what does not read back what it wrote."""
    CONFIG = disk_config({"vdisk_nullio": {"null": {"size_mb": "1024", "read_zero": "1"}}}, {0: "null"})
    SKIPS = (NOT_REMOVABLE, "Media is not removable", NOT_READ_ONLY, NOT_THIN)
    FAMILIES = ("Read10", "Read16", "Write10", "TestUnitReady", "iSCSIcmdsn") if SANITIZED else (
        "Inquiry", "Mandatory", "Read6", "Read10", "Read12", "Read16", "ReadCapacity10", "ReadCapacity16",
        "TestUnitReady", "Write10", "Write12", "Write16", "iSCSIcmdsn", "iSCSIdatasn", "Prefetch10", "Prefetch16", "ReportSupportedOpcodes", "PrinReadKeys", "ProutRegister", "Reserve6")
