package directory

import (
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Status is the directory at one moment.
type Status struct {
	Store    string    `json:"store"`               // "sqlite" or "postgresql"
	Place    string    `json:"place"`               // the file; host:port/database, without user and password
	Usable   bool      `json:"usable"`              // states are known
	ReadAt   time.Time `json:"read_at,omitzero"`    // PostgreSQL: the last time that the states were known to be true
	Known    int       `json:"known"`               // keys in memory
	Inactive int       `json:"inactive"`            // of these
	Waiting  int       `json:"waiting"`             // likewise
	Pending  int       `json:"pending"`             // sightings and touches that wait to be written
	Written  uint64    `json:"written"`             // rows since the start
	Dropped  uint64    `json:"dropped"`             // sightings and touches that found no room
	Failures uint64    `json:"failures"`            // writes that failed; they are tried again
	ReadOnly bool      `json:"read_only,omitempty"` // after a failed fsync: nothing is written until a restart
	Problem  string    `json:"problem,omitempty"`   // of the last write or read, until one is good

	Unrecorded uint64    `json:"unrecorded,omitempty"` // sightings of keys beyond MaxKnown
	BackupAt   time.Time `json:"backup_at,omitzero"`   // SQLite: when the file was written that stands beside it
}

// Status tells how the directory is.
func (d *Directory) Status() Status {
	known, inactive, waiting := d.states.counts()
	s := Status{
		Store: d.kind, Place: d.place, Usable: d.isKnown(),
		Known: known, Inactive: inactive, Waiting: waiting, Pending: d.recorder.waiting(),
		Written: d.recorder.written.Load(), Dropped: d.recorder.dropped.Load(), Failures: d.recorder.failures.Load(),
		ReadOnly: d.readOnly.Load(), Problem: d.problems.text(), Unrecorded: d.unrecorded.Load(),
	}
	if at := d.readAt.Load(); at != 0 {
		s.ReadAt = time.Unix(0, at).UTC()
	}
	if at := d.backupAt.Load(); at != 0 {
		s.BackupAt = time.Unix(at, 0).UTC()
	}
	return s
}

// subject is what a problem is about; each has one at a time.
type subject int

const (
	reading subject = iota
	writing
	checking
	backingUp
	subjects
)

// These say in the log what is wrong with each, and what is well again.
var (
	troubles = [subjects]string{
		"the directory cannot be read", "the directory cannot be written", "the directory is damaged",
		"the directory cannot be backed up",
	}
	ends = [subjects]string{
		"the directory can be read again", "the directory can be written again", "the directory is whole",
		"the directory is backed up again",
	}
)

// problems are what is wrong at the moment. They are logged when they begin and when they end, not at every try.
type problems struct {
	log  *zap.Logger
	lock sync.Mutex
	of   [subjects]string
}

// set notes what is wrong about the subject; nil: nothing any more.
func (p *problems) set(about subject, err error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	before := p.of[about]
	if err == nil {
		p.of[about] = ""
		if before != "" {
			p.log.Info(ends[about])
		}
		return
	}
	p.of[about] = err.Error()
	if before == "" {
		p.log.Error(troubles[about], zap.Error(err), zap.String("hint", hintOf(err)))
	}
}

// text gives all that is wrong; "": nothing.
func (p *problems) text() string {
	p.lock.Lock()
	defer p.lock.Unlock()
	var all []string
	for _, text := range p.of {
		if text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}
