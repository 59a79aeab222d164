package soak

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/claimd/claimd/daemon/admin"
)

// style is a way in which configurations are saved in the world.
type style struct {
	name string
	// lay fills a fresh, empty directory of the style; nil = one claimd.toml.
	lay func(s *saver, etc string, v variant)
	// save goes from one variant to the other.
	save func(s *saver, v variant)
	// parted says that base and part make the configuration, instead of whole.
	parted bool
}

func styles() []style {
	return []style{
		{name: "in place", save: func(s *saver, v variant) { s.do(os.WriteFile(s.rig.file, s.text(v), 0o600)) }},
		{name: "in two halves", save: saveInHalves},
		{name: "rename over", save: func(s *saver, v variant) { s.rename(s.rig.file, s.text(v)) }},
		{name: "backup and new file", save: func(s *saver, v variant) {
			s.do(os.Rename(s.rig.file, s.rig.file+"~"), os.WriteFile(s.rig.file, s.text(v), 0o600))
		}},
		{name: "appended line by line", save: saveByAppending},
		{name: "deleted, then created", save: func(s *saver, v variant) {
			s.do(os.Remove(s.rig.file))
			time.Sleep(20 * time.Millisecond)
			s.do(os.WriteFile(s.rig.file, s.text(v), 0o600))
		}},
		{name: "hard link", save: func(s *saver, v variant) { // no event of a write at all
			stock := filepath.Join(s.rig.dir, "stock.toml")
			s.do(os.RemoveAll(stock), os.WriteFile(stock, s.text(v), 0o600), os.Remove(s.rig.file), os.Link(stock, s.rig.file))
		}},
		{name: "through a memory map", save: saveByMap},
		{name: "chmod", save: saveByChmod},
		{name: "symbolic link swapped", lay: layLink, save: saveByLink},
		{name: "a Kubernetes ConfigMap", lay: layConfigMap, save: func(s *saver, v variant) { s.configMap(s.rig.etc, v) }},
		{name: "files of conf.d", lay: layConfD, save: saveInConfD, parted: true},
		{name: "directory replaced", save: func(s *saver, v variant) { s.fresh(style{}, v) }},
		{name: "an editor's steps", save: saveAsEditor},
		{name: "reload asked for", save: func(s *saver, v variant) {
			s.rename(s.rig.file, s.text(v))
			result, err := s.daemon.admin.Reload(s.rig.t.Context())
			s.do(err)
			if !result.OK {
				s.rig.t.Fatalf("save %d: the reload is refused: %+v", s.number, result)
			}
		}},
		{name: "SIGHUP", save: func(s *saver, v variant) {
			s.rename(s.rig.file, s.text(v))
			s.do(syscall.Kill(s.daemon.pid, syscall.SIGHUP))
		}},
		{name: "a burst", save: func(s *saver, v variant) { // the last one wins
			for i := range 7 {
				s.do(os.WriteFile(s.rig.file, []byte(s.rig.whole(variant(i%2), -i)), 0o600))
				time.Sleep(5 * time.Millisecond)
			}
			s.do(os.WriteFile(s.rig.file, s.text(v), 0o600))
		}},
	}
}

// saver saves one configuration after another.
type saver struct {
	rig    *rig
	daemon *daemonProcess
	number int // of the save that is being made
}

func (s *saver) text(v variant) []byte { return []byte(s.rig.whole(v, s.number)) }

func (s *saver) do(problems ...error) {
	s.rig.t.Helper()
	if err := errors.Join(problems...); err != nil {
		s.rig.t.Fatalf("save %d: %v", s.number, err)
	}
}

func (s *saver) rename(file string, text []byte) {
	s.do(os.WriteFile(file+".new", text, 0o600), os.Rename(file+".new", file))
}

