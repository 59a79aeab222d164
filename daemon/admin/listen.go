package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// longestPath is what fits into sockaddr_un, whose sun_path holds 108 bytes with the final NUL (unix(7)).
	longestPath = 107
	// probeTime bounds how long Listen waits to learn whether a socket that is there already answers.
	probeTime = 2 * time.Second
)

// Listen binds the socket: the folder is made with mode 0750 where it is missing, a stale socket is replaced, a
// symbolic link, another file or a socket that answers is refused, and so is a folder that others can write to. The
// socket has mode 0600 from its first moment. Closing the listener removes the socket, if it is still this one.
// Errors wrap the kernel's, so that errors.Is(err, fs.ErrPermission) works.
func Listen(path string) (net.Listener, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := clearPlace(path); err != nil {
		return nil, err
	}
	return bind(path)
}

func checkPath(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("want an absolute path, got %q", path)
	}
	if len(path) > longestPath {
		return fmt.Errorf("want a path of at most %d bytes, got %d: %s\n  hint: choose a shorter one at socket under [admin]",
			longestPath, len(path), path)
	}
	return nil
}

// makeFolder sees to it that the folder is there and that only root and the daemon's own user can put files into it:
// whoever else could, would get the tokens that administrators hand to explain. A sticky folder such as /tmp will do.
func makeFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("the folder %s cannot be made: %w\n  hint: make it for claimd's user, or set socket under [admin]", folder, syscallError(err))
	}
	info, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("the folder %s cannot be read: %w", folder, syscallError(err))
	}
	if !info.IsDir() {
		return fmt.Errorf("want a folder at %s, got %s", folder, kind(info.Mode()))
	}
	owner := ownerOf(info)
	if !trusted(owner) {
		return fmt.Errorf("the folder %s belongs to uid %d, want root or uid %d\n  hint: chown %d %s",
			folder, owner, os.Geteuid(), os.Geteuid(), folder)
	}
	if info.Mode()&fs.ModeSticky == 0 && info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("the folder %s has mode %04o: others can write to it\n  hint: chmod 0750 %s",
			folder, info.Mode().Perm(), folder)
	}
	return nil
}

// clearPlace removes a stale socket at path: one that a process left behind which did not end in order. It refuses to
// remove anything else.
func clearPlace(path string) error {
	before, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, syscallError(err))
	}
	if before.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("want nothing or an old socket at %s, got %s\n  hint: look what it is, and remove it or set socket under [admin]",
			path, kind(before.Mode()))
	}
	if err := probe(path); err != nil {
		return err
	}
	// What was found dead is what is removed: another daemon may have put its socket here since.
	now, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !os.SameFile(before, now) {
		return fmt.Errorf("%s changed while it was looked at\n  hint: another claimd is starting there", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("the old socket %s cannot be removed: %w", path, syscallError(err))
	}
	return nil
}

// probe gives nil only where it is certain that nobody listens on the socket any more.
func probe(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("another process answers on %s\n  hint: claimd runs already? systemctl status claimd", path)
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("cannot tell whether the socket %s is still in use: %w\n  hint: claimd runs already? systemctl status claimd",
		path, syscallError(err))
}

// bind makes the socket. Linux gives a new socket file the mode of the descriptor that is bound to it, less the umask:
// changing that first leaves no moment at which others could connect.
func bind(path string) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		var changed error
		err := conn.Control(func(fd uintptr) { changed = syscall.Fchmod(int(fd), 0o600) })
		return errors.Join(err, changed)
	}}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, syscallError(err))
	}
	unix := l.(*net.UnixListener)
	unix.SetUnlinkOnClose(false)
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Perm() != 0o600 {
		err = os.Chmod(path, 0o600) // a umask took the owner's bits; it can only take, never give
	}
	if err != nil {
		_ = unix.Close()
		return nil, fmt.Errorf("%s: %w", path, syscallError(err))
	}
	return &socket{UnixListener: unix, path: path, file: info}, nil
}

// socket is a listener that takes its own file away at the end, and no other's.
type socket struct {
	*net.UnixListener
	path string
	file fs.FileInfo
}

// Close ends the listener and removes its file.
func (s *socket) Close() error {
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.file) {
		_ = os.Remove(s.path) // a file that stays is a stale socket, which the next Listen replaces
	}
	return s.UnixListener.Close()
}

func ownerOf(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

// kind names a file's type for people.
func kind(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return "a file"
	case fs.ModeDir:
		return "a folder"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a named pipe"
	}
	return "a device"
}

// syscallError gives the kernel's own words ("permission denied") without Go's frame of operation and path around them.
func syscallError(err error) error {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number
	}
	return err
}
