package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/claimd/claimd/daemon/config"
)

// permissions are those of a unix socket.
type permissions struct {
	mode  fs.FileMode
	group int // keepGroup: the one the kernel gave it
}

const keepGroup = -1

// socketPermissions reads [server] socket_mode and socket_group.
func socketPermissions(server config.Server) (permissions, error) {
	p := permissions{mode: fs.FileMode(server.SocketMode).Perm(), group: keepGroup}
	if server.SocketGroup == "" {
		return p, nil
	}
	group, err := user.LookupGroup(server.SocketGroup)
	if err != nil {
		group, err = user.LookupGroupId(server.SocketGroup)
	}
	if err != nil {
		return p, fmt.Errorf("server.socket_group: wanted a group of this host, got %q", server.SocketGroup)
	}
	p.group, err = strconv.Atoi(group.Gid)
	return p, err
}

// socket is a bound listener. Closing it removes the unix socket's file, unless another process has put its own there.
type socket struct {
	net.Listener
	path   string // of a unix socket; "" for TCP
	id     fileID
	group  int // that the kernel gave it
	now    permissions
	closed sync.Once
}

// bind listens on host:port or unix:/path. A stale unix socket is replaced; a socket that answers, a symbolic link and
// every other file is refused, and the directory must be there. The errors name the address.
func bind(address string, wanted permissions) (*socket, error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("cannot listen on %s: %w", address, cause(err))
		}
		return &socket{Listener: listener}, nil
	}
	s, err := bindUnix(path, wanted)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return s, nil
}

func bindUnix(path string, wanted permissions) (*socket, error) {
	if err := clearStale(path); err != nil {
		return nil, err
	}
	// The file gets its mode from the socket's inode: so it is nobody else's before it has its group.
	private := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), 0o600) })
		return cmp.Or(err, failed)
	}}
	listener, err := private.Listen(context.Background(), "unix", path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w\n  hint: make the directory %s, owned by the user that claimd runs as", cause(err), filepath.Dir(path))
	}
	if err != nil {
		return nil, cause(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	s := &socket{Listener: listener, path: path}
	if err := s.adopt(wanted); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// adopt notes which file the socket is and gives it its permissions.
func (s *socket) adopt(wanted permissions) error {
	var stat unix.Stat_t
	if err := unix.Lstat(s.path, &stat); err != nil {
		return err
	}
	s.id = fileID{device: uint64(stat.Dev), inode: stat.Ino}
	s.group = int(stat.Gid)
	s.now = permissions{mode: 0o600, group: keepGroup}
	return s.permit(wanted)
}

// permit changes the permissions of a unix socket. The group comes first: the wider mode is for it alone.
func (s *socket) permit(wanted permissions) error {
	if s.path == "" || s.now == wanted {
		return nil
	}
	if !s.own() {
		return fmt.Errorf("another file stands at %s\n  hint: restart claimd", s.path)
	}
	group := wanted.group
	if group == keepGroup {
		group = s.group
	}
	if err := os.Lchown(s.path, -1, group); err != nil {
		return fmt.Errorf("cannot give the socket to group %d: %w\n  hint: the user that claimd runs as must be a member of server.socket_group", group, cause(err))
	}
	if err := os.Chmod(s.path, wanted.mode); err != nil {
		return err
	}
	s.now = wanted
	return nil
}

func (s *socket) own() bool {
	var stat unix.Stat_t
	err := unix.Lstat(s.path, &stat)
	return err == nil && s.id == fileID{device: uint64(stat.Dev), inode: stat.Ino}
}

// Close may be called more than once.
func (s *socket) Close() error {
	s.closed.Do(func() {
		if s.path != "" && s.own() {
			_ = os.Remove(s.path)
		}
	})
	return s.Listener.Close()
}

// clearStale removes a unix socket that nobody listens on any more.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("wanted a socket or nothing there, got a %s\n  hint: move it away or name another path", kind(info.Mode()))
	}
	dialer := net.Dialer{Timeout: time.Second}
	connection, err := dialer.DialContext(context.Background(), "unix", path)
	if err == nil {
		_ = connection.Close()
		return errors.New("another process answers there")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("a socket stands there and it is not known whether it is in use: %w", cause(err))
	}
	return os.Remove(path)
}

func kind(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return "regular file"
	case fs.ModeDir:
		return "directory"
	case fs.ModeSymlink:
		return "symbolic link"
	case fs.ModeNamedPipe:
		return "pipe"
	}
	return "device"
}

// cause takes the operating system's own words out of the errors of package net and os, which repeat the address.
func cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
