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
			folder := filepath.Join(shortFolder(t), "run")
			if umask == 0o777 { // a folder made under it could not be entered again by anyone but root
				mustDo(t, os.Mkdir(folder, 0o750))
			}
			path := filepath.Join(folder, "admin.sock")
			before := syscall.Umask(umask)
			l, err := Listen(path)
			syscall.Umask(before)
			if err != nil {
				t.Fatal(err)
			}
			wantMode(t, path, fs.ModeSocket|0o600)
			wantMode(t, folder, fs.ModeDir|0o750)
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
		prepare func(t *testing.T, path string) // path is in a folder of mode 0755
		want    string                          // PATH and FOLDER stand for the real ones
	}{
		"a file": {
			prepare: func(t *testing.T, path string) { mustDo(t, os.WriteFile(path, []byte("precious"), 0o600)) },
			want:    "cannot listen on PATH: wanted a socket or nothing there, got a regular file\n  hint: move it away or name another path"},
		"a socket that answers": {
			prepare: func(t *testing.T, path string) { listenUntilEnd(t, "unix", path) },
			want:    "cannot listen on PATH: another process answers there\n  hint: claimd runs already? systemctl status claimd"},
		"a folder that everybody writes to": {
			prepare: func(t *testing.T, path string) { mustDo(t, os.Chmod(filepath.Dir(path), 0o777)) },
			want:    "the folder FOLDER has mode 0777: others can write to it\n  hint: chmod 0750 FOLDER"},
		"a folder that a group writes to": {
			prepare: func(t *testing.T, path string) { mustDo(t, os.Chmod(filepath.Dir(path), 0o770)) },
			want:    "the folder FOLDER has mode 0770: others can write to it\n  hint: chmod 0750 FOLDER"},
		"a file where the folder should be": {
			prepare: func(t *testing.T, path string) {
				mustDo(t, os.Remove(filepath.Dir(path)))
				mustDo(t, os.WriteFile(filepath.Dir(path), nil, 0o600))
			},
			want: "the folder FOLDER cannot be made: not a directory\n  hint: make it for claimd's user, or set socket under [admin]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := shortFolder(t)
			path := filepath.Join(folder, "admin.sock")
			test.prepare(t, path)
			l, err := Listen(path)
			if err == nil {
				l.Close()
			}
			wantError(t, err, strings.ReplaceAll(test.want, "FOLDER", folder), path)
		})
	}
}

func TestAStickyFolderHoldsTheSocket(t *testing.T) {
	folder := shortFolder(t)
	mustDo(t, os.Chmod(folder, 0o777|fs.ModeSticky))
	l, err := Listen(filepath.Join(folder, "admin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestAFolderOfAnotherUserIsRefused(t *testing.T) {
	needRoot(t)
	folder := shortFolder(t)
	mustDo(t, os.Chown(folder, otherUID, otherUID))
	_, err := Listen(filepath.Join(folder, "admin.sock"))
	wantError(t, err, fmt.Sprintf("the folder PATH belongs to uid %d, want root or uid 0\n  hint: chown 0 PATH", otherUID), folder)
}

// shortFolder gives a folder of mode 0755 that other users can reach and whose name leaves room for a socket's.
func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "claimd")
	mustDo(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	mustDo(t, os.Chmod(folder, 0o755))
	return folder
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
