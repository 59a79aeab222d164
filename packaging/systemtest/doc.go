// Package systemtest holds the test of the packages as an administrator meets them: installed with dpkg in a Debian 12
// tree that a real systemd runs as its PID 1, asked with systemctl, journalctl, curl and nginx. It has no code of its
// own.
//
// make test-system runs it, as root, and builds the packages first. The tree comes from Debian's own packages, once;
// each test boots a clean host over it in about a second, in namespaces of its own (host.sh, boot.sh), and nothing of it
// stays on the machine.
package systemtest
