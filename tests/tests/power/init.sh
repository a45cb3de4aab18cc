#!/bin/busybox sh
# The first process of the machine: the files of the host, read only, with its own disk at /mnt.
b=/bin/busybox
$b mkdir -p /proc /host
$b mount -t proc proc /proc
for driver in /modules/*; do $b insmod "$driver"; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 host /host
$b mount -t proc proc /host/proc
$b mount -t sysfs sys /host/sys
$b mount -t devtmpfs dev /host/dev
for folder in tmp run; do $b mount -t tmpfs "$folder" "/host/$folder"; done
$b mkdir -p /host/dev/shm && $b mount -t tmpfs shm /host/dev/shm
# Nothing gets to the disk by the passing of time: only what a program waits for.
echo 0 > /proc/sys/vm/dirty_writeback_centisecs
$b mount -t ext4 -o commit=3600 /host/dev/vda /host/mnt
$b ip link set lo up
$b ip addr add 10.0.2.15/24 dev eth0
$b ip link set eth0 up
exec $b chroot /host /bin/sh "$($b sed -n 's/.*run=\([^ ]*\).*/\1/p' /proc/cmdline)"
