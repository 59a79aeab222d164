package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/claimd/claimd/mapping"
)

// maxFileBytes is the most that one file may hold: room for some 50,000 groups.
const maxFileBytes = 4 << 20

// ReadOptions change how Read reads. The zero value reads the tree as it stands.
type ReadOptions struct {
	// With names files that stand in for others: the path of the tree -> the file whose bytes are taken instead
	// (claimctl check --with). The stand-in may add a file to conf.d. File rules are not applied to the stand-in.
	With map[string]string

	// As is the account that the files are judged for: whose they may be beside root's, and who must be able to read them;
	// nil: the caller, who finds that out by reading.
	As *Account

	// Credentials is the directory of systemd's credentials, as $CREDENTIALS_DIRECTORY names it: where credential:NAME is
	// looked up. "" = there are none.
	Credentials string

	// Outside says that the caller is not the service itself: a credential that it does not have is a notice, no fault.
	Outside bool
}

// Read reads path and conf.d/*.toml beside it, and checks owners, modes and sizes of the files and of the directories
// above them. The Faults tell what keeps a file from being read; then the Tree holds the others.
func Read(path string, options ReadOptions) (*Tree, Faults) {
	r := &reader{guard: newGuard(options.As), options: options, with: map[string]string{}, tree: &Tree{Path: path}}
	for _, place := range slices.Sorted(maps.Keys(options.With)) {
		r.with[r.absolute(place)] = options.With[place]
	}
	r.take(path, "a file of comments only is a configuration that denies every request")
	r.directory(filepath.Join(filepath.Dir(path), "conf.d"))
	r.named(mapping.Path{"outbound", "ca_file"}, false)
	r.named(mapping.Path{"proxy", "tls_certificate"}, false)
	r.named(mapping.Path{"proxy", "tls_key_file"}, true)
	r.named(mapping.Path{"directory", "url_file"}, true)
	r.providerSecrets()
	r.graphFiles()
	for _, place := range slices.Sorted(maps.Keys(r.with)) {
		r.refuse(place, "stands in no place of this configuration", "name claimd.toml, a .toml file of conf.d, or a file that a *_file key names")
	}
	r.tree.watched = r.guard.watched
	return r.tree, r.guard.faults
}

// reader fills a Tree.
type reader struct {
	guard   *guard
	options ReadOptions
	with    map[string]string // absolute path -> its stand-in; what was used is taken out
	tree    *Tree
}

func (r *reader) refuse(path, problem, hint string) {
	r.guard.fault(path, hint, "%s", problem)
	r.tree.partial = true
}

// absolute gives the absolute, clean form of a path.
func (r *reader) absolute(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		r.refuse(path, "the working directory cannot be found: "+cause(err), "name the file by its whole path")
		return path
	}
	return absolute
}

// take reads a file into the tree. An empty one is never taken for one that sets nothing: it may be half of somebody's
// save. The hint says what to do where it is meant so.
func (r *reader) take(path, hint string) {
	bytes, ok := r.bytes(path, r.guard.file)
	if !ok {
		return
	}
	if len(bytes) == 0 {
		r.refuse(path, "want a configuration, got an empty file", hint)
		return
	}
	r.tree.Files = append(r.tree.Files, newFile(path, bytes))
}

