package daemon

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/gateway"
)

var ownOnly = permissions{mode: 0o660, group: gateway.KeepGroup}

func TestUnixSocketHasItsModeAndIsGoneAfterClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	old := syscall.Umask(0) // the worst one: a socket made by it alone would be everybody's
	defer syscall.Umask(old)
	for _, mode := range []fs.FileMode{0o660, 0o600, 0o666} {
		s, err := bind("unix:"+path, permissions{mode: mode, group: gateway.KeepGroup}, false)
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
		_, err := bind(test.address, ownOnly, false)
		if got, want := errorText(err), "cannot listen on "+test.address+": "+test.want; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestSocketGroupIsFoundOrRefused(t *testing.T) {
	tests := []struct{ group, want string }{
		{"", "no error"},
		{"root", "no error"},
		{"0", "no error"},
		{"no-such-group", `want a group of this host, got "no-such-group"`},
	}
	for _, test := range tests {
		_, err := socketPermissions(config.Server{SocketMode: 0o660, SocketGroup: test.group})
		if got := errorText(err); got != test.want {
			t.Errorf("%q: got %s, want %s", test.group, got, test.want)
		}
	}
}

func TestTCPSocketHasNoFile(t *testing.T) {
	s, err := bind("127.0.0.1:0", ownOnly, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.permit(permissions{}); err != nil || s.file != nil || !strings.HasPrefix(s.Addr().String(), "127.0.0.1:") {
		t.Errorf("got file %v, address %s, error %v", s.file, s.Addr(), err)
	}
}
