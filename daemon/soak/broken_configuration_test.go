package soak

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// brokenConfiguration: files and directories that claimd reads or is asked through are gone or cannot be read. What served
// goes on; above all, a part of the configuration that cannot be read is not taken for one that is not there: it may be
// the one that blocks somebody.
func brokenConfiguration(t *testing.T) []string {
	s := newStand(t)
	move := func(name, folder string, while func()) fault {
		return fault{
			name: name, while: while,
			begin: func() { must(t, os.Rename(folder, folder+".away")) },
			end:   func() { must(t, os.Rename(folder+".away", folder)) },
		}
	}
	s.during(move("configuration: its directory is gone", s.etc, s.wantRefused))
	s.wantReloaded()
	const taken = "the configuration's files are what serves already"
	s.during(move("administrators' socket: its directory is gone", filepath.Join(s.dir, "run"), func() {
		before := s.logged(taken)
		must(t, syscall.Kill(s.daemon.pid, syscall.SIGHUP))
		s.waitLogged(taken, before+1)
	}))
	s.wantReloaded()
	s.unreadable()
	return s.finish()
}

// unreadable saves another configuration while a part of it cannot be read.
func (s *stand) unreadable() {
	if !mayInject(s.t) {
		return
	}
	folder := filepath.Join(s.etc, "conf.d")
	file := filepath.Join(folder, "50-blocked.toml")
	for i, broken := range []struct{ call, kernelError, path string }{
		{"openat", "EIO", file},
		{"getdents64", "EIO", folder},
		{"read", "EIO", file},
		{"openat", "EMFILE", file},
		{"openat", "EACCES", file},
		{"openat", "ENFILE", folder},
	} {
		if long() == 0 && i > 1 {
			return
		}
		var hash string
		var end func()
		s.during(fault{
			name: "configuration: " + broken.kernelError + " of " + broken.call + ", " + filepath.Base(broken.path),
			begin: func() {
				end = s.inject(broken.call, broken.kernelError, broken.path)
				hash = s.save("enabled = true\n", "enabled = true\n"+"#####"[:i%5]+"\n")
			},
			while: func() {
				s.wantRefused()
				if s.serves(hash) {
					s.t.Errorf("a configuration serves of which a part could not be read")
				}
			},
			end: func() {
				end()
				s.wantReloaded()
				if !s.serves(hash) {
					s.t.Error("the configuration that can be read again does not serve")
				}
			},
		})
	}
}

func (s *stand) wantRefused() {
	s.t.Helper()
	result, err := s.daemon.admin.Reload(s.t.Context())
	if err != nil || result.OK {
		s.t.Errorf("a reload: %v %+v, want it refused", err, result)
	}
}

func (s *stand) wantReloaded() {
	s.t.Helper()
	result, err := s.daemon.admin.Reload(s.t.Context())
	if err != nil || !result.OK {
		s.t.Errorf("a reload: %v %+v, want it good", err, result)
	}
}
