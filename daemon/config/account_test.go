package config

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// needRoot skips what only root can set up; continuous integration has root.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("want root where CI is set")
	}
	t.Skip("needs root")
}

// TestWhatTheServiceCouldNotReadIsTold: root can read everything, so root's look at a configuration says nothing of
// whether claimd comes to it.
func TestWhatTheServiceCouldNotReadIsTold(t *testing.T) {
	needRoot(t)
	service := Account{Name: "claimd", UID: 4321, Group: "claimd", GID: 4322, Groups: []int{4323}}
	tests := map[string]struct {
		make func(t *testing.T, dir string)
		as   Account
		want string
	}{
		"as packaged": {func(t *testing.T, dir string) {
			for path, mode := range map[string]os.FileMode{"": 0o750, "/conf.d": 0o750, "/claimd.toml": 0o640, "/conf.d/a.toml": 0o640} {
				give(t, dir+path, 0, 4322, mode)
			}
		}, service, ""},
		"by a group that it is in beside": {func(t *testing.T, dir string) { give(t, dir+"/claimd.toml", 0, 4323, 0o640) }, service, ""},
		"its own":                         {func(t *testing.T, dir string) { give(t, dir+"/claimd.toml", 4321, 0, 0o400) }, service, ""},
		"a file of root's alone": {
			func(t *testing.T, dir string) { give(t, dir+"/claimd.toml", 0, 0, 0o600) }, service,
			"DIR/claimd.toml: cannot be read by claimd (uid 4321), got mode 0600 owner 0:0\n" +
				"  hint: chgrp claimd DIR/claimd.toml && chmod 0640 DIR/claimd.toml\n",
		},
		"for root itself": {func(t *testing.T, dir string) { give(t, dir+"/claimd.toml", 0, 0, 0) }, Account{Name: "root"}, ""},
		"a file that its group may read, but its owner not": {
			func(t *testing.T, dir string) { give(t, dir+"/claimd.toml", 4321, 4322, 0o044) }, service,
			"DIR/claimd.toml: cannot be read by claimd (uid 4321), got mode 0044 owner 4321:4322\n  hint: chmod u+r DIR/claimd.toml\n",
		},
		"a file that all others may read, but its group not": {
			func(t *testing.T, dir string) { give(t, dir+"/conf.d/a.toml", 0, 4323, 0o604) }, service,
			"DIR/conf.d/a.toml: cannot be read by claimd (uid 4321), got mode 0604 owner 0:4323\n" +
				"  hint: chgrp claimd DIR/conf.d/a.toml && chmod 0640 DIR/conf.d/a.toml\n",
		},
		"a directory of root's, told once; what stands in it is read all the same": {
			func(t *testing.T, dir string) { give(t, dir, 0, 0, 0o750) }, service,
			"DIR: cannot be searched by claimd (uid 4321), got mode 0750 owner 0:0\n  hint: chgrp claimd DIR && chmod g+x DIR\n",
		},
		"a directory of another group's, which would lose it": {
			func(t *testing.T, dir string) { give(t, dir, 0, 4999, 0o750) }, service,
			"DIR: cannot be searched by claimd (uid 4321), got mode 0750 owner 0:4999\n  hint: chmod o+x DIR\n",
		},
		"conf.d that may be searched, but not listed": {
			func(t *testing.T, dir string) { give(t, dir+"/conf.d", 0, 0, 0o711) }, service,
			"DIR/conf.d: cannot be listed by claimd (uid 4321), got mode 0711 owner 0:0\n" +
				"  hint: chgrp claimd DIR/conf.d && chmod g+rx DIR/conf.d\n",
		},
		"for a uid that the host has no name for": {
			func(t *testing.T, dir string) { give(t, dir+"/claimd.toml", 0, 4322, 0o640) }, Account{UID: 4321, GID: NoGroup},
			"DIR/claimd.toml: cannot be read by uid 4321, got mode 0640 owner 0:4322\n  hint: setfacl -m u:4321:r DIR/claimd.toml\n",
		},
		"for one whose group has no name": {
			func(t *testing.T, dir string) { give(t, dir+"/claimd.toml", 0, 0, 0o640) }, Account{UID: 4321, GID: 4322},
			"DIR/claimd.toml: cannot be read by uid 4321, got mode 0640 owner 0:0\n" +
				"  hint: chgrp 4322 DIR/claimd.toml && chmod 0640 DIR/claimd.toml\n",
		},
		"somebody else's": {
			func(t *testing.T, dir string) { give(t, dir+"/claimd.toml", 4999, 4322, 0o640) }, service,
			"DIR/claimd.toml: want the owner root or uid 4321, got uid 4999\n  hint: chown root DIR/claimd.toml\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"claimd.toml": "# x\n", "conf.d/a.toml": "# x\n"})
			for _, path := range []string{"/claimd.toml", "/conf.d/a.toml"} {
				chmod(t, dir+path, 0o644)
			}
			test.make(t, dir)
			tree, faults := Read(dir+"/claimd.toml", ReadOptions{As: &test.as})
			if got := strings.ReplaceAll(told(faults), dir, "DIR"); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
			if len(tree.Files) != 2 && !strings.Contains(test.want, "want the owner") {
				t.Errorf("got %d files: root can read them, and tell of what stands in them", len(tree.Files))
			}
			for _, fault := range faults { // the hint is a command, and mends it
				mended(t, test.as, fault, dir)
			}
		})
	}
}

