// Package admin is the root-only unix socket through which claimctl speaks to the daemon: server and client.
//
// It is HTTP with JSON over a unix socket of mode 0600; each connection's peer must be uid 0 or the daemon's own user
// (SO_PEERCRED). The paths carry a version:
//
//	GET  /v1/status         Status
//	POST /v1/reload         ReloadResult, once the verdict is there
//	POST /v1/explain        {"token": "...", "route": "GET /x"} -> access.Explanation; route may be left out
//	GET  /v1/denials[?id=]  a list of access.Denial
//	GET  /v1/denials/follow further refusals as they come, one JSON object a line
//	GET  /v1/keys           a list of keys.Status
//	POST /v1/keys/refresh   {"provider": "..."} -> a list of RefreshResult
//	GET  /v1/users          UserPage; group, role, state, provider, apps, seen_after, seen_before, limit and cursor select
//	GET  /v1/users/one      UserDetail of ?provider=&id=
//	POST /v1/users/change   ChangeRequest -> Changed, once it is in force
//	GET  /v1/users/claims   every user as Judged, one JSON object a line; the last line is {"users": N}
//	GET  /v1/groups?kind=   a list of Local: of the kind group or role
//	GET  /v1/unmatched      Unmatched; at most ?limit= values
//
// An answer other than 200 holds {"problem": "...", "hint": "..."}.
package admin

import (
	"context"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/graph"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/opaque"
)

// Backend is what the daemon does for its administrators. Every field must be set; every function may be called at
// once with the others, and returns soon after its context ends.
type Backend struct {
	Status func() Status
	Reload func(ctx context.Context) ReloadResult
	// Explain asks the routes too where it is given the original request; nil: it is not.
	Explain func(ctx context.Context, token string, original *access.Original) access.Explanation
	Denials *access.Denials
	Keys    func() []keys.Status
	// RefreshKeys fetches keys now; provider "" = every one. The error says, in words for an administrator, why
	// nothing was tried (no such provider); what came of a try stands in the results.
	RefreshKeys func(ctx context.Context, provider string) ([]RefreshResult, error)

	// What follows is the directory of users. An error is a *Refusal where what is asked for makes no sense or is refused;
	// any other tells why the directory could not be asked.

	Users func(ctx context.Context, query directory.Query) (UserPage, error)
	// User finds one as Change does.
	User func(ctx context.Context, provider, id string) (UserDetail, error)
	// Change makes a change and returns once it is in force and on disk. by is who asked: "uid 0 (root)".
	Change    func(ctx context.Context, request ChangeRequest, by string) (Changed, error)
	Locals    func(ctx context.Context, kind directory.Kind) ([]Local, error)
	Unmatched func(ctx context.Context, limit int) (Unmatched, error)
	// Judge gives every user with what the running configuration makes of him; an error of give ends it.
	Judge func(ctx context.Context, give func(Judged) error) error
}

// ReloadResult is the verdict on one reload.
type ReloadResult struct {
	OK         bool          `json:"ok"`
	Changed    bool          `json:"changed"` // false: the files are what runs already
	Generation uint64        `json:"generation"`
	Faults     config.Faults `json:"faults,omitempty"` // notices too
	// Problem is what refused the reload beside faults of the files: a setting that cannot change live, keys that
	// cannot be fetched, an address that cannot be bound.
	Problem string `json:"problem,omitempty"`
}

// RefreshResult is the outcome of fetching one provider's keys now.
type RefreshResult struct {
	Provider string `json:"provider"`
	Problem  string `json:"problem,omitempty"` // "" = good
}

// Status is the daemon at one moment.
type Status struct {
	Version     string        `json:"version"`
	PID         int           `json:"pid"`
	StartedAt   time.Time     `json:"started_at"`
	Enabled     bool          `json:"enabled"`
	Ready       bool          `json:"ready"`
	Generation  uint64        `json:"generation"`
	LoadedAt    time.Time     `json:"loaded_at"`
	Files       []config.File `json:"files"`
	Hash        string        `json:"hash"`
	Groups      int           `json:"groups"` // how many local groups are declared
	Roles       int           `json:"roles"`
	LastRefused *RefusedLoad  `json:"last_refused,omitempty"` // nil once a later reload was good
	Reloads     Reloads       `json:"reloads"`
	Providers   []keys.Status `json:"providers"`
	Listeners   []Listener    `json:"listeners"`
	Counts      access.Stats  `json:"counts"`
	// Graphs are the Microsoft Graphs of the providers with groups_overage = "graph".
	Graphs []GraphStatus `json:"graphs,omitempty"`
	// Opaque is how the provider answers that is asked about tokens that are no JWT; nil: none is.
	Opaque *opaque.Status `json:"opaque,omitempty"`
	// Directory is the directory of users; its Store is "" where claimd runs without (it was not usable, and enabled is false).
	Directory directory.Status `json:"directory"`
	Process   Process          `json:"process"`
}

// GraphStatus is the Microsoft Graph of one provider. Host is "" while it is not known where it stands.
type GraphStatus struct {
	Provider string `json:"provider"`
	graph.Status
}

// Process is what the daemon takes of its host at one moment. What grows from day to day under the same load leaks.
type Process struct {
	Goroutines  int    `json:"goroutines"`
	HeapBytes   uint64 `json:"heap_bytes"`   // objects in use, and dead ones that are not collected yet
	MemoryBytes uint64 `json:"memory_bytes"` // all that the Go runtime has from the kernel and has not given back
	OpenFiles   int    `json:"open_files"`   // files and connections; -1: cannot be counted
}

// Reloads counts what came of changed files since the start.
type Reloads struct {
	Taken   uint64 `json:"taken"`
	Refused uint64 `json:"refused"`
}

// RefusedLoad is a reload that was refused and not mended since.
type RefusedLoad struct {
	At      time.Time     `json:"at"`
	Faults  config.Faults `json:"faults,omitempty"`
	Problem string        `json:"problem,omitempty"`
}

// Listener is one address that the daemon answers on.
type Listener struct {
	Door    string `json:"door"` // "server", "proxy" or "metrics"
	Address string `json:"address"`
	TLS     bool   `json:"tls,omitempty"` // new connections to it speak TLS
}
