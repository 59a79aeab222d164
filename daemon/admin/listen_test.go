package admin

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestListenMakesTheFolderAndASocketForItsOwnerAlone(t *testing.T) {
	// Neither a lax umask may widen the modes, nor a strict one narrow them.
	for _, umask := range []int{0, 0o022, 0o777} {
		t.Run(fmt.Sprintf("umask %04o", umask), func(t *testing.T) {
			directory := filepath.Join(shortDirectory(t), "run")
			path := filepath.Join(directory, "admin.sock")
			before := syscall.Umask(umask)
			l, err := Listen(path)
			syscall.Umask(before)
			if err != nil {
				t.Fatal(err)
			}
			wantMode(t, path, fs.ModeSocket|0o600)
			wantMode(t, directory, fs.ModeDir|0o750)
			if err := l.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Errorf("after Close: want no file, got %v", err)
			}
		})
	}
}

func TestListenRefuses(t *testing.T) {
	tests := map[string]struct {
		prepare func(t *testing.T, path string) // path is in a directory of mode 0755
		below   string                          // the socket's directory in that one; "" = that one
		want    string                          // PATH and DIRECTORY stand for the real ones
	}{
		"a file": {
			prepare: func(t *testing.T, path string) { mustDo(t, os.WriteFile(path, []byte("precious"), 0o600)) },
			want:    "cannot listen on PATH: want a socket or nothing there, got a regular file\n  hint: move it away or name another path"},
		"a socket that answers": {
			prepare: func(t *testing.T, path string) { listenUntilEnd(t, "unix", path) },
			want:    "cannot listen on PATH: another process answers there\n  hint: claimd runs already? systemctl status claimd"},
		"a directory that everybody writes to": {
			prepare: func(t *testing.T, path string) { mustDo(t, os.Chmod(filepath.Dir(path), 0o777)) },
			want:    "DIRECTORY: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIRECTORY"},
		"a directory that a group writes to": {
			prepare: func(t *testing.T, path string) { mustDo(t, os.Chmod(filepath.Dir(path), 0o770)) },
			want:    "DIRECTORY: want it writable by its owner only, got mode 0770\n  hint: chmod go-w DIRECTORY"},
		// The directory was judged and not what it stands in: whoever could write there put a directory and a socket of
		// his own in its place, and claimctl handed him the administrators' tokens.
		"a directory above that everybody writes to": {
			prepare: func(t *testing.T, path string) {
				above := filepath.Dir(path)
				mustDo(t, os.Mkdir(above+"/run", 0o750))
				mustDo(t, os.Chmod(above, 0o777))
			},
			below: "run",
			want:  "DIRECTORY: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIRECTORY"},
		"a link in a directory that everybody writes to": {
			prepare: func(t *testing.T, path string) {
				mustDo(t, os.Symlink(shortDirectory(t), filepath.Dir(path)+"/link"))
				mustDo(t, os.Chmod(filepath.Dir(path), 0o777))
			},
			below: "link",
			want:  "DIRECTORY: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIRECTORY"},
		"a link out of a directory that everybody writes to": {
			prepare: func(t *testing.T, path string) {
				above := filepath.Dir(path)
				mustDo(t, os.MkdirAll(above+"/open/run", 0o750))
				mustDo(t, os.Chmod(above+"/open", 0o777))
				mustDo(t, os.Symlink("open/run", above+"/link"))
			},
			below: "link",
			want:  "DIRECTORY/open: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIRECTORY/open"},
		// claimd is down for a moment, and somebody else's socket is there first.
		"a sticky directory that everybody writes to": {
			prepare: func(t *testing.T, path string) { mustDo(t, os.Chmod(filepath.Dir(path), 0o777|fs.ModeSticky)) },
			want:    "DIRECTORY: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIRECTORY"},
		"a file where the directory should be": {
			prepare: func(t *testing.T, path string) {
				mustDo(t, os.Remove(filepath.Dir(path)))
				mustDo(t, os.WriteFile(filepath.Dir(path), nil, 0o600))
			},
			want: "the directory DIRECTORY cannot be made: not a directory\n  hint: make it for claimd's user, or set socket under [admin]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			directory := shortDirectory(t)
			path := filepath.Join(directory, "admin.sock")
			test.prepare(t, path)
			l, err := Listen(filepath.Join(directory, test.below, "admin.sock"))
			if err == nil {
				l.Close()
			}
			wantError(t, err, strings.ReplaceAll(test.want, "DIRECTORY", directory), path)
		})
	}
}

func TestAFolderOfAnotherUserIsRefused(t *testing.T) {
	needRoot(t)
	directory := shortDirectory(t)
	mustDo(t, os.Chown(directory, otherUID, otherUID))
	_, err := Listen(filepath.Join(directory, "admin.sock"))
	wantError(t, err, fmt.Sprintf("PATH: want the owner root, got uid %d\n  hint: chown root PATH", otherUID), directory)
}

// shortDirectory gives a directory of mode 0755 that other users can reach and whose name leaves room for a socket's.
func shortDirectory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "claimd")
	mustDo(t, err)
	t.Cleanup(func() { os.RemoveAll(directory) })
	mustDo(t, os.Chmod(directory, 0o755))
	return directory
}

// leaveStaleSocket leaves what a killed daemon leaves.
func leaveStaleSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	mustDo(t, err)
	l.SetUnlinkOnClose(false)
	mustDo(t, l.Close())
}

func listenUntilEnd(t *testing.T, network, path string) {
	t.Helper()
	l, err := net.Listen(network, path)
	mustDo(t, err)
	t.Cleanup(func() { l.Close() })
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Error(err)
		return
	}
	if info.Mode() != want {
		t.Errorf("%s: want mode %v, got %v", path, want, info.Mode())
	}
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
