package daemon

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// keysDirectory makes the state directory ready and gives the folder in it where keys are kept for a cold start. The
// error tells why none can be kept: then claimd serves all the same, with what it fetches.
//
// Whoever can write there can make up keys that claimd would trust after a restart. So the state directory, and every
// directory above it, must belong to root or to the daemon's own user and be writable by nobody else; a sticky
// directory such as /tmp may stand above it.
func keysDirectory(state string) (string, error) {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(state)
	if err != nil {
		return "", err
	}
	for directory := resolved; ; directory = filepath.Dir(directory) {
		if err := ownDirectory(directory, directory != resolved); err != nil {
			return "", err
		}
		if directory == filepath.Dir(directory) {
			break
		}
	}
	if err := unix.Access(resolved, unix.W_OK|unix.X_OK); err != nil {
		return "", &fs.PathError{Op: "write to", Path: resolved, Err: err}
	}
	return filepath.Join(state, "keys"), nil
}

func ownDirectory(directory string, above bool) error {
	var stat unix.Stat_t
	if err := unix.Stat(directory, &stat); err != nil {
		return &fs.PathError{Op: "stat", Path: directory, Err: err}
	}
	if stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to uid %d, wanted root or the daemon's own user", directory, stat.Uid)
	}
	sticky := above && stat.Mode&unix.S_ISVTX != 0
	if stat.Mode&0o022 != 0 && !sticky {
		return fmt.Errorf("%s may be written to by others (mode %04o)", directory, stat.Mode&0o7777)
	}
	return nil
}
