package daemon

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The unit says UMask=0077, and another service manager or a shell something else: it decides over no file of claimd's.
// Under a umask of 0777 keys were kept in a directory that claimd itself could not enter after a restart.
func TestNoFileHasItsModeFromTheUmask(t *testing.T) {
	for _, umask := range []int{0, 0o077, 0o777} {
		t.Run(fmt.Sprintf("umask %04o", umask), func(t *testing.T) {
			s := newSite(t)
			mustDo(t, os.Remove(s.dir+"/state"), os.Remove(s.dir+"/run"))
			s.write(s.toml("/run/admin.sock", "/run/inner/admin.sock", "/run/gate.sock", "/etc/gate.sock", "/state\"", "/var/state\""))
			before := syscall.Umask(umask)
			defer syscall.Umask(before)
			s.start()
			var files []string
			eventually(t, func() (string, bool) {
				files, _ = filepath.Glob(s.dir + "/var/state/keys/*.json")
				return "no keys are kept", len(files) > 0
			})
			syscall.Umask(before)
			for path, want := range map[string]fs.FileMode{
				"run": 0o750, "run/inner": 0o750, "run/inner/admin.sock": 0o600, "etc/gate.sock": 0o660,
				"var": 0o700, "var/state": 0o700, "var/state/keys": 0o700,
			} {
				if got := modeOf(t, filepath.Join(s.dir, path)); got != want {
					t.Errorf("%s: mode %04o, want %04o", path, got, want)
				}
			}
			for _, file := range files {
				if got := modeOf(t, file); got != 0o600 {
					t.Errorf("%s: mode %04o, want 0600", file, got)
				}
			}
		})
	}
}
