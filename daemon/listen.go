package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/gateway"
)

// permissions are those of a unix socket.
type permissions struct {
	mode  fs.FileMode
	group int // or gateway.KeepGroup
}

// unknownMode is that of a socket that another process bound, or whose permissions were changed half-way: whoever
// changes them has to set them all.
const unknownMode = fs.ModeIrregular

// socketPermissions reads [server] socket_mode and socket_group.
func socketPermissions(server config.Server) (permissions, error) {
	p := permissions{mode: fs.FileMode(server.SocketMode).Perm(), group: gateway.KeepGroup}
	if server.SocketGroup == "" {
		return p, nil
	}
	group, err := user.LookupGroup(server.SocketGroup)
	if err != nil {
		group, err = user.LookupGroupId(server.SocketGroup)
	}
	if err != nil {
		return p, fmt.Errorf("want a group of this host, got %q", server.SocketGroup)
	}
	p.group, err = strconv.Atoi(group.Gid)
	return p, err
}

// socket is a bound listener.
type socket struct {
	net.Listener
	file *gateway.UnixSocket // the Listener, where it has a file with permissions; nil for TCP
	now  permissions
}

// bind listens on host:port or unix:/path. The errors name the address. shares is for a port that a socket of this
// process holds and shares (sharePort).
func bind(address string, wanted permissions, shares bool) (*socket, error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		return bindTCP(address, shares)
	}
	file, err := gateway.BindUnix(path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	lengthenQueue(file.Listener)
	s := &socket{Listener: file, file: file, now: permissions{mode: 0o600, group: gateway.KeepGroup}}
	if err := s.permit(wanted); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return s, nil
}

func bindTCP(address string, shares bool) (*socket, error) {
	var listen net.ListenConfig
	if shares {
		listen.Control = func(_, _ string, raw syscall.RawConn) error { return setPortSharing(raw, true) }
	}
	listener, err := listen.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, cause(err))
	}
	lengthenQueue(listener)
	bound := &socket{Listener: listener}
	if shares {
		_ = bound.sharePort(false) // once it is bound, nobody else has to get in
	}
	return bound, nil
}

// queue is how many connections may wait to be accepted, where the kernel allows as many (net.core.somaxconn). Package net
// looks for that in /proc/sys, which the unit hides (ProcSubset=pid), and has 128 wait then: at 500 connections a second
// that is less than a restart takes, and who comes later would be asked to try again.
const queue = 4096

// lengthenQueue does nothing where it cannot: a short queue is still one.
func lengthenQueue(listener net.Listener) {
	connection, ok := listener.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := connection.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Listen(int(fd), queue) })
	}
}

// sharePort lets further sockets of this user have the port of a TCP socket, or no more (socket(7), SO_REUSEPORT).
func (s *socket) sharePort(shares bool) error {
	connection, ok := s.Listener.(syscall.Conn)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := connection.SyscallConn()
	if err != nil {
		return err
	}
	return setPortSharing(raw, shares)
}

func setPortSharing(raw syscall.RawConn, shares bool) error {
	value := 0
	if shares {
		value = 1
	}
	var failed error
	err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, value) })
	return errors.Join(err, failed)
}

// listening is the listener itself.
func (s *socket) listening() net.Listener {
	if s.file != nil {
		return s.file.Listener
	}
	return s.Listener
}

// permit changes the permissions of a unix socket.
func (s *socket) permit(wanted permissions) error {
	if s.file == nil || s.now == wanted {
		return nil
	}
	if err := s.file.Permit(wanted.mode, wanted.group); err != nil {
		s.now = permissions{mode: unknownMode}
		return err
	}
	s.now = wanted
	return nil
}

// cause takes the operating system's own words out of the errors of package net, which repeat the address.
func cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
