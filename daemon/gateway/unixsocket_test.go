package gateway

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

func TestAUnixSocketIsForItsOwnerAloneAndGoneAfterClose(t *testing.T) {
	// Neither a lax umask may widen the mode, nor a strict one narrow it.
	for _, umask := range []int{0, 0o022, 0o777} {
		t.Run(fmt.Sprintf("umask %04o", umask), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			before := syscall.Umask(umask)
			s, err := BindUnix(path)
			syscall.Umask(before)
			mustDo(t, err)
			wantMode(t, path, fs.ModeSocket|0o600)
			mustDo(t, s.Close())
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Errorf("after Close: want no file, got %v", err)
			}
		})
	}
}

// A chmod after listen would leave a moment in which others connect. The mode must be right as soon as the file is there,
// which is before bind returns: nothing after bind may be needed.
func TestAUnixSocketHasItsModeFromItsFirstMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	before := syscall.Umask(0)
	defer syscall.Umask(before)
	listener, err := listenPrivately(path)
	mustDo(t, err)
	defer listener.Close()
	wantMode(t, path, fs.ModeSocket|0o600)
}

func TestBindUnixReplacesAStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	leaveStale(t, path)
	s, err := BindUnix(path)
	mustDo(t, err)
	defer s.Close()
	wantAnswer(t, path)
}

func TestBindUnixRefusesAndTouchesNothing(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"a file", func(t *testing.T, path string) { mustDo(t, os.WriteFile(path, []byte("kept"), 0o640)) },
			"want a socket or nothing there, got a regular file\n  hint: move it away or name another path"},
		{"a directory", func(t *testing.T, path string) { mustDo(t, os.Mkdir(path, 0o755)) },
			"want a socket or nothing there, got a directory\n  hint: move it away or name another path"},
		{"a pipe", func(t *testing.T, path string) { mustDo(t, syscall.Mkfifo(path, 0o600)) },
			"want a socket or nothing there, got a pipe\n  hint: move it away or name another path"},
		{"a link to a stale socket", func(t *testing.T, path string) {
			leaveStale(t, path+".real")
			mustDo(t, os.Symlink(path+".real", path))
		}, "want a socket or nothing there, got a symbolic link\n  hint: move it away or name another path"},
		{"a link to nothing", func(t *testing.T, path string) { mustDo(t, os.Symlink("/nowhere/at/all", path)) },
			"want a socket or nothing there, got a symbolic link\n  hint: move it away or name another path"},
		{"a socket that answers", func(t *testing.T, path string) {
			listener, err := net.Listen("unix", path)
			mustDo(t, err)
			t.Cleanup(func() { listener.Close() })
		}, "another process answers there\n  hint: claimd runs already? systemctl status claimd"},
		{"a socket of another kind, which cannot be told to be stale", func(t *testing.T, path string) {
			connection, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
			mustDo(t, err)
			t.Cleanup(func() { connection.Close() })
		}, "a socket stands there and it is not known whether it is in use: protocol wrong type for socket\n  hint: claimd runs already? systemctl status claimd"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			test.make(t, path)
			before, err := os.Lstat(path)
			mustDo(t, err)
			s, err := BindUnix(path)
			if err == nil {
				s.Close()
			}
			if got := errorText(err); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) || after.Mode() != before.Mode() || after.Size() != before.Size() {
				t.Errorf("what stood there is not as it was: %v, %v", after, err)
			}
		})
	}
}

func TestBindUnixRefusesAPath(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for path, want := range map[string]string{
		"admin.sock":                       `want an absolute path, got "admin.sock"`,
		"@claimd":                          `want an absolute path, got "@claimd"`, // an abstract one, which every user could reach
		"/tmp/" + strings.Repeat("x", 103): "want a path of at most 107 bytes, got 108\n  hint: choose a shorter one",
		missing + "/s":                     "no such file or directory\n  hint: make the directory " + missing + ", owned by the user that claimd runs as",
		"/dev/null/s":                      "not a directory",
	} {
		s, err := BindUnix(path)
		if err == nil {
			s.Close()
		}
		if got := errorText(err); got != want {
			t.Errorf("%s: got  %s\nwant %s", path, got, want)
		}
	}
}

// Two daemons find the same stale socket, and the other one is faster: what it bound must stay.
func TestASocketThatWasReplacedMeanwhileIsNotRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	leaveStale(t, path)
	dead, err := os.Lstat(path)
	mustDo(t, err)
	mustDo(t, os.Rename(path, path+".old"))
	s, err := BindUnix(path)
	mustDo(t, err)
	defer s.Close()
	want := "the socket there was replaced while it was looked at\n  hint: another claimd is starting there"
	if got := errorText(removeStale(path, dead)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	wantAnswer(t, path)
	if err := removeStale(path+".gone", dead); err != nil {
		t.Errorf("one that the other removed: %v", err)
	}
}

// Another daemon has put its socket where ours was: ours must leave it alone.
func TestASocketLeavesAnothersFileAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ours, err := BindUnix(path)
	mustDo(t, err)
	mustDo(t, os.Remove(path)) // somebody tidied up by hand
	theirs, err := BindUnix(path)
	mustDo(t, err)
	defer theirs.Close()
	if got, want := errorText(ours.Permit(0o666, KeepGroup)), "another file stands at "+path+"\n  hint: restart claimd"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	mustDo(t, ours.Close())
	wantMode(t, path, fs.ModeSocket|0o600)
	wantAnswer(t, path)
}

// Once it is closed, its inode may be the next socket's: a second Close must not look at the file again.
func TestASecondCloseRemovesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, err := BindUnix(path)
	mustDo(t, err)
	mustDo(t, os.Link(path, path+".link"))
	mustDo(t, s.Close())
	mustDo(t, os.Rename(path+".link", path)) // the same inode again
	if got := errorText(s.Close()); !strings.HasSuffix(got, "use of closed network connection") {
		t.Errorf("got %s", got)
	}
	wantMode(t, path, fs.ModeSocket|0o600)
}

func TestPermissionsChangeAndComeBack(t *testing.T) {
	if os.Geteuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("only root may give a file to any group")
	}
	path := filepath.Join(t.TempDir(), "s")
	s, err := BindUnix(path)
	mustDo(t, err)
	defer s.Close()
	kernels := groupOf(t, path)
	for _, step := range []struct {
		mode  fs.FileMode
		group int
		want  uint32
	}{
		{0o660, 12345, 12345},
		{0o600, KeepGroup, kernels},
		{0o666, 54321, 54321},
	} {
		mustDo(t, s.Permit(step.mode, step.group))
		wantMode(t, path, fs.ModeSocket|step.mode)
		if got := groupOf(t, path); got != step.want {
			t.Errorf("group %d, want %d", got, step.want)
		}
	}
}

func groupOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	mustDo(t, err)
	return info.Sys().(*syscall.Stat_t).Gid
}

// leaveStale leaves what a killed daemon leaves.
func leaveStale(t *testing.T, path string) {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	mustDo(t, err)
	listener.SetUnlinkOnClose(false)
	mustDo(t, listener.Close())
}

func wantAnswer(t *testing.T, path string) {
	t.Helper()
	connection, err := net.Dial("unix", path)
	if err != nil {
		t.Errorf("the socket does not answer: %v", err)
		return
	}
	connection.Close()
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

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
