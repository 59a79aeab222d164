package systemtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// packages are what a host has besides the least that Debian runs on: systemd, what claimd's packages depend on, and the
// programs of an administrator.
const packages = "systemd,systemd-sysv,dbus,init-system-helpers,iproute2,procps,ca-certificates,nginx-light,curl,openssl"

const suite = "bookworm"

// masked are the units of a tree that would reach the machine outside, and nginx, which waits for a configuration.
const masked = "sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount dev-hugepages.mount nginx.service"

// hosts is /etc/hosts, which mmdebstrap leaves to others.
const hosts = "127.0.0.1 localhost\n::1 localhost\n"

// state is the folder that trees are kept in. The go command does not look into folders whose names begin with a dot.
func state() string { return filepath.Join("..", "..", "bin", ".systemtest") }

// tree gives the name of the tree's folder in state, and makes it if it is not there.
var tree = sync.OnceValues(func() (string, error) {
	sum := sha256.Sum256([]byte(suite + packages + masked + hosts))
	name := "tree-" + hex.EncodeToString(sum[:6])
	absolute, err := filepath.Abs(state())
	if err != nil {
		return "", err
	}
	path := filepath.Join(absolute, name)
	if _, err := os.Stat(path); err == nil {
		return name, nil
	}
	if err := os.MkdirAll(filepath.Join(absolute, "mnt"), 0o755); err != nil {
		return "", err
	}
	if err := installMmdebstrap(); err != nil {
		return "", err
	}
	// What is not finished has another name.
	half := path + ".half"
	if err := os.RemoveAll(half); err != nil {
		return "", err
	}
	arguments := []string{"--quiet", "--variant=minbase", "--include=" + packages, suite, half}
	if err := tell(exec.Command("mmdebstrap", append(arguments, sources()...)...)); err != nil {
		return "", err
	}
	if err := finish(half); err != nil {
		return "", err
	}
	return name, os.Rename(half, path)
})

// finish gives a tree its own number, so that no boot of it is a first one, and the name localhost, and masks units.
func finish(path string) error {
	number := make([]byte, 16)
	_, _ = rand.Read(number) // it never fails
	if err := os.WriteFile(filepath.Join(path, "etc/machine-id"), []byte(hex.EncodeToString(number)+"\n"), 0o444); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(path, "etc/hosts"), []byte(hosts), 0o644); err != nil {
		return err
	}
	for unit := range strings.FieldsSeq(masked) {
		if err := os.Symlink("/dev/null", filepath.Join(path, "etc/systemd/system", unit)); err != nil {
			return err
		}
	}
	return nil
}

// sources gives where this machine has Debian's packages from; none: Debian's own servers.
func sources() []string {
	for _, file := range []string{"/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"} {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), suite) {
			return []string{file}
		}
	}
	return nil
}

func installMmdebstrap() error {
	if _, err := exec.LookPath("mmdebstrap"); err == nil {
		return nil
	}
	if err := tell(exec.Command("apt-get", "update", "-q")); err != nil {
		return err
	}
	return tell(exec.Command("apt-get", "install", "-qy", "--no-install-recommends", "mmdebstrap"))
}

// tell runs a program whose words are for whoever waits.
func tell(command *exec.Cmd) error {
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	return command.Run()
}

// built gives the path of the newest package of that name, of those that are to be tested.
func built(t *testing.T, name string) string {
	t.Helper()
	pattern := filepath.Join(os.Getenv(packagesVariable), name+"_*_"+runtime.GOARCH+".deb")
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("want a package %s\n  hint: make test-system", pattern)
	}
	newest := found[0]
	for _, path := range found[1:] {
		if modified(t, path).After(modified(t, newest)) {
			newest = path
		}
	}
	return newest
}

func modified(t *testing.T, path string) time.Time {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}
