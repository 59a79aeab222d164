package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/claimd/claimd/daemon/config"
)

const (
	// probeTime bounds how long BindUnix waits to learn whether a socket that is there already answers.
	probeTime = 2 * time.Second

	hintRuns = "\n  hint: claimd runs already? systemctl status claimd"
)

// KeepGroup stands for the group that the kernel gave a socket when it was bound.
const KeepGroup = -1

// UnixSocket is a bound unix socket. Closing it removes its file, unless another process has put its own there.
type UnixSocket struct {
	net.Listener
	path   string
	file   fs.FileInfo // as it was bound or adopted
	closed sync.Once
}

// AdoptUnix takes over a socket that was bound to path before this process began. The error says that its file is gone.
func AdoptUnix(listener *net.UnixListener, path string) (*UnixSocket, error) {
	file, err := os.Lstat(path)
	if err != nil {
		return nil, cause(err)
	}
	if file.Mode().Type() != fs.ModeSocket || listener.Addr().String() != path {
		return nil, fmt.Errorf("want the socket of %s there, got a %s", listener.Addr(), kind(file.Mode()))
	}
	listener.SetUnlinkOnClose(false)
	return &UnixSocket{Listener: listener, path: path, file: file}, nil
}

// Leave has Close leave the file where it is, for a process that takes the socket over.
func (s *UnixSocket) Leave() { s.closed.Do(func() {}) }

// BindUnix listens at path, which is absolute and whose directory is there. A stale socket is replaced: one that a
// process left behind which did not end in order. A socket that answers, a symbolic link and every other file is
// refused. The new socket has mode 0600 from its first moment, whatever the umask; Permit widens that. Errors leave out
// the path, which callers put before them as it is configured; they wrap the kernel's, so that errors.Is(err,
// fs.ErrPermission) works.
func BindUnix(path string) (*UnixSocket, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if err := clearPlace(path); err != nil {
		return nil, err
	}
	listener, err := listenPrivately(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w\n  hint: make the directory %s, owned by the user that claimd runs as", cause(err), filepath.Dir(path))
	}
	if err != nil {
		return nil, cause(err)
	}
	listener.SetUnlinkOnClose(false) // it would remove another's file too
	file, err := os.Lstat(path)
	if err == nil && file.Mode().Perm() != 0o600 {
		err = os.Chmod(path, 0o600) // a umask took the owner's bits; it can only take, never give
	}
	if err != nil {
		_ = listener.Close()
		return nil, cause(err)
	}
	return &UnixSocket{Listener: listener, path: path, file: file}, nil
}

func checkPath(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("want an absolute path, got %q", path)
	}
	if len(path) > config.MaxSocketPath {
		return fmt.Errorf("want a path of at most %d bytes, got %d\n  hint: choose a shorter one", config.MaxSocketPath, len(path))
	}
	return nil
}

// clearPlace removes a stale socket at path, and nothing else.
func clearPlace(path string) error {
	found, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return cause(err)
	}
	if found.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("want a socket or nothing there, got a %s\n  hint: move it away or name another path", kind(found.Mode()))
	}
	if err := probe(path); err != nil {
		return err
	}
	return removeStale(path, found)
}

// probe gives nil only where it is certain that nobody listens on the socket any more.
func probe(path string) error {
	dialer := net.Dialer{Timeout: probeTime}
	connection, err := dialer.DialContext(context.Background(), "unix", path)
	if err == nil {
		_ = connection.Close()
		return errors.New("another process answers there" + hintRuns)
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("a socket stands there and it is not known whether it is in use: %w"+hintRuns, cause(err))
}

// removeStale removes the socket that was found dead. Another daemon may have put its own in that place since.
func removeStale(path string, dead fs.FileInfo) error {
	now, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return cause(err)
	}
	if !os.SameFile(dead, now) {
		return errors.New("the socket there was replaced while it was looked at\n  hint: another claimd is starting there")
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("the old socket there cannot be removed: %w", cause(err))
	}
	return nil
}

// listenPrivately binds the socket with mode 0600. Linux gives a new socket file the mode of the descriptor that is bound
// to it, less the umask: changing that first leaves no moment at which others could connect.
func listenPrivately(path string) (*net.UnixListener, error) {
	private := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var changed error
		err := raw.Control(func(fd uintptr) { changed = syscall.Fchmod(int(fd), 0o600) })
		return errors.Join(err, changed)
	}}
	listener, err := private.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	return listener.(*net.UnixListener), nil
}

// Permit gives the socket's file this group (KeepGroup: the kernel's choice) and these permission bits. The group comes
// first: the wider mode is for it alone.
func (s *UnixSocket) Permit(mode fs.FileMode, group int) error {
	if !s.own() {
		return fmt.Errorf("another file stands at %s\n  hint: restart claimd", s.path)
	}
	if group == KeepGroup {
		group = gidOf(s.file)
	}
	if err := s.give(group); err != nil {
		return fmt.Errorf("cannot give the socket to group %d: %w\n  hint: the user that claimd runs as must be a member of "+
			"server.socket_group", group, cause(err))
	}
	return os.Chmod(s.path, mode)
}

// give changes the group where it is another: a sandbox may forbid the very call (SystemCallFilter=~@privileged).
func (s *UnixSocket) give(group int) error {
	now, err := os.Lstat(s.path)
	if err != nil || gidOf(now) == group {
		return err
	}
	return os.Lchown(s.path, -1, group)
}

func gidOf(file fs.FileInfo) int { return int(file.Sys().(*syscall.Stat_t).Gid) }

// own reports whether the file is this socket's. It holds until Close: a bound socket keeps its inode from being given
// to another file.
func (s *UnixSocket) own() bool {
	now, err := os.Lstat(s.path)
	return err == nil && os.SameFile(s.file, now)
}

// Close may be called more than once.
func (s *UnixSocket) Close() error {
	s.closed.Do(func() {
		if s.own() {
			_ = os.Remove(s.path) // a file that stays is a stale socket, which the next BindUnix replaces
		}
	})
	return s.Listener.Close()
}

// kind names a file's type for people.
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
	case fs.ModeSocket:
		return "socket"
	}
	return "device"
}

// cause takes the kernel's own words out of the errors of packages net and os, which repeat the path.
func cause(err error) error {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number
	}
	return err
}
