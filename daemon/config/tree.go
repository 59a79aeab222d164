package config

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"path/filepath"
	"slices"
	"sync"

	"github.com/claimd/claimd/mapping"
)

// DefaultPath is where the configuration stands without --config.
const DefaultPath = "/etc/claimd/claimd.toml"

// Tree is the bytes of all files of a configuration, read once. It is immutable, and safe for concurrent use.
type Tree struct {
	Path  string // claimd.toml, as named
	Files []File // claimd.toml first, then conf.d/*.toml in byte order of their names
	Extra []File // what *_file keys name (ca_file), as far as it could be read; Path is as written there

	partial bool     // a file could not be read: what seems to be missing may stand in it
	unseen  bool     // a credential was left out, as only the service has it (ReadOptions.Outside)
	watched []string // see WatchedDirectories

	once   sync.Once // guards what merged makes
	root   *node
	faults Faults
	whole  bool
}

// File is one file of a Tree.
type File struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"` // hexadecimal; "" of a secret
	Bytes  []byte `json:"-"`

	secret bool // its content is in no hash that is shown
}

// Hash is the SHA-256 of all names and bytes, in hexadecimal: two trees with the same hash are the same configuration,
// also where one was named by a relative path. Of a secret file only the name is in it.
// A tree of which a file could not be read, or a credential was not seen, never has the hash of a whole one.
func (t *Tree) Hash() string { return t.hash(false) }

// Fingerprint is Hash with the content of secret files too. It tells a changed password from the one before, and is shown
// to nobody.
func (t *Tree) Fingerprint() string { return t.hash(true) }

func (t *Tree) hash(secrets bool) string {
	sum := sha256.New()
	number := func(n int) { sum.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	for _, files := range [][]File{t.Files, t.Extra} {
		number(len(files))
		for _, file := range files {
			path := file.Path
			if absolute, err := filepath.Abs(path); err == nil && !isCredential(path) {
				path = absolute
			}
			number(len(path))
			sum.Write([]byte(path))
			if file.secret && !secrets {
				continue
			}
			number(len(file.Bytes))
			sum.Write(file.Bytes)
		}
	}
	if t.partial || t.unseen {
		sum.Write([]byte("partial"))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Whole reports whether everything that belongs to the configuration was read: then its hash is the one that the
// daemon has of the same files.
func (t *Tree) Whole() bool { return !t.partial && !t.unseen }

// Locate gives the place of a setting, or of the nearest table above it that the files hold. Line is 0 where the files
// hold nothing of it.
func (t *Tree) Locate(path mapping.Path) Position {
	root, _, _ := t.merged()
	nearest, _ := find(root, path)
	return nearest.place
}

// WatchedDirectories gives the directories whose entries decide what Read reads: those of the files and of what their
// symbolic links point to, of conf.d, and of every *_file. Missing ones are left out. They are those that Read met.
func (t *Tree) WatchedDirectories() []string { return slices.Clone(t.watched) }
