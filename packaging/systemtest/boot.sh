#!/bin/sh
# boot.sh STATE TREE: runs as the first process of new namespaces (host.sh), prepares what a systemd needs to find, and
# becomes it. Nothing here reaches the machine outside: all mounts belong to this mount namespace.
set -eu
cd "$1"
tree=$2

# The shell's own number as the machine outside counts it, while /proc is still that of outside.
read -r outside _ </proc/self/stat
echo "$outside"

mount --make-rprivate /

# A clean host each time: what it writes goes to memory, above a tree that stays as it is.
mount -t tmpfs -o mode=0755 tmpfs mnt
mkdir mnt/upper mnt/work mnt/root
chmod 0755 mnt/upper
if ! mount -t overlay -o "lowerdir=$tree,upperdir=mnt/upper,workdir=mnt/work" overlay mnt/root 2>/dev/null; then
	cp -a "$tree/." mnt/root/
	mount --bind mnt/root mnt/root
fi
cd mnt/root

mount -t proc proc proc
# The kernel settings of the machine outside are not ours to change.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
for node in null zero full random urandom tty; do
	touch "dev/$node"
	mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm

pivot_root . mnt
umount -l /mnt
mount --make-rshared / # else a credential of LoadCredential= is an empty file
ip link set lo up
exec env -i container=unshare PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init </dev/null
