# SPDX-License-Identifier: Apache-2.0
"""What others wrote and every user has: libiscsi's tools and QEMU's block layer against the disks."""
import hashlib
import pathlib
import random
import re
import subprocess

from lib.daemon import IQN, SANITIZED, DaemonTest, disk_config

DISKS = disk_config(
    {"vdisk_nullio": {"null": {"size_mb": "1024"}},
     "vdisk_fileio": {"disk1": {"filename": "@DIR@/disk1.img", "thin_provisioned": 1},
                      "disk2": {"filename": "@DIR@/disk2.img", "blocksize": 4096}}},
    {0: "null", 1: "disk1", 2: "disk2"})
FILES = {"disk1.img": 1 << 30, "disk2.img": 256 << 20}


def run(*command, timeout=300):
    process = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout,
                             check=False)
    if process.returncode != 0:
        raise AssertionError(f"{command}: {process.returncode}\n{process.stdout}{process.stderr}")
    return process.stdout


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def random_image(path, size, seed=1):
    source = random.Random(seed)
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(source.randbytes(1 << 20))


class Tools(DaemonTest):
    CONFIG = DISKS
    FILES = FILES

    def test_iscsi_ls_shows_the_target_and_each_lun_with_its_size(self):
        out = run("iscsi-ls", "-s", self.daemon.url())
        self.assertIn(f"Target:{IQN} Portal:127.0.0.1:{self.daemon.port},1", out)
        sizes = dict(re.findall(r"Lun:(\d+)\s+Type:DIRECT_ACCESS \(Size:(\w+)\)", out))
        self.assertEqual(set(sizes), {"0", "1", "2"}, out)

    def test_iscsi_inq_shows_what_scst_would_say(self):
        out = run("iscsi-inq", self.daemon.url(1))
        self.assertRegex(out, r"Vendor:SCST_FIO")
        self.assertRegex(out, r"Product:disk1")
        self.assertRegex(out, r"Peripheral Device Type:DIRECT_ACCESS")
        for page in ("0x00", "0x80", "0x83", "0xb0", "0xb1", "0xb2"):
            run("iscsi-inq", "-e", "1", "-c", int(page, 16), self.daemon.url(1))

    def test_iscsi_readcapacity16_shows_blocks_and_block_size(self):
        self.assertRegex(run("iscsi-readcapacity16", self.daemon.url(1)), r"Total size:\s*1073741824")
        out = run("iscsi-readcapacity16", self.daemon.url(2))
        self.assertRegex(out, r"Total size:\s*268435456")
        self.assertRegex(out, r"4096")

    def test_a_256_mib_image_comes_back_byte_equal_from_qemu_img(self):
        size = (64 if SANITIZED else 256) << 20
        folder = pathlib.Path(self.daemon.directory)
        image, back = folder / "image", folder / "back"
        random_image(image, size)
        run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, self.daemon.url(1), timeout=900)
        run("qemu-img", "convert", "-f", "raw", "-O", "raw", self.daemon.url(1), back, timeout=900)
        with open(back, "r+b") as file:
            file.truncate(size)
        self.assertEqual(digest(image), digest(back))
        with open(folder / "disk1.img", "rb") as medium:
            self.assertEqual(hashlib.sha256(medium.read(size)).hexdigest(), digest(image))

    def test_qemu_io_patterns_hold_on_both_block_sizes(self):
        for lun in (1, 2):
            run("qemu-io", "-f", "raw", self.daemon.url(lun),
                "-c", "write -P 0x5a 700M 1M" if lun == 1 else "write -P 0x5a 100M 1M",
                "-c", "read -P 0x5a 700M 1M" if lun == 1 else "read -P 0x5a 100M 1M",
                "-c", "write -P 0x11 120M 64k", "-c", "write -P 0x22 122880k 4k", "-c", "read -P 0x22 122880k 4k",
                "-c", "read -P 0x11 122884k 60k", "-c", "write -z 121M 8M", "-c", "read -P 0 121M 8M",
                "-c", "flush", "-c", "aio_write -P 0x33 130M 2M", "-c", "aio_flush", "-c", "read -P 0x33 130M 2M",
                "-c", "writev -P 0x44 135M 4k 8k 16k", "-c", "readv -P 0x44 135M 4k 8k 16k")

    def test_qemu_io_discard_gives_the_blocks_back(self):
        medium = self.daemon.directory / "disk1.img"
        run("qemu-io", "-d", "unmap", "-f", "raw", self.daemon.url(1), "-c", "write -P 0x77 900M 16M", "-c", "flush")
        used = medium.stat().st_blocks
        run("qemu-io", "-d", "unmap", "-f", "raw", self.daemon.url(1), "-c", "discard 900M 16M", "-c", "flush",
            "-c", "read -P 0 900M 16M")
        self.assertLessEqual(medium.stat().st_blocks, used - (15 << 20) // 512)

    def test_qemu_img_compares_two_reads_of_the_disk_as_identical(self):
        run("qemu-img", "compare", "-f", "raw", "-F", "raw", self.daemon.url(2), self.daemon.url(2), timeout=600)
