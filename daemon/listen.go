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

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/gateway"
)

// permissions are those of a unix socket.
type permissions struct {
	mode  fs.FileMode
	group int // or gateway.KeepGroup
}

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

// bind listens on host:port or unix:/path. The errors name the address.
func bind(address string, wanted permissions) (*socket, error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("cannot listen on %s: %w", address, cause(err))
		}
		return &socket{Listener: listener}, nil
	}
	file, err := gateway.BindUnix(path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	s := &socket{Listener: file, file: file, now: permissions{mode: 0o600, group: gateway.KeepGroup}}
	if err := s.permit(wanted); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return s, nil
}

// permit changes the permissions of a unix socket.
func (s *socket) permit(wanted permissions) error {
	if s.file == nil || s.now == wanted {
		return nil
	}
	if err := s.file.Permit(wanted.mode, wanted.group); err != nil {
		s.now = permissions{mode: fs.ModeIrregular} // perhaps changed half-way: whoever takes it back has to do it all
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
