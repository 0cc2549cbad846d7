#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs inside the guest of tests/vm/run: logs in with the kernel's initiator and lets Linux, ext4 and sg3-utils at the
# disks. Arguments: the port of scstd on the host, then the scenarios (all when none is named).
set -uo pipefail
port="$1"
shift
portal="10.0.2.2:$port"
iqn=iqn.2026-11.org.scstd:test
passed=0
failed=0

login() {
    mkdir -p /run/lock/iscsi /etc/iscsi
    echo "InitiatorName=iqn.2026-11.org.scstd.test:guest" >/etc/iscsi/initiatorname.iscsi
    modprobe -a iscsi_tcp sd_mod sg
    iscsid
    iscsiadm -m discovery -t sendtargets -p "$portal" >/dev/null || return 1
    # scstd sees the connection come to 127.0.0.1 and announces that; the guest's way is another.
    iscsiadm -m node -o delete >/dev/null 2>&1
    iscsiadm -m node -o new -T "$iqn" -p "$portal" >/dev/null
    iscsiadm -m node -T "$iqn" -p "$portal" --login >/dev/null || return 1
    wait_for all_luns
}

wait_for() {
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        "$1" && return 0
        sleep 0.1
    done
    echo "did not happen: $1"
    return 1
}

all_luns() {
    [ -n "$(lun 0)" ] && [ -n "$(lun 1)" ] && [ -n "$(lun 2)" ] && [ -n "$(lun 3)" ]
}

# Device node of a LUN.
lun() {
    local path
    for path in /sys/class/scsi_device/*:"$1"/device/block/*; do
        [ -e "$path" ] && echo "/dev/${path##*/}" && return
    done
}

sizes() {
    [ "$(blockdev --getsize64 "$(lun 0)")" = $((256 << 20)) ] &&
        [ "$(blockdev --getss "$(lun 1)")" = 4096 ] &&
        [ "$(blockdev --getsize64 "$(lun 3)")" = $((1 << 30)) ]
}

file_system() {
    local disk
    disk="$(lun 2)"
    mkfs.ext4 -q -F "$disk" && mkdir -p /tmp/mnt && mount -o discard "$disk" /tmp/mnt &&
        dd if=/dev/urandom of=/tmp/mnt/file bs=1M count=16 status=none && cp /tmp/mnt/file /tmp/copy && sync &&
        umount /tmp/mnt && mount "$disk" /tmp/mnt && cmp /tmp/copy /tmp/mnt/file && umount /tmp/mnt &&
        fsck.ext4 -fn "$disk" >/dev/null
}

inquiry() {
    sg_inq "$(lun 0)" | grep -q SCST_FIO && sg_vpd -p di "$(lun 0)" >/dev/null && sg_vpd -p bl "$(lun 0)" >/dev/null &&
        sg_readcap -l "$(lun 1)" | grep -q 4096 && sg_luns "$(lun 0)" | grep -q "Lun list length = 32"
}

opcodes() {
    sg_opcodes "$(lun 0)" | grep -qi "compare and write"
}

compare_and_write() {
    local disk
    disk="$(lun 0)"
    dd if=/dev/zero of=/tmp/old bs=512 count=1 status=none
    dd if=/dev/urandom of=/tmp/new bs=512 count=1 status=none
    sg_write_same --lba=8 --num=1 --in=/tmp/old "$disk" && cat /tmp/old /tmp/new >/tmp/both &&
        sg_compare_and_write --lba=8 --num=1 --xferlen=1024 --in=/tmp/both "$disk" &&
        ! sg_compare_and_write --lba=8 --num=1 --xferlen=1024 --in=/tmp/both "$disk" 2>/dev/null &&
        dd if="$disk" bs=512 skip=8 count=1 iflag=direct status=none | cmp - /tmp/new
}

unmap() {
    local disk
    disk="$(lun 0)"
    dd if=/dev/urandom of="$disk" bs=1M count=1 oflag=direct status=none &&
        sg_unmap --lba=0 --num=2048 "$disk" &&
        [ "$(dd if="$disk" bs=1M count=1 iflag=direct status=none | tr -d '\0' | wc -c)" = 0 ] &&
        blkdiscard "$disk"
}

extended_copy() {
    dd if=/dev/urandom of="$(lun 0)" bs=64k count=1 oflag=direct status=none &&
        sg_xcopy if="$(lun 0)" of="$(lun 2)" bs=512 count=128 >/dev/null 2>&1 &&
        cmp -n 65536 "$(lun 0)" "$(lun 2)"
}

persistent_reservations() {
    local disk
    disk="$(lun 0)"
    sg_persist --out --register --param-sark=0xabc "$disk" >/dev/null &&
        sg_persist --out --reserve --param-rk=0xabc --prout-type=5 "$disk" >/dev/null &&
        sg_persist --in --read-reservation "$disk" | grep -q 0xabc &&
        sg_persist --in --read-full-status "$disk" >/dev/null &&
        sg_persist --out --release --param-rk=0xabc --prout-type=5 "$disk" >/dev/null &&
        sg_persist --out --register --param-rk=0xabc "$disk" >/dev/null
}

resets() {
    sg_reset --device "$(lun 0)" && dd if="$(lun 0)" of=/dev/null bs=4k count=1 iflag=direct status=none &&
        sg_reset --target "$(lun 0)" && dd if="$(lun 0)" of=/dev/null bs=4k count=1 iflag=direct status=none
}

digests() {
    iscsiadm -m node -T "$iqn" -p "$portal" --logout >/dev/null &&
        iscsiadm -m node -T "$iqn" -p "$portal" -o update -n 'node.conn[0].iscsi.HeaderDigest' -v CRC32C &&
        iscsiadm -m node -T "$iqn" -p "$portal" -o update -n 'node.conn[0].iscsi.DataDigest' -v CRC32C &&
        iscsiadm -m node -T "$iqn" -p "$portal" --login >/dev/null && wait_for all_luns &&
        dd if=/dev/urandom of=/tmp/data bs=1M count=4 status=none &&
        dd if=/tmp/data of="$(lun 2)" bs=64k oflag=direct status=none && cmp -n $((4 << 20)) /tmp/data "$(lun 2)"
}

scenario() {
    local out
    if out="$("$1" 2>&1)"; then
        echo "ok      $1"
        passed=$((passed + 1))
    else
        printf 'FAILED  %s\n%s\n' "$1" "$out"
        failed=$((failed + 1))
    fi
}

login || { echo "FAILED  login"; exit 1; }
if [ "$#" -eq 0 ]; then
    set -- sizes inquiry opcodes file_system compare_and_write unmap extended_copy persistent_reservations resets digests
fi
for name in "$@"; do
    scenario "$name"
done
iscsiadm -m node -T "$iqn" -p "$portal" --logout >/dev/null 2>&1
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
