package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/claimd/claimd/daemon/config"
)

// keysDirectory gives the directory where keys are kept for a cold start. The error tells why none can be kept: then
// claimd serves all the same, with what it fetches.
func keysDirectory(state string) (string, error) {
	if err := stateDirectory(state); err != nil {
		return "", err
	}
	return filepath.Join(state, "keys"), nil
}

// stateDirectory makes the state directory ready. The error tells, with a hint, why it cannot be used; it wraps
// fs.ErrPermission where it may not be.
//
// Whoever can write there can make up keys that claimd would trust after a restart, and users: so nobody else may.
func stateDirectory(state string) error {
	if err := config.MakeDirectory(state, 0o700); err != nil {
		return fmt.Errorf("%w\n  hint: make it for claimd's user, or set directory under [state]", err)
	}
	if err := config.TrustedDirectory(state); err != nil {
		return err
	}
	if err := unix.Access(state, unix.W_OK|unix.X_OK); err != nil {
		err = &fs.PathError{Op: "write to", Path: state, Err: err}
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%w\n  hint: chown %d %s", err, os.Geteuid(), state)
		}
		return fmt.Errorf("%w\n  hint: set directory under [state] to one that can be written", err)
	}
	return nil
}
