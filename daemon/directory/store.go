package directory

import (
	"context"
	"errors"
	"time"
)

// store keeps the directory for good. There are two: SQLite and PostgreSQL; one suite of tests holds both to this.
// Methods may be called at once. Every one of them ends soon after its context does.
type store interface {
	// load gives the state of every key, with the sequence of the last change that is in it.
	load(ctx context.Context, each func(Hash, State)) (sequence uint64, err error)

	// revoked gives the moments, in microseconds since 1970, of the changes that revoke: of each key at least the latest.
	revoked(ctx context.Context, each func(Hash, int64)) error

	// changed gives the changes after the sequence in order, at most 1,000; errRewound where the store knows none of that
	// sequence (it was restored from a backup): then everything must be loaded anew.
	changed(ctx context.Context, after uint64) ([]Change, error)

	// write writes the batch in one transaction. Writing it twice is writing it once. A state that is there stays as it
	// is: only a key that is new gets Active or Waiting; and one that is Waiting, which no administrator makes anybody,
	// becomes Active by a sighting that is not. A sighting or touch that is older than the last one in the store changes
	// nothing else, unless that one lies in the future of the store's clock. It reports what did not find its row (a touch
	// of somebody who was forgotten), and the states of the sightings' keys after it, those left alone too. The error is
	// errRow where a row of the batch can never be written.
	write(ctx context.Context, batch batch) (written, error)

	// change makes the change durable and gives it with Sequence, Before and After filled in, as decide says; errSame where
	// the state is so already, with nothing written, and the Change has Before and After all the same; a refusal in words
	// for an administrator as *Refusal. After any other error it is not known whether the change was made; making it again
	// is safe.
	change(ctx context.Context, change Change, provider string) (Change, error)

	users(ctx context.Context, query Query) (Page, error)
	user(ctx context.Context, key Key) (User, error) // ErrNotFound
	// find gives the keys whose id, or whose user name as the API sees it, is this one byte for byte: at most 10, in byte
	// order of authority and id.
	find(ctx context.Context, id string) ([]Key, error)
	// history gives the changes of one key, the newest first, at most limit.
	history(ctx context.Context, key Key, limit int) ([]Change, error)
	held(ctx context.Context, kind Kind) ([]Count, error)
	unmatched(ctx context.Context, limit int) ([]Unmatched, error)
	// each gives every user with the Claims and without what he holds, in the order of the last sighting, newest first.
	each(ctx context.Context, give func(User) error) error

	stats(ctx context.Context) (Figures, error)
	close() error
}

// batch is what is written at once.
type batch struct {
	sightings []*Sighting // each key once
	touches   []touch     // of keys that are not among the sightings
}

// touch says that a user who was seen before was seen again.
type touch struct {
	hash   Hash
	at     time.Time
	client string
}

// written is what came of a batch.
type written struct {
	missing []Hash         // touches that found no row
	states  map[Hash]State // of the sightings' keys
}

// Kind tells groups from roles.
type Kind string

// The two kinds.
const (
	Groups Kind = "group"
	Roles  Kind = "role"
)

// Query selects users. The zero value selects all.
type Query struct {
	Group, Role string // who has it, by its local name
	State       State  // Unknown: any
	Provider    string
	Apps        bool      // service accounts instead of users
	SeenAfter   time.Time // seen last then or later
	SeenBefore  time.Time // seen last before; whoever was never seen is left out where one of the two is set
	Limit       int       // 1 to MaxPage; 0: 100
	Cursor      string    // Next of the page before
}

// MaxPage is the most users that one Page can have.
const MaxPage = 1000

// Page is a part of the users, the last seen first, those never seen at the end. Claims are left out.
type Page struct {
	Users []User `json:"users"`
	Next  string `json:"next,omitempty"` // "": there are no more
}

// Count tells how many users had a local group or role when they were seen last.
type Count struct {
	Name     string    `json:"name"`
	Users    int       `json:"users"` // service accounts too
	LastSeen time.Time `json:"last_seen"`
}

// Unmatched is a claim value that named nothing local. Where tokens of several providers have it, there is one for each.
type Unmatched struct {
	Claim    Kind      `json:"claim"` // which claim it stood in
	Value    string    `json:"value"`
	Provider string    `json:"provider"`
	Users    int       `json:"users"` // whose last token had it
	LastSeen time.Time `json:"last_seen"`
	Example  Key       `json:"example"` // the one of them who was seen last
	User     string    `json:"user"`    // his name, as the API sees it
}

// Figures count what a store holds.
type Figures struct {
	Users int   `json:"users"` // service accounts too
	Bytes int64 `json:"bytes"` // of the database
}

// What a store can answer beside a failure of its own.
var (
	ErrNotFound = errors.New("the directory knows nobody of that id")
	errSame     = errors.New("the state is so already")
	errRow      = errors.New("the store does not take what it is to write")
	errRewound  = errors.New("the store was restored from an older one")
)

// Refusal is a change that the directory does not make, in words for an administrator.
type Refusal struct {
	Problem string
	Hint    string
}

func (r *Refusal) Error() string { return r.Problem }

// shared is a store that other hosts write to as well.
type shared interface {
	store
	// listen calls wake soon after anybody made a change (and once at its begin), until ctx ends or the connection fails.
	listen(ctx context.Context, wake func()) error
}