// fresh replaces the whole directory by one that is laid out in the style.
func (s *saver) fresh(style style, v variant) {
	next, before := s.rig.etc+".next", s.rig.etc+".before"
	s.do(os.Mkdir(next, 0o700))
	if style.lay == nil {
		s.do(os.WriteFile(filepath.Join(next, "claimd.toml"), s.text(v), 0o600))
	} else {
		style.lay(s, next, v)
	}
	s.do(os.Rename(s.rig.etc, before), os.Rename(next, s.rig.etc), os.RemoveAll(before))
}

func saveInHalves(s *saver, v variant) {
	text := s.text(v)
	file, err := os.Create(s.rig.file)
	s.do(err)
	_, err = file.Write(text[:len(text)/2])
	s.do(err)
	time.Sleep(30 * time.Millisecond)
	_, err = file.Write(text[len(text)/2:])
	s.do(err, file.Close())
}

func saveByAppending(s *saver, v variant) {
	s.do(os.Truncate(s.rig.file, 0))
	for line := range strings.Lines(string(s.text(v))) {
		file, err := os.OpenFile(s.rig.file, os.O_APPEND|os.O_WRONLY, 0)
		s.do(err)
		_, err = file.WriteString(line)
		s.do(err, file.Close())
	}
}

// saveByMap writes through a shared mapping, of which inotify tells nothing; the change of length and the new time of
// the file are what it tells of.
func saveByMap(s *saver, v variant) {
	text := s.text(v)
	file, err := os.OpenFile(s.rig.file, os.O_RDWR, 0)
	s.do(err)
	defer file.Close()
	s.do(file.Truncate(int64(len(text))))
	memory, err := syscall.Mmap(int(file.Fd()), 0, len(text), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	s.do(err)
	copy(memory, text)
	s.do(syscall.Munmap(memory), os.Chtimes(s.rig.file, time.Time{}, time.Now()))
}

// saveByChmod puts a file there that others may write to, which is refused, and then mends its mode.
func saveByChmod(s *saver, v variant) {
	begun := time.Now()
	s.do(os.WriteFile(s.rig.file+".new", s.text(v), 0o600), os.Chmod(s.rig.file+".new", 0o666), os.Rename(s.rig.file+".new", s.rig.file))
	s.waitRefused(begun)
	s.do(os.Chmod(s.rig.file, 0o600))
}

// waitRefused waits until the daemon has refused files since then.
func (s *saver) waitRefused(begun time.Time) admin.Status {
	return s.daemon.waitStatus("the files are refused", func(status admin.Status) bool {
		return status.LastRefused != nil && !status.LastRefused.At.Before(begun)
	})
}

func layLink(s *saver, etc string, v variant) {
	s.do(os.WriteFile(filepath.Join(etc, "one.toml"), s.text(v), 0o600), os.Symlink("one.toml", filepath.Join(etc, "claimd.toml")))
}

func saveByLink(s *saver, v variant) {
	target, err := os.Readlink(s.rig.file)
	s.do(err)
	next := fmt.Sprintf("save-%d.toml", s.number)
	s.do(os.WriteFile(filepath.Join(s.rig.etc, next), s.text(v), 0o600), os.Symlink(next, s.rig.file+".link"),
		os.Rename(s.rig.file+".link", s.rig.file), os.Remove(filepath.Join(s.rig.etc, target)))
}

func layConfigMap(s *saver, etc string, v variant) {
	s.configMap(etc, v)
	s.do(os.Symlink("..data/claimd.toml", filepath.Join(etc, "claimd.toml")))
}

// configMap writes as the kubelet does: a fresh directory, and the link ..data renamed over the old one.
func (s *saver) configMap(etc string, v variant) {
	old, _ := os.Readlink(filepath.Join(etc, "..data")) // none the first time
	fresh := fmt.Sprintf("..save_%d", s.number)
	s.do(os.Mkdir(filepath.Join(etc, fresh), 0o700), os.WriteFile(filepath.Join(etc, fresh, "claimd.toml"), s.text(v), 0o600),
		os.Symlink(fresh, filepath.Join(etc, "..data_tmp")), os.Rename(filepath.Join(etc, "..data_tmp"), filepath.Join(etc, "..data")))
	if old != "" {
		s.do(os.RemoveAll(filepath.Join(etc, old)))
	}
}

func layConfD(s *saver, etc string, v variant) {
	s.do(os.WriteFile(filepath.Join(etc, "claimd.toml"), []byte(s.rig.base()), 0o600), os.Mkdir(filepath.Join(etc, "conf.d"), 0o700),
		os.WriteFile(filepath.Join(etc, "conf.d", v.String()+".toml"), []byte(v.part(s.number)), 0o600))
}

// saveInConfD adds one file and removes another. With both, and with none, the configuration has faults.
func saveInConfD(s *saver, v variant) {
	confD := filepath.Join(s.rig.etc, "conf.d")
	s.rename(filepath.Join(confD, v.String()+".toml"), []byte(v.part(s.number)))
	s.do(os.Remove(filepath.Join(confD, v.other().String()+".toml")))
}

// saveAsEditor makes the noise of vim and its kin around the save.
func saveAsEditor(s *saver, v variant) {
	swap, probe := filepath.Join(s.rig.etc, ".claimd.toml.swp"), filepath.Join(s.rig.etc, "4913")
	s.do(os.WriteFile(swap, []byte("b0VIM 9.1"), 0o600), os.WriteFile(probe, nil, 0o600), os.Remove(probe),
		os.Rename(s.rig.file, s.rig.file+"~"), os.WriteFile(s.rig.file, s.text(v), 0o640), os.Chmod(s.rig.file, 0o600),
		os.WriteFile(swap, []byte("b0VIM 9.1 and more"), 0o600), os.Remove(s.rig.file+"~"), os.Remove(swap))
}

// breakage is a save that no configuration comes of.
type breakage struct {
	name string
	do   func(s *saver, v variant) // claimd.toml is a file, or a link to one
}

func breakages() []breakage {
	text := func(change func(string) string) func(*saver, variant) {
		return func(s *saver, v variant) { s.rename(s.rig.file, []byte(change(string(s.text(v))))) }
	}
	more := func(line string) func(*saver, variant) { return text(func(t string) string { return t + line }) }
	return []breakage{
		{"broken syntax", more("[roles\n")},
		{"zero bytes", text(func(string) string { return "" })},
		{"cut off", text(func(t string) string { return t[:len(t)-20] })},
		{"unknown key", more("[mapping.more]\nx = 1\n")},
		{"key in another case", text(func(t string) string { return strings.Replace(t, "default_roles", "Default_Roles", 1) })},
		{"table twice", more("[roles]\nanother = \"\"\n")},
		{"wrong type", text(func(t string) string { return strings.Replace(t, "enabled = true", `enabled = "yes"`, 1) })},
		{"random bytes", text(func(t string) string { return "\x00\xff" + t })},
		{"what cannot change live", text(func(t string) string { return strings.Replace(t, "/run/admin.sock", "/run/other.sock", 1) })},
		{"writable by all", func(s *saver, v variant) { s.do(os.Chmod(s.rig.file, 0o666)) }},
		{"removed", func(s *saver, _ variant) { s.do(os.Remove(s.rig.file)) }},
		{"a FIFO", func(s *saver, _ variant) { s.do(os.Remove(s.rig.file), syscall.Mkfifo(s.rig.file, 0o600)) }},
		{"a directory", func(s *saver, _ variant) { s.do(os.Remove(s.rig.file), os.Mkdir(s.rig.file, 0o700)) }},
		{"a link to nowhere", func(s *saver, _ variant) { s.do(os.Remove(s.rig.file), os.Symlink("nowhere", s.rig.file)) }},
		{"the directory removed", func(s *saver, _ variant) { s.do(os.RemoveAll(s.rig.etc), os.Mkdir(s.rig.etc, 0o700)) }},
	}
}
