package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/claimd/claimd/daemon/gateway"
)

// Listen binds the socket as gateway.BindUnix does, for its owner alone. The folder is made with mode 0750 where it is
// missing; one that others can write to is refused. Errors wrap the kernel's, so that errors.Is(err, fs.ErrPermission) works.
func Listen(path string) (net.Listener, error) {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	socket, err := gateway.BindUnix(path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	return socket, nil
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

func ownerOf(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

// syscallError gives the kernel's own words ("permission denied") without Go's frame of operation and path around them.
func syscallError(err error) error {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number
	}
	return err
}