// mended runs a hint's commands, with numbers for names that this host does not have, and looks again.
func mended(t *testing.T, as Account, fault Fault, dir string) {
	t.Helper()
	if strings.HasPrefix(fault.Hint, "setfacl") {
		return // not on every host
	}
	for command := range strings.SplitSeq(fault.Hint, " && ") {
		words := strings.Fields(strings.Replace(command, "chgrp claimd", "chgrp 4322", 1))
		if out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	if _, faults := Read(dir+"/claimd.toml", ReadOptions{As: &as}); len(faults) > 0 {
		t.Errorf("after %s got %v", fault.Hint, faults)
	}
}

func give(t *testing.T, path string, uid, gid int, mode os.FileMode) {
	t.Helper()
	must(t, os.Lchown(path, uid, gid))
	chmod(t, path, mode)
}

// TestAnAccountMayWhatTheKernelGrants asks the kernel, as that user, about files of all sorts of modes, owners and access
// control lists.
func TestAnAccountMayWhatTheKernelGrants(t *testing.T) {
	needRoot(t)
	path := folder(t, map[string]string{"x": ""}) + "/x"
	account := &Account{UID: 4321, GID: 4322, Groups: []int{4323, 4324}}
	kernel := actAs(t, account)
	t.Cleanup(func() { turn(t, &Account{}) })
	random := rand.New(rand.NewPCG(4, 4))
	lists := 0
	for range 3000 {
		uid, gid := []int{0, 4321, 4999}[random.IntN(3)], []int{0, 4322, 4323, 4999}[random.IntN(4)]
		must(t, asRoot(t, account, func() error {
			_ = unix.Lremovexattr(path, "system.posix_acl_access")
			give(t, path, uid, gid, os.FileMode(random.IntN(0o1000)))
			if random.IntN(2) == 0 {
				return nil
			}
			err := unix.Lsetxattr(path, "system.posix_acl_access", someList(random), 0)
			if err == nil {
				lists++
			} else if err == unix.ENOTSUP {
				err = nil // a file system without lists
			}
			return err
		}))
		info, err := os.Lstat(path)
		must(t, err)
		for _, want := range []rights{mayRead, maySearch, mayRead | maySearch} {
			list := accessList(path)
			if got, granted := account.may(want, uid, gid, info.Mode(), list), kernel(path, want); got != granted {
				t.Fatalf("mode %04o of %d:%d, list %v: %o: got %v, the kernel says %v", info.Mode().Perm(), uid, gid, list, want, got, granted)
			}
		}
	}
	t.Logf("%d of 3000 with an access control list", lists)
}

// actAs makes this thread one of the account's, as far as files go (credentials(7), "filesystem user ID"). What it gives
// asks the kernel.
func actAs(t *testing.T, account *Account) (kernel func(path string, want rights) bool) {
	t.Helper()
	runtime.LockOSThread() // and never unlock: the thread ends with the test
	turn(t, account)
	return func(path string, want rights) bool {
		return unix.Faccessat(unix.AT_FDCWD, path, uint32(want), unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW) == nil
	}
}

func turn(t *testing.T, account *Account) {
	t.Helper()
	groups := make([]uint32, len(account.Groups), len(account.Groups)+1)
	for i, gid := range account.Groups {
		groups[i] = uint32(gid)
	}
	_, _, failed := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[:1][0])), 0)
	if failed != 0 {
		t.Fatal(failed)
	}
	_, _ = unix.SetfsgidRetGid(account.GID)
	_, _ = unix.SetfsuidRetUid(account.UID)
	if now, _ := unix.SetfsuidRetUid(-1); now != account.UID {
		t.Fatalf("want the file system uid %d, got %d", account.UID, now)
	}
}

