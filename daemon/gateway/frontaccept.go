package gateway

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Raw gives a listener whose connections a Front can wait for by itself.
func Raw(listener net.Listener) net.Listener { return rawListener{listener} }

type rawListener struct{ net.Listener }

// Accept implements net.Listener.
func (l rawListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if kernels, ok := accepted.(socket); ok {
		if fd, err := descriptorOf(kernels); err == nil {
			return &held{socket: kernels, fd: fd, local: accepted.LocalAddr(), remote: accepted.RemoteAddr()}, nil
		}
	}
	return accepted, nil
}

// socket is a connection of the kernel's, as packages net and os hold it.
type socket interface {
	syscall.Conn
	io.Closer
}

// descriptorOf gives the number of the socket's descriptor. It is the socket's until that is closed.
func descriptorOf(s socket) (fd int, err error) {
	raw, err := s.SyscallConn()
	if err == nil {
		err = raw.Control(func(number uintptr) { fd = int(number) })
	}
	return fd, err
}

// takeOut gives another descriptor of the socket, which the runtime's own epoll does not know: it would wake a thread for
// each request beside. The first one stays open.
func takeOut(s socket) (*os.File, int, error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, 0, err
	}
	fd, failed := 0, error(nil)
	if err := raw.Control(func(theirs uintptr) { fd, failed = unix.FcntlInt(theirs, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, 0, err
	}
	if failed != nil {
		return nil, 0, failed
	}
	_ = unix.SetNonblock(fd, false) // package os leaves what blocks out of the runtime's epoll
	file := os.NewFile(uintptr(fd), "connection")
	_ = unix.SetNonblock(fd, true)
	return file, fd, nil
}
