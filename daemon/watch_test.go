package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func newTestWatch(t *testing.T, directories ...string) *watch {
	t.Helper()
	w := newWatch(zap.NewNop(), fsnotify.NewWatcher)
	t.Cleanup(w.close)
	if !w.arm(directories) {
		t.Fatal("nothing is watched")
	}
	return w
}

// concern waits for an event that is a reason to look, for a long time on a busy host, and takes those that follow at
// once.
func concern(w *watch) bool { return concernWithin(w, 5*time.Second) }

func concernWithin(w *watch, duration time.Duration) bool {
	limit := time.After(duration)
	seen := false
	for {
		select {
		case event := <-w.events():
			if w.concerns(event) && !seen {
				seen, limit = true, time.After(20*time.Millisecond)
			}
		case <-limit:
			return seen
		}
	}
}

func mustDo(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWatchSeesEachStyleOfSave(t *testing.T) {
	write := func(path string) error { return os.WriteFile(path, []byte(time.Now().String()), 0o600) }
	tests := []struct {
		name string
		save func(file string) error
	}{
		{"in place", write},
		{"rename over", func(file string) error {
			if err := write(file + ".new"); err != nil {
				return err
			}
			return os.Rename(file+".new", file)
		}},
		{"backup and new file", func(file string) error {
			if err := os.Rename(file, file+"~"); err != nil {
				return err
			}
			return write(file)
		}},
		{"chmod", func(file string) error { return os.Chmod(file, 0o400) }},
		{"removed", os.Remove},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			directory := t.TempDir()
			file := filepath.Join(directory, "claimd.toml")
			mustDo(t, write(file))
			w := newTestWatch(t, directory)
			mustDo(t, test.save(file))
			if !concern(w) {
				t.Fatal("the first save was not seen")
			}
			// A watch on the file itself would have ended with the first save.
			mustDo(t, write(file+".second"), os.Rename(file+".second", file))
			if !concern(w) {
				t.Fatal("the second save was not seen")
			}
		})
	}
}

func TestWatchSurvivesAReplacedDirectory(t *testing.T) {
	tests := []struct {
		name    string
		replace func(directory string) error
	}{
		{"moved away, another moved there", func(directory string) error {
			if err := os.Mkdir(directory+".new", 0o700); err != nil {
				return err
			}
			if err := os.Rename(directory, directory+".old"); err != nil {
				return err
			}
			return os.Rename(directory+".new", directory)
		}},
		{"removed and made again", func(directory string) error {
			if err := os.RemoveAll(directory); err != nil {
				return err
			}
			return os.Mkdir(directory, 0o700)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			directory := filepath.Join(t.TempDir(), "claimd")
			mustDo(t, os.Mkdir(directory, 0o700))
			w := newTestWatch(t, directory)
			for range 3 {
				mustDo(t, test.replace(directory))
				if !concern(w) {
					t.Fatal("the new directory was not seen")
				}
				w.arm([]string{directory})
				mustDo(t, os.WriteFile(filepath.Join(directory, "claimd.toml"), nil, 0o600))
				if !concern(w) {
					t.Fatal("a file in the new directory was not seen")
				}
				mustDo(t, os.RemoveAll(directory+".old"))
			}
		})
	}
}

func TestWatchSeesADirectoryThatComesLater(t *testing.T) {
	directory := t.TempDir()
	later := filepath.Join(directory, "conf.d")
	w := newTestWatch(t, directory, later)
	mustDo(t, os.Mkdir(later, 0o700))
	if !concern(w) {
		t.Fatal("the directory was not seen")
	}
	if !w.arm([]string{directory, later}) {
		t.Fatal("the new directory is no news")
	}
	if w.arm([]string{directory, later}) {
		t.Error("a directory that is watched already is news")
	}
	mustDo(t, os.WriteFile(filepath.Join(later, "10.toml"), nil, 0o600))
	if !concern(w) {
		t.Error("a file in the new directory was not seen")
	}
}

// Above a watched directory only its own entry counts: what else happens in /etc is no reason to look.
func TestWatchIgnoresTheNeighbours(t *testing.T) {
	parent := t.TempDir()
	directory, other := filepath.Join(parent, "claimd"), filepath.Join(parent, "other")
	mustDo(t, os.Mkdir(directory, 0o700), os.Mkdir(other, 0o700))
	w := newTestWatch(t, directory, other)
	if w.arm([]string{directory}) {
		t.Error("fewer directories are no news")
	}
	mustDo(t, os.WriteFile(filepath.Join(parent, "passwd"), nil, 0o600), os.WriteFile(filepath.Join(other, "x"), nil, 0o600))
	if concernWithin(w, 300*time.Millisecond) {
		t.Error("a neighbour was a reason to look")
	}
}

// A host has used up its inotify instances: claimd says so once, goes on, and watches as soon as it can.
func TestWatchGoesOnWithoutInotify(t *testing.T) {
	core, logged := observer.New(zapcore.InfoLevel)
	exhausted := true
	w := newWatch(zap.New(core), func() (*fsnotify.Watcher, error) {
		if exhausted {
			return nil, syscall.EMFILE
		}
		return fsnotify.NewWatcher()
	})
	directory := t.TempDir()
	for range 3 {
		if w.arm([]string{directory}) || w.events() != nil || w.errors() != nil {
			t.Fatal("it watches without a watcher")
		}
	}
	exhausted = false
	if !w.arm([]string{directory}) || w.events() == nil {
		t.Fatal("it does not watch now that it can")
	}
	w.close()
	var got []string
	for _, entry := range logged.All() {
		got = append(got, entry.Message)
	}
	want := []string{
		"the configuration's directories cannot all be watched; changes there are found by the slow poll",
		"the configuration's directories are watched again",
	}
	if !slices.Equal(got, want) {
		t.Errorf("logged %q\nwant %q", got, want)
	}
}