func asRoot(t *testing.T, account *Account, do func() error) error {
	turn(t, &Account{})
	defer turn(t, account)
	return do()
}

// someList is an access control list of the kernel's form (linux/posix_acl_xattr.h): always its three entries of the
// mode, and with a mask, users and groups by name.
func someList(random *rand.Rand) []byte {
	list := binary.LittleEndian.AppendUint32(nil, 2)
	entry := func(tag uint16, id uint32) {
		list = binary.LittleEndian.AppendUint16(list, tag)
		list = binary.LittleEndian.AppendUint16(list, uint16(random.IntN(8)))
		list = binary.LittleEndian.AppendUint32(list, id)
	}
	const none = 0xffffffff
	entry(aclOwner, none)
	for _, uid := range []uint32{4321, 4500} {
		if random.IntN(3) == 0 {
			entry(aclNamedUser, uid)
		}
	}
	entry(aclGroup, none)
	for _, gid := range []uint32{4322, 4324, 4500} {
		if random.IntN(3) == 0 {
			entry(aclNamedGroup, gid)
		}
	}
	entry(aclMask, none)
	entry(aclOther, none)
	return list
}

// TestWhatTheCallerMayNotReadComesWithTheCommand: the daemon itself is refused by the kernel.
func TestWhatTheCallerMayNotReadComesWithTheCommand(t *testing.T) {
	needRoot(t)
	tests := map[string]struct {
		path string
		mode os.FileMode
		want string
	}{
		"the file":      {"/claimd.toml", 0o600, "DIR/claimd.toml: cannot be read: permission denied\n  hint: uid 4321 must be able to read it: chgrp 4322 DIR/claimd.toml && chmod 0640 DIR/claimd.toml\n"},
		"its directory": {"", 0o700, "DIR/claimd.toml: cannot be read: permission denied\n  hint: uid 4321 must be able to read it: chgrp 4322 DIR && chmod g+x DIR\n"},
		"conf.d":        {"/conf.d", 0o700, "DIR/conf.d: cannot be read: permission denied\n  hint: uid 4321 must be able to read it: chgrp 4322 DIR/conf.d && chmod g+rx DIR/conf.d\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"claimd.toml": "# x\n", "conf.d/a.toml": "# x\n"})
			chmod(t, dir+"/claimd.toml", 0o644)
			chmod(t, dir+"/conf.d/a.toml", 0o644)
			chmod(t, dir+test.path, test.mode)
			out := readByAnother(t, dir+"/claimd.toml", 4321, 4322)
			if got := strings.ReplaceAll(out, dir, "DIR"); !strings.HasPrefix(got, test.want) {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

// TestMain lets the test binary read a configuration as another user.
func TestMain(m *testing.M) {
	if path := os.Getenv("CLAIMD_CONFIG_TEST_READ"); path != "" {
		_, faults := Read(path, ReadOptions{})
		fmt.Print(told(faults))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func readByAnother(t *testing.T, path string, uid, gid uint32) string {
	t.Helper()
	// The test binary lies where other users cannot reach it, hence the way through /proc.
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = []string{"CLAIMD_CONFIG_TEST_READ=" + path, "GORACE=atexit_sleep_ms=0"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	out, err := cmd.CombinedOutput()
	must(t, err)
	return string(out)
}
