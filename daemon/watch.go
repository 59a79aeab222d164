package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// watch tells when to look at the configuration again; whether anything changed, the hash of the bytes says.
//
// It watches directories only. A watch on a file stays with the file: a save that renames a new file over it is seen
// as a removal and every later save not at all. The directory above each one is watched too, for the entry of that name
// alone, so that a directory that is replaced or comes back is found again.
//
// Without inotify (128 instances for each user are soon used up) it sees nothing, says so once, and tries again with
// every arm; the slow poll goes on meanwhile. It belongs to the goroutine that owns reloads.
type watch struct {
	log  *zap.Logger
	open func() (*fsnotify.Watcher, error)

	watcher  *fsnotify.Watcher // nil: could not be opened
	wanted   map[string]bool   // directories of which every entry counts
	armed    map[string]fileID // what the watcher watches: wanted ones and those above them
	troubled bool              // the last arm failed and said so
}

// fileID tells files apart that have stood at one path after each other.
type fileID struct {
	device, inode uint64
}

func newWatch(log *zap.Logger, open func() (*fsnotify.Watcher, error)) *watch {
	return &watch{log: log, open: open, wanted: map[string]bool{}, armed: map[string]fileID{}}
}

// arm watches these directories (absolute, clean paths) and no others. It reports whether it began to watch one that it
// had not watched before: then something may have changed in it unseen.
func (w *watch) arm(directories []string) (news bool) {
	if !w.ensureOpen() {
		return false
	}
	w.wanted = map[string]bool{}
	for _, directory := range directories {
		w.wanted[directory] = true
	}
	all := slices.Clone(directories)
	for _, directory := range directories {
		all = append(all, filepath.Dir(directory))
	}
	for directory := range w.armed {
		if !slices.Contains(all, directory) {
			w.drop(directory)
		}
	}
	var trouble error
	for _, directory := range all {
		added, err := w.add(directory)
		news = news || added
		trouble = errors.Join(trouble, err)
	}
	w.report(trouble)
	return news
}

func (w *watch) ensureOpen() bool {
	if w.watcher != nil {
		return true
	}
	watcher, err := w.open()
	if err != nil {
		w.report(err)
		return false
	}
	w.watcher = watcher
	return true
}

// add watches one directory. One that is not there is no error: the directory above it tells when it comes.
func (w *watch) add(directory string) (added bool, err error) {
	id, err := identify(directory)
	if errors.Is(err, fs.ErrNotExist) {
		w.drop(directory)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, known := range w.armed {
		if known == id { // by this or, through a link, by another name: inotify would take them for one
			return false, nil
		}
	}
	w.drop(directory)
	if err := w.watcher.Add(directory); err != nil {
		return false, err
	}
	w.armed[directory] = id
	return true, nil
}

// drop stops to watch the directory. An error only says that the watch has ended by itself already.
func (w *watch) drop(directory string) {
	delete(w.armed, directory)
	_ = w.watcher.Remove(directory)
}

// report says once that watching fails, and once that it works again.
func (w *watch) report(trouble error) {
	switch {
	case trouble != nil && !w.troubled:
		w.log.Warn("the configuration's directories cannot all be watched; changes there are found by the slow poll", zap.Error(trouble))
	case trouble == nil && w.troubled:
		w.log.Info("the configuration's directories are watched again")
	}
	w.troubled = trouble != nil
}

// events is nil where nothing can be watched.
func (w *watch) events() <-chan fsnotify.Event {
	if w.watcher == nil {
		return nil
	}
	return w.watcher.Events
}

// errors is nil where nothing can be watched. An error, such as an overflow, is a reason to look.
func (w *watch) errors() <-chan error {
	if w.watcher == nil {
		return nil
	}
	return w.watcher.Errors
}

// concerns reports whether the event is a reason to look. It must be asked for every event: it notes the directories
// that went away.
func (w *watch) concerns(event fsnotify.Event) bool {
	name := filepath.Clean(event.Name)
	if _, ok := w.armed[name]; ok && event.Op&(fsnotify.Create|fsnotify.Remove|fsnotify.Rename) != 0 {
		// What stands at this path is another directory, or none: its inode may even be the old one's number.
		w.drop(name)
	}
	return w.wanted[name] || w.wanted[filepath.Dir(name)]
}

func (w *watch) close() {
	if w.watcher != nil {
		_ = w.watcher.Close()
	}
}

// identify follows symbolic links.
func identify(path string) (fileID, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return fileID{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return fileID{device: stat.Dev, inode: stat.Ino}, nil
}
