package keys

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/config"
)

// maxCopy is the size of a copy on disk in bytes: four documents and four key sets in base64, and room around them.
const maxCopy = 16 << 20

// sealed is the copy of one Source on disk. The checksum finds damage; against a forger the directory's mode helps.
type sealed struct {
	Checksum string         `json:"sha256"` // of the bytes of Kept, in hexadecimal
	Kept     jsontext.Value `json:"kept"`
}

// kept is what the copy holds: what was fetched, as it was fetched, so that it is checked again like a fetch.
type kept struct {
	Source   Source        `json:"source"`
	Editions []keptEdition `json:"editions"`
}

// keptEdition is one edition of it.
type keptEdition struct {
	Version     string    `json:"version"`
	Application bool      `json:"application,omitzero"`
	URL         string    `json:"url"`
	FetchedAt   time.Time `json:"fetched_at"` // by the wall clock
	Document    []byte    `json:"document"`
	Keys        []byte    `json:"keys"`
}

// copyPath gives the file of the Source: its name for people, and a hash that tells it from others of that name.
func (p *Provider) copyPath() string {
	s := p.source
	fields := []string{s.Name, s.Authority, s.Tenant, s.ApplicationID, s.IssuerV1, s.IssuerV2, s.CloudInstance}
	if rest := (Source{CustomKeys: s.CustomKeys, GraphHost: s.GraphHost, Issuer: s.Issuer}); rest != (Source{}) {
		fields = append(fields, strconv.FormatBool(s.CustomKeys), s.GraphHost, s.Issuer)
	}
	sum := sha256.Sum256([]byte(strings.Join(fields, "\x00")))
	name := strings.Map(func(r rune) rune {
		if r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, s.Name)
	name = name[:min(len(name), 32)]
	return filepath.Join(p.ring.directory, name+"-"+hex.EncodeToString(sum[:8])+".json")
}

// readCopy gives the sets that the disk has kept and that may still be used; the log tells why others may not.
func (p *Provider) readCopy() []*keySet {
	sets := make([]*keySet, len(p.editions))
	if p.ring.directory == "" {
		return sets
	}
	path := p.copyPath()
	copied, err := readSealed(path)
	if errors.Is(err, fs.ErrNotExist) {
		return sets
	}
	if err == nil && copied.Source != p.source {
		err = errors.New("it is of another source")
	}
	if err != nil {
		p.log.Warn("kept signing keys are not used", zap.String("file", path), zap.String("why", err.Error()))
		return sets
	}
	for i, e := range p.editions {
		for _, edition := range copied.Editions {
			if edition.Version != string(e.version) || edition.Application != e.application {
				continue
			}
			if sets[i], err = e.reopen(edition, p.ring.now()); err != nil {
				p.log.Warn("kept signing keys are not used", zap.String("file", path),
					zap.String("version", edition.Version), zap.String("why", err.Error()))
			}
		}
	}
	return sets
}

// readSealed reads a copy and checks what can be checked without knowing the Source.
func readSealed(path string) (kept, error) {
	raw, err := readOwnFile(path)
	if err != nil {
		return kept{}, err
	}
	var envelope sealed
	if err := json.Unmarshal(raw, &envelope, json.RejectUnknownMembers(true)); err != nil {
		return kept{}, errors.New("it is not the JSON that claimd wrote")
	}
	sum := sha256.Sum256(envelope.Kept)
	if envelope.Checksum != hex.EncodeToString(sum[:]) {
		return kept{}, errors.New("its checksum does not fit")
	}
	var copied kept
	if err := json.Unmarshal(envelope.Kept, &copied, json.RejectUnknownMembers(true)); err != nil {
		return kept{}, errors.New("it is not the JSON that claimd wrote")
	}
	return copied, nil
}

// readOwnFile reads a regular file that belongs to root or this process's user and that nobody else may write. A link is
// not followed and a pipe not waited for.
func readOwnFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("it belongs to the user %d", owner.Uid)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("others may write it (mode %04o)", info.Mode().Perm())
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxCopy+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxCopy {
		return nil, errors.New("it is over 16 MiB")
	}
	return raw, nil
}

// reopen makes a set of a kept edition, by the same checks as one from the network. Its age is what the wall clock
// says; from here on it grows like any other, by the monotonic clock.
func (e edition) reopen(k keptEdition, now time.Time) (*keySet, error) {
	age := now.Round(0).Sub(k.FetchedAt)
	switch {
	case e.authority == nil || k.URL != e.url:
		return nil, errors.New("it is of another address")
	case age < 0:
		return nil, errors.New("its time lies in the future")
	case age >= maxAge:
		return nil, errors.New("it is older than 24 hours")
	}
	d, err := e.readDocument(k.Document)
	if err != nil {
		return nil, err
	}
	keys, status, err := e.readKeys(k.Keys, d)
	if err != nil {
		return nil, err
	}
	return &keySet{
		document: d, keys: keys, status: status, fetchedAt: now.Add(-age), fromDisk: true,
		rawDocument: k.Document, rawKeys: k.Keys,
	}, nil
}

// writeCopy keeps what is known now on disk. A failure is logged once and hurts nothing else, but that an older copy goes
// which differs from what is known now: it may hold a key that the provider has taken back, and a restart without network
// would bring that to life again.
func (p *Provider) writeCopy() {
	if p.ring.directory == "" {
		return
	}
	p.saving.Lock()
	defer p.saving.Unlock()
	path, now := p.copyPath(), p.state.Load()
	raw, err := seal(p.source, p.editions, now)
	if err == nil {
		err = replaceFile(path, raw)
	}
	switch {
	case err == nil:
		p.saved = now.changes
	case p.saved != now.changes:
		_ = os.Remove(path) // where that fails too, the line below says enough
	}
	if failing := err != nil; failing != p.saveFailing {
		p.saveFailing = failing
		if failing {
			p.log.Warn("signing keys cannot be kept on disk", zap.String("file", path), zap.Error(err))
			return
		}
		p.log.Info("signing keys are kept on disk again", zap.String("file", path))
	}
}

// seal gives the bytes of the copy.
func seal(source Source, editions []edition, s *state) ([]byte, error) {
	copied := kept{Source: source}
	for i, set := range s.sets {
		if set == nil {
			continue
		}
		copied.Editions = append(copied.Editions, keptEdition{
			Version:     string(editions[i].version),
			Application: editions[i].application,
			URL:         editions[i].url,
			FetchedAt:   set.fetchedAt.Round(0).UTC(),
			Document:    set.rawDocument,
			Keys:        set.rawKeys,
		})
	}
	inner, err := json.Marshal(copied)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(inner)
	return json.Marshal(sealed{Checksum: hex.EncodeToString(sum[:]), Kept: inner})
}

// replaceFile puts a file in place whole or not at all, also when power fails.
func replaceFile(path string, raw []byte) error {
	directory := filepath.Dir(path)
	if err := config.MakeDirectory(directory, 0o700); err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeSynced(fresh, raw); err != nil {
		_ = os.Remove(fresh) // the cause is err
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		_ = os.Remove(fresh)
		return err
	}
	parent, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer parent.Close()
	return parent.Sync()
}

// writeSynced writes a new file and waits until it is on disk.
func writeSynced(path string, raw []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	return errors.Join(err, file.Chmod(0o600), file.Sync(), file.Close())
}
