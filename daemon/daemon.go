// Package daemon wires the parts: Load makes a configuration of files that can judge, Run serves it and owns the reload
// loop.
//
// What outlives configurations and what belongs to one of them are kept apart: the log, the doors, the keys, the gate and
// the admin socket stay; the Snapshot in the gate is swapped. One goroutine owns all reloads. It does all that can fail
// before the swap, so a refused reload leaves nothing half changed.
package daemon

import (
	"time"

	"go.uber.org/zap"
)

// Options are what Run needs from the outside world.
type Options struct {
	ConfigPath string
	Version    string
	Log        *zap.Logger     // nil: made from [log], written to standard error
	Reload     <-chan struct{} // a SIGHUP each; nil: none
	Ready      func()          // called once: the configuration compiled and the sockets are bound; nil: nobody
	Kept       uint64          // bytes that verified identities may take between requests; 0: access.KeptBytes
	Systemd    *Systemd        // nil: no service manager
	// Users is told at the start, and every 30 seconds, how many users the directory holds in memory; nil: nobody.
	Users func(known int)

	Credentials string // the directory of systemd's credentials ($CREDENTIALS_DIRECTORY); "": there are none

	wall func() time.Time // what the slow poll takes for this host's clock; nil: time.Now
}

// pace is how fast the daemon looks, waits and gives up.
type pace struct {
	poll        time.Duration // between two looks at the files without any event
	quiet, most time.Duration // of debounce
	fetch       time.Duration // how long a reload waits for the keys of new providers
	retry       time.Duration // until a reload is tried again that failed for something outside the files; doubles ...
	retryMost   time.Duration // ... up to this
	grace       time.Duration // how long a closing door goes on accepting, so that clients may leave their connections
	unasked     time.Duration // how long after that connections that have not asked yet may begin to
	drain       time.Duration // how long requests under way may take when a door closes, grace included
}

var usualPace = pace{
	poll:  30 * time.Second,
	quiet: 100 * time.Millisecond, most: 500 * time.Millisecond,
	fetch: 15 * time.Second,
	retry: time.Second, retryMost: time.Minute,
	grace: 200 * time.Millisecond, unasked: 500 * time.Millisecond, drain: 5 * time.Second,
}
