package admin

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"syscall"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/gateway"
)

// Listen binds the socket as gateway.BindUnix does, for its owner alone. The directory is made with mode 0750 where it
// is missing; one that others can write to is refused. Errors wrap the kernel's, so that errors.Is(err,
// fs.ErrPermission) works.
func Listen(path string) (net.Listener, error) {
	if err := makeDirectory(filepath.Dir(path)); err != nil {
		return nil, err
	}
	socket, err := gateway.BindUnix(path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	return socket, nil
}

// makeDirectory sees to it that the directory is there and that only root and the daemon's own user can put files into
// it, or another in its place: whoever else could, would get the tokens that administrators hand to explain.
func makeDirectory(directory string) error {
	if err := config.MakeDirectory(directory, 0o750); err != nil {
		return fmt.Errorf("the directory %s cannot be made: %w\n  hint: make it for claimd's user, or set socket under [admin]", directory, cause(err))
	}
	return config.TrustedDirectory(directory)
}

// cause gives the kernel's own words ("permission denied") without Go's frame of operation and path around them.
func cause(err error) error {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number
	}
	return err
}