// directory reads conf.d.
func (r *reader) directory(path string) {
	names := r.names(path)
	for place := range r.with {
		if filepath.Dir(place) == r.absolute(path) && isConfigName(filepath.Base(place)) {
			names = append(names, filepath.Base(place))
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		r.take(filepath.Join(path, name), "remove it, or leave a comment in it")
	}
}

// names lists the configuration files of a directory, which need not be there.
func (r *reader) names(path string) []string {
	absolute := r.absolute(path)
	resolved, sound, err := r.guard.walk(absolute)
	if errors.Is(err, fs.ErrNotExist) && !exists(absolute) {
		return nil
	}
	var info fs.FileInfo
	var entries []fs.DirEntry
	if err == nil {
		info, err = os.Lstat(resolved)
	}
	if err == nil {
		entries, err = os.ReadDir(resolved)
	}
	if err != nil {
		r.unreadable(path, err)
		return nil
	}
	r.guard.watch(resolved)
	r.guard.readable(resolved, info, mayRead|maySearch)
	if !r.guard.directory(resolved, info) || !r.guard.names(resolved, info) || !sound {
		r.tree.partial = true
		return nil
	}
	var names []string
	for _, entry := range entries {
		if isConfigName(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names
}

// exists reports whether a name is there, if only as a link that leads nowhere.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func isConfigName(name string) bool {
	return strings.HasSuffix(name, ".toml") && !strings.HasPrefix(name, ".")
}

func newFile(path string, bytes []byte) File {
	sum := sha256.Sum256(bytes)
	return File{Path: path, SHA256: hex.EncodeToString(sum[:]), Bytes: bytes}
}

// newNamedFile is newFile for what a *_file key names. A secret has no hash that is shown: whoever has it could try
// passwords against it.
func newNamedFile(path string, bytes []byte, secret bool) File {
	if secret {
		return File{Path: path, Bytes: bytes, secret: true}
	}
	return newFile(path, bytes)
}

// rule judges a file that is open, and tells the faults that it finds.
type rule func(path string, info fs.FileInfo) (sound bool)

// bytes reads one file, or what stands in for it.
func (r *reader) bytes(path string, is rule) ([]byte, bool) {
	absolute := r.absolute(path)
	if standIn, ok := r.with[absolute]; ok {
		delete(r.with, absolute)
		return r.standIn(standIn)
	}
	resolved, sound, err := r.guard.walk(absolute)
	var info fs.FileInfo
	if err == nil {
		info, err = os.Lstat(resolved)
	}
	if err != nil {
		r.unreadable(path, err)
		return nil, false
	}
	if !info.Mode().IsRegular() {
		r.refuse(path, "want a file, got "+typeName(info.Mode()), "")
		return nil, false
	}
	if !sound {
		r.tree.partial = true
		return nil, false
	}
	bytes, err := r.open(resolved, is)
	switch {
	case errors.Is(err, errUnfit): // the guard has told why
		r.tree.partial = true
	case err != nil:
		r.unreadable(path, err)
	}
	return bytes, err == nil
}

// open reads the file at a place without links, and judges what it has open. A FIFO or a device that took the place
// meanwhile cannot hold it up (O_NONBLOCK).
func (r *reader) open(resolved string, is rule) ([]byte, error) {
	file, err := os.OpenFile(resolved, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		r.guard.fault(resolved, "", "want a file, got %s", typeName(info.Mode()))
		return nil, errUnfit
	}
	if !is(resolved, info) {
		return nil, errUnfit
	}
	return readAll(file)
}

func (r *reader) standIn(path string) ([]byte, bool) {
	file, err := os.Open(path)
	if err != nil {
		r.unreadable(path, err)
		return nil, false
	}
	defer file.Close()
	bytes, err := readAll(file)
	if err != nil {
		r.unreadable(path, err)
		return nil, false
	}
	return bytes, true
}

// The ways in which a file that is there cannot be used.
var (
	errTooLarge = errors.New("file is too large")
	errUnfit    = errors.New("file breaks the rules")
)

func readAll(file *os.File) ([]byte, error) {
	bytes, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if len(bytes) > maxFileBytes {
		return nil, errTooLarge
	}
	return bytes, err
}

// unreadable tells why a file cannot be read.
func (r *reader) unreadable(path string, err error) {
	switch {
	case errors.Is(err, errTooLarge):
		r.refuse(path, fmt.Sprintf("want at most %d MiB, got more", maxFileBytes>>20), "")
	case errors.Is(err, fs.ErrPermission):
		r.refuse(path, "cannot be read: "+cause(err), callersHint(r.absolute(path)))
		r.guard.faults[len(r.guard.faults)-1].Unreadable = true
	case errors.Is(err, fs.ErrNotExist) && path == r.tree.Path:
		r.refuse(path, "cannot be read: "+cause(err), "name the file with --config FILE")
	default:
		r.refuse(path, "cannot be read: "+cause(err), "")
	}
}

func typeName(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}
