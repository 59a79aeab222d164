package admin

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// peer is the process at the other end of a connection, as the kernel knows it.
type peer struct {
	uid uint32
	pid int32
}

// peerOf asks the kernel who connected (SO_PEERCRED, unix(7)): the credentials are those of the moment of connect, and
// the peer cannot choose them.
func peerOf(conn net.Conn) (peer, error) {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return peer{}, errors.New("not a unix socket")
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var cred *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err = errors.Join(err, failed); err != nil {
		return peer{}, err
	}
	return peer{uid: cred.Uid, pid: cred.Pid}, nil
}

// trusted reports whether the user may administer this daemon: root and the daemon's own user.
func trusted(uid uint32) bool { return uid == 0 || uid == uint32(os.Geteuid()) }
