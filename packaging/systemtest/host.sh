#!/bin/sh
# host.sh GROUP STATE TREE: a Debian host with a systemd of its own as PID 1, in namespaces, from the tree STATE/TREE.
#
# It prints the number of that PID 1 as this machine counts it, then what the host writes to its console. The host lives
# until standard input ends, however whoever holds the other end came to its end. Nothing is left of it then: its mounts
# and the memory that its files are in go with its last process, and this script removes GROUP.
set -eu
group=$1 state=$2 tree=$3
here=$(cd "$(dirname "$0")" && pwd)

mkdir "$group"
(
	# The host's cgroup namespace begins where the process stands that makes it: in a group of its own.
	sh -c 'echo "$PPID"' >"$group/cgroup.procs"
	exec unshare --pid --fork --mount --uts --ipc --net --cgroup --kill-child=SIGKILL \
		"$here/boot.sh" "$state" "$tree" </dev/null 2>&1
) &
outer=$!

cat >/dev/null
kill -KILL "$outer" 2>/dev/null || true
wait "$outer" 2>/dev/null || true
# The last processes of a killed host go a moment later, and a group that is not empty cannot be removed.
for _ in 1 2 3 4 5 6 7 8 9 10; do
	find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
	[ -d "$group" ] || exit 0
	sleep 0.1
done
echo "host.sh: $group cannot be removed" >&2
exit 1
