package daemon

import (
	"context"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
)

// reloader owns all reloads: its loop is the one goroutine that changes what serves.
type reloader struct {
	// What outlives configurations.
	path     string // absolute
	reading  config.ReadOptions
	pace     pace
	log      *zap.Logger
	logging  *logging // nil: the log is not ours to change
	gate     *access.Gate
	ring     *keys.Ring
	graphs   *graphs
	opaques  *opaques
	doors    *doors
	systemd  *Systemd
	database func(url *string) // takes the URL of the database
	census   func()            // tells how many users there are
	// noDirectory is why there is no directory of users; "" = there is one.
	noDirectory string
	signals     <-chan struct{}
	requests    chan chan<- admin.ReloadResult
	done        chan struct{} // closed when the loop has ended

	// What is now; any goroutine may load them.
	state  atomic.Pointer[state]
	taken  atomic.Uint64 // configurations that served after the first
	turned atomic.Uint64 // files that were refused

	// What the loop alone touches.
	watch    *watch
	clock    *clock
	debounce debounce
	client   *http.Client // the ring's
	last     *config.Tree // that was read
	pending  *candidate
	watchdog *watchdog // nil: none is expected
	told     string    // the sentence that systemd has
	refused  string    // fingerprint of the files that were refused last; "" once a later look was good
}

// state is what serves, and what was refused since. It is immutable.
type state struct {
	*running
	refused *admin.RefusedLoad
}

// running is the configuration that serves.
type running struct {
	loaded     *Loaded
	seen       string // fingerprint of its files
	providers  map[string]*keys.Provider
	generation uint64
	at         time.Time
}

// fingerprint tells apart what reading the files can give: their bytes, and what keeps them from being read. It is shown
// to nobody.
func fingerprint(tree *config.Tree, faults config.Faults) string {
	return tree.Fingerprint() + "\n" + faults.Error()
}

// loop reloads until ctx ends.
func (r *reloader) loop(ctx context.Context) {
	defer close(r.done)
	defer r.watch.close()
	defer r.debounce.stop()
	poll := time.NewTicker(r.pace.poll)
	defer poll.Stop()
	defer r.watchdog.stop()
	r.arm()
	for {
		r.announce()
		select {
		case <-ctx.Done():
			r.abandon().answer(r.stopping())
			return
		case event := <-r.watch.events():
			if r.watch.concerns(event) {
				r.debounce.touch()
			}
		case _ = <-r.watch.errors():
			r.debounce.touch()
		case <-r.debounce.C():
			r.debounce.stop()
			r.look(nil, false)
		case <-poll.C:
			r.clock.look()
			r.census()
			if r.debounce.C() == nil { // somebody is not in the midst of saving
				r.look(nil, false)
			}
		case _, open := <-r.signals:
			if !open {
				r.signals = nil
				continue
			}
			r.look(nil, true)
		case first := <-r.requests:
			r.look(r.gather(first), true)
		case err := <-r.pending.fetched():
			r.fetched(err)
		case <-r.pending.due():
			r.attempt()
		case <-r.watchdog.due():
			r.watchdog.begin()
		case err := <-r.watchdog.checked():
			r.watchdog.report(err)
		case <-r.watchdog.looks():
		}
	}
}

// request asks for a reload and waits for the verdict. It may be called from any goroutine.
func (r *reloader) request(ctx context.Context) admin.ReloadResult {
	verdict := make(chan admin.ReloadResult, 1)
	select {
	case r.requests <- verdict:
	case <-r.done:
		return r.stopping()
	case <-ctx.Done():
		return admin.ReloadResult{Problem: "the reload was not begun in time"}
	}
	select {
	case result := <-verdict:
		return result
	case <-ctx.Done():
		return admin.ReloadResult{Problem: "the verdict did not come in time\n  hint: ask for claimctl status"}
	}
}

func (r *reloader) stopping() admin.ReloadResult {
	return admin.ReloadResult{Generation: r.state.Load().generation, Problem: "claimd is stopping"}
}

