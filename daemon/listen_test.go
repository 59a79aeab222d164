package daemon

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/claimd/claimd/daemon/config"
)

var ownOnly = permissions{mode: 0o660, group: keepGroup}

func TestUnixSocketHasItsModeAndIsGoneAfterClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	old := syscall.Umask(0) // the worst one: a socket made by it alone would be everybody's
	defer syscall.Umask(old)
	for _, mode := range []fs.FileMode{0o660, 0o600, 0o666} {
		s, err := bind("unix:"+path, permissions{mode: mode, group: keepGroup})
		if err != nil {
			t.Fatal(err)
		}
		if got := modeOf(t, path); got != mode {
			t.Errorf("mode %04o, want %04o", got, mode)
		}
		for range 2 {
			_ = s.Close()
		}
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("the socket is still there: %v", err)
		}
	}
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestUnixSocketReplacesAStaleOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	leaveStale(t, path)
	s, err := bind("unix:"+path, ownOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := net.Dial("unix", path); err != nil {
		t.Errorf("the socket does not answer: %v", err)
	}
}

// leaveStale leaves a socket as a killed daemon does.
func leaveStale(t *testing.T, path string) {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = listener.Close()
}

func TestUnixSocketIsRefusedWhereSomethingElseStands(t *testing.T) {
	tests := []struct {
		name string
		make func(path string) error
		want string
	}{
		{
			"a regular file",
			func(path string) error { return os.WriteFile(path, []byte("kept"), 0o600) },
			"wanted a socket or nothing there, got a regular file\n  hint: move it away or name another path",
		},
		{
			"a directory",
			func(path string) error { return os.Mkdir(path, 0o700) },
			"wanted a socket or nothing there, got a directory\n  hint: move it away or name another path",
		},
		{
			"a link to a stale socket",
			func(path string) error { return os.Symlink("stale", path) },
			"wanted a socket or nothing there, got a symbolic link\n  hint: move it away or name another path",
		},
		{
			"a pipe",
			func(path string) error { return unix.Mkfifo(path, 0o600) },
			"wanted a socket or nothing there, got a pipe\n  hint: move it away or name another path",
		},
		{
			"a socket that answers",
			func(path string) error { _, err := net.Listen("unix", path); return err },
			"another process answers there",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			directory := t.TempDir()
			path := filepath.Join(directory, "s")
			leaveStale(t, filepath.Join(directory, "stale"))
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(path)
			_, err := bind("unix:"+path, ownOnly)
			if got, want := errorText(err), "cannot listen on unix:"+path+": "+test.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("what stood there is gone: %v", err)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

func TestListenErrorsNameTheAddressOnce(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct{ address, want string }{
		{
			"unix:" + missing + "/s",
			"no such file or directory\n  hint: make the directory " + missing + ", owned by the user that claimd runs as",
		},
		{taken.Addr().String(), "address already in use"},
		{"192.0.2.1:4180", "cannot assign requested address"},
	}
	for _, test := range tests {
		_, err := bind(test.address, ownOnly)
		if got, want := errorText(err), "cannot listen on "+test.address+": "+test.want; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Another daemon has put its socket where ours was: closing ours must leave it alone.
func TestClosingLeavesAnothersSocketAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ours, err := bind("unix:"+path, ownOnly)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	theirs, err := bind("unix:"+path, ownOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if got, want := errorText(ours.permit(permissions{mode: 0o600, group: keepGroup})), "another file stands at "+path+"\n  hint: restart claimd"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_ = ours.Close()
	if _, err := net.Dial("unix", path); err != nil {
		t.Errorf("the other's socket is gone: %v", err)
	}
}

func TestSocketGroupIsFoundOrRefused(t *testing.T) {
	tests := []struct{ group, want string }{
		{"", "no error"},
		{"root", "no error"},
		{"0", "no error"},
		{"no-such-group", `server.socket_group: wanted a group of this host, got "no-such-group"`},
	}
	for _, test := range tests {
		_, err := socketPermissions(config.Server{SocketMode: 0o660, SocketGroup: test.group})
		if got := errorText(err); got != test.want {
			t.Errorf("%q: got %s, want %s", test.group, got, test.want)
		}
	}
}

func TestSocketPermissionsChangeAndComeBack(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give a file to any group")
	}
	path := filepath.Join(t.TempDir(), "s")
	s, err := bind("unix:"+path, permissions{mode: 0o660, group: 12345})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	groups := func() (got []uint32) {
		var stat unix.Stat_t
		if err := unix.Lstat(path, &stat); err != nil {
			t.Fatal(err)
		}
		return []uint32{stat.Gid, stat.Mode & 0o777}
	}
	for _, step := range []struct {
		permissions
		gid, mode uint32
	}{
		{permissions{mode: 0o660, group: 12345}, 12345, 0o660},
		{permissions{mode: 0o600, group: keepGroup}, uint32(s.group), 0o600},
		{permissions{mode: 0o666, group: 54321}, 54321, 0o666},
	} {
		if err := s.permit(step.permissions); err != nil {
			t.Fatal(err)
		}
		if got := groups(); got[0] != step.gid || got[1] != step.mode {
			t.Errorf("gid and mode %d %04o, want %d %04o", got[0], got[1], step.gid, step.mode)
		}
	}
}

func TestTCPSocketHasNoFile(t *testing.T) {
	s, err := bind("127.0.0.1:0", ownOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.permit(permissions{}); err != nil || s.path != "" || !strings.HasPrefix(s.Addr().String(), "127.0.0.1:") {
		t.Errorf("got path %q, address %s, error %v", s.path, s.Addr(), err)
	}
}