// gather takes all requests that wait already: one look answers them all.
func (r *reloader) gather(first chan<- admin.ReloadResult) waiters {
	all := waiters{first}
	for {
		select {
		case next := <-r.requests:
			all = append(all, next)
		default:
			return all
		}
	}
}

// look reads the files and does what is due. asked says that somebody wants a verdict, in the log or, as waiters, as an
// answer, also where nothing has changed since the last one.
func (r *reloader) look(waiting waiters, asked bool) {
	r.arm() // before reading: what changes from here on is an event
	tree, faults := config.Read(r.path, r.reading)
	seen := fingerprint(tree, faults)
	switch {
	case seen == r.state.Load().seen:
		if asked {
			r.log.Info("a reload was asked for; the configuration's files are what serves already")
		}
		r.unchanged(append(waiting, r.abandon()...))
	case r.pending != nil && seen == r.pending.seen:
		r.pending.waiters = append(r.pending.waiters, waiting...)
		if asked && r.pending.fetching == nil {
			r.attempt()
		}
	case r.pending == nil && seen == r.refused && !asked:
	default:
		r.consider(tree, faults, seen, append(waiting, r.abandon()...))
	}
	r.last = tree
	r.arm()
}

// arm watches what decides the tree that serves and the one that was read last; the place of claimd.toml always, for
// it may be gone from a tree.
func (r *reloader) arm() {
	directories := []string{filepath.Dir(r.path), filepath.Join(filepath.Dir(r.path), "conf.d")}
	for _, tree := range []*config.Tree{r.state.Load().loaded.Tree, r.last} {
		for _, directory := range tree.WatchedDirectories() {
			directories = append(directories, filepath.Clean(directory))
		}
	}
	if r.watch.arm(directories) {
		r.debounce.touch()
	}
}

// consider judges files that neither serve nor are waited for.
func (r *reloader) consider(tree *config.Tree, faults config.Faults, seen string, waiting waiters) {
	r.systemd.tellReloading()
	loaded, faults := judge(tree, faults)
	if faults.Refuse() {
		r.refuse(seen, faults, "", waiting)
		return
	}
	if problem := frozen(r.state.Load().loaded.Config, loaded, r.noDirectory); problem != "" {
		r.refuse(seen, faults, problem, waiting)
		return
	}
	r.pending = &candidate{seen: seen, loaded: loaded, waiters: waiting}
	r.attempt()
}

// refuse tells the log, status and the waiters why the files are not taken.
func (r *reloader) refuse(seen string, faults config.Faults, problem string, waiting waiters) {
	now := r.state.Load()
	r.refused = seen
	r.turned.Add(1)
	r.state.Store(&state{running: now.running, refused: &admin.RefusedLoad{At: time.Now(), Faults: faults, Problem: problem}})
	fields := []zap.Field{zap.Uint64("generation", now.generation)}
	if problem != "" {
		fields = append(fields, zap.String("problem", problem))
	}
	r.ready()
	r.log.Warn("the configuration's files are refused; what served before goes on", fields...)
	logFaults(r.log, faults)
	waiting.answer(admin.ReloadResult{Changed: true, Generation: now.generation, Faults: faults, Problem: problem})
}

// unchanged says that the files are what serves; if they were refused meanwhile, they are back.
func (r *reloader) unchanged(waiting waiters) {
	now := r.state.Load()
	if now.refused != nil {
		r.refused = ""
		r.state.Store(&state{running: now.running})
		r.log.Info("the configuration's files are again what serves", zap.Uint64("generation", now.generation))
	}
	waiting.answer(admin.ReloadResult{OK: true, Generation: now.generation, Faults: now.loaded.Notices})
}

// logFaults writes a line for each.
func logFaults(log *zap.Logger, faults config.Faults) {
	for _, fault := range faults {
		level := zap.WarnLevel
		if fault.Notice {
			level = zap.InfoLevel
		}
		var fields []zap.Field
		if fault.Hint != "" {
			fields = append(fields, zap.String("hint", fault.Hint))
		}
		log.Log(level, fault.String(), fields...)
	}
}
